"""What a scan event looks like, as read (`RAW`) and as understood (`EVENTS`), and what a Reject is.

A reader turns a file into a `RawLog`: text columns, one row per scan of one EPC. `ingest.quality`
turns that into `Events`: typed columns, UTC instants, flags for what was doubtful. What can't be
understood at all becomes a Reject; no row ever disappears without one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntFlag
from typing import Final

import polars as pl

#: The columns of the source's log, in its order. Only some are needed to judge a scan.
SOURCE_COLUMNS: Final = [
    "scan_location",
    "location_id",
    "hub_type",
    "business_step",
    "event_type",
    "operator_id",
    "device_id",
    "epc_code",
    "epc_header",
    "epc_company",
    "epc_product",
    "epc_lot",
    "epc_manufacture",
    "epc_serial",
    "product_name",
    "event_time",
    "manufacture_date",
    "expiry_date",
    "factory",
]

#: As read: everything is text, null where the cell was absent or empty.
#: `line` is where a person finds the row: a 1-based line of a text file (the header is line 1),
#: or a 0-based index in an API request, a Parquet file or an EPCIS document's event list.
RAW: Final = pl.Schema(
    {
        "line": pl.UInt32(),
        "event_id": pl.String(),
        "file_id": pl.String(),
        "epc_code": pl.String(),
        "location_id": pl.String(),
        "scan_location": pl.String(),
        "business_step": pl.String(),
        "event_type": pl.String(),
        "event_time": pl.String(),
    }
)

#: As understood. `row` is the event's identity: its place among the readable and unreadable rows
#: of the input, from 0. `time` is the instant in UTC; `offset` is the local clock's distance from
#: UTC in minutes, so that `time + offset` is what the wall clock at the site showed.
#: `event_id` is Int64 where every id is a whole number, String otherwise.
EVENTS: Final = pl.Schema(
    {
        "row": pl.UInt32(),
        "event_id": pl.Int64(),
        "file_id": pl.Int64(),
        "epc_code": pl.String(),
        "location_id": pl.Int64(),
        "scan_location": pl.String(),
        "business_step": pl.String(),
        "event_type": pl.String(),
        "time": pl.Datetime("us", "UTC"),
        "offset": pl.Int16(),
        "flags": pl.UInt16(),
    }
)

#: One unreadable row or cell: where it is, what was there, why it can't be used, how to mend it.
#: `file` is the name of what was read; `file_id` the id that the row names, null where unreadable.
REJECTS: Final = pl.Schema(
    {
        "file": pl.String(),
        "line": pl.UInt32(),
        "row": pl.UInt32(),
        "event_id": pl.String(),
        "file_id": pl.Int64(),
        "column": pl.String(),
        "value": pl.String(),
        "reason": pl.String(),
        "fix": pl.String(),
    }
)


class Flag(IntFlag):
    """What was doubtful about an event that is judged all the same."""

    NONE = 0
    SITE_UNKNOWN = 1  #: the location is not in the site list
    SITE_INFERRED = 2  #: the location was missing; both neighbours in the journey agree on it
    SITE_MISSING = 4  #: the location was missing and could not be inferred
    STEP_INFERRED = 8  #: the business step was missing; derived from the site's tier
    TYPE_INFERRED = 16  #: the event type was missing; derived from the site's tier
    EVENT_ID_UNREADABLE = 32  #: an event id that is no whole number was set aside
    CORRECTED = 64  #: an EPCIS error declaration corrected this event
    EXPANDED = 128  #: the scan named a parent (pallet, case); this item was inside
    DOCUMENT_ODD = 256  #: the document breaks its schema here, but could be read
    FILE_ID_UNREADABLE = 512  #: a file id that is no whole number was set aside
    LOCATION_UNREADABLE = 1024  #: a location id that is no whole number was set aside


#: Flags as words, for outputs.
FLAG_NAMES: Final = {flag: flag.name.lower() for flag in Flag if flag.name and flag}


_NO_ID: Final = pl.Series("event_id", [None], EVENTS["event_id"])
_NO_REJECTS: Final = pl.DataFrame(schema=REJECTS)


def no_ids(count: int) -> pl.Series:
    """The column `event_id` of so many events that have none.

    >>> no_ids(2).to_list()
    [None, None]
    """
    return _NO_ID.new_from_index(0, count)


def empty_rejects() -> pl.DataFrame:
    """An empty reject table.

    >>> empty_rejects().columns
    ['file', 'line', 'row', 'event_id', 'file_id', 'column', 'value', 'reason', 'fix']
    """
    return _NO_REJECTS.clone()


@dataclass(frozen=True, slots=True)
class RawLog:
    """What a Reader returns.

    `frame` has the columns of `RAW` (others are ignored) and optionally `flags` (UInt16, `Flag`
    bits that the reader itself sets). `rejects` (`REJECTS`) holds rows that no frame row could be
    made of; their `row` is null. `source` is the name shown to people.
    """

    frame: pl.DataFrame
    rejects: pl.DataFrame = field(default_factory=empty_rejects)
    source: str = ""


@dataclass(frozen=True, slots=True)
class Events:
    """What the pipeline judges: `frame` (`EVENTS`, in input order) and the rows set aside."""

    frame: pl.DataFrame
    rejects: pl.DataFrame = field(default_factory=empty_rejects)
    source: str = ""
