import math

import numpy as np
import polars as pl
import pytest

from scantrail.errors import InputError
from scantrail.trials.assignment import Assignment
from scantrail.trials.reading import Outcome, agreement, read_trial


def verdicts(suspect):
    """Two scans an item; the first decides."""
    codes = [f"i{n}" for n in range(len(suspect)) for _ in range(2)]
    flags = [flag for each in suspect for flag in (bool(each), False)]
    return pl.DataFrame({"epc_code": codes, "anomaly": flags})


def test_agreement_counts_items_and_corrects_for_chance():
    told = agreement(verdicts([1, 1, 0, 0, 0]), verdicts([1, 0, 1, 0, 0]))
    assert told[:4] == (1, 1, 1, 2)
    assert told.agreed == pytest.approx(0.6)
    assert told.kappa == pytest.approx((0.6 - 0.52) / 0.48)


def test_versions_that_say_the_same_of_everything_agree():
    told = agreement(verdicts([0, 0]), verdicts([0, 0]))
    assert told.agreed == 1.0
    assert math.isnan(told.kappa)
    nothing = agreement(verdicts([]).cast({"epc_code": pl.String, "anomaly": pl.Boolean}),
                        verdicts([]).cast({"epc_code": pl.String, "anomaly": pl.Boolean}))  # fmt: skip
    assert math.isnan(nothing.agreed)


def test_in_the_shadow_both_judge_all_scans():
    with pytest.raises(
        InputError, match=r"the versions judged other scans \(4 against 2\); in the"
    ):
        agreement(verdicts([1, 0]), verdicts([1]))


def trial(right, items=4000, share=0.5, alerts=0.2, seed=0):
    """A trial in which this share of each arm's alerts is confirmed."""
    rng = np.random.default_rng(seed)
    judged = verdicts(rng.random(items) < alerts)
    judged = judged.with_columns(Assignment(share, "t").challengers(judged["epc_code"]))
    alerted = judged.filter("anomaly")
    chance = pl.Series(rng.random(len(alerted)))
    limit = pl.when("challenger").then(pl.lit(right[1])).otherwise(pl.lit(right[0]))
    return judged, alerted.select("epc_code", confirmed=chance < limit)


def test_a_more_precise_challenger_is_told():
    judged, feedback = trial((0.6, 0.9))
    told = read_trial(judged, feedback, 0.5)
    assert told.outcome is Outcome.BETTER
    assert 0 < told.precision.low < 0.3 < told.precision.high
    assert told.champion.scans + told.challenger.scans == 8000
    assert told.champion.items + told.challenger.items == told.split.items == 4000
    assert told.alerts.low < 0 < told.alerts.high
    assert told.champion.per_10k == pytest.approx(1000, rel=0.15)
    assert read_trial(*trial((0.9, 0.6)), 0.5).outcome is Outcome.WORSE


def test_equal_versions_can_not_be_told_apart():
    assert read_trial(*trial((0.8, 0.8)), 0.5).outcome is Outcome.OPEN


def test_without_feedback_nothing_is_told_of_precision():
    judged, feedback = trial((0.6, 0.9))
    told = read_trial(judged, feedback.clear(), 0.5)
    assert told.outcome is Outcome.OPEN
    assert (told.precision.low, told.precision.high) == (-1.0, 1.0)
    assert sum(told.champion.feedback) == 0


def test_the_last_word_on_an_item_counts_and_only_alerts_count():
    judged = verdicts([1, 0]).with_columns(challenger=pl.lit(value=False))
    feedback = pl.DataFrame({"epc_code": ["i0", "i1", "i0"], "confirmed": [True, True, False]})
    told = read_trial(judged, feedback, 0.0)
    assert told.champion.feedback == (0, 1)
    assert math.isnan(told.challenger.per_10k)


def test_a_broken_split_is_told_before_anything_else():
    judged, feedback = trial((0.6, 0.9))
    kept = judged.filter(~pl.col("challenger") | (pl.col("epc_code").str.len_chars() < 5))
    assert read_trial(kept, feedback, 0.5).outcome is Outcome.BROKEN
