"""The rules of the oldest endpoint, by location names, as the earlier service computed them.

They measure against the lane table that each request brings: `lane_hours` is a lane's mean and
`lane_log_spread` its standard deviation in hours, as given. Levels go by the names' first keyword.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from scantrail.detectors.rule import Bound, Rule, Words
from scantrail.detectors.rules.source_profile import fake_score
from scantrail.detectors.scans import Array, Scans, Scored, first_of, looked_up
from scantrail.vocabulary.findings import AnomalyKind, Cause

_UNKNOWN_LEVEL: Final = 99
_KEYWORDS: Final = (
    (0, ("공장", "factory")),
    (1, ("물류센터", "hub", "distribution", "logi")),
    (2, ("도매상", "창고", "wholesale", "wms")),
    (3, ("소매상", "매장", "retail", "pos")),
)


def level_of(name: str | None) -> int:
    """A location's level by the first keyword in its name; 99 where there is none.

    >>> level_of("인천공장창고"), level_of("수도권_도매상1_권역_소매상1"), level_of("?")
    (0, 2, 99)
    """
    folded = (name or "").lower()
    for level, words in _KEYWORDS:
        if any(word in folded for word in words):
            return level
    return _UNKNOWN_LEVEL


def rules(levels: Sequence[int]) -> tuple[Rule, ...]:
    """The five rules for a request whose sites have these levels, by index."""
    return (
        _rule(AnomalyKind.EPC_FAKE, fake_score),
        _rule(AnomalyKind.EPC_DUP, _dup),
        _rule(AnomalyKind.LOC_ERR, _location(np.array(levels, np.float64))),
        _rule(AnomalyKind.EVT_ORDER_ERR, _order),
        _rule(AnomalyKind.JUMP, _jump),
    )


def _rule(kind: AnomalyKind, score: Callable[[Bound, Scans], Scored]) -> Rule:
    said = Words("as the earlier service has it", "", Cause.ITEM)
    return Rule(kind, score, lambda *_: said, "")


def _dup(_: Bound, scans: Scans) -> Scored:
    places = scans["second_places"]
    return Scored(first_of((places >= 2, np.minimum(80.0 + 10.0 * (places - 1.0), 100))), {})


def _location(levels: Array) -> Callable[[Bound, Scans], Scored]:
    def score(_: Bound, scans: Scans) -> Scored:
        start = looked_up(scans["prev_site"], levels, _UNKNOWN_LEVEL)
        end = looked_up(scans["site"], levels, _UNKNOWN_LEVEL)
        unknown = (start == _UNKNOWN_LEVEL) * 20.0 + (end == _UNKNOWN_LEVEL) * 20.0
        first = scans["position"] == 0
        return Scored(first_of((first, 0.0), (unknown > 0, unknown), (end < start, 30.0)), {})

    return score


def _order(_: Bound, scans: Scans) -> Scored:
    """The k-th equal step in a row: 25 (k - 1) + 15 (k - 2), at most 100."""
    same = scans["words"] == scans["prev_words"]
    place = np.arange(len(same))
    run = place - np.maximum.accumulate(np.where(same, 0, place))
    return Scored(np.minimum(25.0 * run + 15.0 * np.maximum(run - 1, 0), 100), {})


def _jump(_: Bound, scans: Scans) -> Scored:
    hours, mean, std = scans["hours"], scans["lane_hours"], scans["lane_log_spread"]
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.abs(hours - mean) / std
    score = first_of(
        (np.isnan(mean) | (scans["place"] == scans["prev_place"]), 0.0),
        ((hours < 0) | (scans["km"] > hours * 100), 95.0),
        (~(std > 0) | ~(mean > 0), 0.0),
        (z <= 2, 0.0),
        (z <= 3, 60.0),
        (z <= 4, 80.0),
        otherwise=95.0,
    )
    return Scored(score, {})
