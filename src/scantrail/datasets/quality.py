"""How good is a log? Missing cells, repeats, order, unknown places, clocks, coverage, rejects.

Nothing here is mended or left out; what is odd may be what is looked for. `cleaning` says what was.
"""

from __future__ import annotations

import datetime as dt
from typing import Final

import msgspec
import polars as pl

from scantrail import pipeline
from scantrail.datasets.canonical import SCAN
from scantrail.datasets.clocks import Spell, wrong_clocks
from scantrail.datasets.coverage import Lane, Site, lanes_of, sites_of
from scantrail.lanes import Network
from scantrail.sites import Sites

_OPTIONAL: Final = ("location_id", "scan_location", "business_step", "event_type")
_FILE: Final = ("source", "file_id")  # a log may hold several files, one after the other
_LATE: Final = pl.duration(hours=1)  # rows further behind than this were uploaded late
_MOST: Final = 20  # unknown places, and reasons of rejects, that are listed


class Repeats(msgspec.Struct, frozen=True):
    """`scans`: rows that say what another row says already, of `items`.

    `ids`: event ids that name different scans.
    """

    scans: int
    items: int
    ids: int


class Order(msgspec.Struct, frozen=True):
    """Rows that stand behind later ones.

    `late`: rows more than an hour older than a row before them in their file, `hours` the most.
    `items`: items whose own scans stand in another order than they happened.
    """

    late: int
    hours: float
    items: int


class Unknown(msgspec.Struct, frozen=True):
    """A place that the site list lacks."""

    place: str
    events: int
    items: int


class Rejected(msgspec.Struct, frozen=True):
    """Rows that could not be read: why, how many, and where the first is."""

    reason: str
    rows: int
    first: str


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """The report. Times are ISO 8601 in UTC, empty where there are no events."""

    events: int
    items: int
    begin: str
    end: str
    missing: dict[str, int]
    repeats: Repeats
    order: Order
    unknown: tuple[Unknown, ...]
    unknown_events: int
    rejects: tuple[Rejected, ...]
    rejected: int
    clocks: tuple[Spell, ...]
    sites: tuple[Site, ...]
    silent: tuple[str, ...]
    lanes: tuple[Lane, ...]


def measure(frame: pl.DataFrame, rejects: pl.DataFrame, sites: Sites) -> Quality:
    """Measure events as they were read, before anything is done to them.

    Args:
        frame: `vocabulary.events.EVENTS` in the order of their files, and `source`, a number per
            file; `row` counts through all of them.
        rejects: `vocabulary.events.REJECTS`, of the same files.
        sites: The site list.
    """
    journeys = pipeline.see(frame.drop("source"), Network(sites))
    covered = sites_of(journeys, sites)
    seen = {site.location_id for site in covered}
    unknown = _unknown(frame, sites)
    return Quality(
        events=len(frame),
        items=frame["epc_code"].n_unique(),
        begin=_said(frame["time"].min()),
        end=_said(frame["time"].max()),
        missing={name: frame[name].null_count() for name in _OPTIONAL},
        repeats=_repeats(frame),
        order=_order(frame),
        unknown=tuple(unknown[:_MOST]),
        unknown_events=sum(place.events for place in unknown),
        rejects=_rejects(rejects),
        rejected=len(rejects),
        clocks=wrong_clocks(journeys),
        sites=covered,
        silent=tuple(
            name or str(ident)
            for ident, name in sites.table.select("location_id", "scan_location").iter_rows()
            if ident not in seen
        ),
        lanes=lanes_of(journeys, sites),
    )


def _said(moment: object) -> str:
    return moment.isoformat(timespec="seconds") if isinstance(moment, dt.datetime) else ""


def _repeats(frame: pl.DataFrame) -> Repeats:
    again = frame.filter(~pl.struct(SCAN).is_first_distinct())
    ids = frame.select("source", "event_id", pl.struct(SCAN).alias("scan")).unique()
    twice = ids.filter(pl.struct("source", "event_id").is_duplicated())
    return Repeats(
        scans=len(again),
        items=again["epc_code"].n_unique(),
        ids=twice.select(pl.struct("source", "event_id").n_unique()).item(),
    )


def _order(frame: pl.DataFrame) -> Order:
    behind = frame.select(
        "epc_code",
        "time",
        latest=pl.col("time").cum_max().over(_FILE),
        own=pl.col("time").cum_max().over(*_FILE, "epc_code"),
    )
    late = behind.filter(pl.col("latest") - pl.col("time") > _LATE)
    hours = late.select((pl.col("latest") - pl.col("time")).max().dt.total_seconds() / 3600).item()
    return Order(
        late=len(late),
        hours=round(hours or 0.0, 1),
        items=behind.filter(pl.col("own") > pl.col("time"))["epc_code"].n_unique(),
    )


def _unknown(frame: pl.DataFrame, sites: Sites) -> list[Unknown]:
    """The most scanned first."""
    index = pl.Series(sites.index(frame["location_id"], frame["scan_location"]))
    counted = (
        frame.filter(index == len(sites))
        .group_by("location_id", "scan_location")
        .agg(events=pl.len(), items=pl.col("epc_code").n_unique())
        .sort(["events", "location_id", "scan_location"], descending=[True, False, False])
    )
    return [
        Unknown(name or f"location {ident}", events, items)
        for ident, name, events, items in counted.iter_rows()
    ]


def _rejects(rejects: pl.DataFrame) -> tuple[Rejected, ...]:
    """The commonest first."""
    table = rejects.group_by("reason", maintain_order=True).agg(
        pl.len(), pl.col("file").first(), pl.col("line").first()
    )
    rows = table.sort("len", descending=True, maintain_order=True).head(_MOST).iter_rows()
    return tuple(
        Rejected(reason, count, file if line is None else f"{file}:{line}")
        for reason, count, file, line in rows
    )
