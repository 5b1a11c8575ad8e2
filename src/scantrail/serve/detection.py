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
Row = dict[str, Any]


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
    told = verdicts if everything else verdicts.filter(verdicts["anomaly"])
    files = _files(events)
    found = _by_file(told, files)
    rejected = _by_file(events.rejects, files)
    answers = [_of_file(file, found[file], rejected[file], report, gains=gains) for file in files]
    return answers[0] if len(answers) == 1 else answers


def _files(events: Events) -> list[int]:
    """File ids in order of first appearance; an empty request is answered as file 1."""
    ids = events.frame["file_id"]
    if len(events.rejects):
        both = [table.select("row", "file_id") for table in (events.frame, events.rejects)]
        ids = pl.concat(both).sort("row")["file_id"].drop_nulls()
    return list(dict.fromkeys(ids.to_list())) or [1]


def _by_file(table: pl.DataFrame, files: list[int]) -> dict[int, list[Row]]:
    """Rows per file; those of no known file are told with the first."""
    rows: dict[int, list[Row]] = {file: [] for file in files}
    for row in table.rows(named=True):
        file = row["file_id"]
        rows[files[0] if file is None else file].append(row)
    return rows


def _of_file(
    file: int, rows: list[Row], rejects: list[Row], report: Report, *, gains: bool
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
    if rejects:
        told["rejected"] = [rejected_record(row) for row in rejects]
    return told


def _event(row: Row, *, gains: bool) -> Answer:
    event: Answer = {"eventId": row["event_id"]}
    for kind, column in _KINDS:
        score = row.get(column)
        if score:
            event[kind] = True
            event[column] = score
    if gains:
        event |= {name: row[column] for column, name in _GAINED.items() if row[column] is not None}
    return event


def _counted(rows: Iterable[Row]) -> dict[str, int]:
    counters = dict(_NOTHING)
    for row in rows:
        for counter, column in _COUNTED:
            if row[column]:
                counters[counter] += 1
                counters["totalEvents"] += 1
    return counters


def _per_epc(rows: Iterable[Row]) -> list[Answer]:
    by_epc: dict[str, list[Row]] = {}
    for row in rows:
        by_epc.setdefault(row["epc_code"], []).append(row)
    counted = [{"epcCode": epc, **_counted(found)} for epc, found in by_epc.items()]
    return [counters for counters in counted if counters["totalEvents"]]


def _learned(suspects: list[Row]) -> dict[str, float]:
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


def rejected_record(row: Row) -> Answer:
    """A record that could not be judged (a row of `vocabulary.events.REJECTS`): where, and why."""
    value = f": '{row['value']}'" if row["value"] else ""
    return {
        "index": row["line"],
        "eventId": _identity(row["event_id"]),
        "field": row["column"],
        "reason": f"{row['reason']}{value}; {row['fix']}",
    }


def _identity(event_id: str | None) -> int | str | None:
    """An event id as it was given: a number, or the text of an uploaded log."""
    if event_id is None or not event_id.removeprefix("-").isdecimal():
        return event_id
    return int(event_id)
