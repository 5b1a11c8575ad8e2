"""Honest journeys: where each batch goes, how long it stays, when it leaves and arrives."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from scantrail.simulate.network import DAY
from scantrail.simulate.trails import (
    AGG,
    HOUR,
    HUB2_IN,
    HUB2_OUT,
    HUB_IN,
    HUB_OUT,
    POS,
    R_IN,
    R_OUT,
    SLOT_STAGE,
    SLOTS,
    W_IN,
    W_OUT,
    WMS_IN,
    WMS_OUT,
    Trails,
    travel,
)

if TYPE_CHECKING:
    from scantrail.simulate.clock import Calendar
    from scantrail.simulate.config import SimulationConfig
    from scantrail.simulate.items import Items
    from scantrail.simulate.network import Bools, Ints, Network

_OWN_AREA: Final = 0.6  # share of a wholesaler's goods that stay with the shops of its own area
_DWELL_SPREAD: Final = 0.5
_SHORTEST_STAY: Final = 6 * HOUR
_SHELF_SECONDS: Final = 20 * 60


class _Planner:
    """Draws times for whole groups of items (batches, or a batch's share for one shop)."""

    def __init__(self, net: Network, cal: Calendar, rng: np.random.Generator) -> None:
        self.net, self.cal, self.rng = net, cal, rng

    def trip(self, left: Ints, start: Ints, end: Ints) -> Ints:
        """When goods that left `start` are scanned in at `end`."""
        return self.cal.arrive(left + travel(self.net.km[start, end], self.rng), end, self.rng)

    def stay(self, came: Ints, site: Ints, tier_place: int, scale: float = 1.0) -> Ints:
        """When goods leave again; the median is the chain's, times the site's own pace."""
        median = self.net.chain.dwell_days[tier_place] * self.net.pace[site] * DAY * scale
        stay = median * self.rng.lognormal(0.0, _DWELL_SPREAD, came.size)
        ready = came + np.maximum(stay, _SHORTEST_STAY).astype(np.int64)
        return self.cal.depart(ready, site, self.rng)

    def shelf(self, came: Ints, site: Ints) -> Ints:
        """When single items are sold: at any moment of the shop's day, most within weeks."""
        mean = self.net.chain.dwell_days[4] * self.net.pace[site] * DAY
        ready = came + _SHELF_SECONDS + (self.rng.exponential(1, came.size) * mean).astype(np.int64)
        return self.cal.depart(ready, site, self.rng)

    def choose(self, options: Ints, weights: Ints) -> Ints:
        """One of a row's options each, by the row's weights."""
        shares = np.cumsum(weights / weights.sum(axis=1, keepdims=True), axis=1)
        pick = (self.rng.random((len(options), 1)) > shares[:, :-1]).sum(axis=1)
        result: Ints = options[np.arange(len(options)), pick]
        return result


def plan(
    net: Network, cal: Calendar, items: Items, config: SimulationConfig, rng: np.random.Generator
) -> Trails:
    """Plan every journey to the stage that it reaches."""
    n = items.serial.size
    trails = Trails(
        config=config,
        net=net,
        cal=cal,
        items=items,
        time=np.zeros((n, SLOTS), dtype=np.int64),
        site=np.zeros((n, SLOTS), dtype=np.int16),
        planned=np.zeros((n, SLOTS), dtype=np.bool_),
        here=np.zeros((n, SLOTS), dtype=np.bool_),
        kind=np.zeros((n, SLOTS), dtype=np.int8),
        code=np.full((n, SLOTS), -1, dtype=np.int32),
        actor=np.full((n, SLOTS), -1, dtype=np.int32),
        taken=np.zeros(n, dtype=np.bool_),
    )
    planner = _Planner(net, cal, rng)
    trails.planned[:, : POS + 1] = items.reached[:, None] >= SLOT_STAGE[: POS + 1]
    _to_wholesaler(trails, planner)
    _to_customer(trails, planner)
    trails.here[:] = trails.planned
    return trails


def _to_wholesaler(trails: Trails, planner: _Planner) -> None:
    """Fill the slots up to the wholesaler's door, batch by batch."""
    items, net, rng = trails.items, trails.net, planner.rng
    _, first, batch = np.unique(items.batch, return_index=True, return_inverse=True)
    last = np.append(first[1:], items.batch.size) - 1
    plant = items.plant[first]
    hubs = np.array([p.hubs for p in net.chain.plants])[plant]
    region = planner.choose(np.tile(np.arange(hubs.shape[1]), (plant.size, 1)), hubs)
    going = np.flatnonzero(items.reached[first] >= SLOT_STAGE[W_IN])
    rare, by_hub = _rare_lanes(plant.size, going, trails.config.noise.rare_lane, rng)
    neighbour = (region + 1) % hubs.shape[1]
    hub, hub2 = net.hub[region], net.hub[np.where(by_hub, neighbour, region)]
    served = net.wholesaler[np.where(rare, neighbour, region)]
    wholesaler = planner.choose(served, np.full(served.shape, 1))
    store = net.warehouse[plant]

    time = {WMS_IN: planner.cal.arrive(items.made[last] + _line_lag(plant.size, rng), store, rng)}
    time[WMS_OUT] = planner.stay(time[WMS_IN], store, 0)
    time[HUB_IN] = planner.trip(time[WMS_OUT], store, hub)
    time[HUB_OUT] = planner.stay(time[HUB_IN], hub, 1)
    time[HUB2_IN] = planner.trip(time[HUB_OUT], hub, hub2)
    time[HUB2_OUT] = planner.stay(time[HUB2_IN], hub2, 1, 0.3)
    left = np.where(by_hub, time[HUB2_OUT], time[HUB_OUT])
    time[W_IN] = planner.trip(left, hub2, wholesaler)
    time[W_OUT] = planner.stay(time[W_IN], wholesaler, 2)

    trails.time[:, AGG], trails.site[:, AGG] = items.made, items.plant
    places = (store, store, hub, hub, hub2, hub2, wholesaler, wholesaler)
    for slot, place in zip(range(WMS_IN, W_OUT + 1), places, strict=True):
        trails.time[:, slot], trails.site[:, slot] = time[slot][batch], place[batch]
    transfer = by_hub[batch] & (items.reached >= SLOT_STAGE[W_IN])
    trails.planned[:, HUB2_IN : HUB2_OUT + 1] = transfer[:, None]


def _rare_lanes(
    count: int, going: Ints, share: float, rng: np.random.Generator
) -> tuple[Bools, Bools]:
    """Which of the batches go by a rare lane, and which of those by way of a second hub."""
    rare, by_hub = np.zeros(count, dtype=np.bool_), np.zeros(count, dtype=np.bool_)
    chosen = rng.choice(going, math.ceil(share * going.size), replace=False)
    rare[chosen], by_hub[chosen[::2]] = True, True
    return rare, by_hub


def _line_lag(count: int, rng: np.random.Generator) -> Ints:
    """Seconds from the last item of a batch leaving the line to its scan in the warehouse."""
    hours = np.clip(1.5 * rng.lognormal(0.0, 0.8, count), 0.28, 9.0)
    result: Ints = (hours * HOUR).astype(np.int64)
    return result


def _to_customer(trails: Trails, planner: _Planner) -> None:
    """Fill the slots at the shop: each item draws its shop, a batch's share travels together."""
    items, net = trails.items, trails.net
    going = np.flatnonzero(trails.planned[:, R_IN])
    if not going.size:
        return
    wholesaler = trails.site[going, W_OUT].astype(np.int64)
    shops = net.retailer[net.region[wholesaler]]
    number = np.array([s.w for s in net.sites])
    own = number[shops] == number[wholesaler][:, None]
    others = max(1, net.chain.wholesalers - 1)
    shop = planner.choose(shops, np.where(own, _OWN_AREA, (1 - _OWN_AREA) / others))

    key = items.batch[going] * len(net.sites) + shop
    _, first, group = np.unique(key, return_index=True, return_inverse=True)
    came = planner.trip(trails.time[going, W_OUT][first], wholesaler[first], shop[first])
    shelved = planner.stay(came, shop[first], 3)
    trails.time[going, R_IN], trails.time[going, R_OUT] = came[group], shelved[group]
    trails.time[going, POS] = planner.shelf(shelved[group], shop)
    trails.site[going, R_IN:] = shop[:, None]
