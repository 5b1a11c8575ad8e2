"""What the network expected of a scan, in words: likely steps and places, and the usual time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from scantrail.detectors.lstm.spec import UNKNOWN
from scantrail.features.coding import STEPS, Coded
from scantrail.vocabulary.findings import Cause
from scantrail.vocabulary.language import Language, Say
from scantrail.vocabulary.protocols import Told

Floats = npt.NDArray[np.float64]
Predicted = Mapping[str, npt.NDArray[np.float32]]

_LIKELY: Final = 0.1  # a smaller chance is not named, unless it is the first
_MOST: Final = 3  # chances named
_GRID: Final = np.linspace(np.log(1 / 60), np.log(24 * 400), 600)  # log hours
_STRANGE: Final = {
    "step": "this step is a surprise",
    "site": "this place is a surprise",
    "company": "it is a surprise that it moves in such company",
    "alone": "it is a surprise that it moves without those it came with",
    "clock": "the hour is a surprise",
    "hours": "{hours} since the move before is a surprise",
}
_NORMAL: Final = {
    "hours": "{low} to {high} after the move before",
    "site": "at {sites}",
    "step": "as {steps}",
    "company": "together with those it came with",
    "clock": "at the site's usual hours",
}


def told(
    coded: Coded,
    place: int,
    predicted: Predicted,
    surprise: Mapping[str, float],
    names: Sequence[str],
    language: Language,
) -> Told:
    """Words for one event.

    Args:
        coded: The events.
        place: Where the event stands in them.
        predicted: What each head predicted of it: (size,) logits, or (3 C,) of a mixture.
        surprise: Nats by head.
        names: People's name of each site code.
        language: In which to tell.
    """
    whom, say = coded.with_whom, language.say
    judged = [name for name in surprise if name != "company" or whom.seen[place]]
    head = max(judged, key=lambda name: surprise[name])
    alone = head == "company" and whom.here[place] < whom.came_with[place] / 2
    strange = _STRANGE["alone" if alone else head]
    low, high = usual_hours(predicted["hours"].astype(np.float64))
    values = {
        "steps": _likely(predicted["step"], [language.of(step) for step in STEPS], say),
        "sites": _likely(predicted["site"], names, say),
        "low": _span(low, say),
        "high": _span(high, say),
    }
    expected = say(
        "usual next: {steps}; for such a step usually at {sites}, {low} to {high} later"
        if whom.before[place] >= 0
        else "usual next: {steps}",
        **values,
    )
    return Told(
        say(strange, hours=_span(float(whom.hours[place]), say)),
        expected,
        say(_NORMAL[head], **values),
        Cause.ITEM,
    )


def _likely(logits: npt.NDArray[np.float32], names: Sequence[str], say: Say) -> str:
    """The likeliest values and their chances."""
    known = logits[UNKNOWN + 1 :].astype(np.float64)
    chances = np.exp(known - known.max())
    chances /= chances.sum()
    order = np.argsort(-chances)[:_MOST]
    chosen = [i for n, i in enumerate(order) if n == 0 or chances[i] >= _LIKELY]
    return say(" or ").join(f"{names[i + 1]} ({chances[i]:.0%})" for i in chosen)


def usual_hours(mixture: Floats) -> tuple[float, float]:
    """The middle 80 % of a mixture of log-normals, in hours.

    Args:
        mixture: (3 C,) logits of the weights, means and spreads before softplus of log hours.
    """
    weights, means, raw = np.split(mixture, 3)
    weights = np.exp(weights - weights.max())
    spread = np.logaddexp(0.0, raw) + 0.02
    z = (_GRID[:, None] - means) / spread
    below = (weights / weights.sum() / (1 + np.exp(-1.702 * z))).sum(axis=1)  # logistic for normal
    low, high = np.searchsorted(below, [0.1, 0.9])
    last = len(_GRID) - 1
    return float(np.exp(_GRID[min(low, last)])), float(np.exp(_GRID[min(high, last)]))


def _span(hours: float, say: Say) -> str:
    """Hours as people say them."""
    if np.isnan(hours):
        return say("the time")
    if hours < 1:
        return say("{minutes:.0f} min", minutes=hours * 60)
    if hours < 48:
        return say("{hours:.1f} h", hours=hours)
    return say("{days:.1f} d", days=hours / 24)
