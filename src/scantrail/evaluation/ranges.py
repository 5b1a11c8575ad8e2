"""The figures of one judge with intervals: at each budget, by kind, and over all budgets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from scantrail.evaluation.blocks import Interval, Resampling, blocks_of, widest
from scantrail.evaluation.items import MAIN, Judged
from scantrail.evaluation.ranking import Ranking, Weighed, budget_of

Floats = npt.NDArray[np.float64]

#: False alerts per 10,000 scans that everything is told at.
BUDGETS: Final = (1.0, 3.0, 10.0)
_STEPS: Final = 400  # of a curve, at most


@dataclass(frozen=True, slots=True)
class AtBudget:
    """What is found at one budget of false alerts; `recall` is per group of labelled items."""

    per_10k: float
    threshold: float
    false_alerts: int
    precision: Interval
    f1: Interval
    recall: dict[str, Interval]


@dataclass(frozen=True, slots=True)
class Ranges:
    """One judge's figures with 95 % intervals, the wider of those by lot and by day.

    `blocks`: how many lots, and days, were there to draw from.
    """

    at: dict[float, AtBudget]
    roc_auc: Interval
    pr_auc: Interval
    blocks: dict[str, int]


def ranges(
    given: Judged,
    budgets: Sequence[float] = BUDGETS,
    judge: str = MAIN,
    resampling: Resampling | None = None,
) -> Ranges:
    """Measure a judge, and how far chance may have moved each figure."""
    resampling = resampling or Resampling()
    figures = Figures.of(given, judge, budgets)
    blocks = blocks_of(given)
    values = figures.measure(np.ones(len(given.items)))
    samples = {
        by: np.array([figures.measure(weights) for weights in resampling.weights(block)])
        for by, block in blocks.items()
    }
    intervals = iter(widest(values, samples))
    plain = figures.ranking.plain()
    at = {}
    for per_10k in budgets:
        spot = plain.at(plain.threshold(budget_of(per_10k, float(figures.scans.sum()))))
        precision, f1 = next(intervals), next(intervals)
        recall = {name: next(intervals) for name in figures.groups}
        at[per_10k] = AtBudget(per_10k, spot.threshold, int(spot.false), precision, f1, recall)
    many = {by: int(block.max()) + 1 for by, block in blocks.items()}
    return Ranges(at, next(intervals), next(intervals), many)


@dataclass(frozen=True, slots=True)
class Figures:
    """What is measured again in each round: a judge's ranking, its groups and budgets."""

    ranking: Ranking
    groups: tuple[str, ...]
    members: Floats
    scans: npt.NDArray[np.int64]
    budgets: tuple[float, ...]

    @classmethod
    def of(cls, given: Judged, judge: str, budgets: Sequence[float]) -> Figures:
        """Of one judge."""
        ranking, groups = Ranking.of(given.scores(judge), given.labelled), given.groups()
        return cls(
            ranking,
            tuple(groups),
            ranking.members(groups),
            given.items["scans"].to_numpy().astype(np.int64),
            tuple(budgets),
        )

    def measure(self, weights: Floats) -> Floats:
        """Per budget precision, F1 and each group's recall; then both areas."""
        weighed = self.ranking.weighed(weights)
        told = [value for budget in self.budgets for value in self._at(weighed, weights, budget)]
        return np.array([*told, weighed.roc_auc(), weighed.pr_auc()])

    def _at(self, weighed: Weighed, weights: Floats, per_10k: float) -> list[float]:
        budget = budget_of(per_10k, float((weights * self.scans).sum()))
        spot = weighed.at(weighed.threshold(budget))
        return [spot.precision, spot.f1, *weighed.recalls(spot.threshold, self.members)]


def curve(given: Judged, judge: str = MAIN, most: float = 30.0) -> tuple[Floats, Floats]:
    """Recall of all at numbers of false alerts up to `most` per 10,000 scans.

    Returns:
        False alerts per 10,000 scans, (k,), rising; and the recall at each.
    """
    ranking = Ranking.of(given.scores(judge), given.labelled).plain()
    highest = max(budget_of(most, len(given.scans)), 1)
    steps = [0, *np.unique(np.geomspace(1, highest, _STEPS).astype(np.int64)).tolist()]
    recall = np.array([ranking.at(ranking.threshold(budget)).recall for budget in steps])
    return np.array(steps) * 10_000 / len(given.scans), recall
