"""Whether later scans are of the same steps as those before: else versions can't know them.

In a running chain they are: each week goods are made, moved and sold. In the log of a single
campaign goods go through their stages together, so its last tenth is sales, of which the rest has
hardly any. What learned from that rest does badly there, and rightly so.
"""

from __future__ import annotations

import datetime as dt
from typing import Final

import polars as pl

_UNLIKE: Final = 0.4  # half of the sum of differences between shares; 0: alike, 1: nothing shared
_NAMED: Final = 3  # steps


def unlike(events: pl.DataFrame, since: dt.datetime) -> str | None:
    """How the steps after an instant differ from those before, in words; None where they don't.

    Args:
        events: `vocabulary.events.EVENTS`.
        since: The instant.

    >>> at = [dt.datetime(2025, 7, day, tzinfo=dt.UTC) for day in (1, 2, 3, 4)]
    >>> steps = ["Aggregation", "WMS_Inbound", "POS_Sell", "POS_Sell"]
    >>> unlike(pl.DataFrame({"time": at, "event_type": steps}), at[1])
    '100% of them are of POS_Sell, before 0%'
    """
    late = pl.col("time") > since
    steps = events.group_by(pl.col("event_type").fill_null("no step").alias("step")).agg(
        before=(~late).sum(), after=late.sum()
    )
    if not steps["before"].sum() or not steps["after"].sum():
        return None
    shares = steps.with_columns(pl.col("before", "after") / pl.col("before", "after").sum())
    more = shares.with_columns(more=pl.col("after") - pl.col("before"))
    if more["more"].abs().sum() / 2 < _UNLIKE:
        return None
    grown = more.sort("more", "step", descending=[True, False]).head(_NAMED)
    grown = grown.filter(pl.col("more") > 0)
    return (
        f"{grown['after'].sum():.0%} of them are of {', '.join(grown['step'])}, before "
        f"{grown['before'].sum():.0%}"
    )
