"""The one way in which scans become verdicts; everything that scores runs this function."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import repeat
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from scantrail.ensemble import ML_COLUMN, Combination, Decision, EnsembleSettings, combine
from scantrail.explain import causes, explain, model_claims, ranked
from scantrail.features.groups import counted
from scantrail.gaps import fill_gaps
from scantrail.journeys import link
from scantrail.lanes import Network
from scantrail.vocabulary.events import Events, empty_rejects
from scantrail.vocabulary.findings import Report
from scantrail.vocabulary.language import ENGLISH, Language
from scantrail.vocabulary.linked import Linked
from scantrail.vocabulary.protocols import (
    FOUND,
    NO_CLAIMS,
    Detector,
    Findings,
    Journeys,
)

_log = logging.getLogger(__name__)

_IDENTITY: Final = ("row", "event_id", "file_id", "epc_code")
_WORDS: Final = ("kind", "cause", "explanation", "expected")
_MANY: Final = 20_000  # events; for fewer, threads cost more than they gain

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
#: Called with a stage's name as it begins.
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Manner:
    """How detectors' answers become verdicts.

    `combination`: of learned detectors; None if there are none. `settings`: when to raise an alarm.
    `language`: in which people are told why.
    """

    combination: Combination | None = None
    settings: EnsembleSettings = field(default_factory=EnsembleSettings)
    language: Language = ENGLISH


_PLAIN: Final = Manner()


def judge(
    events: Events,
    network: Network,
    detectors: Sequence[Detector],
    progress: Progress = lambda _: None,
    manner: Manner = _PLAIN,
) -> Report:
    """Judge every event.

    Args:
        events: What ingest understood; rejects pass through to the report.
        network: Sites and lanes that journeys are measured against.
        detectors: Who judges. One that raises leaves its scores null and is named in `degraded`.
        progress: Told of each stage.
        manner: How their answers become verdicts; by default those of rules alone, in English.

    Returns:
        One verdict per event, in input order (see `findings.Report`).
    """
    progress("journeys")
    journeys = see(events.frame, network, manner.language)
    return replace(decide(journeys, detectors, progress, manner), rejects=events.rejects)


def decide(
    journeys: Journeys,
    detectors: Sequence[Detector],
    progress: Progress = lambda _: None,
    manner: Manner = _PLAIN,
) -> Report:
    """Judge every event of journeys that `see` made; see `judge`. The report has no rejects."""
    progress("detectors")
    answers, degraded = _ask(detectors, journeys)

    progress("verdicts")
    answered = {name: answer for name, answer in answers.items() if answer}
    combination, settings = manner.combination, manner.settings
    crowd = partial(_crowd, journeys.columns)
    decision = combine(answered, len(journeys.events), combination, settings, crowd)
    asked = [one for one in detectors if one.name in answered]
    claims = _claims(journeys, asked, decision, settings.high_rule)
    scores = _scores(detectors, answers, len(journeys.events))
    if combination:
        scores[ML_COLUMN] = decision.combined
    scores["finalConfidence"] = decision.confidence
    verdicts = _verdicts(journeys, scores, decision.anomaly, explain(claims, manner.language))
    versions = {detector.name: detector.version for detector in detectors}
    return Report(verdicts, empty_rejects(), claims, degraded, versions)


def see(events: pl.DataFrame, network: Network, language: Language = ENGLISH) -> Journeys:
    """What detectors see of events (`vocabulary.events.EVENTS`): gaps filled, journeys linked."""
    filled = fill_gaps(events, network.sites)
    linked, codes = link(filled, network)
    return Journeys(linked, filled, codes, network.sites.names, language)


def _ask(
    detectors: Sequence[Detector], journeys: Journeys
) -> tuple[dict[str, Findings | None], tuple[str, ...]]:
    """Each detector's answer; None where it failed, which never counts as clean."""
    if len(journeys.columns) < _MANY:
        asked = [_answer(detector, journeys) for detector in detectors]
    else:  # they mostly compute outside of Python, so threads gain
        with ThreadPoolExecutor(len(detectors) or 1) as pool:
            asked = list(pool.map(_answer, detectors, repeat(journeys)))
    answers = {one.name: answer for one, answer in zip(detectors, asked, strict=True)}
    return answers, tuple(name for name, answer in answers.items() if answer is None)


def _answer(detector: Detector, journeys: Journeys) -> Findings | None:
    try:
        return _checked(detector, detector.judge(journeys), journeys)
    except Exception:  # noqa: BLE001 - whatever one raises, the others must still answer
        _log.exception("detector %s failed; the verdicts are degraded", detector.name)
        return None


def _checked(detector: Detector, answer: Findings, journeys: Journeys) -> Findings:
    """The answer, if it is about these events: one of another shape would spoil all verdicts."""
    got = {name: score.shape for name, score in answer.columns.items()}
    expected = dict.fromkeys(detector.columns, (len(journeys.columns),))
    if list(got.items()) != list(expected.items()):
        raise ValueError(f"it gives scores of the shapes {got}, expected {expected}")
    if answer.found is not NO_CLAIMS and answer.found.schema != FOUND:
        raise ValueError(f"its claims are {answer.found.schema}, expected {FOUND}")
    return answer


def _crowd(linked: Linked, places: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Of events at these places: how many of them share place, words and instant with each."""
    time = linked["time"].view(np.int64)
    return counted(linked["place"][places], linked["words"][places], time[places])


def _claims(
    journeys: Journeys, detectors: Sequence[Detector], decision: Decision, high_rule: float
) -> pl.DataFrame:
    """Rules' claims, and what learned detectors say of the events that they raise an alarm for."""
    places = np.flatnonzero(decision.alarmed)
    if not len(places):
        return decision.claims
    told = []
    for one in detectors:
        if not hasattr(one, "tell"):  # no `Explainer`; asking for the protocol itself is slow
            continue
        try:
            told.append(one.tell(journeys, places))
        except Exception:  # noqa: BLE001 - the scores stand, whatever happens to the words
            _log.exception("detector %s has no words for what it found", one.name)
    rows = journeys.columns["row"][places]
    scores = decision.combined[places]
    models = model_claims(rows, scores, told, journeys.language)
    return ranked(decision.claims.vstack(models), high_rule)


def _verdicts(
    journeys: Journeys, scores: dict[str, Floats], anomaly: Flags, explained: pl.DataFrame
) -> pl.DataFrame:
    """Scores and words beside each event, back in input order."""
    events = journeys.events
    order = _input_order(journeys)
    words = _words(events, explained)
    words["cause"] = causes(words["cause"], events["flags"])
    return pl.DataFrame([
        *(events[name] for name in _IDENTITY),
        *_numbers({name: score[order] for name, score in scores.items()}),
        pl.Series("anomaly", anomaly[order]),
        *words.values(),
        events["flags"],
    ])  # fmt: skip


def _numbers(columns: dict[str, Floats]) -> list[pl.Series]:
    """Columns of numbers, null for NaN, cut out of a single one: that is cheaper than many."""
    every = pl.Series(np.concatenate(list(columns.values())), nan_to_null=True)
    length = len(every) // len(columns)
    return [every.slice(i * length, length).alias(name) for i, name in enumerate(columns)]


def _words(events: pl.DataFrame, explained: pl.DataFrame) -> dict[str, pl.Series]:
    """What is told of each event; null where nothing is."""
    at = np.full(len(events), np.nan)
    at[_places(events, explained["row"].to_numpy())] = np.arange(len(explained))
    places = pl.Series(at, nan_to_null=True).cast(pl.UInt32)
    return {name: explained[name][places] for name in _WORDS}


def _scores(
    detectors: Sequence[Detector], answers: dict[str, Findings | None], count: int
) -> dict[str, Floats]:
    """All score columns; NaN where a detector failed."""
    silent = np.full(count, np.nan)
    return {
        name: answer.columns[name] if answer else silent
        for detector in detectors
        for answer in [answers[detector.name]]
        for name in detector.columns
    }


def _input_order(journeys: Journeys) -> npt.NDArray[np.uint32]:
    """Where each event, in input order, stands in journey order."""
    at = _places(journeys.events, journeys.columns["row"])
    order = np.empty(len(at), np.uint32)
    order[at] = np.arange(len(at), dtype=np.uint32)
    return order


def _places(events: pl.DataFrame, rows: npt.NDArray[np.uint32]) -> npt.NDArray[np.integer]:
    """Where the events with these row numbers stand; at their number, if none was rejected."""
    if not len(events) or events["row"][-1] == len(events) - 1:
        return rows
    return np.searchsorted(events["row"].to_numpy(), rows)
