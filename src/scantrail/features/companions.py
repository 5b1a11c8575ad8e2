"""With whom an item moves: what was scanned at the same place, step and second.

Goods travel in batches, and a batch shares its scans. What a whole batch does together (a rare
lane, a slow day) says little about any one item of it; what an item does alone, while those that it
came with do something else, says much. Only scans up to the event's own instant are looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from scantrail.features.groups import changes, counted, numbered
from scantrail.vocabulary.linked import Linked

Array = npt.NDArray[Any]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_AGAIN_HOURS: Final = 0.5  # the same step at the same place within this time is no new move
_NONE: Final = -1


@dataclass(frozen=True, slots=True)
class Companions:
    """One value per event, (n,), in journey order.

    Attributes:
        again: The item was only read again: same place, same words, within half an hour.
        run: How many times in a row it was read again; 0 for a move.
        gap: Hours since the previous event if it was read again, NaN otherwise.
        before: Index of the item's previous move, -1 where there is none.
        hours: Hours since that move; NaN without one.
        here: Items that make this move in this second, itself included; 1 if read again.
        alike: Of those, how many also came from the same place and step.
        product_alike: Of those, how many are of the same product.
        came_with: Items that made the previous move together with it; 0 without one.
        left_before: Share of those that had moved on before this instant.
        group: Number of the move's group (place, step, second), dense.
        seen: The item was with others until now, here or before. If not, those that it may have
            come with are not in the log.
    """

    again: npt.NDArray[np.bool_]
    run: Ints
    gap: Floats
    before: Ints
    hours: Floats
    here: Ints
    alike: Ints
    product_alike: Ints
    came_with: Ints
    left_before: Floats
    group: Ints
    seen: npt.NDArray[np.bool_]

    @property
    def shared(self) -> Floats:
        """Among how many items a move's oddity is shared: those that made it together.

        At the start of its journey an item shares it with those of its own product only.
        """
        return np.where(self.before < 0, self.product_alike, self.here).astype(np.float64)


def companions(linked: Linked, product: Ints) -> Companions:
    """Find every event's companions.

    Args:
        linked: n events, journey order.
        product: (n,) a code of the item's product.
    """
    time, epc = linked["time"].view(np.int64), linked["epc"]
    place, words = linked["place"].astype(np.int64), linked["words"].astype(np.int64)
    again = _again(linked)
    index = np.arange(len(epc))
    moves = np.flatnonzero(~again)
    before = _before(epc, moves)
    has = before >= 0
    since = (time - time[before]) / 3.6e9

    group = numbered(time // 1_000_000, place, words)
    count = np.bincount(group[moves], minlength=int(group.max(initial=0)) + 1)
    origin = numbered(place, words)
    origin = np.where(has, origin[before], int(origin.max(initial=0)) + 1)
    came_with = np.where(has, count[group[before]], 0)
    here = np.where(again, 1, count[group])
    seen = _so_far(here > 1, epc)
    ones = np.ones(len(epc), np.int64)
    return Companions(
        again=again,
        run=index - np.maximum.accumulate(np.where(again, 0, index)),
        gap=np.where(again, linked["hours"], np.nan),
        before=before,
        hours=np.where(has & ~again, since, np.nan),
        here=here,
        alike=_spread(ones, moves, counted(group[moves], origin[moves])),
        product_alike=_spread(ones, moves, counted(group[moves], product[moves])),
        came_with=came_with,
        left_before=_left_before(time, group[before], came_with, np.flatnonzero(has & ~again)),
        group=group,
        seen=seen,
    )


def _again(linked: Linked) -> npt.NDArray[np.bool_]:
    same = ~changes(linked["epc"], linked["place"], linked["words"])
    return same & (linked["hours"] <= _AGAIN_HOURS)


def _before(epc: Array, moves: Ints) -> Ints:
    """The move before each event of the same item, -1 where there is none."""
    last = np.zeros(len(epc), np.int64)
    last[moves[1:]] = moves[:-1]
    last[moves[:1]] = _NONE
    move = np.zeros(len(epc), bool)
    move[moves] = True
    # an event that was read again comes after the move that it repeats
    running = np.maximum.accumulate(np.where(move, np.arange(len(epc)), _NONE))
    before = np.where(move, last, running)
    return np.where((before >= 0) & (epc[before] == epc), before, _NONE)


def _so_far(true: npt.NDArray[np.bool_], epc: Array) -> npt.NDArray[np.bool_]:
    """Whether it was true of an item's event, or of one before."""
    count = np.cumsum(true)
    first = np.maximum.accumulate(np.where(changes(epc), np.arange(len(epc)), 0))
    so_far: npt.NDArray[np.bool_] = count - count[first] + true[first] > 0
    return so_far


def _spread(default: Ints, at: Ints, values: Ints) -> Ints:
    default = default.copy()
    default[at] = values
    return default


def _left_before(time: Array, came_from: Ints, came_with: Ints, at: Ints) -> Floats:
    """Share of an event's former companions that had moved on before its instant."""
    share = np.zeros(len(time))
    order = at[np.lexsort((time[at], came_from[at]))]
    if not len(order):
        return share
    index = np.arange(len(order))
    start = np.maximum.accumulate(np.where(changes(came_from[order]), index, 0))
    later = changes(came_from[order], time[order])  # those of the same instant leave together
    share[order] = (np.maximum.accumulate(np.where(later, index, 0)) - start) / came_with[order]
    return share
