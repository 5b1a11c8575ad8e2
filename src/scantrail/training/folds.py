"""Cross-validation that looks ahead: later scans of other lots judge what earlier scans taught.

Lots are dealt to as many groups as there are folds. Fold k learns from the scans up to a moment of
all groups but the k-th, and is judged on the k-th group's scans after that moment. So no item and
no lot is on both sides, no scan is judged twice, what is judged is later than what was learned, and
later folds learn more and are judged on later scans.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from scantrail.errors import TrainingError
from scantrail.training.dataset import dealt
from scantrail.vocabulary.protocols import Journeys

Flags = npt.NDArray[np.bool_]

_FIRST, _LAST = 0.6, 0.85  # of all scans, those before the first and the last fold's moment
_PARTS: Final = 5  # of what is learned from, one part tells when to stop
_LEAST: Final = 1_000  # items; below, folds are too small to tell anything


@dataclass(frozen=True, slots=True)
class Fold:
    """Masks over items (`journeys.codes`), and a moment in microseconds since 1970 UTC.

    `learn`: items to learn from, `stop`: those that tell when to stop, both by their scans up to
    `until`; `judge`: items to be judged, by their scans after `until`.
    """

    learn: Flags
    stop: Flags
    judge: Flags
    until: int


def folds(journeys: Journeys, count: int, seed: int) -> Iterator[Fold]:
    """Make the folds, the earliest first.

    Args:
        journeys: The log.
        count: How many, at least 2.
        seed: Deals the lots.

    Raises:
        TrainingError: The log has too few items.
    """
    items = len(journeys.codes)
    if items < _LEAST:
        raise TrainingError(
            f"the log has {items} items; at least {_LEAST:,} are needed to tune on: give a longer "
            "log, or train with the usual parameters"
        )
    hand = dealt(journeys, count * _PARTS, seed)
    group, part = np.divmod(hand, _PARTS)
    times = journeys.columns["time"].view(np.int64)
    moments = np.quantile(times, np.linspace(_FIRST, _LAST, count)).astype(np.int64)
    for number, until in enumerate(moments.tolist()):
        judged = group == number
        yield Fold(
            learn=~judged & (part > 0),
            stop=~judged & (part == 0),
            judge=judged,
            until=until,
        )
