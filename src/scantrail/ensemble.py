"""One decision per event out of what all detectors say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from scantrail.vocabulary.protocols import FOUND, Findings


def combine(findings: Sequence[Findings], events: int) -> tuple[pl.Series, pl.DataFrame]:
    """Combine detectors into a confidence per event and the claims behind it.

    Args:
        findings: What each detector that answered says, over the same events in the same order.
        events: How many events these are; if nobody answered, all of them stay undecided.

    Returns:
        `finalConfidence`, Float64 0-100 (the highest score; null where no detector could say
        anything), and all claims, for each event the one that decides first.
    """
    scores = [column for one in findings for column in one.scores.get_columns()]
    if not scores:
        nobody = pl.repeat(None, events, dtype=pl.Float64, eager=True).alias("finalConfidence")
        return nobody, pl.DataFrame(schema=FOUND)
    highest = scores[0].to_numpy().copy()
    for column in scores[1:]:
        np.fmax(highest, column.to_numpy(), out=highest)  # of numbers, if any
    final = pl.Series("finalConfidence", highest, nan_to_null=True)
    found = [one.found for one in findings if len(one.found)]
    claims = pl.concat(found) if len(found) > 1 else (found or [findings[0].found])[0]
    # equally high claims keep the order of the detectors and, within one, of its kinds
    if len(claims) > 1:
        order = np.lexsort((-claims["score"].to_numpy(), claims["row"].to_numpy()))
        claims = claims[pl.Series(order.astype(np.uint32))]
    return final, claims
