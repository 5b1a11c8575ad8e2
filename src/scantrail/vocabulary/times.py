"""Instants as people and callers read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def instant(microseconds: int) -> datetime:
    """The instant so many microseconds after 1970 began in UTC."""
    return _EPOCH + timedelta(microseconds=microseconds)


def microseconds(time: datetime) -> int:
    """What `instant` takes: since 1970, of a time with an offset.

    >>> microseconds(instant(1_500_000))
    1500000
    """
    return (time - _EPOCH) // timedelta(microseconds=1)


def wall_clock(time: datetime, offset: int) -> str:
    """What the wall clock showed, with its offset from UTC (minutes): ISO 8601 to the second.

    >>> wall_clock(instant(0), 540)
    '1970-01-01T09:00:00+09:00'
    """
    local = time.astimezone(timezone(timedelta(minutes=offset)))
    return local.isoformat(timespec="seconds")


def utc(at: int) -> str:
    """An instant in UTC (microseconds since 1970): ISO 8601 to the second.

    >>> utc(1_500_000)
    '1970-01-01T00:00:01+00:00'
    """
    return instant(at).isoformat(timespec="seconds")


def in_table(at: int, timespec: str = "minutes") -> str:
    """As `utc`, for tables, whose heads name the zone: to the minute, or to the second.

    >>> in_table(1_500_000), in_table(1_500_000, "seconds")
    ('1970-01-01 00:00', '1970-01-01 00:00:01')
    """
    return instant(at).replace(tzinfo=None).isoformat(" ", timespec)
