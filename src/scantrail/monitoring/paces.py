"""Whether goods take longer to a site, and from it, than they usually do on the same lanes.

A clock that goes wrong shows on both sides of its site: what comes in seems to have taken longer,
and what goes out to have taken less, by the same time (as clocks in a network are compared, Mills
1991, IEEE Trans. Commun. 39). Waits make trips longer and nothing makes them shorter than the road,
so the soonest trips say most of a clock, as they do in networks; they are counted besides.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec
import numpy as np
import polars as pl

from scantrail.monitoring.ranks import (
    LEAST,
    Move,
    Sample,
    Usual,
    designs,
    learn_usual,
    move,
    numbered,
)
from scantrail.monitoring.signals import Signal, onset
from scantrail.monitoring.tails import fisher, poisson_tail

_FARTHEST: Final = 48.0  # hours that a shift is looked for
_HOUR: Final = 1.0
_BETWEEN: Final = r"(Outbound|Aggregation) → .*Inbound$"


class Paces(msgspec.Struct, frozen=True):
    """Usual hours from place to place.

    Attributes:
        lanes: From where, to where, how long.
        design: Per site, how many trips are worth one independent one.
    """

    lanes: dict[str, dict[str, Usual]] = {}
    design: dict[str, float] = {}


def learn_paces(read: pl.DataFrame, days: list[Any]) -> Paces:
    """Learn lanes' usual hours from scans that were read on these days."""
    trips = _trips(read)
    lanes: dict[str, dict[str, Usual]] = {}
    for (start, end), rows in sorted(trips.group_by("came_from", "site"), key=lambda pair: pair[0]):
        if len(rows) >= LEAST:
            lanes.setdefault(str(start), {})[str(end)] = learn_usual(rows["hours"].to_numpy())
    return Paces(lanes, designs(_by_site(lanes, trips, days), len(days)))


def pace_signals(
    paces: Paces, read: pl.DataFrame, days: list[Any], bearable: tuple[float, float]
) -> Iterator[Signal]:
    """Whether goods take longer or less than usual, site by site.

    Args:
        paces: What is usual.
        read: Scans that were read.
        days: On which days.
        bearable: Hours that a shift may have, and standard deviations.
    """
    for site, trips in _by_site(paces.lanes, _trips(read), days).items():
        moved = move(trips, paces.design[site], len(days))
        if moved:
            p = fisher(moved.p, _soonest(trips))
            yield _signal(site, moved._replace(p=p), days[onset(moved.evidence)], bearable)


def _soonest(trips: Sample) -> float:
    """Probability of so many trips that are sooner than any usual one, where a clock makes them so.

    The next trip after so many is the soonest of them all with one chance in so many and one.
    """
    fast = np.sign(trips.scores().sum())
    least = np.array([one.quantiles[0] for one in trips.usual])[trips.stratum]
    chance = 1 / (1 + np.array([one.count for one in trips.usual]))[trips.stratum]
    side = trips.sign[trips.stratum] * fast < 0
    sooner = float((side & (trips.values < least)).sum())
    return min(2 * poisson_tail(sooner, float(chance[side].sum())), 1.0)  # two sides to choose from


def _signal(site: str, moved: Move, since: Any, bearable: tuple[float, float]) -> Signal:
    fast = moved.shift(_FARTHEST)
    return Signal(
        check="lanes",
        view="hours",
        place=site,
        since=since,
        p=moved.p,
        effect={"hours": fast, "score": moved.score},
        strength=min(abs(fast) / bearable[0], abs(moved.score) / bearable[1]),
        what=_said(moved.rest, fast) if fast else "goods are on the way as long as usual",
    )


def _said(trips: Sample, fast: float) -> str:
    """What people are told: both sides, and the clock if both speak of it."""
    sides = {}
    for way, sign in (("in", 1.0), ("out", -1.0)):
        side = trips.where(trips.sign[trips.stratum] == sign)
        if len(side.values):
            sides[way] = side.shift(_FARTHEST) * sign
    told = ", ".join(f"{_time(hours)} on the way {way}" for way, hours in sides.items())
    sizes = sorted(map(abs, sides.values()))
    opposite = len(sides) == 2 and sides["in"] * sides["out"] < 0
    if opposite and sizes[0] > sizes[1] / 2:
        told += f": the clock looks {_time(fast, 'fast', 'slow')}"
    return told


def _time(hours: float, more: str = "longer", less: str = "less") -> str:
    """A signed time in words.

    >>> _time(-0.75), _time(9.04, "fast")
    ('45 min less', '9.04 h fast')
    """
    size = abs(hours)
    text = f"{60 * size:.0f} min" if size < 2 else f"{size:.3g} h"
    return f"{text} {more if hours > 0 else less}"


def _trips(read: pl.DataFrame) -> pl.DataFrame:
    """One row per trip: goods of one way that came in at one moment."""
    between = pl.col("step").str.contains(_BETWEEN) & pl.col("came_from").is_not_null()
    return (
        read.filter(between, pl.col("travel").is_not_null())
        .group_by("came_from", "site", "scanned")
        .agg(hours=pl.col("travel").median(), day=pl.col("day").first())
        .sort("came_from", "site", "scanned")
    )


def _by_site(
    lanes: dict[str, dict[str, Usual]], trips: pl.DataFrame, days: list[Any]
) -> dict[str, Sample]:
    """Every site's trips, in and out, on lanes that are known."""
    sides: dict[str, list[tuple[pl.DataFrame, float, Usual]]] = {}
    known = trips.join(numbered(days), on="day", maintain_order="left")
    for (start, end), rows in sorted(known.group_by("came_from", "site"), key=lambda pair: pair[0]):
        usual = lanes.get(str(start), {}).get(str(end))
        if usual:
            sides.setdefault(str(start), []).append((rows, -1.0, usual))
            sides.setdefault(str(end), []).append((rows, 1.0, usual))
    return {site: _sample(strata) for site, strata in sorted(sides.items())}


def _sample(strata: list[tuple[pl.DataFrame, float, Usual]]) -> Sample:
    """Lanes count by how much an hour is to them: a steady lane tells more of a clock."""
    every = pl.concat([rows for rows, _, _ in strata])
    return Sample(
        every["hours"].to_numpy(),
        every["at"].to_numpy(),
        np.repeat(np.arange(len(strata)), [len(rows) for rows, _, _ in strata]),
        np.array([sign for _, sign, _ in strata]),
        np.array([usual.keenness(_HOUR) for _, _, usual in strata]),
        [usual for _, _, usual in strata],
    )
