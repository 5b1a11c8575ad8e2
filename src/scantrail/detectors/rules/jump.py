"""jump: from place to place faster than any vehicle, or far off the lane's usual time."""

from __future__ import annotations

import numpy as np

from scantrail.detectors.found import Found
from scantrail.detectors.rule import Bound, Case, Rule, Words
from scantrail.detectors.scans import IN, OUT, Array, Scans, Scored, first_of
from scantrail.vocabulary.findings import AnomalyKind, Cause


def _score(bound: Bound, scans: Scans) -> Scored:
    s = bound.settings
    km, hours = scans["km"], scans["hours"]
    # written without a division, since 0 hours is no speed
    too_fast = (km > s.min_jump_km) & (km > bound.speed_limit_kmh * hours)
    z = _lane_z(scans)
    same_second = scans["second_places"] >= 2
    score = first_of(
        (same_second | scans.arrived_before_leaving | ~scans.moved, 0.0),
        (too_fast, _by_speed(bound, km, hours)),
        (np.isnan(km) & np.isnan(z), np.nan),
        otherwise=_by_lane(bound, scans, z),
    )
    return Scored(score, {"too_fast": too_fast, "z": z})


def _by_speed(bound: Bound, km: Array, hours: Array) -> Array:
    """More with the excess over the limit."""
    s = bound.settings
    with np.errstate(divide="ignore", invalid="ignore"):
        excess = np.clip(km / (bound.speed_limit_kmh * hours) - 1, 0, 1)
    return s.jump_score + (s.jump_top_score - s.jump_score) * excess


def _lane_z(scans: Scans) -> Array:
    """As the feature `features.travel.lane_z`: robust deviations from the lane's usual time."""
    hours, usual, spread = scans["hours"], scans["lane_hours"], scans["lane_log_spread"]
    trip = scans.moved & (scans["direction"] == IN)
    out = scans["prev_direction"] == OUT
    made = (scans["prev_stage"] == 0) & (scans["stage"] == 1)
    known = trip & (out | made) & (hours > 0) & (usual > 0) & (spread > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return first_of((known, np.log(hours / usual) / spread), otherwise=np.nan)


def _by_lane(bound: Bound, scans: Scans, z: Array) -> Array:
    """Far off the lane's usual time, where enough batches tell what is usual."""
    s = bound.settings
    usual, extreme = s.lane_z_scores
    timed = scans["lane_batches"] >= s.min_lane_batches
    late = timed & (scans["hours"] - scans["lane_hours"] > s.slow_hours)
    return first_of(
        ((timed & (z < -s.lane_z_fast[1])) | (late & (z > s.lane_z_slow[1])), extreme),
        ((timed & (z < -s.lane_z_fast[0])) | (late & (z > s.lane_z_slow[0])), usual),
    )


def _words(bound: Bound, event: Found) -> Words:
    say, limit = event.say, bound.speed_limit_kmh
    km, hours, usual = event["km"], event["hours"], event["lane_hours"]
    if km is None:
        expected = say("the usual time")
    else:
        expected = say("{hours:.1f} h at the very least", hours=km / limit)
    if usual is not None:
        expected = say("about {usual:.1f} h on this lane, {least}", usual=usual, least=expected)
    if event["too_fast"]:
        speed = f" ({km / hours:,.0f} km/h)" if hours > 0 else ""
        reason = say(
            "{km:.0f} km from {there} in {hours:.2f} h{speed}; the limit is {limit:g} km/h",
            speed=speed,
            limit=limit,
        )
        return Words(reason, expected, Cause.ITEM)
    reason = say(
        "{hours:.1f} h from {there}; this lane usually takes {usual:.1f} h "
        "({z:+.1f} robust deviations)",
        usual=usual,
    )
    return Words(reason, expected, Cause.DATA)


_OUT = ("2025-07-03 10:00:00", 3, "Logistics_HUB", "HUB_Outbound")

RULE = Rule(
    kind=AnomalyKind.JUMP,
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
