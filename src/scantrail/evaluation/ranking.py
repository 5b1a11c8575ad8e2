"""How well one judge ranks items: what is found at a budget, and areas, under any weights.

With weights of one these are the plain figures; with the weights of a resample, those of a
bootstrap. An alert is an item that scores above the threshold, and the threshold is the lowest
score that no more unlabelled items pass than the budget allows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


class Spot(NamedTuple):
    """What a judge does at one threshold; items count by weight.

    `found`: labelled items above the threshold. `false`: the others above it.
    """

    threshold: float
    found: float
    false: float
    labelled: float

    @property
    def precision(self) -> float:
        """Share of the alerts that are labelled; NaN without alerts."""
        return _ratio(self.found, self.found + self.false)

    @property
    def recall(self) -> float:
        """Share of the labelled items that are found."""
        return _ratio(self.found, self.labelled)

    @property
    def f1(self) -> float:
        """Harmonic mean of both."""
        return _ratio(2 * self.found, self.found + self.false + self.labelled)


@dataclass(frozen=True, slots=True)
class Ranking:
    """One judge's scores of items, sorted once.

    Attributes:
        score: (p,) scores of the labelled items, highest first.
        positive: (p,) which items these are.
        honest: (q,) scores of the others, highest first.
        negative: (q,) which items these are.
        above: (p,) how many of the others score more than each labelled one.
        reach: (p,) how many score as much or more.
        upto: (p,) how many labelled ones score as much or more, itself included.
    """

    score: Floats
    positive: Ints
    honest: Floats
    negative: Ints
    above: Ints
    reach: Ints
    upto: Ints

    @classmethod
    def of(cls, scores: Floats, labelled: Flags) -> Self:
        """Sort (n,) scores; `labelled` says which items are anomalous."""
        order = np.argsort(-scores, kind="stable")
        positive, negative = order[labelled[order]], order[~labelled[order]]
        score, honest = scores[positive], scores[negative]
        return cls(
            score,
            positive,
            honest,
            negative,
            np.searchsorted(-honest, -score, "left"),
            np.searchsorted(-honest, -score, "right"),
            np.searchsorted(-score, -score, "right"),
        )

    def members(self, groups: Mapping[str, Flags]) -> Floats:
        """Of (n,) groups of items: (p, k) 1 where a labelled item, in order, is of a group."""
        return np.stack([each[self.positive] for each in groups.values()], axis=1).astype(float)

    def weighed(self, weights: Floats) -> Weighed:
        """The same with (n,) items counted by weight."""
        return Weighed(self, _sums(weights[self.positive]), _sums(weights[self.negative]))

    def plain(self) -> Weighed:
        """The same with every item counted once."""
        return self.weighed(np.ones(len(self.positive) + len(self.negative)))


@dataclass(frozen=True, slots=True)
class Weighed:
    """A ranking whose items count by weight.

    `anomalous`, `honest`: (p + 1,) and (q + 1,) the weight of the highest 0, 1, … items.
    """

    ranking: Ranking
    anomalous: Floats
    honest: Floats

    def threshold(self, budget: float) -> float:
        """The lowest score that unlabelled items of at most this weight pass."""
        honest = self.ranking.honest
        first = int(np.searchsorted(self.honest[1:], budget, "right"))
        return float(honest[first]) if first < len(honest) else -np.inf

    def at(self, threshold: float) -> Spot:
        """What passes a threshold."""
        found = _passing(self.ranking.score, threshold)
        false = _passing(self.ranking.honest, threshold)
        return Spot(threshold, float(self.anomalous[found]), float(self.honest[false]),
                    float(self.anomalous[-1]))  # fmt: skip

    def recalls(self, threshold: float, members: Floats) -> Floats:
        """Share of each group's items that pass a threshold, (k,); NaN for an empty group.

        Args:
            threshold: What must be passed.
            members: (p, k) 1 where a labelled item, in the order of `score`, is of a group.
        """
        weight = np.diff(self.anomalous)
        found = _passing(self.ranking.score, threshold)
        with np.errstate(invalid="ignore"):
            shares: Floats = weight[:found] @ members[:found] / (weight @ members)
        return shares

    def roc_auc(self) -> float:
        """Area under the ROC curve: the chance that a labelled item scores above another."""
        weight, total = np.diff(self.anomalous), float(self.honest[-1])
        beaten = total - (self.honest[self.ranking.above] + self.honest[self.ranking.reach]) / 2
        return _ratio(float((weight * beaten).sum()), float(weight.sum()) * total)

    def pr_auc(self) -> float:
        """Average precision: the precision at each labelled item's score; equal ones at once."""
        weight = np.diff(self.anomalous)
        seen = self.anomalous[self.ranking.upto]
        with np.errstate(invalid="ignore"):
            precision = seen / (seen + self.honest[self.ranking.reach])
        return _ratio(float(np.nansum(weight * precision)), float(weight.sum()))


def roc_auc(score: Floats, positive: Flags) -> float:
    """Area under the ROC curve: the chance that a positive scores above a negative, ties half.

    >>> roc_auc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True]))
    0.75
    """
    return Ranking.of(score, positive).plain().roc_auc()


def average_precision(score: Floats, positive: Flags) -> float:
    """Area under the precision-recall curve, as a step function; equal scores count at once.

    >>> round(average_precision(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1]) > 0), 4)
    0.8333
    """
    return Ranking.of(score, positive).plain().pr_auc()


def budget_of(per_10k: float, scans: float) -> int:
    """How many false alerts so many per 10,000 scans are.

    >>> budget_of(3, 91_496)
    27
    """
    return int(per_10k * scans / 10_000)


def _passing(scores: Floats, threshold: float) -> int:
    """How many scores, highest first, are above a threshold."""
    return len(scores) - int(np.searchsorted(scores[::-1], threshold, "right"))


def _sums(weights: Floats) -> Floats:
    return np.concatenate([[0.0], np.cumsum(weights)])


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
