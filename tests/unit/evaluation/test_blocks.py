import numpy as np
import pytest

from scantrail.errors import InputError
from scantrail.evaluation.blocks import Resampling, blocks_of, widest
from scantrail.evaluation.ranges import curve, ranges


def test_whole_blocks_are_drawn_as_many_as_there_are():
    blocks = np.array([0, 0, 1, 2, 2, 2])
    for weights in Resampling(50, seed=3).weights(blocks):
        assert weights[0] == weights[1]
        assert weights[3] == weights[4] == weights[5]
        assert weights[0] + weights[2] + weights[3] == 3


def test_the_seed_decides_what_is_drawn():
    blocks = np.arange(40)
    one, same, other = (np.array(list(Resampling(5, seed).weights(blocks))) for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_no_round_tells_nothing():
    with pytest.raises(InputError, match="0 rounds of resampling tell nothing; give 1 or more"):
        Resampling(0)


def test_the_widest_interval_counts_and_what_was_never_seen_has_none():
    narrow = np.tile([[0.4, np.nan], [0.6, np.nan]], (50, 1))
    wide = np.tile([[0.1, np.nan], [0.5, np.nan]], (50, 1))
    known, unknown = widest(np.array([0.5, np.nan]), {"lot": narrow, "day": wide})
    assert known == pytest.approx((0.5, 0.1, 0.6))
    assert np.isnan(unknown).all()


def test_items_are_blocked_by_lot_and_by_day(given, crowd):
    seen = given(crowd(4, 3, lambda _lot, n: n == 0, lambda _lot, _n: 50.0))
    assert {name: block.tolist() for name, block in blocks_of(seen).items()} == {
        "lot": [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3,
        "day": [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3,
    }


def test_anomalies_that_stand_or_fall_by_lot_are_less_sure_than_single_ones(given, crowd):
    def found_by_lot(lot, n):
        return 90.0 if n < 5 and lot % 2 else 10.0

    def found_one_by_one(lot, n):
        return 90.0 if n < 5 and n % 2 else 10.0

    spans = []
    for score in (found_by_lot, found_one_by_one):
        seen = given(crowd(30, 10, lambda _lot, n: n < 5, score))
        share = ranges(seen, (1.0,), resampling=Resampling(200)).at[1.0].recall["all"]
        assert share.low <= share.value <= share.high
        spans.append(share.high - share.low)
    assert spans[0] > 0.25
    assert spans[1] < 0.05


def test_ranges_tell_what_the_budget_gives_and_are_the_same_each_time(given, crowd):
    seen = given(crowd(10, 100, lambda _lot, n: n < 2, lambda _lot, n: 100.0 - n))
    told = ranges(seen, (0.0, 10.0), resampling=Resampling(50))
    assert told == ranges(seen, (0.0, 10.0), resampling=Resampling(50))
    assert told.blocks == {"lot": 10, "day": 10}
    at = told.at[0.0]
    assert (at.threshold, at.false_alerts, at.recall["jump"].value) == (98.0, 0, 1.0)
    assert (at.precision.value, at.f1.value, told.pr_auc.value) == (1.0, 1.0, 1.0)


def test_the_curve_rises_from_no_false_alert_on(given, crowd):
    seen = given(crowd(10, 100, lambda _lot, n: n % 3 == 0, lambda _lot, n: 100.0 - n))
    false, recall = curve(seen)
    assert false[0] == 0
    assert (np.diff(false) > 0).all()
    assert (np.diff(recall) >= 0).all()
    assert false[-1] <= 30
