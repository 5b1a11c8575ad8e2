"""Anomalies planted into a log of one's own, so that there is something to be found in it.

The simulator's anomalies act on its own chain. These act on any log: each changes one journey in
one respect, by what the log itself shows: its sites, lanes, stays and hours. They are stand-ins,
not what will happen; a labelled log says more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from scantrail.sites import Sites
from scantrail.vocabulary.events import EVENTS
from scantrail.vocabulary.protocols import Journeys

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_SECOND: Final = 1_000_000
_MINUTE: Final = 60 * _SECOND
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_QUIET: Final = 0.002  # of a site's scans, at most so many fall in an hour when it is closed
_SHARE: Final = 0.05  # of the items that may get an anomaly
_LEAST: Final = 40  # items that get one, if there are so many


@dataclass(slots=True)
class _Log:
    """A log in journey order as arrays, (n,) each, and what is to change in it.

    `first` and `last` are the places of the first and beyond the last scan of each scan's item.
    `lanes`: (sites, sites) whether goods ever went that way. `hours`: (sites, 24) scans by hour.
    """

    time: Ints
    local: Ints
    site: Ints
    first: Ints
    last: Ints
    tier: npt.NDArray[np.int8]
    lanes: Flags
    hours: Ints
    end: int
    rng: np.random.Generator
    moved_to: Ints = field(init=False)
    dropped: Flags = field(init=False)
    odd: Flags = field(init=False)
    extra: list[tuple[int, int, int]] = field(default_factory=list)  # place, time, site

    def __post_init__(self) -> None:
        self.moved_to = np.full(len(self.time), -1)
        self.dropped = np.zeros(len(self.time), bool)
        self.odd = np.zeros(len(self.time), bool)

    def follows(self, at: int) -> bool:
        """Whether the scan has one before it."""
        return at > int(self.first[at])

    def stays(self, at: int) -> bool:
        """Whether the scan before is at the same listed site."""
        return self.follows(at) and bool(self.site[at] >= 0 and self.site[at] == self.site[at - 1])

    def arrives(self, at: int) -> bool:
        """Whether the scan before is at another listed site."""
        here, before = int(self.site[at]), int(self.site[at - 1])
        return self.follows(at) and here >= 0 and 0 <= before != here

    def gap(self, at: int) -> int:
        """Microseconds since the scan before."""
        return int(self.time[at] - self.time[at - 1])

    def shift(self, at: int, by: int) -> bool:
        """Let the scan and all that follow it happen later; not beyond the end of the log."""
        if self.time[at] + by > self.end:
            return False
        self.time[at : self.last[at]] += by
        self.odd[at] = True
        return True

    def like(self, site: int) -> Ints:
        """Other sites of the same tier."""
        same = self.tier == self.tier[site]
        same[site] = False
        return np.flatnonzero(same)


def _stay_long(log: _Log, at: int) -> bool:
    """Stay several times as long as it did."""
    if not log.stays(at) or log.gap(at) < 6 * _HOUR:
        return False
    return log.shift(at, int(log.gap(at) * log.rng.uniform(3.0, 5.5)))


def _stay_short(log: _Log, at: int) -> bool:
    """Leave after minutes, where it stayed for a day or more."""
    if not log.stays(at) or log.gap(at) < 24 * _HOUR:
        return False
    return log.shift(at, int(log.rng.uniform(3, 15) * _MINUTE) - log.gap(at))


def _travel_slow(log: _Log, at: int) -> bool:
    """Take days longer on a road."""
    return log.arrives(at) and log.shift(at, int(log.rng.uniform(4, 9) * _DAY))


def _at_night(log: _Log, at: int) -> bool:
    """Be scanned at an hour when the site never scans."""
    if not log.follows(at) or log.site[at] < 0:
        return False
    scans = log.hours[log.site[at]]
    quiet = np.flatnonzero(scans <= _QUIET * scans.sum())
    if not len(quiet):
        return False
    now = log.local[at] % _DAY
    wanted = int(log.rng.choice(quiet)) * _HOUR + int(log.rng.uniform(0, _HOUR))
    return log.shift(at, int((wanted - now) % _DAY) or _DAY)


def _divert(log: _Log, at: int) -> bool:
    """Come in at a site of the same tier to which nothing ever goes from there."""
    if not log.arrives(at):
        return False
    options = log.like(int(log.site[at]))
    options = options[~log.lanes[log.site[at - 1], options]]
    if not len(options):
        return False
    stay = log.site[at : log.last[at]] == log.site[at]
    length = int(np.argmin(stay)) if not stay.all() else len(stay)
    log.moved_to[at : at + length] = log.rng.choice(options)
    log.odd[at] = True
    return True


def _clone(log: _Log, at: int) -> bool:
    """Come and go at another site of the tier while it rests."""
    options = log.like(int(log.site[at])) if log.stays(at) else np.zeros(0, np.int64)
    if not len(options) or log.gap(at) < 4 * _DAY:
        return False
    elsewhere = int(log.rng.choice(options))
    for place, share in ((at - 1, log.rng.uniform(0.2, 0.45)), (at, log.rng.uniform(0.55, 0.8))):
        log.extra.append((place, int(log.time[at - 1] + share * log.gap(at)), elsewhere))
    log.odd[at] = True
    return True


def _burst(log: _Log, at: int) -> bool:
    """Be read many times in a row."""
    waits = log.rng.uniform(5, 60, log.rng.integers(8, 20))
    following = log.time[at + 1] if at + 1 < log.last[at] else log.end
    if log.time[at] + waits.sum() * _SECOND >= following:
        return False
    moments = log.time[at] + (np.cumsum(waits) * _SECOND).astype(np.int64)
    log.extra += [(at, int(moment), -1) for moment in moments]
    return True


def _lose_links(log: _Log, at: int) -> bool:
    """Lose two scans in a row."""
    if not log.follows(at) or at + 2 >= log.last[at]:
        return False
    log.dropped[at : at + 2] = True
    log.odd[at + 2] = True
    return True


#: All kinds, by name.
KINDS: Final[dict[str, Callable[[_Log, int], bool]]] = {
    "stayLong": _stay_long,
    "stayShort": _stay_short,
    "travelSlow": _travel_slow,
    "atNight": _at_night,
    "divert": _divert,
    "clone": _clone,
    "burst": _burst,
    "loseLinks": _lose_links,
}


def plant(
    journeys: Journeys, sites: Sites, where: Flags, seed: int
) -> tuple[pl.DataFrame, pl.Series]:
    """Plant anomalies at some of the scans that `where` allows, at most one an item.

    Args:
        journeys: The log.
        sites: Its site list.
        where: (n,) scans, in the order of `journeys.columns`, of items that are presumed normal.
        seed: The same seed plants the same.

    Returns:
        The events (`vocabulary.events.EVENTS`) with the anomalies in them, and for each of them
        the kind of anomaly that it shows, null for none.
    """
    rng = np.random.default_rng(seed)
    log = _log(journeys, sites, rng)
    places = rng.permutation(np.flatnonzero(where))
    item = journeys.columns["epc"]
    _, one_each = np.unique(item[places], return_index=True)
    places = places[np.sort(one_each)]
    most = -(-max(_LEAST, int(_SHARE * len(places))) // len(KINDS))
    kind = np.full(len(log.time), -1)
    planted = dict.fromkeys(KINDS, 0)
    for place in places.tolist():
        # the kinds that few journeys suit come first
        for name in sorted(KINDS, key=planted.__getitem__):
            if planted[name] < most and KINDS[name](log, place):
                kind[log.first[place] : log.last[place]] = list(KINDS).index(name)
                planted[name] += 1
                break
        if min(planted.values()) >= most:
            break
    return _changed(journeys, log, sites, kind)


def _log(journeys: Journeys, sites: Sites, rng: np.random.Generator) -> _Log:
    linked = journeys.columns
    item = linked["epc"]
    starts = np.flatnonzero(np.diff(item.astype(np.int64), prepend=-1))
    lengths = np.diff(np.append(starts, len(item)))
    time = linked["time"].view(np.int64).copy()
    local = linked["local"].view(np.int64)
    site = linked["site"].astype(np.int64)
    count = len(sites)
    lanes = np.zeros((count, count), bool)
    moved = np.flatnonzero((np.diff(item) == 0) & (site[1:] >= 0) & (site[:-1] >= 0))
    lanes[site[moved], site[moved + 1]] = True
    hours = np.zeros((count, 24), np.int64)
    listed = site >= 0
    np.add.at(hours, (site[listed], local[listed] // _HOUR % 24), 1)
    return _Log(
        time=time,
        local=local,
        site=site,
        first=np.repeat(starts, lengths),
        last=np.repeat(starts + lengths, lengths),
        tier=sites.tier[:-1],
        lanes=lanes,
        hours=hours,
        end=int(time.max()),
        rng=rng,
    )


def _changed(
    journeys: Journeys, log: _Log, sites: Sites, kind: Ints
) -> tuple[pl.DataFrame, pl.Series]:
    """The log as it is now; rows are numbered anew, in the order that they had."""
    linked = journeys.linked.select("row").with_columns(
        now=pl.Series(log.time),
        to=pl.Series(log.moved_to),
        kind=pl.Series(np.where(log.odd, kind, -1)),
    )
    kept = linked.filter(pl.Series(~log.dropped))
    places, times, elsewhere = (np.array(part, np.int64) for part in _columns(log.extra))
    added = linked[places].with_columns(
        now=pl.Series(times), to=pl.Series(elsewhere), kind=pl.Series(kind[places])
    )
    table = sites.table.select("location_id", "scan_location")
    changed = pl.concat([kept, added]).filter(pl.col("now") <= log.end)
    there = table[changed["to"].clip(0).to_list()]
    frame = changed.with_columns(new_id=there["location_id"], new_name=there["scan_location"]).join(
        journeys.events, on="row", how="left", maintain_order="left"
    )
    names = dict(enumerate(KINDS))
    moved = pl.col("to") >= 0
    frame = frame.with_columns(
        time=pl.col("now").cast(EVENTS["time"]),
        location_id=pl.when(moved).then("new_id").otherwise("location_id"),
        scan_location=pl.when(moved).then("new_name").otherwise("scan_location"),
        kind=pl.col("kind").replace_strict(names, default=None, return_dtype=pl.String),
    ).sort("row", "now")
    events = frame.drop("row").with_row_index("row").select(EVENTS.names())
    return events, frame["kind"]


def _columns(rows: list[tuple[int, int, int]]) -> list[tuple[int, ...]]:
    return list(zip(*rows, strict=True)) if rows else [(), (), ()]
