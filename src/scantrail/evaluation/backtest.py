"""What would another rule, threshold, weight or artifact have done with a log that is known?

An alert is an item, raised by its first scan that alerts. Here are only tables in and tables out;
`trying` judges a log both ways, `stored` what a service stored.
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
class Cases:
    """Some `alerts` (`ALERTS`).

    `real`: how many are labelled items; `false`: how many are known to be false. None without
    labels.
    """

    alerts: pl.DataFrame
    real: int | None
    false: int | None

    def __len__(self) -> int:
        return len(self.alerts)

    @property
    def precision(self) -> float | None:
        """The share of real ones among those that are known; None where none is."""
        known = (self.real or 0) + (self.false or 0)
        return (self.real or 0) / known if known else None


@dataclass(frozen=True, slots=True)
class Side:
    """One way of judging: its `alerts`, per day on average and on the busiest day."""

    alerts: Cases
    per_day: float
    busiest: int


@dataclass(frozen=True, slots=True)
class Backtest:
    """The present way of judging a log, and another that is tried on it.

    Attributes:
        days: From the first scan's to the last scan's.
        present: As things are.
        tried: As they would be.
        found: Alerts that only the tried way raises.
        lost: Alerts that only the present way raises.
        by_kind: `kind`, `present`, `tried`, `found`, `lost`, most alerts first.
        by_site: The same by `site`.
        labelled: Labelled items; None without labels.
    """

    days: int
    present: Side
    tried: Side
    found: Cases
    lost: Cases
    by_kind: pl.DataFrame
    by_site: pl.DataFrame
    labelled: int | None

    def cases(self) -> pl.DataFrame:
        """All that would change: `change` ("found" or "lost"), then `ALERTS`."""
        both = (("found", self.found.alerts), ("lost", self.lost.alerts))
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
    dismissed: pl.Series | None = None,
) -> Backtest:
    """Hold two ways of judging one log against each other.

    Args:
        present: Verdicts beside what the log tells of each scan, as things are.
        tried: The same as they would be.
        threshold: Of the tried way; None: its verdicts' own `anomaly`.
        labels: Anomalous scans or items (`epc_code`), if they are known.
        dismissed: EPC codes that are known to be normal, where not all that isn't labelled is.

    Raises:
        InputError: The log has no scan, or none of its items is labelled though all should be.
    """
    days = days_of(present)
    before, after = alerts(present), alerts(tried, threshold)
    found, lost = (
        one.join(other, on="epc_code", how="anti", maintain_order="left", nulls_equal=True)
        for one, other in ((after, before), (before, after))
    )
    said = None if labels is None else _Said(labels["epc_code"].unique(), dismissed)
    labelled = None if said is None else _count(present["epc_code"].unique(), said.real)
    if labelled == 0 and dismissed is None:
        raise InputError("no item of the log is labelled; are these labels of another log?")
    return Backtest(
        days=days,
        present=_side(before, days, said),
        tried=_side(after, days, said),
        found=_cases(found, said),
        lost=_cases(lost, said),
        by_kind=_table("kind", before, after, found, lost),
        by_site=_table("site", before, after, found, lost),
        labelled=labelled,
    )


@dataclass(frozen=True, slots=True)
class _Said:
    """Codes of which items are real, and of which are not; None: of all others."""

    real: pl.Series
    dismissed: pl.Series | None


def _side(raised: pl.DataFrame, days: int, said: _Said | None) -> Side:
    busiest = max(raised["day"].value_counts()["count"].to_list(), default=0)
    return Side(_cases(raised, said), len(raised) / days, busiest)


def _cases(raised: pl.DataFrame, said: _Said | None) -> Cases:
    if said is None:
        return Cases(raised, None, None)
    real = _count(raised["epc_code"], said.real)
    if said.dismissed is None:
        return Cases(raised, real, len(raised) - real)
    return Cases(raised, real, _count(raised["epc_code"], said.dismissed))


def _count(codes: pl.Series, among: pl.Series) -> int:
    return int(codes.is_in(among.implode()).sum())


def _table(by: str, *parts: pl.DataFrame) -> pl.DataFrame:
    names = ("present", "tried", "found", "lost")
    counted = [part.select(by, side=pl.lit(name)) for name, part in zip(names, parts, strict=True)]
    return (
        pl.concat(counted)
        .group_by(by)
        .agg((pl.col("side") == name).sum().alias(name) for name in names)
        .sort(pl.col("present") + pl.col("tried"), by, descending=[True, False])
    )
