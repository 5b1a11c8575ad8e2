"""Why an event is suspect, in plain words, and what to do."""

from __future__ import annotations

from typing import Final

import polars as pl

from scantrail.vocabulary.events import Flag
from scantrail.vocabulary.findings import Cause, Severity

#: One row per suspect event.
EXPLAINED: Final = pl.Schema(
    {
        "row": pl.UInt32(),
        "kind": pl.String(),
        "cause": pl.String(),
        "explanation": pl.String(),
        "expected": pl.String(),
        "runbook": pl.String(),
    }
)

_HIGH, _MEDIUM, _LOW = 70, 40, 20
#: What shows that the file, not the scan, is badly made.
_FILE_FAULTS: Final = Flag.DOCUMENT_ODD | Flag.FILE_ID_UNREADABLE | Flag.LOCATION_UNREADABLE


def severity(score: float) -> Severity:
    """A score in words: HIGH from 70, MEDIUM from 40, LOW from 20.

    >>> severity(69.9)
    <Severity.MEDIUM: 'MEDIUM'>
    """
    if score >= _HIGH:
        return Severity.HIGH
    if score >= _MEDIUM:
        return Severity.MEDIUM
    return Severity.LOW if score >= _LOW else Severity.NORMAL


def explain(claims: pl.DataFrame) -> pl.DataFrame:
    """Turn claims into one explanation per event.

    Args:
        claims: `protocols.FOUND`, for each event the deciding claim first (see
            `ensemble.combine`).

    Returns:
        `EXPLAINED`: the deciding claim's kind, cause, expectation and runbook; the explanation
        gives every claim's reason.
    """
    events: dict[int, list[str]] = {}
    for row, kind, _, reason, expected, cause, runbook in claims.iter_rows():
        said = f"suspect {kind}: {reason}"
        if row in events:
            events[row][2] += f"; {said}"
        else:
            events[row] = [kind, cause, said, expected, runbook]
    rows = [(row, *words) for row, words in events.items()]
    return pl.DataFrame(rows, schema=EXPLAINED, orient="row")


def causes(claimed: pl.Series, flags: pl.Series) -> pl.Series:
    """The likeliest cause class of each event.

    Args:
        claimed: What the deciding claim says (`cause` of `EXPLAINED`), null where there is none.
        flags: `vocabulary.events.Flag` bits of the same events.

    Returns:
        The partner's file where it is itself badly made there, else what was claimed.
    """
    odd = (flags & int(_FILE_FAULTS)) > 0
    if not odd.any():
        return claimed
    return claimed.set(odd & claimed.is_not_null(), Cause.PARTNER_FILE.value)
