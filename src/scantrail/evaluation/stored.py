"""Judge what a service stored again, as things are and as they would be; nothing is changed.

Journeys are read from their beginning and judged in the company that they kept, some items after
the other, so that memory holds few of them at a time. What stays of each scan is what a backtest
asks for; so a stretch may hold so many scans, and a longer one is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from scantrail import pipeline
from scantrail.errors import InputError
from scantrail.evaluation.items import MAIN, beside
from scantrail.stores.trails import Known
from scantrail.stores.windows import Span, Windows
from scantrail.vocabulary.times import instant, utc
from scantrail.wiring import Engine, Stores

#: Told which share is done.
Progress = Callable[[float], None]
_ITEMS: Final = 5_000  # whose journeys are judged at a time
_COMPANY: Final = 5_000  # items at most that kept them company; of more, the first by code
_COLUMNS: Final = (
    "epc_code", "anomaly", "kind", MAIN, "time", "offset", "location_id", "scan_location",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Judged:
    """Verdicts beside what is stored of each scan, and detectors that failed meanwhile.

    `scans`: `epc_code`, `anomaly`, `kind`, `finalConfidence`, `time` (UTC), `offset` (minutes),
    `location_id`, `scan_location`.
    """

    scans: pl.DataFrame
    degraded: tuple[str, ...]


def span_of(windows: Windows, since: int | None, until: int | None, most: int) -> Span:
    """A stretch of stored scans.

    Args:
        windows: Where they are.
        since: When it begins, microseconds since 1970, UTC; None: with the first scan.
        until: When it is over (the end excluded); None: after the last scan.
        most: How many scans it may hold.

    Raises:
        InputError: It is empty, or holds more.
    """
    first, last = windows.first("scan"), windows.last("scan")
    if first is None or last is None:
        raise InputError("no scan is stored; there is nothing to try anything on")
    begin = first if since is None else since
    span = Span(begin, max(last, begin) + 1 if until is None else until)
    if span.begin >= span.end:
        raise InputError(
            f"the stretch ends at {utc(span.end)}, and begins at {utc(span.begin)}: give an end "
            "after its beginning"
        )
    count = windows.scans(span, "scan")
    if not count:
        raise InputError(
            f"no scan is stored from {utc(span.begin)} to {utc(span.end)}; the stored ones were "
            f"made from {utc(first)} to {utc(last)}"
        )
    if count > most:
        raise InputError(
            f"{count:,} scans are stored from {utc(span.begin)} to {utc(span.end)}, and {most:,} "
            "may be tried at a time (SCANTRAIL_BACKTEST_MOST_SCANS); name a shorter stretch"
        )
    return span


def judged(
    stores: Stores, span: Span, engines: Sequence[Engine], progress: Progress = lambda _: None
) -> list[Judged]:
    """What each engine says of the scans of a stretch, later ones unseen.

    Args:
        stores: Where scans are kept.
        span: Which stretch, by when scans were made.
        engines: Who judges, by one network.
        progress: Told which share is done.

    Raises:
        InputError: No scan of the stretch belongs to a journey.
    """
    items = stores.windows.scanned(span)
    if not items:
        raise InputError(
            f"no scan from {utc(span.begin)} to {utc(span.end)} belongs to a journey: all were "
            "judged apart"
        )
    parts: list[list[pl.DataFrame]] = [[] for _ in engines]
    failed: list[set[str]] = [set() for _ in engines]
    for begin in range(0, len(items), _ITEMS):
        progress(begin / len(items))
        mine, others = _page(stores, items[begin : begin + _ITEMS], span.end)
        events = pl.concat([mine, others]).with_columns(row=pl.int_range(pl.len(), dtype=pl.UInt32))
        journeys = pipeline.see(events, engines[0].network)
        since = pl.col("time") >= instant(span.begin)
        for number, engine in enumerate(engines):
            report = engine.decide(journeys)
            failed[number].update(report.degraded)
            scans = beside(report.verdicts, events).select(_COLUMNS).head(len(mine))
            parts[number].append(scans.filter(since))
    return [
        Judged(pl.concat(part), tuple(sorted(names)))
        for part, names in zip(parts, failed, strict=True)
    ]


def _page(stores: Stores, items: list[str], end: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The journeys of some items up to an end, and those of the items in their company."""
    with stores.trails.look() as look:
        known = look.journeys(items)
        company = look.company(known.moments, items, _COMPANY)
    return _until(known, end), _until(company, end)


def _until(known: Known, end: int) -> pl.DataFrame:
    return known.events.filter(pl.col("time") < instant(end))
