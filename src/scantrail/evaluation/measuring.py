"""How good are verdicts, against labels? What is found at a bearable number of false alerts.

An alert is an item whose highest score passes the threshold; the threshold is the one at which
unlabelled items raise at most so many alerts per 10,000 scans. Items are told apart by their code
as written.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from scantrail.errors import InputError
from scantrail.evaluation.items import MAIN, RULES, Judged, judged
from scantrail.evaluation.ranking import Ranking, budget_of

_ROUNDS: Final = 1000  # of the bootstrap
_SEED: Final = 0


@dataclass(frozen=True, slots=True)
class Found:
    """What one judge found.

    Attributes:
        threshold: The score that alerts must pass.
        recall: Kind to the share of its items that were found; "all", "rule-visible" and
            "rule-invisible" sum up.
        false_alerts: Unlabelled items above the threshold.
        precision: Share of the alerts that are labelled; NaN without alerts.
        f1: Harmonic mean of precision and recall of all.
        roc_auc: Of items, labelled against not.
        pr_auc: Average precision of items.
    """

    threshold: float
    recall: dict[str, float]
    false_alerts: int
    precision: float
    f1: float
    roc_auc: float
    pr_auc: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Everything that `evaluate` measured.

    `items`: items per kind, and "all", "rule-visible", "rule-invisible". `gain`: times as many
    anomalous items as the rules find at the same budget, with its 95 % bootstrap interval.
    """

    scans: int
    honest: int
    items: dict[str, int]
    prevalence: float
    per_10k: float
    found: dict[str, Found]
    gain: tuple[float, float, float] | None


def evaluate(
    verdicts: pl.DataFrame,
    labels: pl.DataFrame,
    per_10k: float = 3.0,
    also: Collection[str] = (),
) -> Evaluation:
    """Measure verdicts against labels at `per_10k` false alerts per 10,000 scans.

    Args:
        verdicts: As `read_verdicts` gives them.
        labels: As `read_labels` gives them.
        per_10k: False alerts that are bearable.
        also: Further columns of scores, to compare with.

    Raises:
        InputError: Labels name events that no verdict is about, or none are left.
    """
    return measure(judged(verdicts, labels, also=also), per_10k)


def measure(given: Judged, per_10k: float = 3.0) -> Evaluation:
    """Measure verdicts that stand beside their labels; see `evaluate`.

    Raises:
        InputError: The budget is no number from 0; or no item is labelled, or all are.
    """
    check_budget(per_10k)
    given.check()
    labelled, groups = given.labelled, given.groups()
    budget = budget_of(per_10k, len(given.scans))
    found = {}
    for judge in given.judges:
        sorted_ = Ranking.of(given.scores(judge), labelled)
        ranking = sorted_.plain()
        spot = ranking.at(ranking.threshold(budget))
        recalls = ranking.recalls(spot.threshold, sorted_.members(groups)).tolist()
        found[judge] = Found(
            threshold=spot.threshold,
            recall=dict(zip(groups, recalls, strict=True)),
            false_alerts=int(spot.false),
            precision=spot.precision,
            f1=spot.f1,
            roc_auc=ranking.roc_auc(),
            pr_auc=ranking.pr_auc(),
        )
    return Evaluation(
        scans=len(given.scans),
        honest=int((~labelled).sum()),
        items={name: int(member.sum()) for name, member in groups.items()},
        prevalence=float(labelled.mean()),
        per_10k=per_10k,
        found=found,
        gain=_gain(given, found) if RULES in found else None,
    )


def check_budget(per_10k: float) -> None:
    """Refuse what is no budget.

    Raises:
        InputError: It is no number from 0.
    """
    if not per_10k >= 0:
        raise InputError(f"{per_10k} false alerts per 10,000 scans can't be; give 0 or more")


def _gain(given: Judged, found: dict[str, Found]) -> tuple[float, float, float]:
    """Anomalous items found by all over those found by rules, 95 % interval over the items."""
    ours, rules = (
        (given.scores(judge) > found[judge].threshold)[given.labelled].astype(float)
        for judge in (MAIN, RULES)
    )
    rng = np.random.default_rng(_SEED)
    draws = rng.integers(0, len(ours), (_ROUNDS, len(ours)))
    ratios = ours[draws].sum(axis=1) / np.maximum(rules[draws].sum(axis=1), 1.0)
    low, high = np.quantile(ratios, [0.025, 0.975])
    return float(ours.sum() / max(rules.sum(), 1.0)), float(low), float(high)
