import datetime as dt

import msgspec
import numpy as np
import polars as pl
import pytest

from scantrail.monitoring.baseline import learn_baseline
from scantrail.monitoring.drift import DriftSettings, drift

SINCE = dt.date(2025, 4, 28)  # the Monday of the ninth week


def changed(week, where, /, **columns):
    """The week with other values at a site."""
    here = pl.col("site") == where
    return week.with_columns(
        pl.when(here).then(value).otherwise(pl.col(name)).alias(name)
        for name, value in columns.items()
    )


def found(baseline, week, now, **given):
    return {one.key: one for one in drift(baseline, week, now, DriftSettings(**given))}


@pytest.mark.parametrize("seed", range(1, 21))
def test_an_ordinary_week_raises_nothing(baseline, days, now, seed):
    assert drift(baseline, days(8, 1, seed), now) == []


def test_slower_roads_to_one_site_are_named(baseline, week, now):
    slow = changed(week, "2", travel=pl.col("travel") * 3)
    signals = found(baseline, slow, now)
    one = signals["drift/travel/2"]
    assert one.since == SINCE
    assert one.effect["ks"] > 0.7
    assert one.effect["psi"] > 1
    assert one.what.startswith("hours on the way: ")
    assert not [key for key in signals if key.endswith(("/1", "/3"))]


def test_it_says_since_when(baseline, week, now):
    later = pl.col("day") >= SINCE + dt.timedelta(days=3)
    slow = changed(week, "2", travel=pl.when(later).then(pl.col("travel") * 4)
                   .otherwise("travel"))  # fmt: skip
    one = found(baseline, slow, now)["drift/travel/2"]
    assert one.since == SINCE + dt.timedelta(days=3)


def test_a_shifted_clock_is_seen(baseline, week, now):
    late = changed(week, "3", hour=(pl.col("hour") + 9) % 24)
    assert "drift/hour/3" in found(baseline, late, now)


def test_one_bad_day_is_no_drift(baseline, week, now):
    bad = pl.col("day") == SINCE + dt.timedelta(days=2)
    once = changed(week, "2", travel=pl.when(bad).then(90.0).otherwise("travel"))
    assert "drift/travel/2" not in found(baseline, once, now)


@pytest.mark.parametrize(("together", "seen"), [(40.0, False), (1.0, True)])
def test_two_pallets_are_two_observations(usual, week, now, together, seen):
    """A shop gets a pallet a week in the morning, then two in the afternoon."""

    def shop(frame, hour):
        scans = frame.filter(pl.col("site") == "1", pl.col("day").dt.weekday().is_in([2, 4]))
        few = scans.filter(pl.int_range(pl.len()).over("day") < 40)
        return few.with_columns(site=pl.lit("4"), hour=pl.lit(hour), together=pl.lit(together))

    both = learn_baseline(pl.concat([usual, shop(usual, 9.0)]).sort("seen"))
    later = pl.concat([week, shop(week, 14.0)]).sort("seen")
    assert ("drift/hour/4" in found(both, later, now)) == seen


def test_a_large_sample_does_not_cry_wolf(days, now):
    many = learn_baseline(days(0, 8, per_batch=1))
    large = pl.concat([days(8, 1, seed, per_batch=1) for seed in range(20, 60)])
    trifle = large.with_columns(travel=pl.col("travel") * 1.08)
    assert not [one for one in drift(many, trifle, now) if one.view == "travel"]
    strict = DriftSettings(
        psi=0.001, ks=0.001, false_discoveries=0.05
    )  # it is certain, only too small
    assert [one for one in drift(many, trifle, now, strict) if one.view == "travel"]


@pytest.mark.parametrize(("column", "value", "place"), [("site", "9", "9"), ("product", "Z", "2")])
def test_what_was_never_seen_before_is_news(baseline, week, now, column, value, place):
    every_tenth = pl.col("epc_code").str.ends_with("7")
    fresh = changed(week, "2", **{column: pl.when(every_tenth).then(pl.lit(value))
                                  .otherwise(pl.col(column))})  # fmt: skip
    one = found(baseline, fresh, now)[f"new value/{column} {value}/{place}"]
    assert one.what.startswith(f"{column} {value} was never seen before: ")
    assert one.since == SINCE


def test_rare_odd_values_are_no_news(baseline, week, now):
    odd = week.with_row_index().with_columns(
        product=pl.when(pl.col("index") % 500 == 0).then(pl.format("odd {}", "index"))
        .otherwise("product")
    )  # fmt: skip
    assert found(baseline, odd.drop("index"), now) == {}


def test_a_silent_site_is_missed(baseline, usual, week, now):
    gone = pl.concat([usual, week.filter(pl.col("site") != "3")])
    signals = found(baseline, gone, now)
    assert signals["silent/silence/3"].what.startswith("nothing since 2025-04-26 ")
    assert signals["volume/scans/3"].effect["scans"] == 0
    assert signals["volume/scans/3"].since == SINCE


def test_silence_on_holidays_is_none(baseline, usual, week, now):
    rest = pl.concat([usual, week.filter(pl.col("site") != "3")])
    tuesday = now - dt.timedelta(days=6)
    closed = (SINCE,)
    assert "silent/silence/3" in found(baseline, rest, tuesday)
    assert "silent/silence/3" not in found(baseline, rest, tuesday, closed=closed)


def test_more_alerts_at_a_site_leave_its_control_chart(baseline, week, now):
    struck = pl.Series(np.random.default_rng(1).random(len(week)) < 0.06)
    alerting = changed(week, "1", alert=pl.col("alert") | struck)
    one = found(baseline, alerting, now)["alert rate/alerts/1"]
    assert one.effect["ratio"] > 3
    assert one.what.startswith("suspect scans per 10,000: ")


def test_late_data_and_rejected_rows_are_seen(baseline, week, now):
    struck = pl.Series(np.random.default_rng(1).random(len(week)) < 0.3)
    late = changed(week, "1", delay=pl.when(struck).then(30.0).otherwise("delay"))
    assert "drift/delay/1" in found(baseline, late, now)
    bad = changed(week, "1", rejected=pl.when(struck).then(pl.lit("rejected"))
                  .otherwise("rejected"))  # fmt: skip
    assert "drift/rejected/feed 1" in found(baseline, bad, now)


def test_without_a_row_that_was_read_nothing_is_said_of_rejects(baseline, week, now):
    labels = baseline.labels | {"rejected": []}
    bad = week.with_columns(rejected=pl.lit("rejected"))
    assert not [
        key for key in found(msgspec.structs.replace(baseline, labels=labels), bad, now)
        if "rejected" in key
    ]  # fmt: skip


def test_strange_scores_are_drift(baseline, week, now):
    strange = week.with_columns(finalConfidence=pl.col("finalConfidence") + 20)
    assert "drift/finalConfidence/" in found(baseline, strange, now)


def test_signals_come_strongest_first_and_pass_both_gates(baseline, week, now):
    slow = changed(week, "2", travel=pl.col("travel") * 3)
    signals = drift(baseline, slow, now)
    assert [one.strength for one in signals] == sorted((s.strength for s in signals), reverse=True)
    assert all(one.strength >= 1 and one.q <= 0.001 for one in signals)


def test_nothing_observed_is_silence_alone(baseline, usual, week, now):
    signals = found(baseline, week.clear(), now)
    assert {key.split("/")[0] for key in signals} <= {"silent", "volume"}


def test_what_comes_in_later_does_not_count_yet(baseline, usual, week, now):
    both = pl.concat([usual, week])
    early = now - dt.timedelta(days=3)
    assert drift(baseline, both, early) == drift(
        baseline, both.filter(pl.col("seen") < early), early
    )
