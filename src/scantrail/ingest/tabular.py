"""CSV, TSV and Parquet logs: any column order, any of the usual delimiters and encodings."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import polars as pl

from scantrail.errors import InputError
from scantrail.ingest.files import count_lines, is_gzip, read_bytes, read_head, to_utf8
from scantrail.vocabulary.events import RAW, REJECTS, RawLog, empty_rejects

_DELIMITERS: Final = "\t,;|"
_NEEDED: Final = ("epc_code", "event_time")
_WANTED: Final = tuple(name for name in RAW.names() if name != "line")
_IDS: Final = ("event_id", "file_id", "location_id")
_QUOTED_LINES: Final = 20  # a quoted field may span this many lines; beyond, the quote is a slip


def read_delimited(path: Path) -> RawLog:
    """Read a delimited text log.

    The fast way is Polars' reader. Where it can't vouch that every line became one row (ragged
    rows, stray quotes, a file cut short), each line is read by itself and the bad ones rejected.

    Raises:
        InputError: Not a readable text file, or it lacks `epc_code` or `event_time`.
    """
    head = read_head(path)
    name = path.name
    plain = not is_gzip(_magic(path)) and not head.startswith((b"\xff\xfe", b"\xfe\xff"))
    data = None if plain else to_utf8(read_bytes(path), name)
    first = (data or to_utf8(_whole_lines(head), name)).split(b"\n", 1)[0]
    delimiter, header = _header(first.decode("utf-8", "replace").rstrip("\r"), path)
    lines = count_lines(path) if data is None else data.count(b"\n") + (not data.endswith(b"\n"))
    columns = _columns(header, path)
    frame = _read_fast(path if data is None else data, delimiter, columns)
    if frame is not None and len(frame) == lines - 1:
        return RawLog(frame.with_row_index("line", offset=2), source=name)
    text = (to_utf8(read_bytes(path), name) if data is None else data).decode("utf-8")
    return _read_slowly(text, delimiter, columns, name)


def _magic(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(2)


def _whole_lines(head: bytes) -> bytes:
    """The head up to its last newline, so that no character is cut in two."""
    return head[: head.rfind(b"\n")] if b"\n" in head else head


def _header(line: str, path: Path) -> tuple[str, list[str]]:
    delimiter = max(_DELIMITERS, key=line.count)
    if "\x00" in line:
        raise InputError(f"{path} is no text file: its first line holds null bytes")
    return delimiter, next(csv.reader([line], delimiter=delimiter), [])


def _columns(header: list[str], path: Path) -> dict[str, int]:
    """Place of each wanted column; names are matched without regard to case and underscores."""
    folded = [re.sub(r"[\s_]", "", name).lower() for name in header]
    places = {
        name: folded.index(fold) for name in _WANTED if (fold := name.replace("_", "")) in folded
    }
    missing = [name for name in _NEEDED if name not in places]
    if missing:
        found = ", ".join(header)[:200] or "none"
        raise InputError(
            f"{path} has no column {' and no column '.join(missing)}; "
            f"expected a header line with at least epc_code and event_time, found: {found}"
        )
    return places


def _read_fast(
    source: Path | bytes, delimiter: str, columns: dict[str, int]
) -> pl.DataFrame | None:
    """By Polars, ids as integers if all are, else as text; None where it gives up."""
    for integers in (True, False):
        try:
            return _read_as(source, delimiter, columns, integers=integers)
        except pl.exceptions.PolarsError:
            continue
    return None


def _read_as(
    source: Path | bytes, delimiter: str, columns: dict[str, int], *, integers: bool
) -> pl.DataFrame:
    names = sorted(columns, key=columns.__getitem__)
    places = [columns[name] for name in names]
    header = pl.read_csv(source, separator=delimiter, n_rows=0, infer_schema=False).columns
    ids = [header[columns[name]] for name in _IDS if name in columns] if integers else []
    frame = pl.read_csv(
        source,
        separator=delimiter,
        columns=places,
        infer_schema=False,
        schema_overrides=dict.fromkeys(ids, pl.Int64),
    )
    frame.columns = names
    return frame


def _read_slowly(text: str, delimiter: str, columns: dict[str, int], name: str) -> RawLog:
    """Line by line; a line that is no row becomes a Reject, blank lines are no rows."""
    rows: list[tuple[str | None, ...]] = []
    rejects: list[dict[str, object]] = []
    wanted = list(columns.values())
    width = 0
    for line, record, fault in _records(text, delimiter):
        if not width:
            width = len(record)
        elif fault or len(record) > width:
            reason = fault or f"the row has {len(record)} fields, the header {width}"
            rejects.append(_reject(name, line, delimiter.join(record), reason))
        else:
            cells = [record[i] if i < len(record) else "" for i in wanted]
            rows.append((str(line), *(cell.replace("\x00", "") or None for cell in cells)))
    frame = pl.DataFrame(
        rows, schema=dict.fromkeys(["line", *columns], pl.String), orient="row"
    ).with_columns(pl.col("line").cast(pl.UInt32))
    table = pl.DataFrame(rejects, schema=REJECTS) if rejects else empty_rejects()
    return RawLog(frame, table, name)


def _records(text: str, delimiter: str) -> Iterator[tuple[int, list[str], str | None]]:
    """(line, fields, fault) of each record."""
    lines = text.split("\n")
    i = 0
    while i < len(lines):
        taken = 1
        record = lines[i]
        while record.count('"') % 2 and taken < _QUOTED_LINES and i + taken < len(lines):
            record += "\n" + lines[i + taken]
            taken += 1
        if record.count('"') % 2:
            yield i + 1, [lines[i].rstrip("\r")], "a quote is opened and never closed"
            taken = 1
        elif record.strip("\r"):
            yield i + 1, _fields(record.rstrip("\r"), delimiter), None
        i += taken


def _fields(record: str, delimiter: str) -> list[str]:
    if '"' not in record:
        return record.split(delimiter)
    return next(csv.reader(io.StringIO(record, newline=""), delimiter=delimiter), [])


def _reject(name: str, line: int, value: str, reason: str) -> dict[str, object]:
    return {
        "file": name,
        "line": line,
        "row": None,
        "event_id": None,
        "column": None,
        "value": value[:80],
        "reason": reason,
        "fix": "quote fields that hold the delimiter, close quotes, or export the row again",
    }


def read_parquet(path: Path) -> RawLog:
    """Read a Parquet log with the same columns; times may be timestamps or text.

    Raises:
        InputError: Damaged, or without `epc_code` or `event_time`.
    """
    read_head(path)
    try:
        header = list(pl.read_parquet_schema(path))
        columns = _columns(header, path)
        frame = pl.read_parquet(path, columns=list(columns.values()))
    except pl.exceptions.PolarsError as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path} is a damaged Parquet file: {reason}; write it again") from error
    names = {header[place]: name for name, place in columns.items()}
    frame = frame.rename(names).select(_text(name, frame) for name in columns)
    return RawLog(frame.with_row_index("line"), source=path.name)


def _text(name: str, frame: pl.DataFrame) -> pl.Expr:
    column = pl.col(name)
    dtype = frame.schema.get(name, pl.String())
    if dtype.is_integer() and name.endswith("_id"):
        return column
    if isinstance(dtype, pl.Datetime):
        return column.dt.to_string("iso:strict")
    return column.cast(pl.String)
