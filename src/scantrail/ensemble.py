"""One decision per event out of what all detectors say.

Learned detectors speak in calibrated evidence, which is combined and calibrated again; rules speak
in claims. Where they disagree:

1. a rule of high confidence (`high_rule`) decides, whatever the models say: it can name the fact;
2. else models that raise an alarm decide, together with what rules add;
3. else a rule of lower confidence stands for itself: by how rarely it fires on honest items, and
   little if a whole batch shares its claim.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Annotated, Final

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from scantrail.calibration import TOP_EVIDENCE, Calibration, to_evidence, to_score
from scantrail.vocabulary.protocols import NO_CLAIMS, Findings

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

ML_COLUMN: Final = "mlCombinedScore"
_POWER: Final = 8.0  # of the mean: nearly the strongest voice, yet two count for more than one


class EnsembleSettings(msgspec.Struct, frozen=True, kw_only=True):
    """When to raise an alarm; scores are 0-100."""

    alert_score: float = 65.0  # calibrated: about one honest item in 400
    #: at most so many false alerts per 10,000 scans; sets `alert_score` by what the artifact knows
    alerts_per_10k: Annotated[float, msgspec.Meta(gt=0)] | None = None
    high_rule: float = 70.0  # rules from here on decide by themselves
    shared_lift: float = 10.0  # what a claim gains if rules and models agree


@dataclass(frozen=True)
class Combination:
    """How the evidence of learned detectors becomes one: a weighted power mean, calibrated again.

    `weights`: per detector, above 0. `calibration`: of the mean of all of them. With fewer voices
    the remaining ones are the evidence: each is calibrated by itself. `rules`: per score column of
    a rule, scores that it gave to held-out items and the share of these that it gave as much or
    more.
    """

    weights: Mapping[str, float]
    calibration: Calibration
    rules: Mapping[str, Sequence[tuple[float, float]]] = field(default_factory=dict)

    def rule_evidence(self, column: str, score: Floats) -> Floats:
        """Evidence of a rule's scores, (n,): how rarely it claims so much; 0 where it is silent."""
        levels = self.rules.get(column, ())
        shares = np.array([share for _, share in levels] + [10.0**-TOP_EVIDENCE])
        at = np.searchsorted([level for level, _ in levels], score, "left")
        return np.where(score > 0, -np.log10(shares[at]), 0.0)

    def evidence(self, scores: Mapping[str, Floats]) -> Floats:
        """Evidence of (n,) scores per detector, NaN = cannot say; NaN where nobody can."""
        voices = [(name, to_evidence(score)) for name, score in scores.items()]
        mean = self.mean(dict(voices))
        together = np.logical_and.reduce([~np.isnan(evidence) for _, evidence in voices])
        if len(voices) < len(self.weights):
            together = np.zeros_like(together)
        return np.where(together, self.calibration(mean), mean)

    def mean(self, evidence: Mapping[str, Floats]) -> Floats:
        """The weighted power mean of the voices that can say something."""
        values = np.stack(list(evidence.values()))
        weights = np.array([self.weights.get(name, 1.0) for name in evidence])[:, None]
        there = ~np.isnan(values)
        total = (weights * there).sum(axis=0)
        powers = (weights * np.where(there, values, 0.0) ** _POWER).sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean: Floats = np.where(total > 0, (powers / total) ** (1 / _POWER), np.nan)
        return mean


@dataclass(frozen=True, slots=True)
class Decision:
    """Per event, in the order of the findings.

    Attributes:
        confidence: (n,) `finalConfidence`, 0-100; NaN where no detector could say anything.
        combined: (n,) `mlCombinedScore`, 0-100; NaN where no learned detector could.
        anomaly: (n,) whether the event is suspect.
        alarmed: (n,) whether the learned detectors raise an alarm.
        claims: All claims of rules, for each event the strongest first.
    """

    confidence: Floats
    combined: Floats
    anomaly: npt.NDArray[np.bool_]
    alarmed: npt.NDArray[np.bool_]
    claims: pl.DataFrame


def combine(
    answers: Mapping[str, Findings],
    events: int,
    combination: Combination | None = None,
    settings: EnsembleSettings | None = None,
    crowd: Callable[[Ints], Ints] = np.ones_like,
) -> Decision:
    """Decide.

    Args:
        answers: What each detector that answered says, over the same events in the same order;
            those that the combination weighs are learned ones, all others rules.
        events: How many events these are; if nobody answered, all of them stay undecided.
        combination: How learned detectors are combined; None if there are none.
        settings: Thresholds; the defaults if None.
        crowd: Tells of events (places) how many of them were scanned together, each by itself.
    """
    settings = settings or EnsembleSettings()
    weighed = combination.weights if combination else {}
    learned = {name: answers[name] for name in weighed if name in answers}
    ruled = [answer for name, answer in answers.items() if name not in learned]
    columns = {name: score for answer in ruled for name, score in answer.columns.items()}
    rule = _highest(list(columns.values()), events)
    found = rule > 0
    if combination is None or not learned:
        silent = np.full(events, np.nan)
        return Decision(rule, silent, found, np.zeros_like(found), _claims(ruled))
    scores = {name: score for name, one in learned.items() for score in one.columns.values()}
    combined = to_score(combination.evidence(scores))
    alarmed = combined >= settings.alert_score
    confidence = np.fmax(_rarity(columns, rule, combination, settings, crowd), combined)
    confidence[found & alarmed] += settings.shared_lift
    confidence = np.minimum(confidence, 100.0)
    return Decision(confidence, combined, found | alarmed, alarmed, _claims(ruled))


def _rarity(
    columns: Mapping[str, Floats],
    rule: Floats,
    combination: Combination,
    settings: EnsembleSettings,
    crowd: Callable[[Ints], Ints],
) -> Floats:
    """Rules' scores on the scale of the models: by how rarely honest items get them."""
    rarity = rule.copy()
    for name, score in columns.items():
        places = np.flatnonzero(score > 0)
        if len(places):
            evidence = combination.rule_evidence(name, score[places])
            evidence -= np.where(rule[places] < settings.high_rule, np.log10(crowd(places)), 0.0)
            rarity[places] = np.maximum(rarity[places], to_score(evidence))
    return rarity


def _highest(scores: list[Floats], events: int) -> Floats:
    """The highest of the numbers, NaN where there is none."""
    if not scores:
        return np.full(events, np.nan)
    return reduce(np.fmax, scores).copy()


def _claims(findings: list[Findings]) -> pl.DataFrame:
    found = [one.found for one in findings if len(one.found)]
    if not found:
        return NO_CLAIMS
    claims = reduce(pl.DataFrame.vstack, found)
    # equally high claims keep the order of the detectors and, within one, of its kinds
    order = np.lexsort((-claims["score"].to_numpy(), claims["row"].to_numpy()))
    return claims[pl.Series(order.astype(np.uint32))]
