"""One order and one digest for the same content, whoever wrote it and however it is stored.

Parquet bytes vary with writer, version and compression, so what is digested is the content: per
column two streams, one of lengths or nulls, one of values, in a form that this module alone
defines. It depends on no library's own hashes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import polars as pl

_ROWS: Final = 1 << 18  # at a time; the digest does not depend on it
_NULL: Final = 0xFFFF_FFFF  # the length of a text that is not there
_SHORT: Final = 16  # hex digits of a version

#: What a scan says, without where it was read: events equal in these are one and the same.
SCAN: Final = ("time", "epc_code", "location_id", "scan_location", "business_step", "event_type")
#: All that a log says of a scan.
CONTENT: Final = (*SCAN, "event_id", "file_id", "offset")


def ordered(frame: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """The same rows in an order that only their values decide; nulls come first."""
    return frame.sort(by, nulls_last=False, maintain_order=True)


def events_digest(events: pl.DataFrame) -> str:
    """Sixteen hex digits of events (`vocabulary.events.EVENTS`), whatever their order.

    >>> frame = pl.DataFrame({name: ["b", "a"] for name in CONTENT})
    >>> events_digest(frame) == events_digest(frame.reverse())
    True
    """
    return digest(ordered(events.select(CONTENT), CONTENT))[:_SHORT]


def digest(frame: pl.DataFrame) -> str:
    """SHA-256 of names, kinds and values of all columns, row by row, in hexadecimal.

    Whole numbers of any width are alike, and so are times, as microseconds since 1970 in UTC.
    """
    whole = hashlib.sha256(f"{len(frame)} rows".encode())
    for column in frame.get_columns():
        text = column.dtype == pl.String
        whole.update(f"\n{column.name} {'text' if text else _kind(column)}\n".encode())
        lengths, values = hashlib.sha256(), hashlib.sha256()
        for part in column.to_frame().iter_slices(_ROWS):
            for state, data in zip((lengths, values), _streams(part.to_series()), strict=True):
                state.update(data)
        whole.update(lengths.digest() + values.digest())
    return whole.hexdigest()


def _kind(column: pl.Series) -> str:
    return "real" if column.dtype.is_float() else "whole"


def _streams(column: pl.Series) -> tuple[bytes, bytes]:
    """Lengths (texts) or nulls (numbers), and values."""
    if column.dtype == pl.String:
        lengths = column.str.len_bytes().cast(pl.Int64).fill_null(_NULL).to_numpy()
        joined = column.fill_null("").str.join("").item() if len(column) else ""
        return lengths.astype("<u4").tobytes(), joined.encode()
    nulls = column.is_null().to_numpy().astype(np.uint8).tobytes()
    if column.dtype.is_float():
        return nulls, column.fill_null(0.0).to_numpy().astype("<f8").tobytes()
    numbers = column.to_physical().cast(pl.Int64).fill_null(0).to_numpy()
    return nulls, numbers.astype("<i8").tobytes()


def short_digest(value: object) -> str:
    """Sixteen hex digits of plain values, as JSON with sorted keys.

    >>> short_digest({"a": 1, "b": None}) == short_digest({"b": None, "a": 1})
    True
    """
    return hashlib.sha256(msgspec.json.encode(value, order="sorted")).hexdigest()[:_SHORT]


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
