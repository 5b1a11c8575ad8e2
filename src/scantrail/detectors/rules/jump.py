"""jump: from place to place faster than any vehicle, or far off the lane's usual time."""

from __future__ import annotations

import polars as pl

from scantrail.detectors.rule import Bound, Case, Rule, number
from scantrail.features.sequence import is_arrival_before_departure
from scantrail.features.travel import kilometres, lane_z, moved
from scantrail.vocabulary.findings import AnomalyKind, Cause


def _per_event(_: Bound) -> dict[str, pl.Expr]:
    return {"z": lane_z()}


def _same_second() -> pl.Expr:
    return pl.col("second_places") >= 2


def _too_fast(bound: Bound) -> pl.Expr:
    """Faster than the limit: written without a division, since 0 hours is no speed."""
    far = kilometres() > bound.settings.min_jump_km
    return far & (kilometres() > bound.speed_limit_kmh * pl.col("hours"))


def _score(bound: Bound) -> pl.Expr:
    s = bound.settings
    possible_km = bound.speed_limit_kmh * pl.col("hours")
    excess = (kilometres() - possible_km) / pl.max_horizontal(possible_km, pl.lit(0.001))
    by_speed = s.jump_score + (s.jump_top_score - s.jump_score) * excess.clip(0, 1)
    timed = pl.col("lane_batches") >= s.min_lane_batches
    z = pl.when(timed).then("z")
    usual, extreme = s.lane_z_scores
    late = pl.col("hours") - pl.col("lane_log_median").exp() > s.slow_hours
    by_lane = (
        pl.when((z < -s.lane_z_fast[1]) | ((z > s.lane_z_slow[1]) & late))
        .then(extreme)
        .when((z < -s.lane_z_fast[0]) | ((z > s.lane_z_slow[0]) & late))
        .then(usual)
        .otherwise(0.0)
    )
    explained = _same_second() | is_arrival_before_departure()
    return (
        pl.when(~moved().fill_null(value=False) | explained)
        .then(0.0)
        .when(_too_fast(bound))
        .then(by_speed)
        .when(kilometres().is_null() & z.is_null())
        .then(None)
        .otherwise(by_lane)
    )


def _reason(bound: Bound) -> pl.Expr:
    limit = f"{bound.speed_limit_kmh:g} km/h"
    fast = pl.format(
        "{} km from {} in {} h; the limit is " + limit,
        number("km", 0),
        "there",
        number("hours", 2),
    )
    slow = pl.format(
        "{} h from {}; this lane usually takes {} h ({} robust deviations off)",
        number("hours", 2),
        "there",
        number(pl.col("lane_log_median").exp(), 1),
        number("z", 1),
    )
    return pl.when(_too_fast(bound)).then(fast).otherwise(slow)


def _expected(bound: Bound) -> pl.Expr:
    soonest = number(kilometres() / bound.speed_limit_kmh, 1)
    return (
        pl.when(pl.col("lane_log_median").is_not_null())
        .then(
            pl.format(
                "about {} h on this lane, {} h at the very least",
                number(pl.col("lane_log_median").exp(), 1),
                soonest,
            )
        )
        .otherwise(pl.format("{} h at the very least", soonest))
    )


def _cause(bound: Bound) -> pl.Expr:
    item, data = pl.lit(Cause.ITEM.value), pl.lit(Cause.DATA.value)
    return pl.when(_too_fast(bound)).then(item).otherwise(data)


_OUT = ("2025-07-03 10:00:00", 3, "Logistics_HUB", "HUB_Outbound")

RULE = Rule(
    kind=AnomalyKind.JUMP,
    per_event=_per_event,
    score=_score,
    reason=_reason,
    expected=_expected,
    cause=_cause,
    runbook="Ask both sites whether they have the item. If one does not, its scan is a suspected "
    "clone or a reader set to the wrong place or time; compare its clock.",
    cases=(
        Case(
            "300 km in ten minutes",
            (_OUT, ("2025-07-03 10:10:00", 7, "W_Stock_Inbound", "W_Stock_Inbound")),
            (0, 95),
        ),
        Case(
            "a day's drive",
            (_OUT, ("2025-07-03 16:00:00", 4, "W_Stock_Inbound", "W_Stock_Inbound")),
            (0, 0),
        ),
        Case(
            "the same second belongs to epcDup",
            (_OUT, ("2025-07-03 10:00:00", 7, "W_Stock_Inbound", "W_Stock_Inbound")),
            (0, 0),
        ),
        Case(
            "no known place, no distance",
            (_OUT, ("2025-07-03 10:10:00", 99, "W_Stock_Inbound", "W_Stock_Inbound")),
            (0, None),
        ),
        Case(
            "next door at once",
            (
                ("2025-07-01 10:00:00", 1, "Factory", "Aggregation"),
                ("2025-07-01 10:00:05", 2, "WMS", "WMS_Inbound"),
            ),
            (0, 0),
        ),
    ),
)
