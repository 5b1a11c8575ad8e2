"""How much a log tells of each site and each lane: what little is known of can't be judged well."""

from __future__ import annotations

from typing import Final

import msgspec
import polars as pl

from scantrail.lanes import learn
from scantrail.sites import Sites
from scantrail.vocabulary.protocols import Journeys

#: Batches below which a lane's usual time is hardly known.
THIN: Final = 5
_DAY_SECONDS: Final = 86_400


class Site(msgspec.Struct, frozen=True):
    """What the log holds of a listed site.

    `begin`, `end`: its first and last day, local. `days`: days with a scan. `quiet_days`: the
    longest time between two scans.
    """

    location_id: int
    name: str
    events: int
    items: int
    begin: str
    end: str
    days: int
    quiet_days: float


class Lane(msgspec.Struct, frozen=True):
    """What the log holds of a lane: `trips` of items in `batches` of goods that moved together."""

    start: str
    end: str
    trips: int
    batches: int
    hours: float | None


def sites_of(journeys: Journeys, sites: Sites) -> tuple[Site, ...]:
    """Coverage per listed site, in the order of the site list; sites without a scan are absent."""
    scans = journeys.linked.filter(pl.col("site").is_not_null())
    gaps = scans.sort("site", "time").select(
        "site", gap=pl.col("time").diff().over("site").dt.total_seconds()
    )
    table = (
        scans.group_by("site")
        .agg(
            events=pl.len(),
            items=pl.col("epc").n_unique(),
            begin=pl.col("local").min().dt.date().cast(pl.String),
            end=pl.col("local").max().dt.date().cast(pl.String),
            days=pl.col("local").dt.date().n_unique(),
        )
        .join(gaps.group_by("site").agg(pl.col("gap").max()), on="site", how="left")
        .sort("site")
    )
    ids, names = sites.table["location_id"], sites.table["scan_location"]
    return tuple(
        Site(
            location_id=ids[row["site"]],
            name=names[row["site"]] or str(ids[row["site"]]),
            events=row["events"],
            items=row["items"],
            begin=row["begin"],
            end=row["end"],
            days=row["days"],
            quiet_days=round((row["gap"] or 0) / _DAY_SECONDS, 1),
        )
        for row in table.iter_rows(named=True)
    )


def lanes_of(journeys: Journeys, sites: Sites) -> tuple[Lane, ...]:
    """Coverage per lane, the busiest first."""
    lanes = learn(journeys.linked, sites).lanes
    names = {
        ident: name or str(ident)
        for ident, name in sites.table.select("location_id", "scan_location").iter_rows()
    }
    ends = ["from_location_id", "to_location_id"]
    return tuple(
        Lane(
            start=names[row["from_location_id"]],
            end=names[row["to_location_id"]],
            trips=row["trips"],
            batches=row["batches"],
            hours=None if row["hours_median"] is None else round(row["hours_median"], 2),
        )
        for row in lanes.sort(["trips", *ends], descending=[True, False, False]).iter_rows(
            named=True
        )
    )
