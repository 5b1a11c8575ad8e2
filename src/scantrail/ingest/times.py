"""Event times: ISO 8601 in its many forms in, UTC instants and the site's UTC offset out."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import polars as pl

from scantrail.errors import SettingsError

#: The log's own form; nearly every row of a raw log parses at once with it.
_PLAIN: Final = "%Y-%m-%d %H:%M:%S"
_FEW: Final = 16  # texts; so few are read sooner one by one
_PLAIN_BYTES: Final = 19
#: Local times whose instants surely are within the years 1 to 9999, and whose year has four digits.
_SAFE: Final = (datetime(1000, 1, 1), datetime(9998, 12, 31))  # noqa: DTZ001 - local times
#: ISO 8601's end of day, which not every Python reads.
_MIDNIGHT: Final = re.compile(r"^([0-9-]+[T ])24(:?00(?::?00(?:[.,]0+)?)?(?:Z|[+-][0-9:]+)?)$")
#: What spreadsheets write, such as 2025-7-1 9:05.
_SHORT: Final = re.compile(r"^([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})([T ])([0-9]{1,2}):")
_MICROSECONDS_PER_MINUTE: Final = 60_000_000
_SPAN_DAYS: Final = 1000  # longer logs are localised row by row
_INSTANT: Final = pl.Datetime("us", "UTC")
_PARSED: Final = pl.Struct({"time": _INSTANT, "offset": pl.Int16})


@lru_cache(maxsize=64)
def zone_of(name: str) -> ZoneInfo:
    """The time zone of that IANA name.

    Raises:
        SettingsError: No such zone.
    """
    try:
        zone = ZoneInfo(name)
        pl.Series([datetime(2025, 1, 1)]).dt.replace_time_zone(name)  # noqa: DTZ001 - made aware
    except (ZoneInfoNotFoundError, ValueError, OSError, pl.exceptions.ComputeError) as error:
        raise SettingsError(
            f"'{name}' is no time zone; expected an IANA name such as Asia/Seoul or Europe/Vienna"
        ) from error
    return zone


def parse_times(texts: pl.Series, zone: str) -> pl.DataFrame:
    """Parse event times; what can't be parsed becomes null in both columns.

    Args:
        texts: String series of any length.
        zone: IANA zone of times that carry no offset of their own.

    Returns:
        `time` Datetime[us, UTC] and `offset` Int16 (minutes that the local clock is ahead of UTC).

    >>> parse_times(pl.Series(["2025-07-01 10:34:17", "2025-07-01T01:34:17Z", "?"]), "Asia/Seoul")[
    ...     "offset"
    ... ].to_list()
    [540, 0, None]
    """
    zone_of(zone)
    if len(texts) <= _FEW:
        nothing = {"time": None, "offset": None}
        values = [(_parse_one(t, zone) if t else None) or nothing for t in texts.to_list()]
        return pl.DataFrame(values, schema={"time": _INSTANT, "offset": pl.Int16})
    plain = _plain(texts)
    parsed = _localised(plain, zone)
    if parsed["time"].null_count() == texts.null_count():
        return parsed
    return _parse_the_rest(texts, parsed, zone)


def _plain(texts: pl.Series) -> pl.Series:
    """Local times of texts in the log's own form; others, and what is only nearly so, are null."""
    own = (texts.str.len_bytes() == _PLAIN_BYTES) & ~texts.str.ends_with(":60")
    if not own.all():
        texts = texts.to_frame("t").select(pl.when(own).then("t")).to_series()
    times = texts.str.to_datetime(_PLAIN, time_unit="us", strict=False)
    safe = times.is_between(*_SAFE)
    return times if safe.all() else times.to_frame("t").select(pl.when(safe).then("t")).to_series()


def _localised(plain: pl.Series, zone: str) -> pl.DataFrame:
    """Wall-clock times of a zone as instants; null in the gap of a clock change."""
    steady = _steady_offset(plain, zone)
    if steady is not None:  # no clock change in this span: one subtraction does it
        utc = plain.to_physical().to_numpy() - steady * _MICROSECONDS_PER_MINUTE
        offsets = np.full(len(utc), steady, np.int16)
        return pl.DataFrame({"time": pl.Series(utc).cast(_INSTANT), "offset": offsets})
    local = plain.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    return pl.DataFrame(
        {"time": local.dt.convert_time_zone("UTC"), "offset": _offsets(plain, local)}
    )


def _steady_offset(plain: pl.Series, zone: str) -> int | None:
    """The zone's offset in minutes if it is the same on every day of the span, else None."""
    first, last = plain.min(), plain.max()
    if plain.null_count() or not isinstance(first, datetime) or not isinstance(last, datetime):
        return None
    days = (last - first).days
    if days > _SPAN_DAYS or not 2 <= first.year <= last.year <= 9998:
        return None
    tz = zone_of(zone)
    noons = (first.replace(tzinfo=tz) + timedelta(days=day) for day in range(-1, days + 3))
    offsets = {moment.utcoffset() for moment in noons}
    (offset,) = offsets if len(offsets) == 1 else (None,)
    return None if offset is None or offset.seconds % 60 else round(offset.total_seconds() / 60)


def _offsets(naive: pl.Series, local: pl.Series) -> pl.Series:
    """Minutes from UTC of each local time."""
    utc = local.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return (naive - utc).dt.total_minutes().cast(pl.Int16)


def _parse_the_rest(texts: pl.Series, parsed: pl.DataFrame, zone: str) -> pl.DataFrame:
    """Other ISO forms, each distinct text once."""
    unread = parsed["time"].is_null() & texts.is_not_null()
    distinct = texts.filter(unread).unique()
    values = [_parse_one(text, zone) for text in distinct.to_list()]
    table = pl.DataFrame(
        {"text": distinct, "also": pl.Series(values, dtype=_PARSED)},
    )
    found = pl.DataFrame({"text": texts}).join(table, on="text", how="left", maintain_order="left")
    return parsed.select(
        pl.coalesce("time", found["also"].struct.field("time")),
        pl.coalesce("offset", found["also"].struct.field("offset")),
    )


def _parse_one(text: str, zone: str) -> dict[str, datetime | int] | None:
    """One time in any ISO 8601 form that Python reads; None where it is none.

    Read besides: `24:00`, the end of a day, and months, days and hours of one digit.
    """
    if len(text) > 64 or "\x00" in text:
        return None
    try:
        value = _iso(text.strip())
        if value.tzinfo is None:  # a time in a clock-change gap takes the offset before the gap
            value = value.replace(tzinfo=zone_of(zone))
        offset = value.utcoffset()
        assert offset is not None
        return {"time": value.astimezone(UTC), "offset": int(offset.total_seconds() / 60)}
    except (ValueError, OverflowError):
        return None


def _iso(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        text, days = _MIDNIGHT.subn(r"\g<1>00\g<2>", _SHORT.sub(_padded, text))
        return datetime.fromisoformat(text) + timedelta(days)


def _padded(match: re.Match[str]) -> str:
    year, month, day, gap, hour = match.groups()
    return f"{year}-{month:0>2}-{day:0>2}{gap}{hour:0>2}:"
