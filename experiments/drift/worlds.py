"""Simulated streams, with and without a change, judged and kept on disk as observations."""

from __future__ import annotations

import datetime as dt
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from scantrail import wiring
from scantrail.monitoring.observe import observe
from scantrail.settings import read_settings
from scantrail.simulate.changes import CHANGES
from scantrail.simulate.stream import StreamConfig, steady
from scantrail.vocabulary.events import Events, RawLog

WEEKS, ITEMS, WARM_UP, BATCH = 10, 2_500, 16, 20
BASELINE_WEEKS = 8  # then one ordinary week, then the one that may be changed
UNREADABLE = "unreadable rows"
KINDS = (*CHANGES, UNREADABLE)
#: Working days on which plants, warehouses and wholesalers rest.
HOLIDAYS = (dt.date(2025, 5, 5), dt.date(2025, 6, 6), dt.date(2025, 8, 15))
COLUMNS = ("file_id", "epc_code", "location_id", "scan_location", "business_step", "event_type")


class World(NamedTuple):
    """What a monitor sees: 9 weeks and one more, from `since` on; the place of a change."""

    observed: pl.DataFrame
    since: dt.datetime
    place: str


def since_of(seed: int) -> dt.datetime:
    """The Monday of the last week; seeds have ten different ones, from May to September."""
    first = dt.date(2025, 3, 3) + dt.timedelta(weeks=2 * (seed % 10) + WEEKS - 1)
    return dt.datetime.combine(first, dt.time())


@cache
def _engine() -> wiring.Engine:
    return wiring.engine(read_settings({}))


class Worlds:
    """All worlds of one seed."""

    def __init__(self, work: Path, seed: int) -> None:
        self.work, self.seed, self.since = work, seed, since_of(seed)
        self.engine = _engine()
        self._stream: pl.DataFrame | None = None

    @property
    def stream(self) -> pl.DataFrame:
        """The unchanged stream."""
        if self._stream is None:
            start = (self.since - dt.timedelta(weeks=WEEKS - 1)).date()
            config = StreamConfig(
                WEEKS, ITEMS, self.seed, start=start, warm_up=WARM_UP, batch=BATCH
            )
            self._stream = steady(config)
        return self._stream

    def get(self, kind: str | None) -> World:
        """The world with a change, None for none; made if need be."""
        name = (kind or "stationary").replace(" ", "-")
        path, place = self.work / f"{self.seed}-{name}.parquet", self.work / f"{self.seed}-{name}"
        if not path.is_file():
            week, where = self._week(kind)
            place.write_text(where, encoding="utf-8")
            week.write_parquet(path)
        observed = pl.concat([self._before(), pl.read_parquet(path)], how="diagonal")
        return World(observed, self.since, place.read_text(encoding="utf-8"))

    def _before(self) -> pl.DataFrame:
        """The nine weeks before, judged at once."""
        path = self.work / f"{self.seed}-before.parquet"
        if not path.is_file():
            events = self._understood(self.stream.filter(pl.col("uploaded") < self.since))
            seen = observe(events, self.engine.judge(events), self.engine.network)
            first = self.since - dt.timedelta(weeks=WEEKS - 1)
            seen.filter(pl.col("seen") >= first).write_parquet(path)
        return pl.read_parquet(path)

    def _week(self, kind: str | None) -> tuple[pl.DataFrame, str]:
        """The last week, judged with the history of the lots that are in it."""
        scans, place = self.stream, ""
        rng = np.random.default_rng([self.seed, KINDS.index(kind) if kind else 99])
        if kind in CHANGES:
            scans, where = CHANGES[kind].make(scans, self.since, rng)
            place = str(where)
        lot = pl.col("epc_code").str.extract(r"\.([0-9]{6}\.[0-9]{8})\.")
        now = scans.filter(pl.col("uploaded") >= self.since)
        lots = now.select("file_id", lot=lot).unique()
        past = scans.filter(pl.col("uploaded") < self.since).with_columns(lot=lot)
        past = past.join(lots, on=["file_id", "lot"], how="semi")
        broken = None
        if kind == UNREADABLE:
            place = str(rng.integers(1, 4))
            broken = (now["file_id"] == int(place)) & pl.Series(rng.random(len(now)) < 0.05)
        events, history = self._understood(now, broken), self._understood(past)
        report = self.engine.judge(events, history=history)
        return observe(events, report, self.engine.network, history=history), place

    def _understood(self, scans: pl.DataFrame, broken: pl.Series | None = None) -> Events:
        time = scans["at"].dt.strftime("%Y-%m-%d %H:%M:%S").alias("event_time")
        if broken is not None:
            time = time.str.replace(r"^(\d+)-(\d+)-(\d+)", "$3-$2").zip_with(broken, time)
        raw = scans.select(COLUMNS).with_columns(time).cast(pl.String).with_row_index("line")
        return self.engine.understand(RawLog(raw))
