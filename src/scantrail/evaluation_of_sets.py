"""How well do an artifact's models tell the members of balanced sets apart?"""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np
import polars as pl

from scantrail.datasets.balance import JOURNEYS, SCANS
from scantrail.datasets.folder import Dataset
from scantrail.errors import DatasetError
from scantrail.evaluation import roc_auc
from scantrail.vocabulary.findings import Report

#: Which score judges which set.
SCORES: Final = {JOURNEYS: "lstmSequenceScore", SCANS: "svmOutlierScore"}
_ALL: Final = "all"


class Told(msgspec.Struct, frozen=True):
    """How well one kind is told from the honest members of its set.

    `auc`: the chance that a member of the kind scores above an honest one, ties half.
    """

    set: str
    kind: str
    members: int
    auc: float


def measure(dataset: Dataset, report: Report) -> tuple[Told, ...]:
    """Measure a report on all of a dataset's events by its balanced sets.

    A journey's score is the highest of its scans; a scan that a model can't judge counts as 0.

    Raises:
        DatasetError: The dataset has no sets, or no model judged.
    """
    sets = dataset.tables["sets"]
    if not len(sets):
        raise DatasetError(
            f"dataset {dataset.version} has no balanced sets; build it with --labels and --balance"
        )
    missing = [name for name in SCORES.values() if name not in report.verdicts.columns]
    if missing:
        raise DatasetError(f"no model gave {missing[0]}; name an artifact (--artifacts)")
    told: list[Told] = []
    for name, column in SCORES.items():
        members = _scored(sets.filter(pl.col("set") == name), report.verdicts, column)
        honest = members.filter(pl.col("kind").is_null())
        odd = members.filter(pl.col("kind").is_not_null())
        told.append(_told(name, _ALL, odd, honest))
        told += [
            _told(name, kind, odd.filter(pl.col("kind") == kind), honest)
            for kind in odd["kind"].unique().sort()
        ]
    return tuple(told)


def _scored(members: pl.DataFrame, verdicts: pl.DataFrame, column: str) -> pl.DataFrame:
    score = pl.col(column).fill_null(0.0)
    if column == SCORES[JOURNEYS]:
        judged = verdicts.group_by("epc_code").agg(score=score.max())
        return members.join(judged, on="epc_code", how="left")
    return members.join(verdicts.select(event="row", score=score), on="event", how="left")


def _told(name: str, kind: str, odd: pl.DataFrame, honest: pl.DataFrame) -> Told:
    scores = np.concatenate([odd["score"].to_numpy(), honest["score"].to_numpy()])
    positive = np.arange(len(scores)) < len(odd)
    return Told(name, kind, len(odd), round(roc_auc(scores, positive), 4))
