"""What is said of a scan: kinds of anomaly, verdicts, and the report over a whole input."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import polars as pl


class AnomalyKind(StrEnum):
    """What can be found, in the order in which answers name it: by rules, and by models alone."""

    EPC_FAKE = "epcFake"
    EVT_ORDER_ERR = "evtOrderErr"
    EPC_DUP = "epcDup"
    LOC_ERR = "locErr"
    JUMP = "jump"
    AFTER_SALE = "afterSale"
    MISSED_SCAN = "missedScan"
    MODEL = "model"


#: The five kinds that existed before; callers rely on their counters.
SOURCE_KINDS: Final = tuple(AnomalyKind)[:5]


class Cause(StrEnum):
    """The likeliest cause class: most alerts are faults of data, not deeds."""

    ITEM = "item"
    SCANNER = "scanner"
    DATA = "data"
    PARTNER_FILE = "partner file"


class Severity(StrEnum):
    """A score in words."""

    NORMAL = "NORMAL"
    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"


def score_column(kind: str) -> str:
    """The column that holds a kind's score.

    >>> score_column("epcDup")
    'epcDupScore'
    """
    return f"{kind}Score"


@dataclass(frozen=True, slots=True)
class Challenge:
    """That another version judges a share of the items, drawn by `trials.assignment`.

    `trial`: its number. `versions`: those of the challenger, by detector.
    """

    trial: int
    share: float
    salt: str
    versions: dict[str, str]


@dataclass(frozen=True, slots=True)
class Report:
    """Everything one run of the pipeline says.

    `verdicts`: one row per readable event, in input order: `row` UInt32, `event_id`, `file_id`
    Int64, `epc_code`, one Float64 `<kind>Score` per rule that ran and one per learned detector
    (`lstmSequenceScore`, `svmOutlierScore`, and `mlCombinedScore` of them all; 0-100; null = cannot
    say),
    `finalConfidence` Float64 0-100, `anomaly` Boolean, `kind` String (the primary anomaly, null
    where there is none), `cause` String, `explanation` String, `expected` String, `flags` UInt16.
    `rejects`: see `vocabulary.events.REJECTS`.
    `claims`: every detector's claims (`protocols.FOUND`), for each event the deciding one first.
    `degraded`: names of detectors that failed; their scores are null, never zero.
    `versions`: detector name to the version that judged.
    `challenge`: that some items were judged by another version; then the column `challenger` of
    `verdicts`, where it is true, says which.
    """

    verdicts: pl.DataFrame
    rejects: pl.DataFrame
    claims: pl.DataFrame
    degraded: tuple[str, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)
    challenge: Challenge | None = None
