"""What is told of every site."""

import datetime as dt

import polars as pl

from scantrail.monitoring.charts import feeds, rate_charts, rejections, score_counts
from scantrail.monitoring.drift import DriftSettings


def test_a_site_with_twice_the_alerts_stands_first(baseline, week, now):
    days = [(now - dt.timedelta(days=7 - i)).date() for i in range(7)]
    plain = rate_charts(baseline, week, days)
    assert [one.site for one in plain if one.p < 0.001] == []
    loud = week.with_columns(
        alert=pl.col("alert") | ((pl.col("site") == "2") & (pl.int_range(pl.len()) % 15 == 0))
    )
    first = rate_charts(baseline, loud, days)[0]
    assert (first.site, first.days) == ("2", days)
    assert first.rate > 3 * first.usual_rate
    assert first.chart[-1] > 3
    assert sum(first.alerts) == loud.filter(pl.col("site") == "2", pl.col("rejected") == "read")[
        "alert"].sum()  # fmt: skip


def test_a_silent_site_and_late_scans(baseline, week, now):
    silent = week.filter((pl.col("site") != "3") | (pl.col("seen") < now - dt.timedelta(days=5)))
    late = silent.with_columns(
        delay=pl.when(pl.col("site") == "1").then(7.0).otherwise(pl.col("delay"))
    )
    found = {one.site: one for one in feeds(baseline, late, now, DriftSettings())}
    assert [one.site for one in found.values() if one.silent] == ["3"]
    assert found["3"].last < now - dt.timedelta(days=5)
    assert (found["1"].late_share, found["2"].late_share < 0.05) == (1.0, True)
    gone = feeds(baseline, week.filter(pl.col("site") != "3"), now, DriftSettings())[0]
    assert (gone.site, gone.last, gone.silent, gone.scans) == ("3", None, True, 0)


def test_rejected_rows_by_feed(baseline, week):
    found = {one.feed: one for one in rejections(baseline, week)}
    assert found["1"].usual_share < 0.02
    assert found["1"].rows == len(week.filter(pl.col("feed") == "1"))
    new = week.with_columns(feed=pl.lit("9"), rejected=pl.lit("rejected"))
    [other] = rejections(baseline, new)
    assert (other.feed, other.share, other.usual_share) == ("9", 1.0, None)


def test_without_learned_scores_none_are_counted(week):
    assert score_counts(week) == {}
