"""From a request's records to the answer that callers know."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import polars as pl

from scantrail.report import COUNTERS
from scantrail.vocabulary.events import Events
from scantrail.vocabulary.findings import AnomalyKind, Report, score_column

_KINDS: Final = [(kind.value, score_column(kind)) for kind in AnomalyKind]
_COUNTED: Final = [(counter, score_column(kind)) for counter, kind in COUNTERS.items()]
_NOTHING: Final[dict[str, int]] = {"totalEvents": 0} | dict.fromkeys(COUNTERS, 0)
#: The verdict's columns that an event gains, and what callers call them.
_GAINED: Final = {
    "epc_code": "epcCode",
    "finalConfidence": "finalConfidence",
    "kind": "primaryAnomaly",
    "cause": "cause",
    "explanation": "explanation",
    "expected": "expected",
}

Answer = dict[str, Any]


def answer(
    events: Events, report: Report, *, gains: bool = True, everything: bool = False
) -> Answer | list[Answer]:
    """The answer to a detection request.

    Args:
        events: What was judged.
        report: What was found.
        gains: Whether to tell what the earlier service did not: confidence, cause, explanation …
        everything: Whether to tell of every event, found or not.

    Returns:
        One answer, or, for several files, a list of them in order of first appearance.
    """
    verdicts = report.verdicts
    told = verdicts if everything else _suspects(verdicts)
    rows = told.rows(named=True)
    files = _files(events)
    if len(files) == 1:
        return _of_file(files[0], rows, events, report, gains=gains)
    return [
        _of_file(file, [row for row in rows if row["file_id"] == file], events, report, gains=gains)
        for file in files
    ]


def _suspects(verdicts: pl.DataFrame) -> pl.DataFrame:
    """The suspect events; most small requests have none."""
    anomaly = verdicts["anomaly"]
    return verdicts.filter(anomaly) if anomaly.any() else verdicts[:0]


def _files(events: Events) -> list[int]:
    """File ids in order of first appearance; an empty request is answered as file 1."""
    return list(dict.fromkeys(events.frame["file_id"].to_list())) or [1]


def _of_file(
    file: int, rows: list[dict[str, Any]], events: Events, report: Report, *, gains: bool
) -> Answer:
    suspects = [row for row in rows if row["anomaly"]]
    told: Answer = {
        "fileId": file,
        "EventHistory": [_event(row, gains=gains) for row in rows],
        "epcAnomalyStats": _per_epc(suspects),
        "fileAnomalyStats": _counted(suspects),
    }
    if gains:
        told |= {
            "mlSummaryStats": _learned(suspects),
            "degraded": list(report.degraded),
            "modelVersions": report.versions,
        }
        rejected = _rejected(events)
        if rejected:
            told["rejected"] = rejected
    return told


def _event(row: dict[str, Any], *, gains: bool) -> Answer:
    event: Answer = {"eventId": row["event_id"]}
    for kind, column in _KINDS:
        score = row.get(column)
        if score:
            event[kind] = True
            event[column] = score
    if gains:
        event |= {name: row[column] for column, name in _GAINED.items() if row[column] is not None}
    return event


def _counted(rows: Iterable[dict[str, Any]]) -> dict[str, int]:
    counters = dict(_NOTHING)
    for row in rows:
        for counter, column in _COUNTED:
            if row[column]:
                counters[counter] += 1
                counters["totalEvents"] += 1
    return counters


def _per_epc(rows: Iterable[dict[str, Any]]) -> list[Answer]:
    by_epc: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_epc.setdefault(row["epc_code"], []).append(row)
    counted = [{"epcCode": epc, **_counted(found)} for epc, found in by_epc.items()]
    return [counters for counters in counted if counters["totalEvents"]]


def _learned(suspects: list[dict[str, Any]]) -> dict[str, float]:
    """What learned detectors added; rules are the only detectors so far."""
    confidences = [row["finalConfidence"] for row in suspects]
    return {
        "totalMLAnomalies": 0,
        "lstmDetections": 0,
        "svmDetections": 0,
        "ruleOnlyDetections": len(suspects),
        "mlOnlyDetections": 0,
        "averageConfidence": round(sum(confidences) / len(confidences), 2) if confidences else 0.0,
    }


def _rejected(events: Events) -> list[Answer]:
    return [
        {
            "index": row["line"],
            "eventId": None if row["event_id"] is None else int(row["event_id"]),
            "field": row["column"],
            "reason": f"{row['reason']}: '{row['value']}'; {row['fix']}"
            if row["value"]
            else f"{row['reason']}; {row['fix']}",
        }
        for row in events.rejects.rows(named=True)
    ]
