"""The rules of the oldest endpoint, by location names, as the earlier service computed them.

They measure against the lane table that each request brings: `lane_hours` is a lane's mean and
`lane_log_spread` its standard deviation in hours, as given. Levels go by the names' first keyword.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import polars as pl

from scantrail.detectors.rule import Bound, Rule, Words
from scantrail.detectors.rules.source_profile import fake_per_code, fake_score
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
        _rule(AnomalyKind.EPC_FAKE, fake_score(), per_code=True),
        _rule(AnomalyKind.EPC_DUP, _dup()),
        _rule(AnomalyKind.LOC_ERR, _location(dict(enumerate(levels)))),
        _rule(AnomalyKind.EVT_ORDER_ERR, _order()),
        _rule(AnomalyKind.JUMP, _jump()),
    )


def _rule(kind: AnomalyKind, score: pl.Expr, *, per_code: bool = False) -> Rule:
    def said(_: Bound, __: object) -> Words:
        return Words("as the earlier service has it", "", Cause.ITEM)

    if per_code:
        return Rule(kind, lambda _: score, said, "", per_code=fake_per_code)
    return Rule(kind, lambda _: score, said, "")


def _dup() -> pl.Expr:
    places = pl.col("second_places").cast(pl.Float64)
    several = pl.min_horizontal(80.0 + 10.0 * (places - 1), pl.lit(100.0))
    return pl.when(places >= 2).then(several).otherwise(0.0)


def _location(levels: dict[int, int]) -> pl.Expr:
    def level(column: str) -> pl.Expr:
        return pl.col(column).replace_strict(
            levels, default=_UNKNOWN_LEVEL, return_dtype=pl.Float64
        )

    start, end = level("prev_site"), level("site")
    unknown = (start == _UNKNOWN_LEVEL) * 20.0 + (end == _UNKNOWN_LEVEL) * 20.0
    return (
        pl.when(pl.col("position") == 0)
        .then(0.0)
        .when(unknown > 0)
        .then(unknown)
        .when(end < start)
        .then(30.0)
        .otherwise(0.0)
    )


def _order() -> pl.Expr:
    """The k-th equal step in a row: 25 (k - 1) + 15 (k - 2), at most 100."""
    same = (pl.col("words") == pl.col("prev_words")).fill_null(value=False)
    place = pl.int_range(pl.len())
    run = (place - pl.when(~same).then(place).forward_fill()).cast(pl.Float64)
    return pl.min_horizontal(25.0 * run + 15.0 * (run - 1).clip(lower_bound=0), pl.lit(100.0))


def _jump() -> pl.Expr:
    hours, mean, std = pl.col("hours"), pl.col("lane_hours"), pl.col("lane_log_spread")
    z = (hours - mean).abs() / std
    by_table = (
        pl.when(z <= 2).then(0.0).when(z <= 3).then(60.0).when(z <= 4).then(80.0).otherwise(95.0)
    )
    return (
        pl.when(mean.is_null() | (pl.col("place") == pl.col("prev_place")))
        .then(0.0)
        .when((hours < 0) | (pl.col("km") > hours * 100))
        .then(95.0)
        .when(std.is_null() | ~(std > 0) | ~(mean > 0))
        .then(0.0)
        .otherwise(by_table)
        .fill_null(0.0)
    )
