"""What to learn from and what to be measured by: apart in time and by item, and apart by site."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import NamedTuple

import polars as pl

from scantrail.errors import InputError
from scantrail.ingest.lots import lots


class Split(NamedTuple):
    """`learn`: scans to learn from (rows of the log). `test`: codes of items to be measured by."""

    learn: pl.DataFrame
    test: pl.Series


def by_time_and_item(events: pl.DataFrame, cut: dt.datetime) -> Split:
    """Learn from scans before an instant; be measured by items of lots that begin at it or later.

    So no item and no lot is on both sides, and nothing learned from is later than anything measured
    by. Items of earlier lots are learned from as far as they had come.

    Args:
        events: The log (`vocabulary.events.EVENTS`).
        cut: The instant, with its time zone.

    Raises:
        InputError: The instant has no zone, or one side is empty.
    """
    if cut.tzinfo is None:
        raise InputError(f"{cut} has no time zone; write e.g. 2025-07-10T00:00:00+00:00")
    items = events.group_by("epc_code", maintain_order=True).agg(first=pl.col("time").min())
    items = items.with_columns(lot=pl.Series(lots(items["epc_code"])))
    items = items.with_columns(begun=pl.col("first").min().over("lot"))
    learn, test = events.filter(pl.col("time") < cut), items.filter(pl.col("begun") >= cut)
    if not len(learn) or not len(test):
        side = "to be measured by" if len(learn) else "to learn from"
        begun = items["begun"].sort().dt.to_string("iso:strict")
        raise InputError(
            f"with {cut.isoformat()} as the cut nothing is left {side}; lots begin from "
            f"{begun[0]} to {begun[-1]}"
        )
    return Split(learn, test["epc_code"])


def by_site(events: pl.DataFrame, held_out: Collection[int]) -> Split:
    """Learn from journeys that never touch some sites; be measured by those that do.

    Args:
        events: The log.
        held_out: `location_id` of the sites.

    Raises:
        InputError: No journey touches them, or all do.
    """
    unknown = sorted(set(held_out) - set(events["location_id"].drop_nulls().unique()))
    if unknown or not held_out:
        which = f"no scan is at location {unknown[0]}" if unknown else "no site is named"
        raise InputError(f"{which}; name location_ids of the log to hold out")
    touches = pl.col("location_id").is_in(list(held_out)).any()
    items = events.group_by("epc_code", maintain_order=True).agg(touches=touches)
    test = items.filter("touches")["epc_code"]
    learn = events.filter(~pl.col("epc_code").is_in(test.implode()))
    if not len(learn):
        raise InputError("every journey touches the held-out sites; hold out fewer")
    return Split(learn, test)
