"""The year: an invented chain in which, one after the other, four things change."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl

from scantrail.ingest.gs1 import item_of
from scantrail.simulate.changes import CHANGES, Changed
from scantrail.simulate.stream import StreamConfig, steady

FIRST: Final = dt.date(2025, 1, 6)  # a Monday
HISTORY: Final = 14  #: weeks before it that are handed in at once
WEEKS: Final = 38
_WEEK: Final = dt.timedelta(weeks=1)
_SENT: Final = ("epc_code", "location_id", "scan_location", "business_step", "event_type",
                "file_id")  # fmt: skip
#: Codes whose lot a week of its own could be told from: prefix, number of the lot, day.
_LOT: Final = r"^(\d{3}\.\d{7}\.\d{7}\.\d{2})(\d{4})\.(\d{8})(\.\d{9})$"
_LOTS_A_WEEK: Final = 100
_BATCH: Final = 5  #: items shipped together; many small shipments tell more than few large ones


class Planned(NamedTuple):
    """A change: its name (`simulate.changes`), the weeks in which it holds; no end: for good."""

    name: str
    begin: int
    end: int | None = None


PLAN: Final = (
    Planned("new hub", 10),
    Planned("slower lanes", 13),
    Planned("new product", 16),
    Planned("garbling scanner", 19, 21),
)


@dataclass(frozen=True, slots=True)
class World:
    """What happens.

    `scans`: `simulate.stream.STREAM`, as they come in. `places`: where each change strikes, by its
    name. `odd`: items that are anomalous indeed, which the people of the demo find out.
    """

    scans: pl.DataFrame
    places: dict[str, int]
    odd: frozenset[str]

    def came(self, begin: int, end: int) -> pl.DataFrame:
        """What comes in from the beginning of a week to that of another; week 0 begins the year."""
        came = pl.col("uploaded")
        return self.scans.filter(came >= monday(begin), came < monday(end))

    @property
    def names(self) -> dict[int, str]:
        """What places are called, by location id."""
        named = self.scans.select("location_id", "scan_location").drop_nulls().unique(
            "location_id", keep="last", maintain_order=True
        )  # fmt: skip
        return dict(named.iter_rows())


def monday(week: int) -> dt.datetime:
    """When a week begins, by the sites' clock."""
    return dt.datetime.combine(FIRST, dt.time()) + week * _WEEK


def make_world(items: int, seed: int) -> World:
    """Make the year.

    Args:
        items: Made a week, 100 at least.
        seed: Any whole number from 0.

    Raises:
        SettingsError: Too few items.
    """
    config = StreamConfig(weeks=WEEKS, items=items, seed=seed, start=FIRST, warm_up=HISTORY,
                          batch=_BATCH)  # fmt: skip
    scans = _numbered_on(steady(config))
    rng = np.random.default_rng([seed, 5])
    places: dict[str, int] = {}
    for planned in PLAN:
        changed = _elsewhere(planned, scans, rng, places.values())
        places[planned.name] = changed.place
        scans = changed.scans if planned.end is None else _mended(scans, changed.scans, planned.end)
    odd = scans.filter(pl.col("kind").is_not_null())["epc_code"].unique()
    came = scans.sort("uploaded", "at", maintain_order=True)
    return World(came, places, frozenset(item_of(code) for code in odd))


def _elsewhere(
    planned: Planned, scans: pl.DataFrame, rng: np.random.Generator, taken: Collection[int]
) -> Changed:
    """The change where nothing else has changed: what is not usual yet can't be told to change."""
    while True:
        changed = CHANGES[planned.name].make(scans, monday(planned.begin), rng)
        if changed.place not in taken:
            return changed


def records(scans: pl.DataFrame, first: int) -> list[dict[str, Any]]:
    """Scans as they are sent, numbered from `first` on."""
    when = pl.col("at").dt.strftime("%Y-%m-%d %H:%M:%S").alias("event_time")
    numbers = pl.int_range(first, first + pl.len()).alias("event_id")
    return scans.select(numbers, *_SENT, when).to_dicts()


def write_log(scans: pl.DataFrame, file: Path) -> None:
    """Write scans as a log (TSV, UTF-8); its folder is made if need be."""
    file.parent.mkdir(parents=True, exist_ok=True)
    when = pl.col("at").dt.strftime("%Y-%m-%d %H:%M:%S").alias("event_time")
    scans.select(*_SENT, when).write_csv(file, separator="\t")


def _numbered_on(scans: pl.DataFrame) -> pl.DataFrame:
    """Lots numbered on from week to week: each week of a stream begins with number one."""
    made = pl.col("epc_code").str.extract(_LOT, 3).str.to_date("%Y%m%d", strict=False)
    week = (made - (FIRST - HISTORY * _WEEK)).dt.total_days() // 7
    number = pl.col("epc_code").str.extract(_LOT, 2).cast(pl.Int64) % _LOTS_A_WEEK
    code = pl.concat_str(
        pl.col("epc_code").str.extract(_LOT, 1),
        (week * _LOTS_A_WEEK + number).cast(pl.String).str.zfill(4),
        pl.lit("."),
        pl.col("epc_code").str.extract(_LOT, 3),
        pl.col("epc_code").str.extract(_LOT, 4),
    )
    in_form = week.is_between(0, HISTORY + WEEKS)
    return scans.with_columns(epc_code=pl.when(in_form).then(code).otherwise("epc_code"))


def _mended(before: pl.DataFrame, changed: pl.DataFrame, end: int) -> pl.DataFrame:
    """A change that somebody puts right: what comes after it is as it was."""
    return pl.concat(
        [changed.filter(pl.col("at") < monday(end)), before.filter(pl.col("at") >= monday(end))]
    )
