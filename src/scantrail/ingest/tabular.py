"""CSV, TSV and Parquet logs: any column order, any of the usual delimiters and encodings."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Final, NamedTuple

import polars as pl

from scantrail.errors import InputError
from scantrail.ingest.files import (
    count_marks,
    count_unquoted,
    is_gzip,
    is_utf16,
    read_bytes,
    read_head,
    to_text,
    to_utf8,
)
from scantrail.ingest.parquet_size import size_of
from scantrail.ingest.records import Record, sort_out
from scantrail.vocabulary.bounds import UNBOUNDED, Bounds
from scantrail.vocabulary.events import RAW, REJECTS, RawLog, empty_rejects

_DELIMITERS: Final = "\t,;|"
_NEEDED: Final = ("epc_code", "event_time")
_IDS: Final = ("event_id", "file_id", "location_id")
_WANTED: Final = tuple(name for name in RAW.names() if name != "line")
_SHOWN: Final = 80  # characters of a bad row that a Reject repeats


class _Layout(NamedTuple):
    """What the header line says: all names, and the place of each wanted column."""

    delimiter: str
    header: list[str]
    columns: dict[str, int]
    on_line: int  #: 0-based; blank lines may stand before it


def read_delimited(path: Path, bounds: Bounds = UNBOUNDED) -> RawLog:
    """Read a delimited text log.

    The fast way is Polars' reader. Where it can't vouch that every line became one row (ragged
    rows, stray quotes, a file cut short), each line is read by itself and the bad ones rejected.

    Raises:
        InputError: Not a readable text file, or it lacks `epc_code` or `event_time`.
        TooLargeError: It holds more than may be.
    """
    head = read_head(path)
    data = None if _is_plain(path, head) else _whole(path, bounds)
    if bounds != UNBOUNDED:
        lines = count_marks(path if data is None else data, ",").lines
        bounds.check_records(lines - 1, path.name)
    layout = _layout(head if data is None else data, path)
    frame = _read_fast(path if data is None else data, layout)
    if frame is None:
        data = read_bytes(path) if data is None else data
        recoded = to_text(data, path.name).encode("utf-8", "surrogateescape")
        if recoded != data:  # it was CP949
            frame = _read_fast(recoded, layout)
    return (
        RawLog(frame, source=path.name)
        if frame is not None
        else _read_slowly(recoded, layout, path.name)
    )


def _is_plain(path: Path, head: bytes) -> bool:
    """Whether the file can be read from disk as it is."""
    with path.open("rb") as file:
        packed = is_gzip(file.read(2))
    return b"\n" in head and not packed and not is_utf16(head)


def _whole(path: Path, bounds: Bounds) -> bytes:
    """The file, unpacked, with line feeds; UTF-16 as UTF-8."""
    data = read_bytes(path, bounds)
    if is_utf16(data):
        data = to_utf8(data, path.name)
    return data if b"\n" in data else data.replace(b"\r", b"\n")


def _layout(data: bytes, path: Path) -> _Layout:
    """Read the header: the first line that is not blank."""
    body = data.removeprefix(b"\xef\xbb\xbf").lstrip(b" \r\n")
    line = body.split(b"\n", 1)[0].rstrip(b"\r")
    if b"\x00" in line:
        raise InputError(f"{path} is no text file: its first line holds null bytes")
    text = to_text(line, path.name)
    bare = re.sub(r'"[^"]*"', "", text)
    delimiter = max(_DELIMITERS, key=bare.count)
    try:
        header = next(csv.reader([text], delimiter=delimiter), [])
    except csv.Error as error:
        raise InputError(f"{path} has no header line that can be read: {error}") from error
    on_line = data.count(b"\n", 0, len(data) - len(body))
    return _Layout(delimiter, header, _columns(header, path), on_line)


def _columns(header: list[str], path: Path) -> dict[str, int]:
    """Place of each wanted column; names are matched without regard to case and underscores."""
    folded = [re.sub(r"[\s_]", "", name).lower() for name in header]
    places: dict[str, int] = {}
    for name in _WANTED:
        exact = [i for i, given in enumerate(header) if given == name]
        fold = name.replace("_", "")
        found = exact or [i for i, given in enumerate(folded) if given == fold]
        if len(found) > 1:
            raise InputError(
                f"{path} has the column {name} {len(found)} times (columns "
                f"{' and '.join(str(i + 1) for i in found)}); rename or remove all but one"
            )
        places |= dict.fromkeys([name], found[0]) if found else {}
    missing = [name for name in _NEEDED if name not in places]
    if missing:
        shown = ", ".join(header)[:200].replace("\ufffd", "?") or "none"
        raise InputError(
            f"{path} has no column {' and no column '.join(missing)}; "
            f"expected a header line with at least epc_code and event_time, found: {shown}"
        )
    return places


def _read_fast(source: Path | bytes, layout: _Layout) -> pl.DataFrame | None:
    """All rows at once, None where not every line is one row with as many fields as the header."""
    marks = count_marks(source, layout.delimiter)
    if layout.on_line or marks.has_null:
        return None
    delimiters: int | None = marks.delimiters
    if marks.has_quote:
        data = source if isinstance(source, bytes) else read_bytes(source)
        delimiters = count_unquoted(data, layout.delimiter)
    if delimiters != marks.lines * (len(layout.header) - 1):
        return None
    frame = _parse(source, layout, skip=1)
    if frame is None or len(frame) != marks.lines + marks.blank - 1:
        return None
    frame = frame.head(marks.lines - 1)
    if any(frame[name].null_count() for name in _NEEDED):  # perhaps a blank or a short line
        return None
    return frame.with_row_index("line", offset=2)


def _parse(source: Path | bytes, layout: _Layout, skip: int) -> pl.DataFrame | None:
    """The wanted columns of all rows, None if a row is longer than the header.

    Ids are integers where all are, else all are text.
    """
    for id_type in (pl.Int64(), pl.String()):
        try:
            frame = _parse_as(source, layout, skip, id_type)
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
            continue  # an odd file may even make Polars panic; it is then read line by line
        beyond = frame.drop_in_place(str(len(layout.header)))
        frame.columns = sorted(layout.columns, key=layout.columns.__getitem__)
        return frame if beyond.null_count() == len(beyond) else None
    return None


def _parse_as(
    source: Path | bytes, layout: _Layout, skip: int, id_type: pl.DataType
) -> pl.DataFrame:
    """The wanted columns, and one beyond the header's, which shows rows that are too long."""
    width = len(layout.header)
    ids = {str(layout.columns[name]) for name in _IDS if name in layout.columns}
    schema = {str(i): id_type if str(i) in ids else pl.String() for i in range(width)}
    return pl.read_csv(
        source,
        separator=layout.delimiter,
        has_header=False,
        skip_lines=skip,
        schema={**schema, str(width): pl.Boolean()},  # the least memory for what is rarely there
        columns=[*sorted(layout.columns.values()), width],
        missing_columns="insert",
        glob=False,
    )


def _read_slowly(data: bytes, layout: _Layout, name: str) -> RawLog:
    """Line by line; a line that is no row becomes a Reject, blank lines are no rows."""
    regular, lines, odd = sort_out(data, layout.delimiter, layout.header, layout.on_line)
    good = [record for record in odd if record.fault is None]
    bad = [_reject(record, name) for record in odd if record.fault is not None]
    frame = pl.DataFrame(
        {"line": pl.Series([record.line for record in good], dtype=pl.UInt32)}
        | {
            column: pl.Series([record.fields[place] or None for record in good], dtype=pl.String)
            for column, place in layout.columns.items()
        }
    )
    if len(lines):
        bulk = _parse(regular, layout, skip=0)
        assert bulk is not None
        assert len(bulk) == len(lines)
        numbered = bulk.cast(pl.String).with_columns(line=pl.Series(lines, dtype=pl.UInt32))
        frame = pl.concat([frame, numbered.select(frame.columns)]).sort("line")
    return RawLog(frame, pl.DataFrame(bad, schema=REJECTS) if bad else empty_rejects(), name)


def _reject(record: Record, name: str) -> dict[str, object]:
    shown = record.text[:_SHOWN].replace("\x00", "\\0")
    return {
        "file": name,
        "line": record.line,
        "row": None,
        "event_id": None,
        "file_id": None,
        "column": None,
        "value": shown.encode("utf-8", "replace").decode("utf-8"),
        "reason": record.fault,
        "fix": record.fix,
    }


def read_parquet(path: Path, bounds: Bounds = UNBOUNDED) -> RawLog:
    """Read a Parquet log with the same columns; times may be timestamps or text.

    Raises:
        InputError: Damaged, or without `epc_code` or `event_time`, or a column is no plain value.
        TooLargeError: It holds more than may be.
    """
    read_head(path)
    if bounds != UNBOUNDED:
        holds = size_of(path.read_bytes(), path.name)
        bounds.check_records(holds.rows, path.name)
        bounds.check_size(holds.size, path.name)
    try:
        with path.open("rb") as file:  # a path would be taken as a pattern
            header = list(pl.read_parquet_schema(file))
        columns = _columns(header, path)
        names = [header[place] for place in columns.values()]
        frame = pl.read_parquet(path, columns=names, glob=False, hive_partitioning=False)
    except pl.exceptions.PolarsError as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path} is a damaged Parquet file: {reason}; write it again") from error
    texts = [_text(frame[header[place]], name, path) for name, place in columns.items()]
    long = [int(text.str.len_bytes().sum()) for text in texts if text.dtype == pl.String]
    bounds.check_size(sum(long), path.name)  # a value may be stored once and stand in every row
    return RawLog(pl.DataFrame(texts).with_row_index("line"), source=path.name)


def _text(column: pl.Series, name: str, path: Path) -> pl.Series:
    if column.dtype.is_signed_integer() and column.dtype != pl.Int128 and name.endswith("_id"):
        return column.alias(name)
    if isinstance(column.dtype, pl.Datetime):
        return column.dt.to_string("iso:strict").alias(name)
    try:
        return column.cast(pl.String).alias(name)
    except pl.exceptions.PolarsError as error:
        raise InputError(
            f"{path}, column {column.name}: {column.dtype} can't be read as text; "
            f"write it as text, number or timestamp"
        ) from error
