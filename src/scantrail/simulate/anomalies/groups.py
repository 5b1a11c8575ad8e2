"""Anomalies of a site, a reader or a person, seen only over many items."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from scantrail.simulate.anomalies.draw import minutes
from scantrail.simulate.trails import (
    HOUR,
    HUB_IN,
    HUB_OUT,
    R_IN,
    SLOTS,
    W_OUT,
    WMS_IN,
    WMS_OUT,
)

if TYPE_CHECKING:
    from scantrail.simulate.network import Bools, Ints
    from scantrail.simulate.trails import Trails

_LOST_SHARE: Final = (0.25, 0.7)
_OPERATORS: Final = 4


def _site_with(site: Ints, least: int, rng: np.random.Generator) -> int:
    """One of the sites that occur often enough in `site`, or the most frequent one."""
    counts = np.bincount(site)
    enough = np.flatnonzero(counts >= least)
    return int(rng.choice(enough)) if enough.size else int(np.argmax(counts))


def lose_reads(trails: Trails, count: int, kind: int, rng: np.random.Generator) -> None:
    """Let a site's reader miss a large share of the items for a while; label what follows."""
    seen = trails.visible
    slot = int(rng.choice([WMS_IN, WMS_OUT, HUB_IN, HUB_OUT]))
    usable = np.flatnonzero(seen[:, slot] & seen[:, slot + 1 :].any(axis=1) & ~trails.taken)
    if not count or not usable.size:
        return
    site = _site_with(trails.site[usable, slot].astype(np.int64), 2 * count, rng)
    there = usable[trails.site[usable, slot] == site]
    there = there[np.argsort(trails.time[there, slot], kind="stable")]
    length = min(there.size, 2 * count)
    start = int(rng.integers(0, there.size - length + 1))
    times = trails.time[there, slot]
    inside = (times >= times[start]) & (times <= times[start + length - 1])
    share = float(np.clip(count / inside.sum(), *_LOST_SHARE))
    lost = there[inside & (rng.random(there.size) < share)]
    trails.taken[lost] = True
    trails.here[lost, slot] = False
    after = trails.following(lost, slot)
    trails.kind[lost, after] = kind


def skew_clock(trails: Trails, count: int, kind: int, rng: np.random.Generator) -> None:
    """Let a shop's clock run hours ahead for a while: all its scans of that time are late."""
    usable = np.flatnonzero(trails.visible[:, R_IN] & ~trails.taken)
    if not count or not usable.size:
        return
    shop = _site_with(trails.site[usable, R_IN].astype(np.int64), count, rng)
    there = usable[trails.site[usable, R_IN] == shop]
    times = np.sort(trails.time[there, R_IN])
    length = min(times.size, count)
    start = int(rng.integers(0, times.size - length + 1))
    ahead = int(rng.integers(2 * HOUR, 6 * HOUR))
    mine = there[:, None]
    at = trails.time[mine, np.arange(SLOTS)]
    inside: Bools = (at >= times[start]) & (at <= times[start + length - 1])
    seen = trails.visible[there]
    inside = np.logical_and(inside, seen & (trails.site[there] == shop))
    ordered = _still_ordered(at, at + np.where(inside, ahead, 0), seen)
    skewed: Bools = np.logical_and(inside, ordered[:, None])
    trails.time[there] += np.where(skewed, ahead, 0)
    trails.kind[there] = np.where(skewed, kind, trails.kind[there])
    trails.taken[there[skewed.any(axis=1)]] = True


def _still_ordered(old: Ints, new: Ints, seen: Bools) -> Bools:
    """Rows whose seen times still rise from left to right."""
    top = np.maximum.accumulate(np.where(seen, new, old.min()), axis=1)
    before = np.concatenate([np.full((len(top), 1), -1), top[:, :-1]], axis=1)
    result: Bools = np.all(~seen | (new > before), axis=1)
    return result


def one_actor(trails: Trails, count: int, kind: int, rng: np.random.Generator) -> None:
    """Let one operator, who also does honest work, let single items go after their batch."""
    slot = int(rng.choice([WMS_OUT, HUB_OUT, W_OUT]))
    usable = trails.visible[:, slot] & ~trails.taken
    if not count or not usable.any():
        return
    sites = trails.site[:, slot].astype(np.int64)
    site = _site_with(sites[usable], 3 * count, rng)
    item = trails.pick(usable & (sites == site), count, rng)
    late = trails.time[item, slot] + minutes(20, 150, item.size, rng)
    trails.replay(item, slot, late, rng)
    trails.actor[item, slot] = int(rng.integers(1, _OPERATORS + 1))
    trails.kind[item, slot] = kind
