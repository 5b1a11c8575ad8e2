"""Which features made a scan strange, in words with values."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from scantrail.features.coding import Coded
from scantrail.features.tabular import TABULAR
from scantrail.vocabulary.findings import Cause
from scantrail.vocabulary.language import Say
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

_VALUES: Final = {
    "alone": ": {here} together, {before} before",
    "left_behind": ": {left:.0%} of {before}",
    "missed_together": ": {alike} of {here}",
    "read_again": ": {count} times",
    "late_again": ": {minutes:.0f} minutes later",
    "hour": ": {hour}:00",
}


def told(
    coded: Coded,
    place: int,
    contributions: npt.NDArray[np.float32],
    tails: npt.NDArray[np.float32],
    say: Say,
) -> Told:
    """Words for one event.

    Args:
        coded: The events.
        place: Where the event stands in them.
        contributions: (d,) how much the score falls with each feature at its usual value.
        tails: (d,) how rare each value is by itself.
        say: Of the language in which to tell.
    """
    names = list(TABULAR)
    order = np.argsort(-contributions)[:_MOST]
    strongest = contributions[order[0]]
    named = [i for i in order if contributions[i] > 0 and contributions[i] >= _SHARE * strongest]
    if not named:
        return Told("", "", "", Cause.ITEM)
    reason = say(", and ").join(
        say(
            "{what}{value} (rarer than {tail:.2%} of scans)",
            what=say(TABULAR[names[i]]),
            value=_value(coded, place, names[i], say),
            tail=tails[i],
        )
        for i in named
    )
    first = names[named[0]]
    return Told(reason, "", say(_NORMAL[first]), _CAUSES.get(first, Cause.ITEM))


def _value(coded: Coded, place: int, name: str, say: Say) -> str:
    """The value behind a feature, where people know it by another than nats."""
    whom = coded.with_whom
    hours = whom.hours[place]
    if name in {"slow", "fast"}:
        span = {"hours": hours, "days": hours / 24}
        return say(": {hours:.1f} h" if hours < 48 else ": {days:.1f} days", **span)
    if name not in _VALUES:
        return ""
    return say(
        _VALUES[name],
        here=whom.here[place],
        before=whom.came_with[place],
        left=whom.left_before[place],
        alike=whom.alike[place],
        count=whom.run[place] + 1,
        minutes=whom.gap[place] * 60,
        hour=coded.clock[place] % 24,
    )
