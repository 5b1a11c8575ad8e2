"""Filling what a scan left out, where the rest of the journey says it: flagged, never guessed."""

from __future__ import annotations

from typing import Final

import polars as pl

from scantrail.sites import Sites
from scantrail.vocabulary.chain import SALE_STAGE, STAGES, TIER_STEP, Direction, Tier, meaning
from scantrail.vocabulary.events import Flag

_PLACE: Final = ("location_id", "scan_location")
_ORDER: Final = ("epc_code", "time", "row")
_TYPES: Final = {Direction.IN: "Inbound", Direction.OUT: "Outbound"}


def fill_gaps(events: pl.DataFrame, sites: Sites) -> pl.DataFrame:
    """Infer missing locations, steps and event types, and flag unlisted locations.

    A missing location is taken from the scans before and after it, where both name the same one.
    A missing step is the one of the site's tier. A missing event type is the one that the step says
    by itself, else inbound on arrival at a site and outbound when the item was there before (at a
    plant: its making).

    Args:
        events: `vocabulary.events.EVENTS`, any order.
        sites: The site list.

    Returns:
        The same rows in the same order, gaps filled where possible, `flags` extended.
    """
    if events["location_id"].null_count():
        nameless = pl.col("location_id").is_null() & pl.col("scan_location").is_null()
        if events.select(nameless.any()).item():
            events = _fill_places(events, nameless, sites)
    index = sites.index(*(events[name] for name in _PLACE))
    unlisted = index == len(sites)
    if len(sites) and unlisted.any():
        flags = pl.col("flags") | (
            pl.lit(pl.Series(unlisted)).cast(pl.UInt16) * int(Flag.SITE_UNKNOWN)
        )
        events = events.with_columns(flags)
    if events["business_step"].null_count() or events["event_type"].null_count():
        events = _fill_words(events, pl.Series("tier", sites.tier[index]))
    return events


def _fill_places(events: pl.DataFrame, nameless: pl.Expr, sites: Sites) -> pl.DataFrame:
    """From the nearest named scans before and after in the same journey, where they agree."""
    index = pl.Series("site", sites.index(*(events[name] for name in _PLACE)))
    listed = pl.col("site").is_between(0, len(sites) - 1)
    place = pl.struct(
        *_PLACE,
        # two scans are at one place if they name one listed site, by id or name, or the same words
        key=pl.when(listed)
        .then(pl.format("#{}", "site"))
        .otherwise(pl.coalesce(pl.col("location_id").cast(pl.String), "scan_location")),
    )
    named = pl.when(~nameless).then(place)
    ordered = events.with_columns(index).with_columns(gap=nameless, named=named).sort(_ORDER)
    filled = ordered.with_columns(
        before=pl.col("named").forward_fill().over("epc_code"),
        after=pl.col("named").backward_fill().over("epc_code"),
    )
    key = {side: pl.col(side).struct.field("key") for side in ("before", "after")}
    agree = pl.col("gap") & (key["before"] == key["after"]).fill_null(value=False)
    filled = filled.with_columns(
        *(
            pl.when(agree).then(pl.col("before").struct.field(name)).otherwise(name).alias(name)
            for name in _PLACE
        ),
        flags=pl.col("flags")
        | (agree.cast(pl.UInt16) * int(Flag.SITE_INFERRED))
        | ((pl.col("gap") & ~agree).cast(pl.UInt16) * int(Flag.SITE_MISSING)),
    )
    return filled.select(events.columns).sort("row")


def _fill_words(events: pl.DataFrame, tiers: pl.Series) -> pl.DataFrame:
    """Steps and types from the tier of the site; left open where the site's tier is unknown.

    A step that itself says in or out (or sold) gives the type, and needs no site.
    """
    ordered = events.with_columns(tiers, told=_types_told(events["business_step"])).sort(_ORDER)
    known = pl.col("tier") >= 0
    no_step = pl.col("business_step").is_null() & known
    no_type = pl.col("event_type").is_null() & (known | pl.col("told").is_not_null())
    here = pl.coalesce(pl.col("location_id").cast(pl.String), "scan_location")
    was_here = here.eq_missing(here.shift(1).over("epc_code")) & here.is_not_null()
    step = pl.col("tier").replace_strict(
        dict(enumerate(TIER_STEP)), default=None, return_dtype=pl.String
    )
    kind = (
        pl.when(pl.col("told").is_not_null())
        .then("told")
        .when(pl.col("tier") == Tier.FACTORY)
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


def _types_told(steps: pl.Series) -> pl.Series:
    """The event type that a step says by itself, null where it says none."""
    told: dict[str, str | None] = {}
    for step in steps.unique().drop_nulls():
        said = meaning(step, None)
        told[step] = STAGES[SALE_STAGE] if said.is_sale else _TYPES.get(said.direction)
    return steps.replace_strict(told, default=None, return_dtype=pl.String)
