"""Small draws that several kinds of anomaly share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from scantrail.simulate.trails import (
    HUB_IN,
    HUB_OUT,
    R_IN,
    R_OUT,
    SLOTS,
    W_IN,
    W_OUT,
    WMS_IN,
    WMS_OUT,
)

if TYPE_CHECKING:
    from scantrail.simulate.network import Bools, Ints
    from scantrail.simulate.trails import Trails

#: Coming and going at one place.
STAYS: Final = ((WMS_IN, WMS_OUT), (HUB_IN, HUB_OUT), (W_IN, W_OUT), (R_IN, R_OUT))
#: Leaving one place and coming to the next.
TRIPS: Final = ((WMS_OUT, HUB_IN), (HUB_OUT, W_IN), (W_OUT, R_IN))
NEVER: Final = 2**62


def one_each(allowed: Bools, rng: np.random.Generator) -> Ints:
    """One of the allowed columns of each row, all equally likely; a row must allow one.

    >>> one_each(np.array([[False, True], [True, False]]), np.random.default_rng(0)).tolist()
    [1, 0]
    """
    draw = np.where(allowed, rng.random(allowed.shape), -1.0)
    result: Ints = np.argmax(draw, axis=1)
    return result


def any_slot(allowed: Bools) -> Bools:
    """Whether each row has a True."""
    result: Bools = np.any(allowed, axis=1)
    return result


def pick_pair(
    trails: Trails,
    pairs: tuple[tuple[int, int], ...],
    possible: Bools,
    count: int,
    rng: np.random.Generator,
) -> tuple[Ints, Ints, Ints]:
    """Items with, for each, one of the `pairs` of slots for which `possible` has a True.

    Returns item, first slot, second slot.
    """
    item = trails.pick(any_slot(possible), count, rng)
    which = one_each(possible[item], rng) if item.size else np.zeros(0, dtype=np.int64)
    table = np.array(pairs, dtype=np.int64)
    return item, table[which, 0], table[which, 1]


def both_seen(trails: Trails, pairs: tuple[tuple[int, int], ...]) -> Bools:
    """Per item and pair, whether the log has both scans."""
    seen = trails.visible
    return np.stack([seen[:, a] & seen[:, b] for a, b in pairs], axis=1)


def next_time(trails: Trails) -> Ints:
    """Per item and slot, when the next scan in the log is; `NEVER` after the last."""
    seen = trails.visible
    result = np.full(seen.shape, NEVER, dtype=np.int64)
    for slot in range(SLOTS - 2, -1, -1):
        after = slot + 1
        result[:, slot] = np.where(seen[:, after], trails.time[:, after], result[:, after])
    return result


def minutes(low: float, high: float, count: int, rng: np.random.Generator) -> Ints:
    """Seconds, from `low` to `high` minutes."""
    return rng.integers(int(low * 60), int(high * 60) + 1, count)


def by_slot(item: Ints, slot: Ints) -> list[tuple[int, Ints]]:
    """Where in `item` each slot occurs, for work that must go slot by slot."""
    return [(int(s), np.flatnonzero(slot == s)) for s in np.unique(slot)] if item.size else []


def other_site(trails: Trails, site: Ints, least_km: float, rng: np.random.Generator) -> Ints:
    """Another listed site of the same tier, at least so far away; the farthest where none is."""
    net = trails.net
    listed = np.arange(len(net.sites)) < net.listed
    same = (net.tier[site][:, None] == net.tier) & listed
    far = same & (net.km[site] >= least_km)
    farthest = np.argmax(np.where(same, net.km[site], -1.0), axis=1)
    return np.where(far.any(axis=1), one_each(far, rng), farthest)
