"""After what: the item's place in its journey and how this step follows from the last."""

from __future__ import annotations

import polars as pl


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
