"""Filling what a scan left out, where the rest of the journey says it: flagged, never guessed."""

from __future__ import annotations

from typing import Final

import polars as pl

from scantrail.sites import Sites
from scantrail.vocabulary.chain import TIER_STEP, Tier
from scantrail.vocabulary.events import Flag

_PLACE: Final = ("location_id", "scan_location")


def fill_gaps(events: pl.DataFrame, sites: Sites) -> pl.DataFrame:
    """Infer missing locations, steps and event types, and flag unlisted locations.

    A missing location is taken from the scans before and after it, where both name the same one.
    A missing step is the one of the site's tier. A missing event type is inbound on arrival at a
    site and outbound when the item was there before (at a plant: its making).

    Args:
        events: `vocabulary.events.EVENTS`, any order.
        sites: The site list.

    Returns:
        The same rows in the same order, gaps filled where possible, `flags` extended.
    """
    if events["location_id"].null_count():
        nameless = pl.col("location_id").is_null() & pl.col("scan_location").is_null()
        if events.select(nameless.any()).item():
            events = _fill_places(events, nameless)
    index = pl.Series("index", sites.index(*(events[name] for name in _PLACE)))
    unlisted = index == len(sites)
    if len(sites) and unlisted.any():
        events = events.with_columns(_flagged(unlisted, Flag.SITE_UNKNOWN))
    if events["business_step"].null_count() or events["event_type"].null_count():
        tiers = pl.Series("tier", sites.tier[index.to_numpy()])
        events = _fill_words(events, tiers)
    return events


def _flagged(where: pl.Series | pl.Expr, flag: Flag) -> pl.Expr:
    bits = pl.lit(where) if isinstance(where, pl.Series) else where
    return pl.col("flags") | (bits.cast(pl.UInt16) * int(flag))


def _fill_places(events: pl.DataFrame, nameless: pl.Expr) -> pl.DataFrame:
    """From the nearest named scans before and after in the same journey, where they agree."""
    ordered = events.sort("epc_code", "time", "row")
    around = [
        fill(pl.col(name)).over("epc_code").alias(f"{name}_{side}")
        for name in _PLACE
        for side, fill in (("before", pl.Expr.forward_fill), ("after", pl.Expr.backward_fill))
    ]
    agree = pl.all_horizontal(
        pl.col(f"{name}_before").eq_missing(pl.col(f"{name}_after")) for name in _PLACE
    ) & pl.any_horizontal(pl.col(f"{name}_before").is_not_null() for name in _PLACE)
    filled = ordered.with_columns(around).with_columns(gap=nameless, agree=agree)
    named = [
        pl.when(pl.col("gap") & pl.col("agree")).then(f"{name}_before").otherwise(name).alias(name)
        for name in _PLACE
    ]
    inferred = (pl.col("gap") & pl.col("agree")).cast(pl.UInt16) * int(Flag.SITE_INFERRED)
    missing = (pl.col("gap") & ~pl.col("agree")).cast(pl.UInt16) * int(Flag.SITE_MISSING)
    filled = filled.with_columns(*named, flags=pl.col("flags") | inferred | missing)
    return filled.select(events.columns).sort("row")


def _fill_words(events: pl.DataFrame, tiers: pl.Series) -> pl.DataFrame:
    """Steps and types from the tier of the site; left open where the site's tier is unknown."""
    ordered = events.with_columns(tier=tiers).sort("epc_code", "time", "row")
    known = pl.col("tier") >= 0
    no_step = pl.col("business_step").is_null() & known
    no_type = pl.col("event_type").is_null() & known
    here = pl.coalesce(pl.col("location_id").cast(pl.String), "scan_location")
    was_here = here.eq_missing(here.shift(1).over("epc_code")) & here.is_not_null()
    step = pl.col("tier").replace_strict(
        dict(enumerate(TIER_STEP)), default=None, return_dtype=pl.String
    )
    kind = (
        pl.when(pl.col("tier") == Tier.FACTORY)
        .then(pl.lit("Aggregation"))
        .when(was_here)
        .then(pl.lit("Outbound"))
        .otherwise(pl.lit("Inbound"))
    )
    filled = ordered.with_columns(
        business_step=pl.when(no_step).then(step).otherwise("business_step"),
        event_type=pl.when(no_type).then(kind).otherwise("event_type"),
        flags=pl.col("flags")
        | (no_step.cast(pl.UInt16) * int(Flag.STEP_INFERRED))
        | (no_type.cast(pl.UInt16) * int(Flag.TYPE_INFERRED)),
    )
    return filled.select(events.columns).sort("row")
