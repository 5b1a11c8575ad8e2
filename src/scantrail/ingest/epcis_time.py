"""The time of an EPCIS event: one ISO text with the local offset, and an instant to sort by."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final

_HAS_OFFSET: Final = re.compile(r"(?:[Zz]|[+-]\d\d:?\d\d)$")


def event_time(time: str | None, offset: str | None) -> str | None:
    """Join an event's time and its `eventTimeZoneOffset` into one text.

    A time without an offset gets the event's. A time in UTC beside another local offset is
    written in local time: the instant is the same, and what the clock on site showed is kept. All
    else stays as written, readable or not; a later stage judges it.

    Args:
        time: `eventTime` as written, if any.
        offset: `eventTimeZoneOffset` as written, if any.

    Returns:
        ISO 8601 text, or what was written, or None.

    >>> event_time("2024-05-01T10:00:00", "+02:00")
    '2024-05-01T10:00:00+02:00'
    >>> event_time("2024-05-01T10:00:00Z", "+02:00")
    '2024-05-01T12:00:00+02:00'
    >>> event_time("2024-05-01T10:00:00-03:00", "+02:00"), event_time("soon", None)
    ('2024-05-01T10:00:00-03:00', 'soon')
    """
    if time is None or offset is None:
        return time
    if not _HAS_OFFSET.search(time):
        return time + offset
    zone = _zone(offset)
    instant = _parse(time)
    if zone is None or instant is None or instant.utcoffset():
        return time
    if zone.utcoffset(None) == timedelta(0):
        return time
    try:
        return instant.astimezone(zone).isoformat()
    except OverflowError:  # the first or last day that a clock can show
        return time


def instant_of(time: str | None) -> datetime | None:
    """The UTC instant of a text from `event_time`, or None; without an offset, read as UTC.

    >>> instant_of("2024-05-01T12:00:00+02:00")
    datetime.datetime(2024, 5, 1, 10, 0, tzinfo=datetime.timezone.utc)
    """
    parsed = _parse(time) if time else None
    try:
        return parsed.astimezone(UTC) if parsed else None
    except OverflowError:
        return None


def _parse(time: str) -> datetime | None:
    try:
        parsed = datetime.fromisoformat(time)
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


@lru_cache(maxsize=256)
def _zone(offset: str) -> tzinfo | None:
    parsed = _parse(f"2000-01-01T00:00:00{offset}") if _HAS_OFFSET.fullmatch(offset) else None
    return parsed.tzinfo if parsed else None
