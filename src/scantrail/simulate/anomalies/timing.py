"""Anomalies of time: stays and trips out of proportion, closed hours, items that leave alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from scantrail.simulate.anomalies.draw import (
    STAYS,
    TRIPS,
    both_seen,
    by_slot,
    minutes,
    one_each,
    pick_pair,
)
from scantrail.simulate.network import DAY
from scantrail.simulate.trails import (
    HOUR,
    HUB2_IN,
    HUB_OUT,
    POS,
    R_IN,
    R_OUT,
    W_IN,
    W_OUT,
    travel,
)

if TYPE_CHECKING:
    from scantrail.simulate.network import Ints
    from scantrail.simulate.trails import Trails

_LONG: Final = (4.0, 6.5)  # times the usual stay


def _move(trails: Trails, item: Ints, slot: Ints, time: Ints, rng: np.random.Generator) -> None:
    """Let each item's slot happen at a new time and the rest of its journey follow."""
    for number, rows in by_slot(item, slot):
        trails.replay(item[rows], number, time[rows], rng)


def stay_short(trails: Trails, count: int, kind: int, rng: np.random.Generator) -> None:
    """Leave within minutes where goods stay for days."""
    item, came, left = pick_pair(trails, STAYS, both_seen(trails, STAYS), count, rng)
    _move(trails, item, left, trails.time[item, came] + minutes(2, 15, item.size, rng), rng)
    trails.kind[item, left] = kind


def stay_long(trails: Trails, count: int, kind: int, rng: np.random.Generator) -> None:
    """Stay four to six and a half times as long as is usual there."""
    net, end = trails.net, trails.cal.end - 3 * DAY
    days = net.chain.dwell_days
    usual = np.stack(
        [days[i] * DAY * net.pace[trails.site[:, a]] for i, (a, _) in enumerate(STAYS)], axis=1
    )
    room = np.stack([end - trails.time[:, a] for a, _ in STAYS], axis=1) / usual
    possible = both_seen(trails, STAYS) & (room > _LONG[0])
    item, came, left = pick_pair(trails, STAYS, possible, count, rng)
    which = np.searchsorted(np.array([a for a, _ in STAYS]), came)
    factor = rng.uniform(_LONG[0], np.clip(room[item, which], *_LONG), item.size)
    ready = trails.time[item, came] + (usual[item, which] * factor).astype(np.int64)
    site = trails.site[item, left].astype(np.int64)
    _move(trails, item, left, trails.cal.arrive(ready, site, rng), rng)
    trails.kind[item, left] = kind


def travel_slow(trails: Trails, count: int, kind: int, rng: np.random.Generator) -> None:
    """Take days longer on a road of hours."""
    room = np.stack([trails.time[:, b] < trails.cal.end - 12 * DAY for _, b in TRIPS], axis=1)
    item, _, came = pick_pair(trails, TRIPS, both_seen(trails, TRIPS) & room, count, rng)
    late = trails.time[item, came] + rng.integers(4 * DAY, 9 * DAY, item.size)
    site = trails.site[item, came].astype(np.int64)
    _move(trails, item, came, trails.cal.arrive(late, site, rng), rng)
    trails.kind[item, came] = kind


_NIGHT_SCANS: Final = ((W_IN, W_OUT), (R_IN, R_OUT), (R_OUT, POS))


def off_hours(trails: Trails, count: int, kind: int, rng: np.random.Generator) -> None:
    """Scan an item between 00:30 and 04:30 at a site that is then closed."""
    night = np.stack([trails.time[:, b] // DAY * DAY for _, b in _NIGHT_SCANS], axis=1)
    before = np.stack([trails.time[:, a] for a, _ in _NIGHT_SCANS], axis=1)
    site = np.stack([trails.site[:, b] for _, b in _NIGHT_SCANS], axis=1)
    closes = trails.net.opens[site] > 5 * HOUR
    possible = both_seen(trails, _NIGHT_SCANS) & closes & (before < night)
    item, _, slot = pick_pair(trails, _NIGHT_SCANS, possible, count, rng)
    start = trails.time[item, slot] // DAY * DAY
    trails.time[item, slot] = start + minutes(30, 270, item.size, rng)
    trails.kind[item, slot] = kind


def leave_cohort(trails: Trails, count: int, kind: int, rng: np.random.Generator) -> None:
    """Leave the batch: days ahead of it, days behind it, or for another of the hub's customers."""
    apart = count // 3
    _other_customer(trails, apart, kind, rng)
    pairs = STAYS[:3]  # a batch is together until the wholesaler
    arrival = dict(TRIPS)
    item, came, left = pick_pair(trails, pairs, both_seen(trails, pairs), count - apart, rng)
    ahead = rng.random(item.size) < 0.5
    factor = np.where(ahead, rng.uniform(0.4, 0.65, item.size), rng.uniform(1.5, 2.2, item.size))
    stay = trails.time[item, left] - trails.time[item, came]
    ready = trails.time[item, came] + (stay * factor).astype(np.int64)
    site = trails.site[item, left].astype(np.int64)
    _move(trails, item, left, trails.cal.depart(ready, site, rng), rng)
    trails.kind[item, left] = kind
    following = np.array([arrival[int(s)] for s in left], dtype=np.int64)
    trails.kind[item, following] = kind


def _other_customer(trails: Trails, count: int, kind: int, rng: np.random.Generator) -> None:
    seen, net = trails.visible, trails.net
    plain = seen[:, HUB_OUT] & seen[:, W_IN] & ~trails.planned[:, HUB2_IN]
    item = trails.pick(plain, count, rng)
    if not item.size:
        return
    old = trails.site[item, W_IN].astype(np.int64)
    options = net.wholesaler[net.region[old]]
    to = options[np.arange(item.size), one_each(options != old[:, None], rng)]
    trails.site[item, W_IN : W_OUT + 1] = to[:, None]
    shops = net.retailer[net.region[old]]
    trails.site[item, R_IN:] = shops[np.arange(item.size), one_each(shops >= 0, rng)][:, None]
    road = travel(trails.km(trails.site[item, HUB_OUT].astype(np.int64), to), rng)
    start = trails.cal.arrive(trails.time[item, HUB_OUT] + road, to, rng)
    trails.replay(item, W_IN, start, rng, moved=True)
    trails.kind[item, W_IN] = kind
