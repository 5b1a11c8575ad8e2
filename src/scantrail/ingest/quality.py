"""Raw text into typed events: what can't be understood becomes a Reject, what is odd a flag."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import polars as pl

from scantrail.ingest.times import parse_times
from scantrail.vocabulary.events import EVENTS, RAW, REJECTS, Events, Flag, RawLog
from scantrail.vocabulary.frames import beside

_INTEGER_COLUMNS: Final = {
    "file_id": Flag.FILE_ID_UNREADABLE,
    "location_id": Flag.LOCATION_UNREADABLE,
}
_NULL: Final = {name: pl.Series(name, [None], dtype) for name, dtype in RAW.items()}
_WHOLE: Final = r"^\s*[+-]?[0-9]{1,18}(\.0+)?\s*$"
_FEW: Final = 256  # texts; so few are looked at sooner one by one
_NUL: Final = "\0"
_SHOWN: Final = 80  # characters of a bad value that a Reject repeats


def standardise(
    raw: RawLog, *, zone: str, site_zones: Mapping[int, str] | None = None, file_id: int = 1
) -> Events:
    """Type the columns of a raw log.

    Args:
        raw: What a reader returned; integer columns may already be integers.
        zone: IANA zone of times without an offset.
        site_zones: Zone by location id, for sites in other zones than `zone`.
        file_id: The file id of rows that name none.

    Returns:
        Events (`EVENTS`, in input order) and the rejects of the reader and of this step. Every
        row of `raw` is in exactly one of the two.
    """
    frame = _complete(raw.frame)
    ids, flags = _integers(frame)
    times = _times(frame["event_time"], ids["location_id"], zone, site_zones or {})
    rest = [column for column in frame.get_columns() if column.name not in ids]
    frame = beside([*rest, *ids.values(), *times.get_columns()])
    if not (frame["time"].null_count() or frame["epc_code"].null_count()):
        return Events(_typed(frame, flags, file_id), raw.rejects, raw.source)
    unreadable = frame["time"].is_null() | frame["epc_code"].is_null()
    rejects = pl.concat([raw.rejects, _rejects(frame.filter(unreadable), raw.source, file_id)])
    readable = _typed(frame.filter(~unreadable), flags.filter(~unreadable), file_id)
    return Events(readable, rejects, raw.source)


def _typed(frame: pl.DataFrame, flags: pl.Series, file_id: int) -> pl.DataFrame:
    """The columns of `EVENTS`, in their order."""
    columns = {name: frame[name] for name in EVENTS.names() if name != "flags"}
    if columns["file_id"].null_count():
        columns["file_id"] = columns["file_id"].fill_null(file_id)
    return beside([*columns.values(), flags.alias("flags")])


def _complete(frame: pl.DataFrame) -> pl.DataFrame:
    """Only known columns, numbered rows; absent columns and empty cells are null.

    NUL characters, which no database keeps, are shown as U+FFFD.
    """
    names = [name for name in (*RAW.names(), "flags") if name in frame.columns]
    row = pl.Series("row", np.arange(len(frame), dtype=np.uint32))
    absent = [
        null.new_from_index(0, len(frame)) for name, null in _NULL.items() if name not in names
    ]
    known = beside([row, *(frame[name] for name in names), *absent])
    texts = [name for name in names if known[name].dtype == pl.String]
    nul, empty = _faulty(known, texts)
    if nul:
        known = known.with_columns(pl.col(nul).str.replace_all(_NUL, "\ufffd", literal=True))
    if not empty:
        return known
    return known.with_columns(pl.when(pl.col(name) != "").then(name).alias(name) for name in empty)


def _faulty(frame: pl.DataFrame, names: list[str]) -> tuple[list[str], list[str]]:
    """Columns of text with NUL characters, and those with empty texts."""
    if len(frame) > _FEW:
        nul = [name for name in names if frame[name].str.contains(_NUL, literal=True).any()]
        return nul, [name for name in names if (frame[name] == "").any()]
    texts = {name: frame[name].to_list() for name in names}
    nul = [name for name, each in texts.items() if any(_NUL in text for text in each if text)]
    return nul, [name for name, each in texts.items() if "" in each]


def _integers(frame: pl.DataFrame) -> tuple[dict[str, pl.Series], pl.Series]:
    """Ids as integers; an unreadable one is null and flagged."""
    flags = frame["flags"] if "flags" in frame.columns else None
    columns = {"event_id": _event_ids(frame)}
    for name, flag in _INTEGER_COLUMNS.items():
        column = frame[name]
        if column.dtype == pl.String:
            number = _whole(column)
            if number.null_count() > column.null_count():
                wrong = (number.is_null() & column.is_not_null()).cast(pl.UInt16) * int(flag)
                flags = wrong if flags is None else flags | wrong
            column = number
        columns[name] = column.cast(pl.Int64)
    if flags is None:
        flags = pl.Series("flags", np.zeros(len(frame), np.uint16))
    return columns, flags


def _event_ids(frame: pl.DataFrame) -> pl.Series:
    """Ids as whole numbers where all are; else as they are. Absent ones count the rows from 1."""
    ids = frame["event_id"]
    if ids.dtype == pl.Int64:
        return ids
    if ids.null_count() == len(ids):
        return (frame["row"].cast(pl.Int64) + 1).alias("event_id")
    if ids.dtype == pl.String:
        numbers = _whole(ids)
        return numbers if numbers.null_count() == ids.null_count() else ids
    return ids.cast(pl.Int64)


def _whole(texts: pl.Series) -> pl.Series:
    """Texts as Int64; `7`, ` 7 ` and `7.0` are whole, `7.5` and `x` are null."""
    direct = texts.cast(pl.Int64, strict=False)
    if direct.null_count() == texts.null_count():
        return direct
    return (
        texts.to_frame("t")
        .select(
            pl.when(pl.col("t").str.contains(_WHOLE)).then(
                pl.col("t").str.strip_chars().str.replace(r"\.0+$", "")
            )
        )
        .to_series()
        .cast(pl.Int64, strict=False)
        .alias(texts.name)
    )


def _times(
    texts: pl.Series, location_id: pl.Series, zone: str, site_zones: Mapping[int, str]
) -> pl.DataFrame:
    """Times and offsets; sites in other zones are read again in theirs."""
    parsed = parse_times(texts, zone)
    for other in sorted(set(site_zones.values()) - {zone}):
        there = [site for site, name in site_zones.items() if name == other]
        here = location_id.is_in(there).fill_null(value=False)
        if here.any():
            elsewhere = parse_times(texts, other)
            parsed = parsed.select(
                pl.when(here).then(elsewhere["time"]).otherwise("time").alias("time"),
                pl.when(here).then(elsewhere["offset"]).otherwise("offset").alias("offset"),
            )
    return parsed


def _rejects(bad: pl.DataFrame, source: str, file_id: int) -> pl.DataFrame:
    """One Reject per unreadable row: the first thing wrong with it."""
    no_code = pl.col("epc_code").is_null()
    no_time = pl.col("event_time").is_null()
    return bad.select(
        file=pl.lit(source),
        line="line",
        row="row",
        event_id=pl.col("event_id").cast(pl.String),
        file_id=pl.col("file_id").fill_null(file_id),
        column=pl.when(no_code).then(pl.lit("epc_code")).otherwise(pl.lit("event_time")),
        value=pl.when(no_code).then("epc_code").otherwise("event_time").str.slice(0, _SHOWN),
        reason=pl.when(no_code)
        .then(pl.lit("the code is missing"))
        .when(no_time)
        .then(pl.lit("the time is missing"))
        .otherwise(pl.lit("the time can't be read")),
        fix=pl.when(no_code)
        .then(pl.lit("give the EPC that was scanned"))
        .otherwise(
            pl.lit("write a real date and time as YYYY-MM-DD HH:MM:SS, or ISO 8601 with an offset")
        ),
    ).cast(REJECTS)
