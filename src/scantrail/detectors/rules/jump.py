"""jump: from place to place faster than any vehicle, or far off the lane's usual time."""

from __future__ import annotations

import polars as pl

from scantrail.detectors.rule import Bound, Case, Found, Rule, Words
from scantrail.features.sequence import is_arrival_before_departure
from scantrail.features.travel import kilometres, lane_z, moved
from scantrail.vocabulary.findings import AnomalyKind, Cause


def _per_event(bound: Bound) -> dict[str, pl.Expr]:
    """`z` of the lane, `reach_km` at the speed limit, and whether it was `too_fast`."""
    return {
        "z": lane_z(),
        "reach_km": bound.speed_limit_kmh * pl.col("hours"),
        "too_fast": _too_fast(bound),
    }


def _same_second() -> pl.Expr:
    return pl.col("second_places") >= 2


def _too_fast(bound: Bound) -> pl.Expr:
    """Faster than the limit: written without a division, since 0 hours is no speed."""
    km = kilometres()
    return (km > bound.settings.min_jump_km) & (km > bound.speed_limit_kmh * pl.col("hours"))


def _score(bound: Bound) -> pl.Expr:
    s = bound.settings
    excess = (kilometres() / pl.col("reach_km") - 1).clip(0, 1)
    explained = _same_second() | is_arrival_before_departure() | ~moved().fill_null(value=False)
    return (
        pl.when(explained)
        .then(0.0)
        .when("too_fast")
        .then(s.jump_score + (s.jump_top_score - s.jump_score) * excess)
        .when(kilometres().is_null() & pl.col("z").is_null())
        .then(None)
        .otherwise(_by_lane(bound))
    )


def _by_lane(bound: Bound) -> pl.Expr:
    """Far off the lane's usual time, where enough batches tell what is usual."""
    s, z = bound.settings, pl.col("z")
    usual, extreme = s.lane_z_scores
    timed = pl.col("lane_batches") >= s.min_lane_batches
    late = timed & (pl.col("hours") - pl.col("lane_hours") > s.slow_hours)
    return (
        pl.when((timed & (z < -s.lane_z_fast[1])) | (late & (z > s.lane_z_slow[1])))
        .then(extreme)
        .when((timed & (z < -s.lane_z_fast[0])) | (late & (z > s.lane_z_slow[0])))
        .then(usual)
        .otherwise(0.0)
    )


def _words(bound: Bound, event: Found) -> Words:
    limit, km, hours = bound.speed_limit_kmh, event["km"], event["hours"]
    usual = event["lane_hours"]
    expected = f"{km / limit:.1f} h at the very least" if km is not None else "the usual time"
    if usual is not None:
        expected = f"about {usual:.1f} h on this lane, {expected}"
    if event["too_fast"]:
        speed = f" ({km / hours:,.0f} km/h)" if hours > 0 else ""
        way = f"{km:.0f} km from {event['there']} in {hours:.2f} h{speed}"
        reason = f"{way}; the limit is {limit:g} km/h"
        return Words(reason, expected, Cause.ITEM)
    reason = (
        f"{hours:.1f} h from {event['there']}; this lane usually takes {usual:.1f} h "
        f"({event['z']:+.1f} robust deviations)"
    )
    return Words(reason, expected, Cause.DATA)


_OUT = ("2025-07-03 10:00:00", 3, "Logistics_HUB", "HUB_Outbound")

RULE = Rule(
    kind=AnomalyKind.JUMP,
    per_event=_per_event,
    score=_score,
    words=_words,
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
