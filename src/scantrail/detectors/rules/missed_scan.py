"""missedScan: links of the chain of custody are absent; one is often a missed read, more aren't."""

from __future__ import annotations

import polars as pl

from scantrail.detectors.rule import Bound, Case, Found, Rule, Words
from scantrail.features.sequence import missing_links
from scantrail.vocabulary.findings import AnomalyKind, Cause


def _per_event(bound: Bound) -> dict[str, pl.Expr]:
    trips = bound.settings.known_lane_trips
    return {"missing": missing_links(bound.tiers, known_trips=trips)}


def _score(bound: Bound) -> pl.Expr:
    missing = pl.col("missing")
    one, two, three, four = bound.settings.missed_scores
    return (
        pl.when(pl.col("prev_time").is_null() | pl.col("is_return") | pl.col("prev_is_return"))
        .then(0.0)
        .when(missing >= 4)
        .then(four)
        .when(missing == 3)
        .then(three)
        .when(missing == 2)
        .then(two)
        .when(missing == 1)
        .then(one)
        .when(missing <= 0)
        .then(0.0)
        .otherwise(None)
    )


def _words(_: Bound, event: Found) -> Words:
    absent = f"{event['missing']} scan{'s are' if event['missing'] > 1 else ' is'} absent"
    reason = (
        f"{absent} between {event['prev_step']} at {event['there']} "
        f"and {event['step']} at {event['here']}"
    )
    return Words(reason, "a scan at every step of the chain", Cause.SCANNER)


_START = ("2025-07-01 11:00:00", 2, "WMS", "WMS_Inbound")

RULE = Rule(
    kind=AnomalyKind.MISSED_SCAN,
    per_event=_per_event,
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
