"""From where: the way from the previous site, against the sky and against the lane's history."""

from __future__ import annotations

import polars as pl

from scantrail.vocabulary.chain import LOCATION_HIERARCHY, Direction


def moved() -> pl.Expr:
    """Scanned at another place than before; null where either place is missing."""
    return pl.col("place") != pl.col("prev_place")


def location_hierarchy() -> pl.Expr:
    """Level in the chain: 0 plant, 1 its warehouse, 2 hub or wholesaler, 3 shop; null: unknown."""
    return pl.col("tier").replace_strict(LOCATION_HIERARCHY, default=None, return_dtype=pl.Int8)


def kilometres() -> pl.Expr:
    """Great-circle distance from the previous site in km; null where either is unknown."""
    return pl.col("km").fill_nan(None)


def hours_travelled() -> pl.Expr:
    """Hours since the previous scan where the place changed, otherwise null."""
    return pl.when(moved()).then("hours")


def is_trip() -> pl.Expr:
    """Out of one place and into another: a journey whose time is a travel time.

    A plant has no outbound scan: from its making into a warehouse is a trip.
    """
    out = pl.col("prev_direction") == Direction.OUT
    made = (pl.col("prev_stage") == 0) & (pl.col("stage") == 1)
    return moved() & (out | made) & (pl.col("direction") == Direction.IN)


def lane_trips() -> pl.Expr:
    """How many items history saw go this way; 0 where none; null where nothing moved."""
    return pl.when(moved()).then("lane_trips")


def lane_z() -> pl.Expr:
    """How many robust standard deviations the log travel time is from its lane's median.

    Null where the lane has no timed trips, the time is not above zero, or this is no trip.
    """
    timed = is_trip() & (pl.col("hours") > 0)
    deviation = (pl.col("hours") / pl.col("lane_hours")).log()
    return pl.when(timed & (pl.col("lane_log_spread") > 0)).then(
        deviation / pl.col("lane_log_spread")
    )
