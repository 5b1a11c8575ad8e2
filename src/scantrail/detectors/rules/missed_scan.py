"""missedScan: links of the chain of custody are absent; one is often a missed read, more aren't."""

from __future__ import annotations

from typing import Final

import numpy as np

from scantrail.detectors.found import Found
from scantrail.detectors.rule import Bound, Case, Rule, Words
from scantrail.detectors.scans import IN, OUT, Array, Scans, Scored, first_of
from scantrail.vocabulary.chain import Tier
from scantrail.vocabulary.findings import AnomalyKind, Cause

#: The tiers between plant and shop, with the first of the two stages of each.
_BETWEEN: Final = ((Tier.WAREHOUSE, 1), (Tier.HUB, 3), (Tier.WHOLESALER, 5))


def _score(bound: Bound, scans: Scans) -> Scored:
    one, two, three, four = bound.settings.missed_scores
    missing = _missing_links(bound, scans)
    came_back = (scans["is_return"] == 1) | (scans["prev_is_return"] == 1)
    score = first_of(
        ((scans["position"] == 0) | came_back, 0.0),
        (missing >= 4, four),
        (missing == 3, three),
        (missing == 2, two),
        (missing == 1, one),
        (missing <= 0, 0.0),
        otherwise=np.nan,
    )
    return Scored(score, {"missing": missing})


def _missing_links(bound: Bound, scans: Scans) -> Array:
    """Links of the chain of custody that are absent between the previous event and this one.

    A lane that history knows needs only its departure and its arrival. NaN where either stage is
    unknown, 0 where the item went back.
    """
    stage, before = scans["stage"], scans["prev_stage"]
    skipped = np.maximum(stage - before - 1, 0)
    for tier, first in _BETWEEN:
        if tier not in bound.tiers:  # the stages of a tier that the chain lacks are never missed
            skipped = skipped - 2 * ((before < first) & (stage > first + 1))
    left = (scans["prev_direction"] == OUT) | (before == 0)  # a plant has no outbound
    ends = 2 - left.astype(np.int8) - (scans["direction"] == IN)
    known_lane = scans.moved & (scans["lane_trips"] >= bound.settings.known_lane_trips)
    return first_of((known_lane & (stage > before), np.minimum(ends, skipped)), otherwise=skipped)


def _words(_: Bound, event: Found) -> Words:
    missing = int(event["missing"])
    reason = event.say(
        "{missing} scans are absent between {prev_step} at {there} and {step} at {here}"
        if missing > 1
        else "{missing} scan is absent between {prev_step} at {there} and {step} at {here}",
        missing=missing,
    )
    return Words(reason, event.say("a scan at every step of the chain"), Cause.SCANNER)


_START = ("2025-07-01 11:00:00", 2, "WMS", "WMS_Inbound")

RULE = Rule(
    kind=AnomalyKind.MISSED_SCAN,
    score=_score,
    words=_words,
    runbook="See whether other items lack the same scans: then a reader or an upload is at fault. "
    "If this item alone does, ask where it was in between.",
    cases=(
        Case(
            "one link: a missed read",
            (_START, ("2025-07-03 18:00:00", 3, "Logistics_HUB", "HUB_Inbound")),
            (0, 0),
        ),
        Case(
            "two links",
            (_START, ("2025-07-03 18:00:00", 3, "Logistics_HUB", "HUB_Outbound")),
            (0, 30),
        ),
        Case(
            "three links",
            (_START, ("2025-07-04 18:00:00", 4, "W_Stock_Inbound", "W_Stock_Inbound")),
            (0, 50),
        ),
        Case(
            "six links",
            (_START, ("2025-07-06 18:00:00", 5, "R_Stock_Outbound", "R_Stock_Outbound")),
            (0, 70),
        ),
        Case(
            "history that starts late", (("2025-07-06 18:00:00", 5, "POS_Sell", "POS_Sell"),), (0,)
        ),
        Case("an unknown step", (_START, ("2025-07-06 18:00:00", 99, "?", "?")), (0, None)),
    ),
)
