import numpy as np
import polars as pl
import pytest

from scantrail.errors import TrainingError
from scantrail.ingest.lots import lots
from scantrail.pipeline import see
from scantrail.training.dataset import dealt, presumed_normal, split
from scantrail.wiring import engine


@pytest.fixture(scope="module")
def journeys(simulated_log):
    settings, events = simulated_log
    return see(events.frame, engine(settings).network)


def test_the_parts_share_neither_item_nor_lot(journeys):
    parts = split(journeys, seed=1)
    lot = lots(journeys.codes)
    members = [set(lot[part]) for part in (parts.train, parts.valid, parts.test)]
    assert not members[0] & members[1]
    assert not members[0] & members[2]
    assert not members[1] & members[2]
    every = np.concatenate([parts.train, parts.valid, parts.test])
    assert np.array_equal(np.sort(every), np.arange(len(journeys.codes)))
    assert 0.6 < len(parts.train) / len(every) < 0.8


def test_the_seed_draws_the_parts(journeys):
    first, again, other = (split(journeys, seed) for seed in (1, 1, 2))
    assert np.array_equal(first.valid, again.valid)
    assert not np.array_equal(first.valid, other.valid)


def test_a_log_too_small_to_learn_from_is_refused(simulated_log):
    settings, events = simulated_log
    few = events.frame.filter(pl.col("epc_code").is_in(events.frame["epc_code"].unique().head(10)))
    with pytest.raises(TrainingError, match="the log has 10 items; at least 600 are needed"):
        split(see(few, engine(settings).network), seed=0)


def test_items_that_rules_suspect_are_left_out(journeys):
    score = np.zeros(len(journeys.linked))
    score[[0, 5]] = [40.0, 39.0]
    normal = presumed_normal(journeys, pl.Series(score), 40.0)
    item = journeys.linked["epc"].to_numpy()
    assert item[0] not in normal
    assert item[5] in normal or item[5] == item[0]
    assert len(normal) == len(journeys.codes) - 1


def test_people_know_better_than_rules_what_is_normal(journeys):
    score = np.zeros(len(journeys.linked))
    score[0] = 90.0
    item = journeys.linked["epc"].to_numpy()
    suspect, other = (journeys.codes[int(item[at])] for at in (0, -1))
    known = {suspect: False, other: True, "a code of another log": True}
    normal = presumed_normal(journeys, pl.Series(score), 40.0, known)
    assert item[0] in normal  # its alert was dismissed
    assert item[-1] not in normal  # it was confirmed
    assert len(normal) == len(journeys.codes) - 1


def test_lots_are_dealt_whole_and_evenly_through_time(journeys):
    hand = dealt(journeys, 5, seed=3)
    lot_of = lots(journeys.codes)
    assert all(len(set(hand[lot_of == lot])) == 1 for lot in np.unique(lot_of))
    counts = np.bincount(hand, minlength=5)
    assert counts.max() < 2 * counts.min()


def test_items_that_tell_no_lot_are_bunched_alike_everywhere():
    codes = pl.Series(["junk", "urn:x", "junk"])
    first, second, third = lots(codes)
    assert first == third
    assert second >= 0
