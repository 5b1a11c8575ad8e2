"""Evaluation after evaluation: from what was observed to alerts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec
import polars as pl

from scantrail.lanes import Network
from scantrail.monitoring.alerts import AlertSettings, Book, Near, Notice, advance
from scantrail.monitoring.baseline import Baseline, days_of
from scantrail.monitoring.drift import DriftSettings, drift
from scantrail.monitoring.signals import Signal


class WatchSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How to watch."""

    drift: DriftSettings = DriftSettings()
    alerts: AlertSettings = AlertSettings()


class Evaluation(NamedTuple):
    """What one evaluation found: signals, the book after it, notices to send."""

    now: dt.datetime
    signals: list[Signal]
    book: Book
    notices: list[Notice]


def neighbours(network: Network) -> Near:
    """Places that a known lane joins, by location id."""
    columns = [pl.col(name).cast(pl.String) for name in ("from_location_id", "to_location_id")]
    lanes = set(network.lanes.select(columns).iter_rows())
    return lambda a, b: (a, b) in lanes or (b, a) in lanes


def midnights(observed: pl.DataFrame, settings: DriftSettings) -> list[dt.datetime]:
    """The end of every day that has enough days before it; of the last one, if none has."""
    days = days_of(observed)
    ends = [dt.datetime.combine(day + dt.timedelta(days=1), dt.time()) for day in days]
    return ends[settings.days - 1 :] or ends[-1:]


def play(
    baseline: Baseline,
    observed: pl.DataFrame,
    times: Iterable[dt.datetime],
    settings: WatchSettings,
    near: Near,
    book: Book | None = None,
) -> Iterator[Evaluation]:
    """Evaluate at each of these times (naive, by the sites' clock), in their order.

    >>> list(play(None, None, [], WatchSettings(), lambda a, b: False))
    []
    """
    book = book or Book()
    for now in times:
        signals = drift(baseline, observed, now, settings.drift)
        book, notices = advance(book, signals, now, settings.alerts, near)
        yield Evaluation(now, signals, book, notices)
