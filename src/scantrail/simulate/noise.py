"""Ordinary noise: what happens in every honest chain and must not raise an alarm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from scantrail.simulate.network import DAY
from scantrail.simulate.trails import (
    HOUR,
    HUB_IN,
    POS,
    POS2,
    R_IN2,
    R_OUT2,
    RETURN,
    SLOT_STAGE,
    SLOTS,
)

if TYPE_CHECKING:
    from scantrail.simulate.network import Bools, Ints
    from scantrail.simulate.trails import Trails

_LATE_HOURS: Final = (2, 72)


def add_returns(trails: Trails, rng: np.random.Generator) -> None:
    """Let some customers bring their item back; the shop restocks it and sells half again."""
    sold = np.flatnonzero(trails.planned[:, POS])
    item = sold[rng.random(sold.size) < trails.config.noise.returned].astype(np.int64)
    if not item.size:
        return
    shop = trails.site[item, POS].astype(np.int64)
    days = rng.exponential(5.0, item.size)
    ready = trails.time[item, POS] + HOUR + (days * DAY).astype(np.int64)
    back = trails.cal.depart(ready, shop, rng)
    stocked = trails.cal.arrive(back + rng.integers(900, 4 * HOUR, item.size), shop, rng)
    out = trails.cal.depart(stocked + rng.integers(6 * HOUR, 4 * DAY, item.size), shop, rng)
    again = trails.cal.depart(out + rng.integers(HOUR, 20 * DAY, item.size), shop, rng)
    resold = rng.random(item.size) < 0.5
    for slot, time in ((RETURN, back), (R_IN2, stocked), (R_OUT2, out), (POS2, again)):
        trails.time[item, slot] = time
        trails.site[item, slot] = shop
        trails.planned[item, slot] = resold | (slot <= R_IN2)
    trails.here[item] = trails.planned[item]


def start_mid_life(trails: Trails, rng: np.random.Generator) -> None:
    """Let the history of some batches begin at the hub: what came before is in no file."""
    batches = int(trails.items.batch[-1]) + 1
    late = (rng.random(batches) < trails.config.noise.mid_life)[trails.items.batch]
    late &= trails.visible[:, HUB_IN]
    trails.here[late, :HUB_IN] = False


def miss_reads(trails: Trails, rng: np.random.Generator) -> None:
    """Lose single scans, never two in a row of one item and never an item's only one."""
    seen = trails.visible
    lost = seen & (rng.random(seen.shape) < trails.config.noise.missed)
    lost[:, RETURN] = False  # a return is typed in by hand
    before = np.zeros(len(seen), dtype=np.bool_)  # was the scan before this one lost?
    kept = np.zeros(len(seen), dtype=np.bool_)
    for slot in range(SLOTS):
        lost[:, slot] &= ~before
        before = np.where(seen[:, slot], lost[:, slot], before)
        kept |= seen[:, slot] & ~lost[:, slot]
    lost[~kept] = False
    trails.here &= ~lost


def double_reads(trails: Trails, rng: np.random.Generator) -> None:
    """Read some scans twice, seconds to a minute apart."""
    seen = trails.visible & (trails.kind == 0)
    again: Bools = seen & (rng.random(seen.shape) < trails.config.noise.double)
    item, slot = (a.astype(np.int64) for a in np.nonzero(again))
    time = trails.time[item, slot] + rng.integers(2, 61, item.size)
    trails.insert(item, SLOT_STAGE[slot], trails.site[item, slot].astype(np.int64), time, 0)


def upload_delay(count: int, share: float, rng: np.random.Generator) -> Ints:
    """Seconds between a scan and its arrival in the file: none, or hours to three days."""
    late = rng.random(count) < share
    low, high = _LATE_HOURS
    delay: Ints = np.where(late, rng.integers(low * HOUR, high * HOUR, count), 0)
    return delay
