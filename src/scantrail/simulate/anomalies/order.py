"""Anomalies of the order and number of scans."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scantrail.simulate.anomalies.draw import (
    STAYS,
    TRIPS,
    any_slot,
    both_seen,
    minutes,
    next_time,
    one_each,
    pick_pair,
)
from scantrail.simulate.trails import AGG, HOUR, SLOT_STAGE, WMS_IN

if TYPE_CHECKING:
    from scantrail.simulate.network import Ints
    from scantrail.simulate.trails import Trails


def disorder(trails: Trails, count: int, kind: int, rng: np.random.Generator) -> None:
    """Let goods leave before they came, come twice, or arrive before they left."""
    first, second = -(-count // 2), count // 4
    _out_before_in(trails, first, kind, rng)
    _in_twice(trails, second, kind, rng)
    _arrived_before_leaving(trails, count - first - second, kind, rng)


def _out_before_in(trails: Trails, count: int, kind: int, rng: np.random.Generator) -> None:
    after = next_time(trails)
    slack = np.stack([after[:, b] - trails.time[:, b] > 220 * 60 for _, b in STAYS], axis=1)
    item, came, left = pick_pair(trails, STAYS, both_seen(trails, STAYS) & slack, count, rng)
    trails.time[item, came] = trails.time[item, left] + minutes(35, 215, item.size, rng)
    trails.kind[item, came] = trails.kind[item, left] = kind


def _in_twice(trails: Trails, count: int, kind: int, rng: np.random.Generator) -> None:
    item, came, left = pick_pair(trails, STAYS, both_seen(trails, STAYS), count, rng)
    start, room = trails.time[item, came], trails.time[item, left] - trails.time[item, came]
    site = trails.site[item, came].astype(np.int64)
    again = start + np.minimum(minutes(120, 1_800, item.size, rng), room * 4 // 5)
    waited = trails.cal.arrive(again, site, rng)
    again = np.where(waited < trails.time[item, left] - 60, waited, again)
    trails.insert(item, SLOT_STAGE[came], site, again, kind)


def _arrived_before_leaving(
    trails: Trails, count: int, kind: int, rng: np.random.Generator
) -> None:
    item, left, came = pick_pair(trails, TRIPS, both_seen(trails, TRIPS), count, rng)
    trails.time[item, came] = trails.time[item, left] - minutes(10, 120, item.size, rng)
    trails.kind[item, came] = trails.kind[item, left] = kind


def lose_links(trails: Trails, count: int, kind: int, rng: np.random.Generator) -> None:
    """Remove two to four scans in a row from the middle of a journey; label the one after."""
    seen = trails.visible
    item = trails.pick(seen.sum(axis=1) >= 4, count, rng)
    for i in item:
        slots = np.flatnonzero(seen[i])
        length = int(rng.integers(2, min(4, slots.size - 2) + 1))
        start = int(rng.integers(1, slots.size - length))
        trails.here[i, slots[start : start + length]] = False
        trails.kind[i, slots[start + length]] = kind


def commission_twice(trails: Trails, count: int, kind: int, rng: np.random.Generator) -> None:
    """Make the same serial again, minutes to hours later, before it reaches the warehouse."""
    seen = trails.visible
    item = trails.pick(seen[:, AGG] & seen[:, WMS_IN], count, rng)
    made = trails.time[item, AGG]
    room = trails.time[item, WMS_IN] - made
    again = made + (room * rng.uniform(0.3, 0.8, item.size)).astype(np.int64)
    trails.insert(item, np.zeros_like(item), trails.site[item, AGG].astype(np.int64), again, kind)


def burst(trails: Trails, count: int, kind: int, rng: np.random.Generator) -> None:
    """Scan one item 8 to 20 more times at one reader, seconds apart."""
    room = next_time(trails) - trails.time > HOUR // 2
    allowed = trails.visible & room
    item = trails.pick(any_slot(allowed), count, rng)
    slot = one_each(allowed[item], rng)
    trails.kind[item, slot] = kind
    repeats = rng.integers(8, 21, item.size)
    row = np.repeat(np.arange(item.size), repeats)
    steps = rng.integers(5, 41, row.size)
    passed = _running(steps, row)
    site = trails.site[item, slot].astype(np.int64)
    time = trails.time[item, slot][row] + passed
    trails.insert(item[row], SLOT_STAGE[slot][row], site[row], time, kind)


def _running(steps: Ints, row: Ints) -> Ints:
    """Running sums of `steps`, starting anew with every row."""
    total = np.cumsum(steps)
    start = np.flatnonzero(np.diff(row, prepend=-1))
    before = np.repeat(total[start] - steps[start], np.diff(np.append(start, row.size)))
    result: Ints = total - before
    return result
