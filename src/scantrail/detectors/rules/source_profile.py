"""The `source` profile: the rules as the earlier service computed them, faults included.

For callers that compare answers with the past. Where a fault of those rules would need the wall
clock ("in the future"), the event's own date stands in for it.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from scantrail.detectors.rule import Bound, Rule, Words
from scantrail.features.identity import age_days
from scantrail.vocabulary.chain import Tier
from scantrail.vocabulary.findings import AnomalyKind, Cause

_COMPANIES: Final = ("8804823", "8805843", "8809437")
_LENGTHS: Final = {"product": (7, 15), "lot": (6, 15), "serial": (9, 10)}
#: Digits of any script, raised, lowered and circled ones included.
_DIGITS: Final = r"^[\d²³¹⁰⁴-⁹₀-₉①-⑨]*$"
#: Year, month and day, the latter two in one or two digits: month first takes what it can.
_DAY: Final = r"^([0-9]{4})(1[0-2]|0[1-9]|[1-9])(3[01]|[12][0-9]|0[1-9]|[1-9]| [1-9])$"
_RUNBOOK: Final = "Look at the item and at the scanner's settings."
#: Its four levels: plant 1, warehouse 2, wholesaler 3, retailer 4; it knew no hubs.
_LEVELS: Final = {Tier.FACTORY: 1, Tier.WAREHOUSE: 2, Tier.WHOLESALER: 3, Tier.RETAILER: 4}
_SKIPS: Final = ((1, 3), (2, 4), (1, 4))


def fake_per_code(_: Bound) -> dict[str, pl.Expr]:
    """What is wrong with a code whenever it is scanned."""
    code = pl.col("epc_code").str.strip_chars().str.to_uppercase()
    part = code.str.split(".").list.get
    names = ("header", "company", "product", "lot", "day", "serial")
    parts = {name: part(i, null_on_oob=True) for i, name in enumerate(names)}
    faults = {
        name: ~(parts[name].str.contains(_DIGITS) & (parts[name].str.len_chars() == length))
        for name, (length, _points) in _LENGTHS.items()
    }
    day = _lenient_date(parts["day"])
    header, company = parts["header"] != "001", ~parts["company"].is_in(list(_COMPANIES))
    total = header * 20.0 + company * 25.0 + day.is_null() * 20.0
    for name, (_length, points) in _LENGTHS.items():
        total = total + faults[name] * float(points)
    broken = (code.str.count_matches(".", literal=True) != 5) | code.is_null()
    return {
        "source_score": pl.when(broken).then(100.0).otherwise(total),
        "source_doubt": header & company,
        "manufactured": day,
    }


def _lenient_date(text: pl.Expr) -> pl.Expr:
    year, month, day = (text.str.extract(_DAY, group) for group in (1, 2, 3))
    padded = pl.concat_str(year, month.str.zfill(2), day.str.strip_chars().str.zfill(2))
    return padded.str.to_date("%Y%m%d", strict=False)


def _fake(_: Bound) -> pl.Expr:
    return fake_score()


def fake_score() -> pl.Expr:
    """The code's score at the time of the event."""
    no_day = pl.col("manufactured").is_null()
    future = age_days() < 0
    dated = pl.when(future).then(20.0).when(age_days() > 1825).then(15.0).otherwise(0.0)
    hopeless = pl.col("source_doubt") & (future.fill_null(value=False) | no_day)
    total = pl.col("source_score") + dated.fill_null(0.0)
    return pl.when(hopeless).then(100.0).otherwise(pl.min_horizontal(total, pl.lit(100.0)))


def _dup(_: Bound) -> pl.Expr:
    """Any two scans with the same time, but for a plant and a warehouse."""
    return pl.when(pl.col("second_scans") >= 2).then(90.0).otherwise(0.0)


def _dup_per_event(_: Bound) -> dict[str, pl.Expr]:
    group = ("epc", "time")
    hand_over = (
        (pl.len() == 2)
        & (pl.col("tier").min() == Tier.FACTORY)
        & (pl.col("tier").max() == Tier.WAREHOUSE)
    ).over(group)
    return {
        "second_scans": pl.when(hand_over).then(0).otherwise(pl.len().over(group)),
    }


def _order(_: Bound) -> pl.Expr:
    """Two bare inbounds of the same step in a row; the log's own names never match."""
    repeated = pl.col("bare_inbound") & (pl.col("words") == pl.col("prev_words"))
    return pl.when(repeated.fill_null(value=False)).then(25.0).otherwise(0.0)


def _order_per_event(_: Bound) -> dict[str, pl.Expr]:
    return {"bare_inbound": pl.col("event_type") == "Inbound"}


def _location(_: Bound) -> pl.Expr:
    def level(column: str) -> pl.Expr:
        return pl.col(column).replace_strict(_LEVELS, default=None, return_dtype=pl.Int8)

    start, end = level("prev_tier"), level("tier")
    skipped = pl.any_horizontal((start == a) & (end == b) for a, b in _SKIPS)
    at_once = (start == 1) & (end == 2) & (pl.col("hours") == 0)
    wrong = ((end < start) | skipped | at_once).fill_null(value=False)
    return pl.when(wrong).then(30.0).otherwise(0.0)


def _no_jump(_: Bound) -> pl.Expr:
    """Computed by the earlier service, but never answered."""
    return pl.lit(0.0)


def _nothing(_: Bound) -> dict[str, pl.Expr]:
    return {}


def _rule(kind: AnomalyKind, reason: str) -> Rule:
    scores = {
        AnomalyKind.EPC_FAKE: _fake,
        AnomalyKind.EPC_DUP: _dup,
        AnomalyKind.EVT_ORDER_ERR: _order,
        AnomalyKind.LOC_ERR: _location,
        AnomalyKind.JUMP: _no_jump,
    }
    per_event = {AnomalyKind.EPC_DUP: _dup_per_event, AnomalyKind.EVT_ORDER_ERR: _order_per_event}
    return Rule(
        kind=kind,
        score=scores[kind],
        words=lambda *_: Words(reason, "as the earlier service has it", Cause.ITEM),
        runbook=_RUNBOOK,
        per_code=fake_per_code if kind is AnomalyKind.EPC_FAKE else _nothing,
        per_event=per_event.get(kind, _nothing),
    )


RULES: Final = (
    _rule(AnomalyKind.EPC_FAKE, "the code breaks the earlier service's format"),
    _rule(AnomalyKind.EVT_ORDER_ERR, "inbound twice in a row"),
    _rule(AnomalyKind.EPC_DUP, "scanned more than once at the same time"),
    _rule(AnomalyKind.LOC_ERR, "wrong direction, or a level passed over"),
    _rule(AnomalyKind.JUMP, "the earlier service answers none"),
)
