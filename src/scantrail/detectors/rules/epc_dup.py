"""epcDup: one EPC at two places in the same second."""

from __future__ import annotations

import numpy as np

from scantrail.detectors.found import Found
from scantrail.detectors.rule import Bound, Case, Rule, Words
from scantrail.detectors.scans import Scans, Scored, first_of
from scantrail.vocabulary.findings import AnomalyKind, Cause


def _score(bound: Bound, scans: Scans) -> Scored:
    s = bound.settings
    places = scans["second_places"]
    apart = (places >= 2) & (scans["own_plant"] == 0)
    points = s.dup_base_score + s.dup_place_score * (places - 1.0)
    at_odds = (places == 1) & (scans["second_steps"] == 1)
    score = first_of((apart, np.minimum(points, 100)), (at_odds, s.same_place_score))
    return Scored(score, {"apart": apart})


def _words(_: Bound, event: Found) -> Words:
    say = event.say
    if event["apart"]:
        reason = say("scanned at {second_places} places in the same second ({at}), here {here}")
        return Words(reason, say("one place at a time"), Cause.ITEM)
    reason = say("different steps at {here} in the same second ({at})")
    return Words(reason, say("some time between steps"), Cause.DATA)


RULE = Rule(
    kind=AnomalyKind.EPC_DUP,
    score=_score,
    words=_words,
    runbook="Find both items: if there are two, one is a suspected clone, hold both. If there is "
    "one, check which reader is set to the wrong location.",
    cases=(
        Case(
            "two places in one second",
            (
                ("2025-07-02 10:00:00", 3, "Logistics_HUB", "HUB_Inbound"),
                ("2025-07-02 10:00:00", 4, "W_Stock_Inbound", "W_Stock_Inbound"),
            ),
            (90, 90),
        ),
        Case(
            "fractions of a second don't make it two",
            (
                ("2025-07-02T10:00:00.100", 3, "Logistics_HUB", "HUB_Inbound"),
                ("2025-07-02T10:00:00.900", 4, "W_Stock_Inbound", "W_Stock_Inbound"),
                ("2025-07-02T10:00:00.950", 5, "R_Stock_Inbound", "R_Stock_Inbound"),
            ),
            (100, 100, 100),
        ),
        Case(
            "a plant hands over to its own warehouse",
            (
                ("2025-07-01 10:00:00", 1, "Factory", "Aggregation"),
                ("2025-07-01 10:00:00", 2, "WMS", "WMS_Inbound"),
            ),
            (0, 0),
        ),
        Case(
            "a plant and another plant's warehouse",
            (
                ("2025-07-01 10:00:00", 11, "Factory", "Aggregation"),
                ("2025-07-01 10:00:00", 2, "WMS", "WMS_Inbound"),
            ),
            (90, 90),
        ),
        Case(
            "the same scan sent twice is a repeat",
            (
                ("2025-07-02 10:00:00", 3, "Logistics_HUB", "HUB_Inbound"),
                ("2025-07-02 10:00:00", 3, "Logistics_HUB", "HUB_Inbound"),
            ),
            (0, 0),
        ),
        Case(
            "in and out of one place in one second is a data fault",
            (
                ("2025-07-02 10:00:00", 3, "Logistics_HUB", "HUB_Inbound"),
                ("2025-07-02 10:00:00", 3, "Logistics_HUB", "HUB_Outbound"),
            ),
            (20, 20),
        ),
    ),
)
