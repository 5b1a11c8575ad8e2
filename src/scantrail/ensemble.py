"""One decision per event out of what all detectors say."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from scantrail.vocabulary.findings import AnomalyKind
from scantrail.vocabulary.protocols import Findings

#: Which of two equally high findings names the event.
_RANK = {kind.value: rank for rank, kind in enumerate(AnomalyKind)}


def combine(findings: Sequence[Findings]) -> tuple[pl.Series, pl.DataFrame]:
    """Combine detectors into a confidence per event and the claims behind it.

    Args:
        findings: What each detector that answered says, over the same events in the same order.

    Returns:
        `finalConfidence`, Float64 0-100 (the highest score; null where no detector could say
        anything), and all claims, for each event the one that decides first.
    """
    scores = [column for one in findings for column in one.scores.get_columns()]
    if not scores:
        return pl.Series("finalConfidence", [], pl.Float64), pl.DataFrame()
    final = pl.DataFrame(scores).select(finalConfidence=pl.max_horizontal(pl.all())).to_series()
    claims = pl.concat([one.found for one in findings])
    if len(claims):
        rank = pl.col("kind").replace_strict(_RANK, default=len(_RANK), return_dtype=pl.UInt8)
        claims = claims.sort(pl.col("row"), -pl.col("score"), rank)
    return final, claims
