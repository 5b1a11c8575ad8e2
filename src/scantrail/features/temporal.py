"""When: the site's wall clock, never UTC, decides what is a working hour."""

from __future__ import annotations

import polars as pl

_OPENS, _CLOSES = 9, 17  # the plan's business hours, from 9 up to, not including, 17


def local_time() -> pl.Expr:
    """The wall clock at the site, as a naive datetime."""
    return pl.col("local")


def hour() -> pl.Expr:
    """Hour of the day, 0-23."""
    return local_time().dt.hour()


def weekday() -> pl.Expr:
    """Day of the week, 0 Monday to 6 Sunday."""
    return local_time().dt.weekday() - 1


def month() -> pl.Expr:
    """Month, 1-12."""
    return local_time().dt.month()


def is_business_hours() -> pl.Expr:
    """Between 9:00 and 17:00 of a day from Monday to Friday."""
    return (hour() >= _OPENS) & (hour() < _CLOSES) & (weekday() < 5)


def is_weekend() -> pl.Expr:
    """On a Saturday or Sunday."""
    return weekday() >= 5


def hours_since_previous() -> pl.Expr:
    """Hours since this item's previous scan; null on its first."""
    return pl.col("hours")


def is_site_open() -> pl.Expr:
    """Within the site's own opening hours; null where the list gives none.

    A site that closes after midnight closes earlier on the clock than it opens.
    """
    minute = local_time().dt.hour().cast(pl.Int16) * 60 + local_time().dt.minute()
    opens, closes = pl.col("opens"), pl.col("closes")
    by_day = (minute >= opens) & (minute < closes)
    over_night = (minute >= opens) | (minute < closes)
    return pl.when(opens <= closes).then(by_day).otherwise(over_night)
