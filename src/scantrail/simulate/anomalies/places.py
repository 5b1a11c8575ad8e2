"""Anomalies of place: two places at once, impossible speed, wrong tier, wrong market, clones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from scantrail.simulate.anomalies.draw import (
    TRIPS,
    any_slot,
    both_seen,
    minutes,
    one_each,
    other_site,
    pick_pair,
)
from scantrail.simulate.network import DAY
from scantrail.simulate.trails import (
    HOUR,
    HUB2_IN,
    HUB_IN,
    HUB_OUT,
    POS,
    R_IN,
    R_OUT,
    RETURN,
    SLOT_STAGE,
    W_IN,
    W_OUT,
    WMS_IN,
    travel,
)

if TYPE_CHECKING:
    from scantrail.simulate.network import Bools, Ints
    from scantrail.simulate.trails import Trails

_FAR_KM: Final = 100.0


def two_places(trails: Trails, count: int, kind: int, rng: np.random.Generator) -> None:
    """Scan an item at a second place of the same tier in the very same second."""
    seen = trails.visible.copy()
    seen[:, 0] = False
    item = trails.pick(any_slot(seen), count, rng)
    slot = one_each(seen[item], rng)
    trails.kind[item, slot] = kind
    elsewhere = other_site(trails, trails.site[item, slot].astype(np.int64), 20.0, rng)
    trails.insert(item, SLOT_STAGE[slot], elsewhere, trails.time[item, slot], kind)


def jump(trails: Trails, count: int, kind: int, rng: np.random.Generator) -> None:
    """Cover more than 100 km in minutes."""
    far = np.stack([trails.net.km[trails.site[:, a], trails.site[:, b]] for a, b in TRIPS], axis=1)
    possible = both_seen(trails, TRIPS) & (far > _FAR_KM)
    item, left, came = pick_pair(trails, TRIPS, possible, count, rng)
    trails.time[item, came] = trails.time[item, left] + minutes(3, 25, item.size, rng)
    trails.kind[item, came] = kind


def wrong_tier(trails: Trails, count: int, kind: int, rng: np.random.Generator) -> None:
    """Go back up the chain, skip the wholesaler, or appear at a place that nobody knows."""
    back, skip = -(-count // 3), -(-(count - 1) // 3)
    _up_the_chain(trails, back, kind, rng)
    _skip_wholesaler(trails, skip, kind, rng)
    _unknown_place(trails, count - back - skip, kind, rng)


def _up_the_chain(trails: Trails, count: int, kind: int, rng: np.random.Generator) -> None:
    seen = trails.visible
    every = np.arange(len(seen))
    last = trails.last(every)
    room = trails.time[every, last] < trails.cal.end - 4 * DAY
    mask = np.isin(last, (W_IN, R_IN)) & seen.any(axis=1) & room
    item = trails.pick(mask, count, rng)
    last = last[item]
    to = np.where(rng.random(item.size) < 0.6, HUB_IN, WMS_IN)
    start, end = (trails.site[item, s].astype(np.int64) for s in (last, to))
    left = trails.time[item, last] + rng.integers(6 * HOUR, 2 * DAY, item.size)
    time = trails.cal.arrive(left + travel(trails.km(start, end), rng), end, rng)
    trails.insert(item, SLOT_STAGE[to], end, time, kind)


def _skip_wholesaler(trails: Trails, count: int, kind: int, rng: np.random.Generator) -> None:
    seen = trails.visible
    mask = seen[:, HUB_OUT] & seen[:, R_IN] & ~trails.planned[:, HUB2_IN]
    item = trails.pick(mask, count, rng)
    for slot in (W_IN, W_OUT):
        trails.here[item, slot] = trails.planned[item, slot] = False
    region = _other_region(trails, trails.site[item, HUB_OUT].astype(np.int64), rng)
    _send(trails, item, (HUB_OUT, R_IN), trails.net.retailer[region], rng)
    trails.kind[item, R_IN] = kind


def _unknown_place(trails: Trails, count: int, kind: int, rng: np.random.Generator) -> None:
    allowed = trails.visible.copy()
    allowed[:, [s for s in range(allowed.shape[1]) if s not in (HUB_IN, HUB_OUT, W_IN, W_OUT)]] = 0
    item = trails.pick(any_slot(allowed), count, rng)
    slot = one_each(allowed[item], rng)
    listed = trails.net.listed
    trails.site[item, slot] = np.where(slot >= W_IN, listed, listed + 1)
    trails.kind[item, slot] = kind


def after_sale(trails: Trails, count: int, kind: int, rng: np.random.Generator) -> None:
    """Let a sold item live on without a return: at another shop, out again, or sold again."""
    sold = trails.visible[:, POS] & ~trails.planned[:, RETURN]
    item = trails.pick(sold & (trails.time[:, POS] < trails.cal.end - 3 * DAY), count, rng)
    shop = trails.site[item, POS].astype(np.int64)
    variant = rng.integers(0, 3, item.size)
    slot = np.array([R_IN, R_OUT, POS])[variant]
    net = trails.net
    region = net.retailer[net.region[shop]]
    other = region[np.arange(item.size), one_each(region != shop[:, None], rng)]
    room = np.minimum(trails.cal.end - trails.time[item, POS] - 2 * DAY, 18 * DAY)
    ready = trails.time[item, POS] + 2 * HOUR + (rng.random(item.size) * room).astype(np.int64)
    site = np.where(variant == 0, other, shop)
    trails.insert(item, SLOT_STAGE[slot], site, trails.cal.depart(ready, site, rng), kind)


def divert(trails: Trails, count: int, kind: int, rng: np.random.Generator) -> None:
    """Go on, at a normal pace, to a market that the hub or the wholesaler never serves."""
    seen, net = trails.visible, trails.net
    plain = ~trails.planned[:, HUB2_IN]
    home = net.region[trails.site[:, HUB_OUT]] == net.region[trails.site[:, W_IN]]
    item = trails.pick(seen[:, HUB_OUT] & seen[:, W_IN] & plain & home, count // 2, rng)
    hub = trails.site[item, HUB_OUT].astype(np.int64)
    region = (net.region[hub] + 2) % len(net.hub)
    shops = net.retailer[region]
    trails.site[item, R_IN:] = shops[np.arange(item.size), one_each(shops >= 0, rng)][:, None]
    _send(trails, item, (HUB_OUT, W_IN), net.wholesaler[region], rng)
    trails.kind[item, W_IN] = kind

    item = trails.pick(seen[:, W_OUT] & seen[:, R_IN], count - count // 2, rng)
    region = _other_region(trails, trails.site[item, W_OUT].astype(np.int64), rng)
    _send(trails, item, (W_OUT, R_IN), net.retailer[region], rng)
    trails.kind[item, R_IN] = kind


def _other_region(trails: Trails, site: Ints, rng: np.random.Generator) -> Ints:
    count = len(trails.net.hub)
    return (trails.net.region[site] + rng.integers(1, count, site.size)) % count


def _send(
    trails: Trails, item: Ints, trip: tuple[int, int], options: Ints, rng: np.random.Generator
) -> None:
    """Send items to one of their options by a trip (slot left, slot came); the rest follows."""
    left, came = trip
    if not item.size:
        return
    to = options[np.arange(item.size), one_each(options >= 0, rng)]
    until = {W_IN: W_OUT + 1, R_IN: None}[came]
    trails.site[item, came:until] = to[:, None]
    road = travel(trails.km(trails.site[item, left].astype(np.int64), to), rng)
    start = trails.cal.arrive(trails.time[item, left] + road, to, rng)
    trails.replay(item, came, start, rng, moved=True)


def _long_stays(trails: Trails) -> Bools:
    pairs = _CLONE_STAYS
    stay = np.stack([trails.time[:, b] - trails.time[:, a] for a, b in pairs], axis=1)
    return both_seen(trails, pairs) & (stay >= 5 * DAY)


_CLONE_STAYS: Final = ((W_IN, W_OUT), (R_IN, R_OUT), (R_OUT, POS))


def clone(trails: Trails, count: int, kind: int, rng: np.random.Generator) -> None:
    """Weave a second trail of the code in: another site of the tier, at plausible times."""
    item, came, left = pick_pair(trails, _CLONE_STAYS, _long_stays(trails), count, rng)
    start, end = trails.time[item, came], trails.time[item, left]
    elsewhere = other_site(trails, trails.site[item, came].astype(np.int64), 60.0, rng)
    shop = came != W_IN
    for low, high, slots in ((0.2, 0.45, (W_IN, R_IN)), (0.55, 0.8, (W_OUT, R_OUT))):
        time = start + ((end - start) * rng.uniform(low, high, item.size)).astype(np.int64)
        waited = trails.cal.arrive(time, elsewhere, rng)
        middle = start + (end - start) // 2 if low < 0.5 else end - 10 * HOUR
        time = np.where(waited < middle, waited, time)
        trails.insert(item, SLOT_STAGE[np.where(shop, slots[1], slots[0])], elsewhere, time, kind)
    trails.kind[item, left] = kind  # the step back from the second trail is as odd as the one to it
