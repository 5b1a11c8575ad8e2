"""The one way in which scans become verdicts; everything that scores runs this function."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from scantrail.ensemble import combine
from scantrail.explain import causes, explain
from scantrail.gaps import fill_gaps
from scantrail.journeys import link
from scantrail.lanes import Network
from scantrail.vocabulary.events import Events
from scantrail.vocabulary.findings import Report
from scantrail.vocabulary.protocols import FOUND, Detector, Findings, Journeys

_log = logging.getLogger(__name__)

_IDENTITY: Final = ("row", "event_id", "file_id", "epc_code")
_WORDS: Final = ("kind", "cause", "explanation", "expected")
_NOBODY: Final = np.uint32(0xFFFF_FFFF)

#: Called with a stage's name as it begins.
Progress = Callable[[str], None]


def judge(
    events: Events,
    network: Network,
    detectors: Sequence[Detector],
    progress: Progress = lambda _: None,
) -> Report:
    """Judge every event.

    Args:
        events: What ingest understood; rejects pass through to the report.
        network: Sites and lanes that journeys are measured against.
        detectors: Who judges. One that raises leaves its scores null and is named in `degraded`.
        progress: Told of each stage.

    Returns:
        One verdict per event, in input order (see `findings.Report`).
    """
    progress("journeys")
    journeys = see(events.frame, network)

    progress("detectors")
    answers, degraded = _ask(detectors, journeys)

    progress("verdicts")
    confidence, claims = combine([a for a in answers.values() if a], len(journeys.events))
    verdicts = _verdicts(journeys, detectors, answers, confidence, explain(claims))
    versions = {detector.name: detector.version for detector in detectors}
    return Report(verdicts, events.rejects, claims, degraded, versions)


def see(events: pl.DataFrame, network: Network) -> Journeys:
    """What detectors see of events (`vocabulary.events.EVENTS`): gaps filled, journeys linked."""
    filled = fill_gaps(events, network.sites)
    linked, codes = link(filled, network)
    table = network.sites.table
    names = pl.DataFrame([table["location_id"], table["scan_location"]])
    return Journeys(linked, filled, codes, names)


def _ask(
    detectors: Sequence[Detector], journeys: Journeys
) -> tuple[dict[str, Findings | None], tuple[str, ...]]:
    """Each detector's answer; None where it failed, which never counts as clean."""
    answers: dict[str, Findings | None] = {}
    for detector in detectors:
        try:
            answers[detector.name] = _checked(detector, detector.judge(journeys), journeys)
        except Exception:  # noqa: BLE001 - whatever one raises, the others must still answer
            _log.exception("detector %s failed; the verdicts are degraded", detector.name)
            answers[detector.name] = None
    return answers, tuple(name for name, answer in answers.items() if answer is None)


def _checked(detector: Detector, answer: Findings, journeys: Journeys) -> Findings:
    """The answer, if it is about these events: one of another shape would spoil all verdicts."""
    got = (len(answer.scores), tuple(answer.scores.columns))
    expected = (len(journeys.linked), detector.columns)
    if got != expected:
        raise ValueError(f"it gives (rows, columns) {got}, expected {expected}")
    if answer.found.schema != FOUND:
        raise ValueError(f"its claims are {answer.found.schema}, expected {FOUND}")
    return answer


def _verdicts(
    journeys: Journeys,
    detectors: Sequence[Detector],
    answers: dict[str, Findings | None],
    confidence: pl.Series,
    explained: pl.DataFrame,
) -> pl.DataFrame:
    """Scores and words beside each event, back in input order."""
    events = journeys.events
    order = _input_order(journeys)
    scores = [
        column
        for detector in detectors
        for column in _score_columns(detector, answers[detector.name], len(events))
    ]
    told = pl.DataFrame([*scores, confidence])[order]
    words = explained.drop("row", "runbook")[
        _sparse(_places(events, explained["row"]), len(events))
    ]
    words.replace_column(words.get_column_index("cause"), causes(words["cause"], events["flags"]))
    anomaly = pl.Series("anomaly", told["finalConfidence"].to_numpy() > 0)  # null is no anomaly
    identity = pl.DataFrame([events[name] for name in _IDENTITY])
    return identity.hstack([*told.get_columns(), anomaly, *words.get_columns(), events["flags"]])


def _input_order(journeys: Journeys) -> npt.NDArray[np.int64]:
    """Where each event, in input order, stands in journey order."""
    at = _places(journeys.events, journeys.linked["row"])
    order = np.empty(len(at), np.int64)
    order[at] = np.arange(len(at))
    return order


def _places(events: pl.DataFrame, rows: pl.Series) -> npt.NDArray[np.integer]:
    """Where the events with these row numbers stand; at their number, if none was rejected."""
    if not len(events) or events["row"][-1] == len(events) - 1:
        return rows.to_numpy()
    return np.searchsorted(events["row"].to_numpy(), rows.to_numpy())


def _score_columns(detector: Detector, answer: Findings | None, count: int) -> list[pl.Series]:
    if answer is not None:
        return answer.scores.get_columns()
    return [pl.repeat(None, count, dtype=pl.Float64, eager=True).alias(n) for n in detector.columns]


def _sparse(at: npt.NDArray[np.integer], count: int) -> pl.Series:
    """For each of `count` places, which of the few stands there; null where none does."""
    place = np.full(count, _NOBODY, np.uint32)
    place[at] = np.arange(len(at), dtype=np.uint32)
    return pl.Series(place).set(pl.Series(place == _NOBODY), None)
