"""evtOrderErr: out before in, left after arriving, or the same step twice."""

from __future__ import annotations

import polars as pl

from scantrail.detectors.rule import Bound, Case, Found, Rule, Words
from scantrail.features.sequence import is_arrival_before_departure, is_read_again
from scantrail.features.travel import moved
from scantrail.vocabulary.chain import Direction
from scantrail.vocabulary.findings import AnomalyKind, Cause


def _in_after_out() -> pl.Expr:
    """In at the place it just left, without ever having come in there before."""
    here_again = pl.col("place") == pl.col("prev_place")
    turned = (pl.col("prev_direction") == Direction.OUT) & (pl.col("direction") == Direction.IN)
    unseen = pl.col("stage").is_null() | (pl.col("max_in_stage") < pl.col("stage"))
    no_return = ~pl.col("is_return") & ~pl.col("prev_is_return")
    return (here_again & turned & unseen & no_return).fill_null(value=False)


def _per_event(bound: Bound) -> dict[str, pl.Expr]:
    """`repeats` is how often in a row this step stands, double reads not counted."""
    again = is_read_again(bound.settings.read_again_minutes)
    same_step = pl.col("stage") == pl.col("prev_stage")
    # two places on a known lane: a transfer whose scan in between was missed
    transfer = moved() & (pl.col("lane_trips") >= bound.settings.known_lane_trips)
    goes_on = (same_step & ~transfer).fill_null(value=False)
    counted = (~again).cast(pl.Int32).cum_sum()
    start = pl.when(~goes_on).then(counted).forward_fill()
    return {
        "in_after_out": _in_after_out(),
        "left_late": is_arrival_before_departure(),
        "repeats": pl.when(again).then(1).otherwise(counted - start + 1),
    }


def _score(bound: Bound) -> pl.Expr:
    s = bound.settings
    k = pl.col("repeats").cast(pl.Float64)
    repeated = s.repeat_score * (k - 1) + s.repeat_step_score * (k - 2).clip(lower_bound=0)
    return (
        pl.when(pl.col("direction").is_null())
        .then(None)
        .when(pl.col("in_after_out") | pl.col("left_late"))
        .then(s.inverted_score)
        .when(pl.col("is_sale") | pl.col("is_return"))
        .then(0.0)
        .otherwise(pl.min_horizontal(repeated, pl.lit(100.0)))
    )


def _words(_: Bound, event: Found) -> Words:
    here, at, there = event["here"], event["at"], event["there"]
    step, prev_step, prev_at = event["step"], event["prev_step"], event["prev_at"]
    if event["in_after_out"]:
        reason = (
            f"came in at {here} ({at}) after it had gone out there ({prev_at}), "
            "without coming in before"
        )
        return Words(reason, f"{step} before {prev_step}", Cause.DATA)
    if event["left_late"]:
        reason = f"left {here} ({at}) after it had arrived at {there} ({prev_at})"
        return Words(reason, f"{step} before {prev_step}", Cause.DATA)
    after = f" after {there}" if there != here else ""
    times = f"{event['repeats']} times in a row"
    return Words(f"{step} {times}, here at {here}{after}", "the chain's next step", Cause.SCANNER)


_IN = ("2025-08-16 22:47:39", 4, "W_Stock_Inbound", "W_Stock_Inbound")
_OUT = ("2025-08-16 22:08:39", 4, "W_Stock_Outbound", "W_Stock_Outbound")

RULE = Rule(
    kind=AnomalyKind.EVT_ORDER_ERR,
    per_event=_per_event,
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
