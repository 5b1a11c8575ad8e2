"""From the log of predictions to what monitoring looks at, a page at a time."""

from __future__ import annotations

import datetime as dt
from typing import Final
from zoneinfo import ZoneInfo

import polars as pl

from scantrail.lanes import Network
from scantrail.monitoring.observe import OBSERVED, scans, whole
from scantrail.stores.windows import Clock, Page, Span
from scantrail.vocabulary.times import microseconds
from scantrail.wiring import Stores

_ITEMS: Final = 5_000  # whose journeys are read at a time


def observed(
    stores: Stores, network: Network, span: Span, *, clock: Clock, every: int, zone: str
) -> pl.DataFrame:
    """Scans of a stretch, with what was said of them: `observe.OBSERVED` and scores.

    What people dismissed is no alert. Journeys are seen from their beginning.

    Args:
        stores: Where they are kept.
        network: What journeys are measured against.
        span: Which stretch.
        clock: By when scans came in, or by when they were made.
        every: Of so many moments, one is looked at.
        zone: Of rows that could not be read.
    """
    parts = [
        part for page in stores.windows.pages(span, clock, every)
        for part in _parts(stores, network, page, clock)
    ]  # fmt: skip
    if clock == "arrival":
        parts.append(_rejected(stores, span, every, zone))
    if not parts or not sum(len(part) for part in parts):
        return OBSERVED.to_frame().with_columns(finalConfidence=pl.lit(None, pl.Float64))
    if all("finalConfidence" not in part.columns for part in parts):
        parts = [part.with_columns(finalConfidence=pl.lit(None, pl.Float64)) for part in parts]
    return whole(parts)


def _parts(stores: Stores, network: Network, page: Page, clock: Clock) -> list[pl.DataFrame]:
    """A page's scans, some items after the other so that their journeys fit into memory."""
    known = page.known
    arrived = known.events["time"] if clock == "scan" else pl.Series(
        page.arrived, dtype=pl.Int64).cast(pl.Datetime("us", "UTC"))  # fmt: skip
    verdicts = page.verdicts.with_columns(anomaly=_alerts(stores, page))
    order = pl.Series(known.items).rank("dense").cast(pl.Int64) - 1
    parts = []
    for begin in range(0, len(set(known.items)), _ITEMS):
        mine = order.is_between(begin, begin + _ITEMS - 1)
        digests = {d for d, is_mine in zip(known.digests, mine, strict=True) if is_mine}
        items = sorted({i for i, is_mine in zip(known.items, mine, strict=True) if is_mine})
        journeys = stores.reports.journeys(items)
        others = pl.Series([digest not in digests for digest in journeys.digests])
        parts.append(
            scans(
                known.events.filter(mine), verdicts.filter(mine), network, arrived.filter(mine),
                journeys.events.filter(others),
            )
        )  # fmt: skip
    return parts


def _alerts(stores: Stores, page: Page) -> pl.Series:
    """Which scans are suspect and not dismissed."""
    suspect = page.verdicts["anomaly"].to_list()
    digests = [one for one, is_suspect in zip(page.known.digests, suspect, strict=True)
               if is_suspect]  # fmt: skip
    said = stores.feedback.opinions(digests)
    dismissed = {one for one, given in said.items() if given.verdict == "dismiss"}
    told = zip(page.known.digests, suspect, strict=True)
    return pl.Series([is_suspect and one not in dismissed for one, is_suspect in told],
                     dtype=pl.Boolean)  # fmt: skip


def _rejected(stores: Stores, span: Span, every: int, zone: str) -> pl.DataFrame:
    found = stores.windows.rejected(span, every)
    seen = pl.col("seen").cast(pl.Datetime("us", "UTC")).dt.convert_time_zone(zone)
    seen = seen.dt.replace_time_zone(None)
    return found.select(seen=seen, day=seen.dt.date(), feed="feed", rejected=pl.lit("rejected"))


def local(microseconds: int, zone: str) -> dt.datetime:
    """A moment by a clock in a zone, naive."""
    at = dt.datetime.fromtimestamp(microseconds / 1e6, ZoneInfo(zone))
    return at.replace(tzinfo=None)


def moment(at: dt.datetime, zone: str) -> int:
    """A naive time by a clock in a zone, as microseconds since 1970, UTC."""
    return microseconds(at.replace(tzinfo=ZoneInfo(zone)))
