"""The weekly sample of items without an alert, in which people see what was missed."""

from __future__ import annotations

import datetime as dt
import logging
import re
import time
from typing import Final

from scantrail.errors import ConflictError, NotFoundError
from scantrail.monitoring.feedback import Sampler
from scantrail.settings import Settings
from scantrail.stores.evaluations import Sample
from scantrail.stores.windows import Span
from scantrail.wiring import Stores
from scantrail.work.observing import local, moment

_log = logging.getLogger(__name__)
_WEEK: Final = re.compile(r"(\d{4})-W(\d{2})")
_DAYS: Final = dt.timedelta(days=7)


def week_of(day: dt.date) -> str:
    """The ISO week of a day.

    >>> week_of(dt.date(2025, 9, 3))
    '2025-W36'
    """
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02}"


def monday(week: str) -> dt.datetime:
    """When a week begins, naive.

    Raises:
        NotFoundError: There is no such week.

    >>> monday("2025-W36").isoformat()
    '2025-09-01T00:00:00'
    """
    found = _WEEK.fullmatch(week)
    fault = NotFoundError(f"'{week[:20]}' is no week; expected one as 2025-W36")
    if found is None:
        raise fault
    try:
        day = dt.date.fromisocalendar(int(found[1]), int(found[2]), 1)
    except ValueError:
        raise fault from None
    return dt.datetime.combine(day, dt.time())


def draw_due(settings: Settings, stores: Stores, until: dt.datetime) -> None:
    """Draw the sample of the last week that is over."""
    week = week_of((until - _DAYS).date())
    if until < monday(week) + _DAYS:
        return
    try:
        sample_of(settings, stores, week)
    except ConflictError as error:
        _log.info("%s", error)


def sample_of(settings: Settings, stores: Stores, week: str | None = None) -> Sample:
    """A week's sample, drawn once, when it is first asked for; None: of the last week.

    Items are drawn by a hash of week, seed and code: everybody draws the same.

    Raises:
        NotFoundError: There is no such week.
        ConflictError: The week isn't over, or nothing was scanned in it.
    """
    given = settings.monitoring
    now = stores.windows.last("scan") if given.clock == "scan" else time.time_ns() // 1000
    today = local(now or 0, settings.zone)
    week = week or week_of((today - _DAYS).date())
    begin = monday(week)
    known = stores.evaluations.sample(week)
    if known is not None:
        return known
    if begin + _DAYS > today:
        raise ConflictError(f"{week} isn't over; its sample is drawn on {begin + _DAYS:%Y-%m-%d}")
    span = Span(moment(begin, settings.zone), moment(begin + _DAYS, settings.zone))
    sampler = Sampler(given.audit_size, week, given.audit_seed)
    alerted = silent = 0
    for _, code, suspect in stores.windows.items(span, given.clock):
        if suspect:
            alerted += 1
        else:
            silent += 1
            sampler.offer(code)
    if not silent:
        raise ConflictError(f"no item without an alert was scanned in {week}; none can be drawn")
    return stores.evaluations.add_sample(
        Sample(
            week=week, drawn_at=time.time_ns() // 1000, seed=given.audit_seed, alerted=alerted,
            silent=silent, items=sampler.drawn(),
        )
    )  # fmt: skip
