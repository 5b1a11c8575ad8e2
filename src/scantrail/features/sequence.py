"""After what: the item's place in its journey and how this step follows from the last."""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from scantrail.features.travel import moved
from scantrail.vocabulary.chain import Direction, Tier

#: The tiers between plant and shop, with the first of the two stages of each.
_BETWEEN = ((Tier.WAREHOUSE, 1), (Tier.HUB, 3), (Tier.WHOLESALER, 5))


def position() -> pl.Expr:
    """Place in the journey, from 0."""
    return pl.col("position")


def length_so_far() -> pl.Expr:
    """Scans of this item up to and including this one."""
    return pl.col("position") + 1


def previous_site() -> pl.Expr:
    """Index of the previous site; null on the first scan and for unlisted sites."""
    return pl.col("prev_site")


def previous_stage() -> pl.Expr:
    """Stage of the previous event."""
    return pl.col("prev_stage")


def previous_direction() -> pl.Expr:
    """Direction of the previous event: 0 none, 1 in, 2 out."""
    return pl.col("prev_direction")


def previous_tier() -> pl.Expr:
    """Tier of the previous event: the business step without its direction."""
    return pl.col("prev_tier")


def transition_share() -> pl.Expr:
    """Share of history's events after the previous stage that were this stage; null if unknown."""
    return pl.col("transition_share")


def stage_advance() -> pl.Expr:
    """Stages gained since the previous event; below zero: went back."""
    return pl.col("stage") - pl.col("prev_stage")


def is_read_again(minutes: float) -> pl.Expr:
    """The same words at the same place within some minutes: a double read, not a second event."""
    same = (pl.col("place") == pl.col("prev_place")) & (pl.col("words") == pl.col("prev_words"))
    return (same & (pl.col("hours") * 60 <= minutes)).fill_null(value=False)


def is_arrival_before_departure() -> pl.Expr:
    """Left the last site only after it had come in at the next: time ran backwards."""
    crossed = (pl.col("prev_direction") == Direction.IN) & (pl.col("direction") == Direction.OUT)
    back = (pl.col("prev_tier") > pl.col("tier")) & crossed & moved()
    made_late = (pl.col("stage") == 0) & (pl.col("prev_stage") == 1)
    return (back | made_late).fill_null(value=False)


def missing_links(tiers: Collection[int], known_trips: int = 1) -> pl.Expr:
    """Links of the chain of custody that are absent between the previous event and this one.

    A lane that history knows needs only its departure and its arrival. Null where either stage is
    unknown, 0 where the item went back.

    Args:
        tiers: Those that the chain has; the stages of others are never missed.
        known_trips: So many items make a lane known.
    """
    stage, before = pl.col("stage"), pl.col("prev_stage")
    skipped = (stage - before - 1).clip(lower_bound=0)
    for tier, first in _BETWEEN:
        if tier not in tiers:
            skipped = skipped - pl.when((before < first) & (stage > first + 1)).then(2).otherwise(0)
    ends = (pl.col("prev_direction") != Direction.OUT).cast(pl.Int8) + (
        pl.col("direction") != Direction.IN
    ).cast(pl.Int8)
    ends = ends - (pl.col("prev_stage") == 0).cast(pl.Int8)  # a plant has no outbound scan
    known_lane = moved() & (pl.col("lane_trips") >= known_trips) & (stage > before)
    return pl.when(known_lane).then(pl.min_horizontal(ends, skipped)).otherwise(skipped)


def skips_a_tier(tiers: Collection[int]) -> pl.Expr:
    """Passes over a tier.

    Args:
        tiers: Those that goods must pass.
    """
    start, end = pl.col("prev_tier"), pl.col("tier")
    needed = [tier for tier, _ in _BETWEEN if tier in tiers]
    return pl.any_horizontal(
        pl.lit(value=False), *((start < tier) & (end > tier) for tier in needed)
    )
