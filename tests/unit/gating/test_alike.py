"""A log that ends with what its beginning lacks is told; an ordinary week is not."""

import datetime as dt

import polars as pl
import pytest

from scantrail.gating.alike import unlike
from scantrail.simulate.stream import StreamConfig, steady

SINCE = dt.datetime(2025, 3, 1, tzinfo=dt.UTC)


def log(before, after):
    """Scans by step, before and after `SINCE`."""
    steps = [*before, *after]
    at = [SINCE - dt.timedelta(days=1)] * len(before) + [SINCE + dt.timedelta(days=1)] * len(after)
    return pl.DataFrame(
        {"time": at, "event_type": steps}, schema_overrides={"event_type": pl.String}
    )


def test_the_end_of_a_campaign_is_unlike_its_beginning():
    told = unlike(log(["Aggregation"] * 80 + ["POS_Sell"] * 20, ["POS_Sell"] * 9 + [None]), SINCE)
    assert told == "100% of them are of POS_Sell, no step, before 20%"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (["Aggregation", "POS_Sell"] * 50, ["Aggregation"] * 6 + ["POS_Sell"] * 4),
        (["Aggregation"], []),
        ([], ["POS_Sell"]),
    ],
)
def test_what_is_alike_or_can_not_be_told_is_not_told(before, after):
    assert unlike(log(before, after), SINCE) is None


def test_a_week_of_a_running_chain_is_like_the_weeks_before():
    scans = steady(StreamConfig(weeks=4, items=400, seed=3, warm_up=12)).select(
        "event_type", time=pl.col("at").dt.replace_time_zone("UTC")
    )
    week = dt.datetime(2025, 3, 24, tzinfo=dt.UTC)
    assert unlike(scans.filter(pl.col("time") > week - dt.timedelta(weeks=8)), week) is None
