"""Is one version better than another, at the same budget of false alerts, on the same items?

Both versions judge the same items, so differences are paired: each resample of lots, or of days,
gives both versions the same items, and each its own threshold. The widest of the intervals decides.
McNemar's exact test (McNemar 1947, "Note on the sampling error of the difference between correlated
proportions or percentages") stands beside it; it takes items for independent, so it is the bolder.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from scantrail.errors import InputError
from scantrail.evaluation.blocks import Interval, Resampling, blocks_of, widest
from scantrail.evaluation.items import MAIN, Judged
from scantrail.evaluation.measuring import check_budget
from scantrail.evaluation.ranges import BUDGETS, Figures
from scantrail.evaluation.ranking import budget_of

MARGIN: Final = 0.02  # a loss of recall that nobody would mind


class Outcome(StrEnum):
    """What a comparison comes to."""

    BETTER = "better"
    NOT_WORSE = "not worse"
    WORSE = "worse"
    UNKNOWN = "cannot tell"


class McNemar(NamedTuple):
    """Labelled items that only one version found; `p`: two-sided, exact."""

    only_a: int
    only_b: int
    p: float


@dataclass(frozen=True, slots=True)
class Pair:
    """One figure of both versions, and the 95 % interval of the second less the first."""

    a: float
    b: float
    difference: Interval


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two versions side by side.

    Attributes:
        outcome: Of the second against the first, by recall of all at `per_10k`.
        margin: Below which a loss of recall counts as none.
        recall: Per budget and group of labelled items.
        precision: Per budget.
        roc_auc: Area under the ROC curve.
        pr_auc: Area under the precision-recall curve.
        mcnemar: At `per_10k`.
        thresholds: Of both at `per_10k`.
        only: Per labelled item that one version alone found at `per_10k`: `epc_code`, `kind`,
            `found_by` ("A" or "B"), both scores.
        blocks: How many lots, and days, were there to draw from.
    """

    outcome: Outcome
    per_10k: float
    margin: float
    recall: dict[float, dict[str, Pair]]
    precision: dict[float, Pair]
    roc_auc: Pair
    pr_auc: Pair
    mcnemar: McNemar
    thresholds: tuple[float, float]
    only: pl.DataFrame
    blocks: dict[str, int]

    @property
    def main(self) -> Pair:
        """Recall of all at the budget that decides."""
        return self.recall[self.per_10k]["all"]


def compare(
    a: Judged,
    b: Judged,
    per_10k: float = 3.0,
    margin: float = MARGIN,
    resampling: Resampling | None = None,
) -> Comparison:
    """Compare version `b` with version `a` on the same log and labels.

    Raises:
        InputError: They judge other items, or budget or margin can't be.
    """
    _refuse(a, b, per_10k, margin)
    resampling = resampling or Resampling()
    budgets = tuple(sorted({*BUDGETS, per_10k}))
    both = [Figures.of(each, MAIN, budgets) for each in (a, b)]
    plain = [figures.measure(np.ones(len(a.items))) for figures in both]
    blocks = blocks_of(a if a.timed else b)
    samples = {
        by: np.array([both[1].measure(w) - both[0].measure(w) for w in resampling.weights(block)])
        for by, block in blocks.items()
    }
    pairs = map(Pair, *(values.tolist() for values in plain), widest(plain[1] - plain[0], samples))
    recall, precision = {}, {}
    for budget in budgets:
        precision[budget], _ = next(pairs), next(pairs)
        recall[budget] = {name: next(pairs) for name in both[0].groups}
    found, thresholds = _found(a, b, per_10k)
    return Comparison(
        outcome=decide(recall[per_10k]["all"].difference, margin),
        per_10k=per_10k,
        margin=margin,
        recall=recall,
        precision=precision,
        roc_auc=next(pairs),
        pr_auc=next(pairs),
        mcnemar=mcnemar(*found),
        thresholds=thresholds,
        only=_only(a, b, found),
        blocks={by: int(block.max()) + 1 for by, block in blocks.items()},
    )


def decide(difference: Interval, margin: float) -> Outcome:
    """What the interval of a difference allows to say.

    >>> decide(Interval(0.01, -0.005, 0.03), margin=0.02).value
    'not worse'
    """
    if difference.low > 0:
        return Outcome.BETTER
    if difference.low > -margin:
        return Outcome.NOT_WORSE
    return Outcome.WORSE if difference.high < 0 else Outcome.UNKNOWN


def mcnemar(a: npt.NDArray[np.bool_], b: npt.NDArray[np.bool_]) -> McNemar:
    """McNemar's exact test of (n,) items found by either version.

    >>> found = np.arange(20) < 12
    >>> mcnemar(found, np.arange(20) < 18)[:2]
    (0, 6)
    """
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    total = only_a + only_b
    log = [
        math.lgamma(total + 1) - math.lgamma(k + 1) - math.lgamma(total - k + 1)
        for k in range(min(only_a, only_b) + 1)
    ]
    tail = math.fsum(math.exp(each - total * math.log(2)) for each in log)
    return McNemar(only_a, only_b, min(1.0, 2 * tail))


def _refuse(a: Judged, b: Judged, per_10k: float, margin: float) -> None:
    check_budget(per_10k)
    if not 0 <= margin < 1:
        raise InputError(f"a margin of {margin} can't be; give a share of the items, e.g. 0.02")
    same = ("epc_code", "kind", "scans")
    if not a.items.select(same).equals(b.items.select(same), null_equal=True):
        raise InputError(
            f"the versions judge other items ({len(a.items):,} of {len(a.scans):,} scans against "
            f"{len(b.items):,} of {len(b.scans):,}); compare verdicts of one log"
        )
    a.check()


def _found(
    a: Judged, b: Judged, per_10k: float
) -> tuple[list[npt.NDArray[np.bool_]], tuple[float, float]]:
    """Which labelled items each version finds, and by which threshold."""
    labelled = a.labelled
    found, thresholds = [], []
    for each in (a, b):
        plain = Figures.of(each, MAIN, ()).ranking.plain()
        thresholds.append(plain.threshold(budget_of(per_10k, len(each.scans))))
        found.append(each.scores()[labelled] > thresholds[-1])
    return found, (thresholds[0], thresholds[1])


def _only(a: Judged, b: Judged, found: list[npt.NDArray[np.bool_]]) -> pl.DataFrame:
    labelled = a.items.filter(pl.col("kind").is_not_null()).select("epc_code", "kind")
    return (
        labelled.with_columns(
            in_a=pl.Series(found[0]), in_b=pl.Series(found[1]),
            score_a=pl.Series(a.scores()[a.labelled]), score_b=pl.Series(b.scores()[a.labelled]),
        )
        .filter(pl.col("in_a") != pl.col("in_b"))
        .select(
            "epc_code", "kind",
            pl.when("in_a").then(pl.lit("A")).otherwise(pl.lit("B")).alias("found_by"),
            "score_a", "score_b",
        )
    )  # fmt: skip
