"""What would another rule, threshold, weight or artifact have done with a log that is known?

An alert is an item, raised by its first scan that alerts. Here are only tables in and tables out;
`trying` judges a log both ways.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from scantrail.errors import InputError
from scantrail.evaluation.items import MAIN, local_day
from scantrail.evaluation.mistakes import UNNAMED

#: One row per alert, by day: the item, the local `day` and the `site` of the scan that raised it,
#: its `kind`, and the item's highest `score`.
ALERTS: Final = pl.Schema(
    {
        "epc_code": pl.String(),
        "day": pl.Date(),
        "site": pl.String(),
        "kind": pl.String(),
        "score": pl.Float64(),
    }
)


@dataclass(frozen=True, slots=True)
class Side:
    """One way of judging: its `alerts` (`ALERTS`), per day on average and on the busiest day.

    `real`: how many of the alerts are labelled items; None without labels.
    """

    alerts: pl.DataFrame
    per_day: float
    busiest: int
    real: int | None


@dataclass(frozen=True, slots=True)
class Backtest:
    """The present way of judging a log, and another that is tried on it.

    Attributes:
        days: From the first scan's to the last scan's.
        present: As things are.
        tried: As they would be.
        found: Alerts (`ALERTS`) that only the tried way raises.
        lost: Alerts that only the present way raises.
        by_kind: `kind`, `present`, `tried`, `found`, `lost`, most alerts first.
        by_site: The same by `site`.
        labelled: Labelled items; None without labels.
        found_real: Labelled items among the found.
        lost_real: Labelled items among the lost.
    """

    days: int
    present: Side
    tried: Side
    found: pl.DataFrame
    lost: pl.DataFrame
    by_kind: pl.DataFrame
    by_site: pl.DataFrame
    labelled: int | None
    found_real: int | None
    lost_real: int | None

    def cases(self) -> pl.DataFrame:
        """All that would change: `change` ("found" or "lost"), then `ALERTS`."""
        both = (("found", self.found), ("lost", self.lost))
        return pl.concat(
            [part.select(pl.lit(name).alias("change"), pl.all()) for name, part in both]
        )


def alerts(scans: pl.DataFrame, threshold: float | None = None) -> pl.DataFrame:
    """Who would be alerted.

    Args:
        scans: Verdicts beside what the log tells of each scan (`items.beside`).
        threshold: What `finalConfidence` must be above; None: the verdicts' own `anomaly`.

    Returns:
        `ALERTS`.
    """
    raised = pl.col("anomaly") if threshold is None else pl.col(MAIN) > threshold
    here = pl.coalesce(
        "scan_location", pl.format("location {}", "location_id"), pl.lit("(no place)")
    )
    return (
        scans.lazy()
        .with_columns(day=local_day(), site=here, score=pl.col(MAIN).max().over("epc_code"))
        .filter(raised)
        .sort("time", maintain_order=True)
        .unique("epc_code", keep="first", maintain_order=True)
        .with_columns(pl.col("kind").cast(pl.String).fill_null(UNNAMED))
        .select(ALERTS.names())
        .collect()
    )


def days_of(scans: pl.DataFrame) -> int:
    """How many days a log spans, the first and the last included.

    Raises:
        InputError: It has no scan.
    """
    if not len(scans):
        raise InputError("the log has no readable scan; nothing can be tried on it")
    first, last = scans.select(local_day().min().alias("a"), local_day().max().alias("b")).row(0)
    return int((last - first).days) + 1


def threshold_for(scans: pl.DataFrame, per_day: float, *, every_day: bool = False) -> float:
    """The lowest threshold at which a log would have raised at most `per_day` alerts a day.

    Args:
        scans: As for `alerts`.
        per_day: Alerts that people can look into.
        every_day: On every single day; otherwise on average.

    Raises:
        InputError: The budget is no number from 0, or there is no scan.
    """
    if not 0 <= per_day < math.inf:
        raise InputError(f"{per_day} alerts a day can't be; give a number from 0")
    days = days_of(scans)
    if every_day:
        return _threshold_every_day(scans, per_day)
    highest = scans.group_by("epc_code").agg(pl.col(MAIN).max())[MAIN].drop_nulls()
    allowed = int(per_day * days)
    if allowed >= len(highest):
        return -math.inf
    return float(np.sort(highest.to_numpy())[::-1][allowed])


def _threshold_every_day(scans: pl.DataFrame, per_day: float) -> float:
    """Lower the threshold level by level until one day has too many alerts.

    An alert belongs to the day of its item's first scan above the threshold, so that lowering the
    threshold may move it to an earlier day.
    """
    table = scans.select("epc_code", MAIN, "time", day=local_day()).drop_nulls(MAIN)
    table = table.sort(MAIN, descending=True, maintain_order=True)
    first: dict[str, tuple[object, object]] = {}
    busy: Counter[object] = Counter()
    over: set[object] = set()
    level = math.inf
    for code, score, time, day in table.iter_rows():
        if score < level:
            if over:
                break  # what is above this level, the one before included, is too much
            level = score
        raised, on = first.get(code, (None, None))
        if raised is not None and raised <= time:
            continue
        first[code] = (time, day)
        busy[on] -= 1
        busy[day] += 1
        over = {each for each in (*over, day) if busy[each] > per_day}
    else:
        return level if over else -math.inf
    return level


def backtest(
    present: pl.DataFrame,
    tried: pl.DataFrame,
    threshold: float | None = None,
    labels: pl.DataFrame | None = None,
) -> Backtest:
    """Hold two ways of judging one log against each other.

    Args:
        present: Verdicts beside what the log tells of each scan, as things are.
        tried: The same as they would be.
        threshold: Of the tried way; None: its verdicts' own `anomaly`.
        labels: Anomalous scans, if they are known.

    Raises:
        InputError: The log has no scan, or none of its items is labelled.
    """
    days = days_of(present)
    before, after = alerts(present), alerts(tried, threshold)
    found, lost = (
        one.join(other, on="epc_code", how="anti", maintain_order="left", nulls_equal=True)
        for one, other in ((after, before), (before, after))
    )
    real = None if labels is None else labels["epc_code"].unique()
    labelled = _real(present.select("epc_code").unique(), real)
    if labelled == 0:
        raise InputError("no item of the log is labelled; are these labels of another log?")
    return Backtest(
        days=days,
        present=_side(before, days, real),
        tried=_side(after, days, real),
        found=found,
        lost=lost,
        by_kind=_table("kind", before, after, found, lost),
        by_site=_table("site", before, after, found, lost),
        labelled=labelled,
        found_real=_real(found, real),
        lost_real=_real(lost, real),
    )


def _side(raised: pl.DataFrame, days: int, real: pl.Series | None) -> Side:
    busiest = max(raised["day"].value_counts()["count"].to_list(), default=0)
    return Side(raised, len(raised) / days, busiest, _real(raised, real))


def _real(items: pl.DataFrame, real: pl.Series | None) -> int | None:
    return None if real is None else int(items["epc_code"].is_in(real.implode()).sum())


def _table(by: str, *parts: pl.DataFrame) -> pl.DataFrame:
    names = ("present", "tried", "found", "lost")
    counted = [part.select(by, side=pl.lit(name)) for name, part in zip(names, parts, strict=True)]
    return (
        pl.concat(counted)
        .group_by(by)
        .agg((pl.col("side") == name).sum().alias(name) for name in names)
        .sort(pl.col("present") + pl.col("tried"), by, descending=[True, False])
    )
