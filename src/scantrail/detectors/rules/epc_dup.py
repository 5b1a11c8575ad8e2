"""epcDup: one EPC at two places in the same second."""

from __future__ import annotations

import polars as pl

from scantrail.detectors.rule import Bound, Case, Found, Rule, Words
from scantrail.vocabulary.findings import AnomalyKind, Cause


def _apart() -> pl.Expr:
    return (pl.col("second_places") >= 2) & ~pl.col("own_plant")


def _score(bound: Bound) -> pl.Expr:
    s = bound.settings
    places = pl.col("second_places").cast(pl.Float64)
    apart = pl.min_horizontal(s.dup_base_score + s.dup_place_score * (places - 1), pl.lit(100.0))
    return (
        pl.when(_apart())
        .then(apart)
        .when((pl.col("second_places") == 1) & pl.col("second_steps"))
        .then(s.same_place_score)
        .otherwise(0.0)
    )


def _words(_: Bound, event: Found) -> Words:
    here, at = event["here"], event["at"]
    if event["second_places"] >= 2 and not event["own_plant"]:
        reason = (
            f"scanned at {event['second_places']} places in the same second ({at}), here {here}"
        )
        return Words(reason, "one place at a time", Cause.ITEM)
    reason = f"different steps at {here} in the same second ({at})"
    return Words(reason, "some time between steps", Cause.DATA)


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
