"""With whom: how far an item departs from the rest of its own lot at the same step.

A cohort is a lot of a product at one stage; of an event whose lot or stage is unknown, these
features cannot say anything. The features without `lookback` in their name know
only what was scanned strictly before the event; those with it look back over a finished log and
must not be used to judge live scans.
"""

from __future__ import annotations

from typing import Final

import polars as pl

_COHORT: Final = ("company", "product", "lot", "stage")
_MICROSECONDS_PER_HOUR: Final = 3_600_000_000


def _known(value: pl.Expr) -> pl.Expr:
    return pl.when(pl.all_horizontal(pl.col(*_COHORT).is_not_null())).then(value)


def _since_first() -> pl.Expr:
    """Microseconds since the first scan of the cohort that this is evaluated in.

    No window of its own: Polars would evaluate it once more within each group of the outer one.
    """
    time = pl.col("time").to_physical()
    return (time - time.min()).cast(pl.Float64)


def _seen() -> pl.Expr:
    return pl.col("time").rank("min").over(_COHORT).cast(pl.Int64) - 1


def cohort_seen() -> pl.Expr:
    """Scans of the same lot at the same stage before this instant."""
    return _known(_seen())


def cohort_lag_hours() -> pl.Expr:
    """Hours after the mean time of the lot's earlier scans at this stage; null for the first."""
    since = _since_first()
    # within the cohort, in time order; scans of the same instant don't know each other
    time = pl.col("time")
    begins = (time != time.shift(1)).fill_null(value=True)
    total = pl.when(begins).then(since.cum_sum() - since).forward_fill()
    seen = pl.when(begins).then(pl.int_range(pl.len())).forward_fill()
    mean = total / pl.when(seen > 0).then(seen)
    return _known(((since - mean) / _MICROSECONDS_PER_HOUR).over(_COHORT, order_by="time"))


def cohort_share_here() -> pl.Expr:
    """Share of the lot's earlier scans at this stage made at this place; null for the first."""
    here = pl.col("time").rank("min").over(*_COHORT, "place").cast(pl.Int64) - 1
    return _known(pl.when(_seen() > 0).then(here / _seen()))


def cohort_lag_hours_lookback() -> pl.Expr:
    """Hours after the median time of all of the lot's scans at this stage, later ones included."""
    late = (_since_first() - _since_first().median()).over(_COHORT)
    return _known(late / _MICROSECONDS_PER_HOUR)


def cohort_share_here_lookback() -> pl.Expr:
    """Share of all of the lot's scans at this stage that were at this place."""
    return _known(pl.len().over(*_COHORT, "place") / pl.len().over(_COHORT))
