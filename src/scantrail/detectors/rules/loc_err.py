"""locErr: back up the chain without a return, a tier passed over, or a place that can't be."""

from __future__ import annotations

import polars as pl

from scantrail.detectors.rule import Bound, Case, Found, Rule, Words
from scantrail.features.sequence import is_arrival_before_departure, skips_a_tier
from scantrail.features.travel import moved
from scantrail.vocabulary.chain import Tier
from scantrail.vocabulary.findings import AnomalyKind, Cause


def _back() -> pl.Expr:
    """Tiers gone back without a return; 0 where none."""
    tiers = pl.col("prev_tier") - pl.col("tier")
    excused = pl.col("is_return") | pl.col("prev_is_return") | is_arrival_before_departure()
    return pl.when((tiers > 0) & ~excused).then(tiers).otherwise(0).fill_null(0)


def _unlisted(bound: Bound) -> pl.Expr:
    if not bound.knows_sites:
        return pl.lit(value=False)
    return pl.col("site").is_null() & pl.col("place").is_not_null()


def _mismatch() -> pl.Expr:
    """The step belongs to another tier than the site."""
    return ~pl.col("step_fits")


def _known_lane(bound: Bound) -> pl.Expr:
    return pl.col("lane_trips") >= bound.settings.known_lane_trips


def _skip(bound: Bound) -> pl.Expr:
    optional = {Tier[name.upper()] for name in bound.settings.optional_tiers}
    return (skips_a_tier(bound.tiers - optional) & ~_known_lane(bound)).fill_null(value=False)


def _unknown_lane(bound: Bound) -> pl.Expr:
    """Moved within a tier on a way that history never saw, where history is known."""
    if not bound.knows_lanes:
        return pl.lit(value=False)
    within = (pl.col("tier") == pl.col("prev_tier")) & moved()
    listed = pl.col("site").is_not_null() & pl.col("prev_site").is_not_null()
    return (within & listed & ~_known_lane(bound)).fill_null(value=False)


def _per_event(bound: Bound) -> dict[str, pl.Expr]:
    return {
        "tiers_back": _back(),
        "skip": _skip(bound),
        "unknown_lane": _unknown_lane(bound),
    }


def _score(bound: Bound) -> pl.Expr:
    s = bound.settings
    back = pl.min_horizontal(
        pl.col("tiers_back").cast(pl.Float64) * s.back_tier_score, pl.lit(100.0)
    )
    return pl.max_horizontal(
        back,
        pl.when("skip").then(s.skipped_tier_score).otherwise(0.0),
        pl.when("unknown_lane").then(s.unknown_lane_score).otherwise(0.0),
        pl.when(_mismatch()).then(s.step_mismatch_score).otherwise(0.0),
        pl.when(_unlisted(bound)).then(s.unknown_site_score).otherwise(0.0),
    )


def _words(bound: Bound, event: Found) -> Words:
    tier, prev_tier = _name(event["tier"]), _name(event["prev_tier"])
    here = event["here"]
    way = f"from {event['there']} ({prev_tier}) to {here} ({tier})"
    if event["tiers_back"] > 0:
        reason = f"back up the chain {way} without a return"
        return Words(reason, f"onward from the {prev_tier}, or a return scan first", Cause.ITEM)
    if event["skip"]:
        expected = f"plant, {_between(bound)}retailer, in this order"
        return Words(f"{way}: a tier was passed over", expected, Cause.ITEM)
    if event["unknown_lane"]:
        return Words(f"{way}: no item went this way before", "a known lane", Cause.DATA)
    if not event["step_fits"]:
        reason = f"step {event['step']} at {here}, which is a {tier}"
        return Words(reason, f"a step of a {tier}", Cause.SCANNER)
    return Words(f"{here} is not in the site list", "a listed site", Cause.DATA)


def _between(bound: Bound) -> str:
    """The tiers between plant and shop, optional ones in brackets."""
    names = (tier.name.lower() for tier in (Tier.WAREHOUSE, Tier.HUB, Tier.WHOLESALER))
    optional = bound.settings.optional_tiers
    return "".join(f"({name},) " if name in optional else f"{name}, " for name in names)


def _name(tier: int | None) -> str:
    return "unknown tier" if tier is None else Tier(tier).name.lower()


_RETAIL = ("2025-07-05 18:00:00", 5, "R_Stock_Inbound", "R_Stock_Inbound")

RULE = Rule(
    kind=AnomalyKind.LOC_ERR,
    score=_score,
    words=_words,
    per_event=_per_event,
    runbook="If the goods really went this way, record the return or add the lane or site to the "
    "site list. If not, ask where the item is, and check the location set in the reader.",
    cases=(
        Case(
            "back from the shop to the wholesaler",
            (_RETAIL, ("2025-07-06 18:00:00", 4, "W_Stock_Inbound", "W_Stock_Inbound")),
            (0, 30),
        ),
        Case(
            "back from the shop to the plant's warehouse",
            (_RETAIL, ("2025-07-06 18:00:00", 2, "WMS", "WMS_Inbound")),
            (0, 90),
        ),
        Case(
            "with a return it is in order",
            (
                _RETAIL,
                ("2025-07-06 10:00:00", 5, "R_Return", "Return"),
                ("2025-07-06 18:00:00", 4, "W_Stock_Inbound", "W_Stock_Inbound"),
            ),
            (0, 0, 0),
        ),
        Case(
            "warehouse to shop",
            (
                ("2025-07-02 10:00:00", 2, "WMS", "WMS_Outbound"),
                ("2025-07-02 18:00:00", 5, "R_Stock_Inbound", "R_Stock_Inbound"),
            ),
            (0, 30),
        ),
        Case(
            "warehouse to wholesaler: hubs are optional",
            (
                ("2025-07-02 10:00:00", 2, "WMS", "WMS_Outbound"),
                ("2025-07-02 18:00:00", 4, "W_Stock_Inbound", "W_Stock_Inbound"),
            ),
            (0, 0),
        ),
        Case(
            "not in the list",
            (("2025-07-05 18:00:00", 99, "R_Stock_Inbound", "R_Stock_Inbound"),),
            (20,),
        ),
        Case(
            "a shop's step at a hub",
            (("2025-07-05 18:00:00", 3, "R_Stock_Inbound", "R_Stock_Inbound"),),
            (30,),
        ),
        Case(
            "no place at all",
            (("2025-07-05 18:00:00", None, "R_Stock_Inbound", "R_Stock_Inbound"),),
            (0,),
        ),
    ),
)
