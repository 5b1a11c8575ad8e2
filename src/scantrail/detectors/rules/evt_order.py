"""evtOrderErr: out before in, left after arriving, or the same step twice."""

from __future__ import annotations

import numpy as np

from scantrail.detectors.found import Found
from scantrail.detectors.rule import Bound, Case, Rule, Words
from scantrail.detectors.scans import IN, OUT, Array, Scans, Scored, first_of
from scantrail.vocabulary.findings import AnomalyKind, Cause


def _score(bound: Bound, scans: Scans) -> Scored:
    s = bound.settings
    facts = {
        "in_after_out": _in_after_out(scans),
        "left_late": scans.arrived_before_leaving,
        "repeats": _repeats(bound, scans),
    }
    k = facts["repeats"]
    repeated = s.repeat_score * (k - 1.0) + s.repeat_step_score * np.maximum(k - 2.0, 0)
    score = first_of(
        (~(scans["direction"] >= 0), np.nan),
        (facts["in_after_out"] | facts["left_late"], s.inverted_score),
        ((scans["is_sale"] == 1) | (scans["is_return"] == 1), 0.0),
        otherwise=np.minimum(repeated, 100),
    )
    return Scored(score, facts)


def _in_after_out(scans: Scans) -> Array:
    """In at the place it just left, without ever having come in there before."""
    here_again = scans["place"] == scans["prev_place"]
    turned = (scans["prev_direction"] == OUT) & (scans["direction"] == IN)
    unseen = ~(scans["stage"] >= 0) | (scans["max_in_stage"] < scans["stage"])
    no_return = (scans["is_return"] == 0) & (scans["prev_is_return"] == 0)
    inverted: Array = here_again & turned & unseen & no_return
    return inverted


def _repeats(bound: Bound, scans: Scans) -> Array:
    """How often in a row this step stands, double reads not counted."""
    again = scans.read_again(bound.settings.read_again_minutes)
    # two places on a known lane: a transfer whose scan in between was missed
    transfer = scans.moved & (scans["lane_trips"] >= bound.settings.known_lane_trips)
    goes_on = (scans["stage"] == scans["prev_stage"]) & ~transfer
    counted = np.cumsum(~again, dtype=np.int32)
    start = np.maximum.accumulate(np.where(goes_on, 0, counted))
    return np.where(again, 1, counted - start + 1)


def _words(_: Bound, event: Found) -> Words:
    say = event.say
    if event["in_after_out"]:
        reason = say(
            "came in at {here} ({at}) after it had gone out there ({prev_at}), "
            "without coming in before"
        )
        return Words(reason, say("{step} before {prev_step}"), Cause.DATA)
    if event["left_late"]:
        reason = say("left {here} ({at}) after it had arrived at {there} ({prev_at})")
        return Words(reason, say("{step} before {prev_step}"), Cause.DATA)
    if event["there"] == event["here"]:
        reason = say("{step} {repeats} times in a row, here at {here}")
    else:
        reason = say("{step} {repeats} times in a row, here at {here} after {there}")
    return Words(reason, say("the chain's next step"), Cause.SCANNER)


_IN = ("2025-08-16 22:47:39", 4, "W_Stock_Inbound", "W_Stock_Inbound")
_OUT = ("2025-08-16 22:08:39", 4, "W_Stock_Outbound", "W_Stock_Outbound")

RULE = Rule(
    kind=AnomalyKind.EVT_ORDER_ERR,
    score=_score,
    words=_words,
    runbook="Look whether many items share the two times: then a file was stamped wrongly, or the "
    "site's clocks differ; correct the times at the source. A single item: check its parcel.",
    cases=(
        Case("out before in at one place", (_OUT, _IN), (0, 70)),
        Case(
            "in the bare words of older callers",
            (
                ("2025-08-16 22:08:39", 4, "Wholesaler", "Outbound"),
                ("2025-08-16 22:47:39", 4, "Wholesaler", "Inbound"),
            ),
            (0, 70),
        ),
        Case("in before out", (("2025-08-16 21:00:00", *_IN[1:]), _OUT), (0, 0)),
        Case(
            "arrived before it left",
            (
                ("2025-07-02 10:00:00", 3, "Logistics_HUB", "HUB_Inbound"),
                ("2025-07-02 12:00:00", 2, "WMS", "WMS_Outbound"),
            ),
            (0, 70),
        ),
        Case(
            "in four times",
            tuple(
                (f"2025-07-0{day} 10:00:00", 3, "Logistics_HUB", "HUB_Inbound")
                for day in (2, 3, 4, 5)
            ),
            (0, 25, 65, 100),
        ),
        Case(
            "a double read",
            tuple((f"2025-07-02 10:0{m}:00", 3, "Logistics_HUB", "HUB_Inbound") for m in (0, 1, 2)),
            (0, 0, 0),
        ),
        Case(
            "a whole journey in order",
            (
                ("2025-07-01 10:00:00", 1, "Factory", "Aggregation"),
                ("2025-07-01 11:00:00", 2, "WMS", "WMS_Inbound"),
                ("2025-07-02 10:00:00", 2, "WMS", "WMS_Outbound"),
                ("2025-07-02 18:00:00", 3, "Logistics_HUB", "HUB_Inbound"),
                ("2025-07-03 18:00:00", 3, "Logistics_HUB", "HUB_Outbound"),
                ("2025-07-04 10:00:00", 4, "W_Stock_Inbound", "W_Stock_Inbound"),
                ("2025-07-05 10:00:00", 4, "W_Stock_Outbound", "W_Stock_Outbound"),
                ("2025-07-05 18:00:00", 5, "R_Stock_Inbound", "R_Stock_Inbound"),
                ("2025-07-06 18:00:00", 5, "R_Stock_Outbound", "R_Stock_Outbound"),
                ("2025-07-08 18:00:00", 5, "POS_Sell", "POS_Sell"),
            ),
            (0,) * 10,
        ),
    ),
)
