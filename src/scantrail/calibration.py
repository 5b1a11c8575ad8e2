"""From raw scores to scores that mean something: how often would an honest item look as strange?

A raw score becomes evidence, -log10 of the share of honest items whose strangest event scores at
least as high, and evidence becomes a score of 0-100 on one scale for all detectors:
`100 * min(1, evidence / 4)`: one honest item in ten reaches 25, one in a hundred 50, one in a
thousand 75, one in ten thousand 100.

Shares come from held-out items, as in split-conformal prediction (Vovk et al. 2005), so they bear
what the detector saw in training. Held-out items are not all honest: the strangest per cent may be
what is looked for. So the tail is not read off them but drawn on from below: an exponential fitted
to the part that contamination can't have reached.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from scantrail.errors import ArtifactError, InputError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

TOP_EVIDENCE: Final = 4.0  # one honest item in ten thousand: a score of 100
_BODY: Final = 400  # stored quantiles
_TAIL: Final = 5.0  # the fit begins where this many times the contamination is left
LEAST_ITEMS: Final = 100  # fewer items know nothing of rare events


def to_score(evidence: Floats) -> Floats:
    """Evidence as a score of 0-100; NaN stays NaN.

    >>> to_score(np.array([0.0, 1.0, 3.0, 9.0]))
    array([  0.,  25.,  75., 100.])
    """
    score: Floats = 100.0 * np.clip(evidence / TOP_EVIDENCE, 0.0, 1.0)
    return score


def to_evidence(score: Floats) -> Floats:
    """The evidence behind a score of 0-100."""
    evidence: Floats = score * (TOP_EVIDENCE / 100.0)
    return evidence


def highest_per_item(values: Floats, item: Ints) -> Floats:
    """The highest value of each item (0 … max), -inf where it has none; NaN is ignored."""
    highest = np.full(int(item.max(initial=-1)) + 1, -np.inf)
    np.fmax.at(highest, item, values)
    return highest


@dataclass(frozen=True, slots=True)
class Calibration:
    """Raw score to evidence.

    Attributes:
        raw: (q,) raw scores, ascending.
        evidence: (q,) evidence of each, not descending.
        slope: Evidence per raw score beyond the last of them.
        items: How many held-out items it was learned from.
    """

    raw: Floats
    evidence: Floats
    slope: float
    items: int

    @classmethod
    def learn(cls, raw: Floats, item: Ints, contamination: float = 0.02) -> Self:
        """Calibrate by held-out events.

        Args:
            raw: (n,) raw scores, higher = stranger; NaN = cannot say.
            item: (n,) the item of each event, 0 ….
            contamination: The largest share of items that may be anomalous.

        Raises:
            InputError: Fewer than 100 items.
        """
        highest = np.sort(highest_per_item(raw, item))
        highest = highest[np.isfinite(highest)]
        if len(highest) < LEAST_ITEMS:
            raise InputError(
                f"only {len(highest)} held-out items can be scored; at least {LEAST_ITEMS} are "
                "needed to know how rare a score is: train on a longer log"
            )
        begin, end = np.quantile(highest, [1 - _TAIL * contamination, 1 - contamination])
        tail = highest[highest > begin]
        inside = np.minimum(tail, end) - begin
        # maximum likelihood of an exponential whose values beyond `end` are only known as such
        rate = max((tail <= end).sum(), 1) / max(inside.sum(), 1e-12)
        levels = np.quantile(highest, np.linspace(0, 1 - _TAIL * contamination, _BODY))
        known = np.unique(levels)
        beyond = 1 - np.searchsorted(highest, known, "left") / len(highest)
        return cls(known, -np.log10(beyond), float(min(rate, 1e6)) / np.log(10), len(highest))

    def __call__(self, raw: Floats) -> Floats:
        """Evidence of raw scores, (n,); NaN stays NaN."""
        inside: Floats = np.interp(raw, self.raw, self.evidence)
        inside += np.maximum(raw - self.raw[-1], 0.0) * self.slope
        return inside

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Everything as plain arrays."""
        return {
            "raw": self.raw,
            "evidence": self.evidence,
            "slope": np.array(self.slope),
            "items": np.array(self.items),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Self:
        """What `arrays` gave.

        Raises:
            ArtifactError: Something is missing or does not rise as it must.
        """
        try:
            raw, evidence = arrays["raw"], arrays["evidence"]
            slope, items = float(arrays["slope"]), int(arrays["items"])
        except KeyError as error:
            raise ArtifactError(f"a calibration lacks {error}; fetch the artifact again") from error
        rises = len(raw) > 0 and len(raw) == len(evidence)
        rises = rises and not (np.diff(raw) <= 0).any() and not (np.diff(evidence) < 0).any()
        if not rises or not slope >= 0:
            raise ArtifactError("a calibration does not rise with the score; fetch it again")
        return cls(raw, evidence, slope, items)
