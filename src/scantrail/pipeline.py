"""The one way in which scans become verdicts; everything that scores runs this function."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final, TypeVar

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
from scantrail.vocabulary.frames import beside
from scantrail.vocabulary.language import ENGLISH, Language
from scantrail.vocabulary.linked import Linked
from scantrail.vocabulary.protocols import (
    FOUND,
    NO_CLAIMS,
    Ask,
    Detector,
    Findings,
    Journeys,
)

D = TypeVar("D", bound=Detector)
T = TypeVar("T")
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


def ask_all(detectors: Sequence[D], work: Callable[[D], T], events: int) -> list[T | None]:
    """Ask detectors (`vocabulary.protocols.Ask`), however long they take."""
    attempt = partial(_attempt, work)
    if events < _MANY:
        return [attempt(one) for one in detectors]
    with ThreadPoolExecutor(len(detectors) or 1) as pool:  # they compute outside of Python
        return list(pool.map(attempt, detectors))


def decide(
    journeys: Journeys,
    detectors: Sequence[Detector],
    progress: Progress = lambda _: None,
    manner: Manner = _PLAIN,
    ask: Ask = ask_all,
) -> Report:
    """Judge every event of journeys that `see` made; see `judge`. The report has no rejects.

    `ask` is how detectors are asked; one without an answer never counts as clean.
    """
    progress("detectors")
    asked = ask(detectors, partial(_judged, journeys), len(journeys.columns))
    answers = {one.name: answer for one, answer in zip(detectors, asked, strict=True)}
    degraded = tuple(name for name, answer in answers.items() if answer is None)

    progress("verdicts")
    answered = {name: answer for name, answer in answers.items() if answer}
    combination, settings = manner.combination, manner.settings
    crowd = partial(_crowd, journeys.columns)
    decision = combine(answered, len(journeys.events), combination, settings, crowd)
    able = [one for one in detectors if one.name in answered]
    claims = _claims(journeys, able, decision, settings.high_rule, ask)
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


def _attempt(work: Callable[[D], T], detector: D) -> T | None:
    try:
        return work(detector)
    except Exception:  # noqa: BLE001 - whatever one raises, the others must still answer
        _log.exception("detector %s failed; the verdicts are degraded", detector.name)
        return None


def _judged(journeys: Journeys, detector: Detector) -> Findings:
    return _checked(detector, detector.judge(journeys), journeys)


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
    journeys: Journeys,
    detectors: Sequence[Detector],
    decision: Decision,
    high_rule: float,
    ask: Ask,
) -> pl.DataFrame:
    """Rules' claims, and what learned detectors say of the events that they raise an alarm for.

    The scores stand, whatever happens to the words.
    """
    places = np.flatnonzero(decision.alarmed)
    if not len(places):
        return decision.claims
    # no `Explainer` without `tell`; asking for the protocol itself is slow
    able: Sequence[Any] = [one for one in detectors if hasattr(one, "tell")]
    words = ask(able, lambda one: one.tell(journeys, places), len(journeys.columns))
    told = [each for each in words if each is not None]
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
    return beside([
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
