"""Who: the six parts of the code, whether each is well formed, and how old the item is."""

from __future__ import annotations

import polars as pl

from scantrail.features.temporal import local_time


def header() -> pl.Expr:
    """The code's header as a number; null where it has none."""
    return _number("header")


def company() -> pl.Expr:
    """The company code as a number."""
    return _number("company")


def product() -> pl.Expr:
    """The product code as a number."""
    return _number("product")


def lot() -> pl.Expr:
    """The lot as a number; lots of letters are null."""
    return _number("lot")


def manufacture_day() -> pl.Expr:
    """The day of manufacture in days since 1970-01-01."""
    return pl.col("manufactured").to_physical()


def serial() -> pl.Expr:
    """The serial as a number; serials of letters are null."""
    return _number("serial")


def _number(part: str) -> pl.Expr:
    digits = pl.col(part).str.contains(r"^[0-9]+$")  # "nan", "1e5" and "-7" are no numbers here
    return pl.when(digits).then(pl.col(part)).cast(pl.Float64, strict=False)


def header_valid() -> pl.Expr:
    """Header well formed."""
    return pl.col("header_ok")


def company_valid() -> pl.Expr:
    """Company well formed."""
    return pl.col("company_ok")


def product_valid() -> pl.Expr:
    """Product well formed."""
    return pl.col("product_ok")


def lot_valid() -> pl.Expr:
    """Lot well formed."""
    return pl.col("lot_ok")


def manufacture_valid() -> pl.Expr:
    """Manufacture date a real date."""
    return pl.col("manufacture_ok")


def serial_valid() -> pl.Expr:
    """Serial well formed."""
    return pl.col("serial_ok")


def age_days() -> pl.Expr:
    """Whole days from manufacture to this event on the site's calendar; below zero: not yet made.

    Null where the code has no manufacture date.
    """
    return (local_time().dt.date() - pl.col("manufactured")).dt.total_days()
