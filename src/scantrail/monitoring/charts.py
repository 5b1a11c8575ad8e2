"""What is told of every site, changed or not: its alert rate, and how well its data comes in."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

import msgspec
import numpy as np
import polars as pl

from scantrail.monitoring.baseline import Baseline, daily, visits
from scantrail.monitoring.drift import DriftSettings
from scantrail.monitoring.rates import control_chart
from scantrail.monitoring.rhythm import EPOCH, silence

_LATE_HOURS: Final = 6.0
_RARELY: Final = 0.001  # a silence less likely than this is none by chance
_PLACES: Final = 1_000  # sites and feeds that are told; more make an answer that nobody reads


class RateChart(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A site's alerts per 10,000 scans, day by day, against what is usual there.

    `rate`, `usual_rate`: alerts per 10,000 scans. `chart`: the moving average of departures, in its
    standard deviations, day by day; days with hardly any scans are left out. `p`: the
    probability of so high a last value by chance.
    """

    site: str
    days: list[dt.date]
    scans: list[int]
    alerts: list[int]
    rate: float
    usual_rate: float
    chart: list[float]
    p: float


class Feed(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How a site's data comes in. `last` by its own clock; None: not within the days looked at.

    `late_share`: of scans that came more than six hours after they were made.
    """

    site: str
    last: dt.datetime | None
    missed_visits: float
    p: float
    silent: bool
    scans: int
    late_share: float


class Rejections(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How many rows of a feed could not be read; `usual_share` is None for one that is new."""

    feed: str
    rows: int
    rejected: int
    share: float
    usual_share: float | None


def rate_charts(baseline: Baseline, observed: pl.DataFrame, days: list[Any]) -> list[RateChart]:
    """The control chart of every site that has a usual rate, the most unlikely first."""
    read = observed.filter(pl.col("rejected") == "read", pl.col("day").is_in(days))
    alerts, scans = daily(read, "alert", days), daily(read, None, days)
    found = []
    for site, usual in baseline.rates.items():
        if site not in scans or not scans[site].any():
            continue
        p, chart = control_chart(alerts[site], scans[site], usual)
        found.append(
            RateChart(
                site=site,
                days=days,
                scans=scans[site].astype(int).tolist(),
                alerts=alerts[site].astype(int).tolist(),
                rate=round(1e4 * float(alerts[site].sum() / scans[site].sum()), 2),
                usual_rate=round(1e4 * usual.share, 2),
                chart=np.round(chart, 3).tolist(),
                p=p,
            )
        )
    return sorted(found, key=lambda one: (one.p, one.site))[:_PLACES]


def feeds(
    baseline: Baseline, observed: pl.DataFrame, now: dt.datetime, settings: DriftSettings
) -> list[Feed]:
    """How every site's data comes in, the most silent first.

    Args:
        baseline: What is usual.
        observed: Until `now`.
        now: By the sites' clock.
        settings: What is bearable.
    """
    read = observed.filter(pl.col("rejected") == "read")
    hours = visits(read)
    late = {
        site: (count, share)
        for site, count, share in read.drop_nulls("scanned").group_by("site").agg(
            pl.len(), (pl.col("delay") > _LATE_HOURS).mean()
        ).iter_rows()
    }  # fmt: skip
    found = []
    for site, rhythm in baseline.rhythms.items():
        heard = hours.get(site)
        last = None if heard is None else EPOCH + dt.timedelta(hours=int(heard[-1]))
        since = last or dt.datetime.combine(baseline.last, dt.time(23))
        p, missed = silence(rhythm, since, now, settings.closed)
        count, share = late.get(site, (0, 0.0))
        found.append(
            Feed(
                site=site, last=last, missed_visits=round(missed, 2), p=p,
                silent=missed >= settings.missed_visits and p <= _RARELY,
                scans=count, late_share=round(share or 0.0, 4),
            )
        )  # fmt: skip
    return sorted(found, key=lambda one: (one.p, one.site))[:_PLACES]


def rejections(baseline: Baseline, observed: pl.DataFrame) -> list[Rejections]:
    """How many rows of each feed could not be read, the worst first."""
    usual = baseline.references.get("rejected", {})
    labels = baseline.labels.get("rejected", [])
    at = labels.index("rejected") if "rejected" in labels else None
    rejected = (pl.col("rejected") == "rejected").sum().alias("rejected")
    table = observed.drop_nulls("day").group_by("feed").agg(pl.len().alias("rows"), rejected)
    found = []
    for feed, rows, count in table.iter_rows():
        known = usual.get(f"feed {feed}")
        share = None
        if known is not None:
            share = 0.0 if at is None else known.counts[at] / max(sum(known.counts), 1)
        found.append(
            Rejections(feed=str(feed), rows=rows, rejected=count, share=round(count / rows, 6),
                       usual_share=share)
        )  # fmt: skip
    return sorted(found, key=lambda one: (-one.share, one.feed))[:_PLACES]


def score_counts(observed: pl.DataFrame) -> dict[str, int]:
    """How many items have which highest `mlCombinedScore`, in half points ("65.5").

    >>> scans = {"epc_code": ["a", "a", "b"], "mlCombinedScore": [10.2, 65.7, 2.0]}
    >>> score_counts(pl.DataFrame(scans))
    {'2.0': 1, '65.5': 1}
    """
    if "mlCombinedScore" not in observed.columns:
        return {}
    highest = observed.group_by("epc_code").agg(pl.col("mlCombinedScore").max()).drop_nulls()
    half = (highest["mlCombinedScore"] * 2).floor() / 2
    counted = half.alias("score").value_counts(name="n").sort("score")
    return {f"{score:.1f}": n for score, n in counted.iter_rows()}
