"""Why an event is suspect, in plain words, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from scantrail.vocabulary.events import Flag
from scantrail.vocabulary.findings import AnomalyKind, Cause, Severity
from scantrail.vocabulary.frames import beside
from scantrail.vocabulary.language import ENGLISH, Language
from scantrail.vocabulary.protocols import FOUND, Told

Floats = npt.NDArray[np.float64]

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

_NOTHING: Final = pl.DataFrame(schema=EXPLAINED)
_HIGH, _MEDIUM, _LOW = 70, 40, 20
_SILENT: Final = "it departs from what history shows"
_ORDINARY: Final = "{expected}; it would be ordinary {normal}"
_RUNBOOK: Final = {
    Cause.ITEM: "Check the item where it is, and ask who handled it.",
    Cause.SCANNER: "Check the reader: its aim, its rate, its clock.",
    Cause.DATA: "Compare the record with the paper, and correct it.",
    Cause.PARTNER_FILE: "Ask the partner for the file that holds the missing scans.",
}
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


def model_claims(
    rows: npt.NDArray[np.uint32],
    scores: Floats,
    told: Sequence[list[Told]],
    language: Language = ENGLISH,
) -> pl.DataFrame:
    """One claim (`protocols.FOUND`) per event that learned detectors raise an alarm for.

    Args:
        rows: (k,) the events' rows.
        scores: (k,) their combined scores.
        told: What each detector says of them, k each.
        language: In which they say it.
    """
    say = language.say
    claims = []
    each = zip(*told, strict=True) if told else [()] * len(rows)
    for row, score, said in zip(rows.tolist(), scores.tolist(), each, strict=True):
        reasons = "; ".join(one.reason for one in said if one.reason) or say(_SILENT)
        expected = "; ".join(one.expected for one in said if one.expected)
        normal = next((one.normal for one in said if one.normal), "")
        if normal:
            expected = say(_ORDINARY, expected=expected, normal=normal) if expected else normal
        cause = next((one.cause for one in reversed(said)), Cause.ITEM)
        runbook = say(_RUNBOOK[cause])
        claims.append((row, AnomalyKind.MODEL, score, reasons, expected, cause, runbook))
    return _table(claims, FOUND)


def ranked(claims: pl.DataFrame, high_rule: float) -> pl.DataFrame:
    """Claims by event, the deciding one first: rules of high confidence, models, other rules."""
    if len(claims) < 2:  # nothing to put in order
        return claims
    score = claims["score"].to_numpy()
    model = (claims["kind"] == AnomalyKind.MODEL).to_numpy()
    rank = np.where(model, 1, np.where(score >= high_rule, 0, 2))
    order = np.lexsort((-score, rank, claims["row"].to_numpy()))
    return claims[pl.Series(order.astype(np.uint32))]


def explain(claims: pl.DataFrame, language: Language = ENGLISH) -> pl.DataFrame:
    """Turn claims into one explanation per event.

    Args:
        claims: `protocols.FOUND`, for each event the deciding claim first (see
            `ensemble.combine`).
        language: In which they are told.

    Returns:
        `EXPLAINED`: the deciding claim's kind, cause, expectation and runbook; the explanation
        gives every claim's reason.
    """
    events: dict[int, list[str]] = {}
    for row, kind, _, reason, expected, cause, runbook in claims.iter_rows():
        said = language.say(
            "unusual: {reason}" if kind == AnomalyKind.MODEL else "suspect {kind}: {reason}",
            kind=kind,
            reason=reason,
        )
        if row in events:
            events[row][2] += f"; {said}"
        else:
            events[row] = [kind, cause, said, expected, runbook]
    if not events:
        return _NOTHING
    return _table(((row, *told) for row, told in events.items()), EXPLAINED)


def _table(rows: Iterable[Sequence[Any]], schema: pl.Schema) -> pl.DataFrame:
    """A frame of a few rows, at least one, column by column: that is cheaper."""
    columns = zip(*rows, strict=True)
    return beside([
        pl.Series(name, values, dtype)
        for (name, dtype), values in zip(schema.items(), columns, strict=True)
    ])  # fmt: skip


def causes(claimed: pl.Series, flags: pl.Series) -> pl.Series:
    """The likeliest cause class of each event.

    Args:
        claimed: What the deciding claim says (`cause` of `EXPLAINED`), null where there is none.
        flags: `vocabulary.events.Flag` bits of the same events.

    Returns:
        The partner's file where it is itself badly made there, else what was claimed.
    """
    odd = (flags.to_numpy() & int(_FILE_FAULTS)) > 0
    if not odd.any():
        return claimed
    return claimed.set(pl.Series(odd) & claimed.is_not_null(), Cause.PARTNER_FILE.value)
