"""From a request's records to the answer that callers know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

import polars as pl

from scantrail.ensemble import ML_COLUMN, EnsembleSettings
from scantrail.report import COUNTERS
from scantrail.serve.dismissing import view
from scantrail.stores.feedback import Feedback
from scantrail.vocabulary.events import Events
from scantrail.vocabulary.findings import AnomalyKind, Report, score_column

_KINDS: Final = [(kind.value, score_column(kind)) for kind in AnomalyKind]
_MODEL: Final = AnomalyKind.MODEL.value
_COUNTED: Final = [(counter, score_column(kind)) for counter, kind in COUNTERS.items()]
_NOTHING: Final[dict[str, int]] = {"totalEvents": 0} | dict.fromkeys(COUNTERS, 0)
_LSTM: Final = "lstmSequenceScore"
_SVM: Final = "svmOutlierScore"
#: The verdict's scores that an event gains; those of learned detectors only where these judged.
_SCORES: Final = (_LSTM, _SVM, ML_COLUMN, "finalConfidence")
#: The verdict's words that an event gains, and what callers call them.
_WORDS: Final = {
    "kind": "primaryAnomaly",
    "cause": "cause",
    "explanation": "explanation",
    "expected": "expected",
}

Answer = dict[str, Any]
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Learned:
    """What learned detectors say, and people.

    `reasons`: of each event (row) that they raise an alarm for. `lstm`, `svm`: per file, how many
    events the detector by itself would raise an alarm for. `dismissed`: feedback by its number.
    """

    reasons: Mapping[int, str]
    lstm: Counter[int]
    svm: Counter[int]
    dismissed: Mapping[int, Feedback] = field(default_factory=dict)


def answer(
    events: Events,
    report: Report,
    *,
    gains: bool = True,
    everything: bool = False,
    ensemble: EnsembleSettings | None = None,
    dismissed: Mapping[int, Feedback] = MappingProxyType({}),
) -> Answer | list[Answer]:
    """The answer to a detection request.

    Args:
        events: What was judged.
        report: What was found.
        gains: Whether to tell what the earlier service did not: confidence, cause, explanation …
        everything: Whether to tell of every event, found or not.
        ensemble: The settings that the report was made with; the defaults if None.
        dismissed: The feedback that the verdicts' column `dismissed` names, if there is one. What
            is dismissed is told, and not counted; where nothing is gained, there is no such thing.

    Returns:
        One answer, or, for several files, a list of them in order of first appearance.
    """
    verdicts = report.verdicts
    told = verdicts if everything else _suspects(verdicts)
    files = _files(events)
    found = _by_file(told, files)
    rejected = _by_file(events.rejects, files)
    learned = _learned(report, ensemble or EnsembleSettings(), dismissed) if gains else None
    answers = [_of_file(file, found[file], rejected[file], report, learned) for file in files]
    return answers[0] if len(answers) == 1 else answers


def _learned(
    report: Report, settings: EnsembleSettings, dismissed: Mapping[int, Feedback]
) -> _Learned:
    verdicts, claims = report.verdicts, report.claims
    reasons: dict[int, str] = {}
    if len(claims):
        told = claims.filter(claims["kind"] == _MODEL)
        reasons = dict(told.select("row", "reason").iter_rows())

    def alone(column: str) -> Counter[int]:
        if column not in verdicts.columns:
            return Counter()
        high = verdicts[column] >= settings.alert_score
        return Counter(verdicts["file_id"].filter(high)) if high.any() else Counter()

    return _Learned(reasons, alone(_LSTM), alone(_SVM), dismissed)


def _suspects(verdicts: pl.DataFrame) -> pl.DataFrame:
    """The suspect events; most small requests have none."""
    anomaly = verdicts["anomaly"]
    return verdicts.filter(anomaly) if anomaly.any() else verdicts[:0]


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
    file: int, rows: list[Row], rejects: list[Row], report: Report, learned: _Learned | None
) -> Answer:
    suspects = [row for row in rows if row["anomaly"]]
    if learned:
        suspects = [row for row in suspects if row.get("dismissed") is None]
    told: Answer = {
        "fileId": file,
        "EventHistory": [_event(row, learned) for row in rows],
        "epcAnomalyStats": _per_epc(suspects),
        "fileAnomalyStats": _counted(suspects),
    }
    if learned:
        told |= {
            "mlSummaryStats": _summary(file, suspects, learned),
            "degraded": list(report.degraded),
            "modelVersions": report.versions,
        }
        if report.challenge:
            told["trial"] = {
                "id": report.challenge.trial,
                "share": report.challenge.share,
                "modelVersions": report.challenge.versions,
            }
    elif report.degraded:  # the earlier service had no word for it; silence would mean clean
        told["degraded"] = list(report.degraded)
    if rejects:
        told["rejected"] = [rejected_record(row) for row in rejects]
    return told


def found(row: Row) -> dict[str, float]:
    """Score by kind that was found in an event (a row of `Report.verdicts`), 0-100.

    That of `model` is told only where no rule found anything.
    """
    scores = {kind: row[column] for kind, column in _KINDS if row.get(column)}
    if not scores and row["kind"] == _MODEL:
        scores[_MODEL] = round(row[ML_COLUMN], 2)
    return scores


def _event(row: Row, learned: _Learned | None) -> Answer:
    event: Answer = {"eventId": row["event_id"]}
    for kind, score in found(row).items():
        event |= {kind: True, score_column(kind): score}
    if learned:
        scores = {name: row.get(name) for name in _SCORES}
        event["epcCode"] = row["epc_code"]
        event |= {name: round(score, 2) for name, score in scores.items() if score is not None}
        event |= {name: row[column] for column, name in _WORDS.items() if row[column] is not None}
        if row.get("challenger") is not None:
            event["challenger"] = row["challenger"]
        if row["row"] in learned.reasons:
            event["mlExplanation"] = learned.reasons[row["row"]]
        if (mark := row.get("dismissed")) is not None:
            event |= {"dismissed": True, "feedback": view(learned.dismissed[mark])}
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
        if any(row[column] for _, column in _COUNTED):
            by_epc.setdefault(row["epc_code"], []).append(row)
    return [{"epcCode": epc, **_counted(found)} for epc, found in by_epc.items()]


def _summary(file: int, suspects: list[Row], learned: _Learned) -> dict[str, float]:
    """What learned detectors found, and what they added to rules."""
    alarms = sum(row["row"] in learned.reasons for row in suspects)
    alone = sum(_MODEL in found(row) for row in suspects)
    confidences = [row["finalConfidence"] for row in suspects]
    return {
        "totalMLAnomalies": alarms,
        "lstmDetections": learned.lstm[file],
        "svmDetections": learned.svm[file],
        "ruleOnlyDetections": len(suspects) - alarms,
        "mlOnlyDetections": alone,
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
