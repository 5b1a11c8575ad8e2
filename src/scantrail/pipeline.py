"""The one way in which scans become verdicts; everything that scores runs this function."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl

from scantrail.ensemble import Combination, Decision, EnsembleSettings, combine
from scantrail.explain import causes, explain, model_claims, ranked
from scantrail.gaps import fill_gaps
from scantrail.journeys import link
from scantrail.lanes import Network
from scantrail.vocabulary.events import Events, empty_rejects
from scantrail.vocabulary.findings import Report
from scantrail.vocabulary.language import ENGLISH, Language
from scantrail.vocabulary.protocols import FOUND, Ask, Detector, Explainer, Findings, Journeys

D = TypeVar("D", bound=Detector)
T = TypeVar("T")
_log = logging.getLogger(__name__)

_IDENTITY: Final = ("row", "event_id", "file_id", "epc_code")
_WORDS: Final = ("kind", "cause", "explanation", "expected")
_MANY: Final = 20_000  # events; for fewer, threads cost more than they gain
_NOBODY: Final = np.uint32(0xFFFF_FFFF)

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
    asked = ask(detectors, partial(_judged, journeys), len(journeys.linked))
    answers = {one.name: answer for one, answer in zip(detectors, asked, strict=True)}
    degraded = tuple(name for name, answer in answers.items() if answer is None)

    progress("verdicts")
    answered = {name: answer for name, answer in answers.items() if answer}
    combination, settings = manner.combination, manner.settings
    crowd = partial(_crowd, journeys.linked)
    decision = combine(answered, len(journeys.events), combination, settings, crowd)
    able = [one for one in detectors if one.name in answered and isinstance(one, Explainer)]
    claims = _claims(journeys, able, decision, settings.high_rule, ask)
    scores = _scores(detectors, answers, len(journeys.events))
    if combination:
        scores.append(decision.combined)
    verdicts = _verdicts(journeys, scores, decision, explain(claims, manner.language))
    versions = {detector.name: detector.version for detector in detectors}
    return Report(verdicts, empty_rejects(), claims, degraded, versions)


def see(events: pl.DataFrame, network: Network, language: Language = ENGLISH) -> Journeys:
    """What detectors see of events (`vocabulary.events.EVENTS`): gaps filled, journeys linked."""
    filled = fill_gaps(events, network.sites)
    linked, codes = link(filled, network)
    table = network.sites.table
    names = pl.DataFrame([table["location_id"], table["scan_location"]])
    return Journeys(linked, filled, codes, names, language)


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
    got = (len(answer.scores), tuple(answer.scores.columns))
    expected = (len(journeys.linked), detector.columns)
    if got != expected:
        raise ValueError(f"it gives (rows, columns) {got}, expected {expected}")
    if answer.found.schema != FOUND:
        raise ValueError(f"its claims are {answer.found.schema}, expected {FOUND}")
    return answer


def _crowd(linked: pl.DataFrame, places: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Of events at these places: how many of them share place, words and second with each."""
    some = linked.select("place", "words", "time")[places]
    return some.select(pl.len().over("place", "words", "time")).to_series().to_numpy()


def _claims(
    journeys: Journeys,
    explainers: Sequence[Explainer],
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
    words = ask(explainers, lambda one: one.tell(journeys, places), len(journeys.linked))
    told = [each for each in words if each is not None]
    rows = journeys.linked["row"].to_numpy()[places]
    scores = decision.combined.to_numpy()[places]
    models = model_claims(rows, scores, told, journeys.language)
    return ranked(pl.concat([decision.claims, models]), high_rule)


def _verdicts(
    journeys: Journeys, scores: list[pl.Series], decision: Decision, explained: pl.DataFrame
) -> pl.DataFrame:
    """Scores and words beside each event, back in input order."""
    events = journeys.events
    order = _input_order(journeys)
    told = [column[order] for column in (*scores, decision.confidence)]
    anomaly = pl.Series("anomaly", decision.anomaly[order.to_numpy()])
    at = _sparse(_places(events, explained["row"]), len(events))
    words = {name: explained[name][at] for name in _WORDS}
    words["cause"] = causes(words["cause"], events["flags"])
    identity = [events[name] for name in _IDENTITY]
    return pl.DataFrame([*identity, *told, anomaly, *words.values(), events["flags"]])


def _scores(
    detectors: Sequence[Detector], answers: dict[str, Findings | None], count: int
) -> list[pl.Series]:
    return [
        column
        for detector in detectors
        for column in _score_columns(detector, answers[detector.name], count)
    ]


def _input_order(journeys: Journeys) -> pl.Series:
    """Where each event, in input order, stands in journey order."""
    at = _places(journeys.events, journeys.linked["row"])
    order = np.empty(len(at), np.uint32)
    order[at] = np.arange(len(at), dtype=np.uint32)
    return pl.Series(order)


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
