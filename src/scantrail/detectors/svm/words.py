"""Which features made a scan strange, in words with values."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from scantrail.features.coding import Coded
from scantrail.features.tabular import TABULAR
from scantrail.vocabulary.findings import Cause
from scantrail.vocabulary.protocols import Told

_SHARE: Final = 0.3  # of the strongest contribution; weaker ones are not named
_MOST: Final = 3
_CAUSES: Final = {
    "missed_together": Cause.SCANNER,
    "clock_ahead": Cause.SCANNER,
    "read_again": Cause.SCANNER,
    "late_again": Cause.DATA,
}
_NORMAL: Final = {
    "alone": "together with those it came with",
    "left_behind": "at the time when those it came with left",
    "slow": "sooner",
    "fast": "later",
    "hour": "at the site's usual hours",
    "lane": "on a way that goods usually go",
    "step": "after the step that usually comes before",
    "origin": "from a plant that makes this product",
    "missed_together": "with the missing scan read",
    "clock_ahead": "with the site's clock set right",
    "read_again": "read once",
    "late_again": "read once",
}


def told(
    coded: Coded, place: int, contributions: npt.NDArray[np.float32], tails: npt.NDArray[np.float32]
) -> Told:
    """Words for one event.

    Args:
        coded: The events.
        place: Where the event stands in them.
        contributions: (d,) how much the score falls with each feature at its usual value.
        tails: (d,) how rare each value is by itself.
    """
    names = list(TABULAR)
    order = np.argsort(-contributions)[:_MOST]
    strongest = contributions[order[0]]
    named = [i for i in order if contributions[i] > 0 and contributions[i] >= _SHARE * strongest]
    if not named:
        return Told("", "", "", Cause.ITEM)
    reason = ", and ".join(
        f"{TABULAR[names[i]]}{_value(coded, place, names[i])} (rarer than {tails[i]:.2%} of scans)"
        for i in named
    )
    first = names[named[0]]
    return Told(reason, "", _NORMAL[first], _CAUSES.get(first, Cause.ITEM))


def _value(coded: Coded, place: int, name: str) -> str:
    """The value behind a feature, where people know it by another than nats."""
    whom = coded.with_whom
    hours = whom.hours[place]
    took = f": {hours:.1f} h" if hours < 48 else f": {hours / 24:.1f} days"
    values = {
        "slow": took,
        "fast": took,
        "alone": f": {whom.here[place]} together, {whom.came_with[place]} before",
        "left_behind": f": {whom.left_before[place]:.0%} of {whom.came_with[place]}",
        "missed_together": f": {whom.alike[place]} of {whom.here[place]}",
        "read_again": f": {whom.run[place] + 1} times",
        "late_again": f": {whom.gap[place] * 60:.0f} minutes later",
        "hour": f": {coded.clock[place] % 24}:00",
    }
    return values.get(name, "")
