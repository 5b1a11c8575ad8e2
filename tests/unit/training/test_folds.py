import numpy as np
import polars as pl
import pytest

from scantrail.errors import TrainingError
from scantrail.ingest.lots import lots
from scantrail.pipeline import see
from scantrail.training.folds import folds


@pytest.fixture(scope="module")
def made(ground):
    return list(folds(ground.journeys, 3, seed=2))


def test_neither_an_item_nor_a_lot_is_on_both_sides(ground, made):
    lot_of = lots(ground.journeys.codes)
    for fold in made:
        learned, judged = set(lot_of[fold.learn | fold.stop]), set(lot_of[fold.judge])
        assert learned
        assert judged
        assert not learned & judged
        assert not set(lot_of[fold.learn]) & set(lot_of[fold.stop])
        assert (fold.learn.astype(int) + fold.stop + fold.judge == 1).all()


def test_every_item_is_judged_by_one_fold(made):
    assert (sum(fold.judge.astype(int) for fold in made) == 1).all()


def test_later_folds_learn_more_and_judge_later(ground, made):
    moments = [fold.until for fold in made]
    assert moments == sorted(set(moments))
    times = ground.journeys.linked["time"].to_physical().to_numpy()
    shares = [(times <= moment).mean() for moment in moments]
    assert shares[0] == pytest.approx(0.6, abs=0.01)
    assert shares[-1] == pytest.approx(0.85, abs=0.01)


def test_the_seed_deals_the_lots(ground, made):
    again, other = (list(folds(ground.journeys, 3, seed)) for seed in (2, 3))
    assert np.array_equal(again[0].judge, made[0].judge)
    assert not np.array_equal(other[0].judge, made[0].judge)


def test_a_small_log_is_refused(ground):
    events = ground.journeys.events
    few = events.filter(
        pl.col("epc_code").is_in(events["epc_code"].unique().sort().head(20).implode())
    )
    message = "the log has 20 items; at least 1,000 are needed to tune on: give a longer log"
    with pytest.raises(TrainingError, match=message):
        list(folds(see(few, ground.network), 3, seed=0))
