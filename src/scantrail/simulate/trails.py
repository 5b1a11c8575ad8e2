"""All journeys as one table of slots: item by step, each with a time, a place and what is odd.

A slot is a step that a journey may have; most journeys use the first few. Anomalies move slots,
empty them, and add scans beside them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from scantrail.simulate.clock import Calendar
    from scantrail.simulate.config import SimulationConfig
    from scantrail.simulate.items import Items
    from scantrail.simulate.network import Bools, Floats, Ints, Network

(
    AGG,
    WMS_IN,
    WMS_OUT,
    HUB_IN,
    HUB_OUT,
    HUB2_IN,
    HUB2_OUT,
    W_IN,
    W_OUT,
    R_IN,
    R_OUT,
    POS,
    RETURN,
    R_IN2,
    R_OUT2,
    POS2,
) = range(16)
SLOTS: Final = 16

#: Stage of each slot: an index into the ten stages, 10 for a customer's return.
SLOT_STAGE: Final = np.array([0, 1, 2, 3, 4, 3, 4, 5, 6, 7, 8, 9, 10, 7, 8, 9], dtype=np.int64)
#: Slots at which goods come in from another site.
ARRIVALS: Final = (WMS_IN, HUB_IN, HUB2_IN, W_IN, R_IN)
_STAGE_TIER: Final = np.array([0, 1, 1, 2, 2, 3, 3, 4, 4, 4, 4], dtype=np.int64)
SLOT_TIER: Final = _STAGE_TIER[SLOT_STAGE]

HOUR: Final = 3600
_MIN_HOURS: Final = 1.0
_KM_PER_HOUR: Final = 60.0
_FASTEST_KM_PER_HOUR: Final = 85.0


def travel(km: Floats, rng: np.random.Generator) -> Ints:
    """Seconds on the road: about 60 km/h plus loading, at least an hour, never above 85 km/h."""
    loading = 0.5 + 0.6 * rng.lognormal(0.0, 0.45, km.size)
    hours = loading + km / _KM_PER_HOUR * rng.lognormal(0.0, 0.22, km.size)
    floor = np.maximum(_MIN_HOURS, 0.25 + km / _FASTEST_KM_PER_HOUR)
    return (np.maximum(hours, floor) * HOUR).astype(np.int64)


@dataclass(slots=True)
class Extra:
    """Scans beside the slots, one value per scan; `kind` 0 is unlabelled, `code` -1 the item's."""

    item: Ints
    stage: Ints
    site: Ints
    time: Ints
    kind: Ints
    code: Ints
    actor: Ints


@dataclass(slots=True)
class Trails:
    """The state that noise and anomalies work on.

    Attributes:
        config: What was asked for.
        net: Sites.
        cal: Working hours.
        items: What was made.
        time: Local seconds per item and slot (Int64).
        site: Site index per item and slot (Int16).
        planned: Whether the journey has the step.
        here: Whether the log has its scan.
        kind: Number of the anomaly that the scan belongs to, 0 for none (Int8).
        code: Index into `codes` of a wrong code on the scan, -1 for the item's own (Int32).
        actor: Operator number that replaces the usual one, -1 for none (Int32).
        taken: Items that already have an anomaly.
        codes: Wrong codes, as written.
        extra: Scans beside the slots.
    """

    config: SimulationConfig
    net: Network
    cal: Calendar
    items: Items
    time: Ints
    site: npt.NDArray[np.int16]
    planned: Bools
    here: Bools
    kind: npt.NDArray[np.int8]
    code: npt.NDArray[np.int32]
    actor: npt.NDArray[np.int32]
    taken: Bools
    codes: list[str] = field(default_factory=list)
    extra: list[Extra] = field(default_factory=list)

    @property
    def visible(self) -> Bools:
        """Scans that are in the log: read, and before its end."""
        return self.here & (self.time < self.cal.end)

    def pick(self, mask: Bools, count: int, rng: np.random.Generator) -> Ints:
        """Take up to `count` items of those that `mask` allows and that have no anomaly yet."""
        free = np.flatnonzero(mask & ~self.taken)
        chosen = np.sort(rng.choice(free, min(count, free.size), replace=False))
        self.taken[chosen] = True
        return chosen.astype(np.int64)

    def insert(
        self,
        item: Ints,
        stage: Ints,
        site: Ints,
        time: Ints,
        kind: int,
    ) -> None:
        """Add scans beside the slots, in the item's own code."""
        none = np.full(item.size, -1, dtype=np.int64)
        label = np.full(item.size, kind, dtype=np.int64)
        self.extra.append(Extra(item, stage, site, time, label, none, none))

    def last(self, item: Ints) -> Ints:
        """The last slot of each item that the log has."""
        result: Ints = SLOTS - 1 - np.argmax(self.visible[item][:, ::-1], axis=1)
        return result

    def km(self, a: Ints, b: Ints) -> Floats:
        """Great-circle kilometres between sites, pair by pair."""
        result: Floats = self.net.km[a, b]
        return result

    def replay(
        self, item: Ints, first: int, start: Ints, rng: np.random.Generator, *, moved: bool = False
    ) -> None:
        """Let slot `first` happen at `start` and all later ones follow at their own pace.

        Stays keep their length; so do trips, unless the goods have `moved` to other sites, whose
        roads then count. Closed sites make them wait.
        """
        old = self.time[item]
        now, before = start.copy(), old[:, first].copy()
        at = self.site[item, first].astype(np.int64)
        self.time[item, first] = start
        for slot in range(first + 1, SLOTS):
            rows = np.flatnonzero(self.planned[item, slot])
            if not rows.size:
                continue
            to = self.site[item[rows], slot].astype(np.int64)
            gap = old[rows, slot] - before[rows]
            if moved and slot in ARRIVALS:
                gap = travel(self.km(at[rows], to), rng)
            reached = self.cal.arrive(now[rows] + gap, to, rng)
            before[rows] = old[rows, slot]
            now[rows], at[rows] = reached, to
            self.time[item[rows], slot] = reached

    def following(self, item: Ints, slot: int) -> Ints:
        """The slot after `slot`, among those that the log has; -1 where there is none."""
        found = self.visible[item, slot + 1 :]
        return np.where(found.any(axis=1), slot + 1 + np.argmax(found, axis=1), -1)
