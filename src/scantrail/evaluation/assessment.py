"""Everything that is told of how good one version's verdicts are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from scantrail.evaluation.blocks import Resampling
from scantrail.evaluation.delay import Delay, delays
from scantrail.evaluation.items import MAIN, Judged
from scantrail.evaluation.measuring import Evaluation, measure
from scantrail.evaluation.mistakes import Mistake, confusion, worst
from scantrail.evaluation.promises import Promise, promises
from scantrail.evaluation.ranges import BUDGETS, Ranges, curve, ranges

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Assessment:
    """One version, assessed.

    Attributes:
        evaluation: Every judge at the budget that was asked for.
        ranges: All judges together, at several budgets, with intervals.
        curves: Per judge false alerts per 10,000 scans and the recall at each.
        delay: Time to detect; None where no log is given.
        promises: Per judge, how rare scores are.
        confusion: Kinds labelled against kinds told.
        worst: The worst errors.
    """

    evaluation: Evaluation
    ranges: Ranges
    curves: dict[str, tuple[Floats, Floats]]
    delay: Delay | None
    promises: list[Promise]
    confusion: pl.DataFrame
    worst: list[Mistake]


def assess(given: Judged, per_10k: float = 3.0, resampling: Resampling | None = None) -> Assessment:
    """Assess verdicts that stand beside their labels.

    Args:
        given: Verdicts and labels, with the log where times and journeys matter.
        per_10k: The budget that kinds, delays and errors are told at.
        resampling: How to find intervals.

    Raises:
        InputError: The budget is no number from 0.
    """
    evaluation = measure(given, per_10k)
    threshold = evaluation.found[MAIN].threshold
    return Assessment(
        evaluation=evaluation,
        ranges=ranges(given, tuple(sorted({*BUDGETS, per_10k})), resampling=resampling),
        curves={judge: curve(given, judge) for judge in given.judges},
        delay=delays(given, threshold) if given.timed else None,
        promises=promises(given, resampling),
        confusion=confusion(given, threshold),
        worst=worst(given, threshold),
    )
