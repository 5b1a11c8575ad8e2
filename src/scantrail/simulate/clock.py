"""When sites work: working days, holidays, opening hours, slow days. All times are local.

A time is a count of seconds since 1970-01-01 00:00 of the sites' own wall clock (Asia/Seoul,
which has no summer time), as Int64.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from scantrail.simulate.network import DAY, Bools, Ints, Network
from scantrail.vocabulary.chain import Tier

if TYPE_CHECKING:
    from scantrail.simulate.config import SimulationConfig

_EPOCH: Final = dt.date(1970, 1, 1)
#: Holidays of the same date every year, as (month, day).
_FIXED: Final = ((1, 1), (3, 1), (5, 5), (6, 6), (8, 15), (10, 3), (10, 9), (12, 25))
#: Lunar New Year and the harvest festival: first day and length.
_LUNAR: Final = (
    (dt.date(2024, 2, 9), 4),
    (dt.date(2024, 9, 16), 3),
    (dt.date(2025, 1, 28), 3),
    (dt.date(2025, 10, 5), 4),
    (dt.date(2026, 2, 16), 3),
    (dt.date(2026, 9, 24), 3),
    (dt.date(2027, 2, 6), 4),
    (dt.date(2027, 9, 14), 3),
)
_MARGIN_DAYS: Final = 400  # journeys are planned beyond the log's end, then cut


def _holidays(first: int, count: int) -> tuple[Bools, Bools]:
    """Which days are holidays, and which of them are the great festivals."""
    holiday, festival = np.zeros(count, dtype=np.bool_), np.zeros(count, dtype=np.bool_)
    for start, length in _LUNAR:
        begin = (start - _EPOCH).days - first
        days = np.arange(begin, begin + length)
        festival[days[(days >= 0) & (days < count)]] = True
    for i in range(count):
        day = _EPOCH + dt.timedelta(days=first + i)
        holiday[i] = (day.month, day.day) in _FIXED
    return holiday | festival, festival


def _closed_days(net: Network, first: int, count: int, rng: np.random.Generator) -> Bools:
    holiday, festival = _holidays(first, count)
    weekday = (first + np.arange(count) + 3) % 7  # 1970-01-01 was a Thursday; Monday is 0
    saturday, sunday = weekday == 5, weekday == 6
    closed = np.zeros((len(net.sites), count), dtype=np.bool_)
    for site, tier in enumerate(net.tier):
        if tier in (Tier.FACTORY, Tier.WAREHOUSE):
            half = saturday & (rng.random(count) < 0.5)
            closed[site] = holiday | sunday | half
        elif tier == Tier.WHOLESALER:
            closed[site] = holiday | sunday
        elif tier == Tier.HUB:
            closed[site] = festival
        elif site % 3 == 0:  # every third shop rests on every other Sunday
            closed[site] = festival | (sunday & ((first + np.arange(count)) // 7 % 2 == 0))
    return closed


@dataclass(frozen=True, slots=True)
class Calendar:
    """Working hours of every site on every day of the simulated span.

    Attributes:
        first: Day number (since 1970-01-01) of the first column.
        opens: Second of the day at which each site opens.
        closes: Second of the day at which each site closes.
        next_open: Per site and day, the day's own or the next open day's index.
        delay: Per site and day, how many seconds everything is late there.
        end: First second after the log.
        overtime: Share of departures shortly after closing time.
    """

    first: int
    opens: Ints
    closes: Ints
    next_open: Ints
    delay: Ints
    end: int
    overtime: float

    def arrive(self, time: Ints, site: Ints, rng: np.random.Generator) -> Ints:
        """When goods that reach the gate at `time` are scanned: at once, or after opening."""
        day, second = np.divmod(time, DAY)
        opens, closes = self.opens[site], self.closes[site]
        want = day - self.first + (second >= closes)
        to = self._open_day(site, want)
        wait = opens + rng.integers(60, 5_400, time.size)
        moved = (to != day - self.first) | (second < opens)
        result = np.where(moved, (to + self.first) * DAY + wait, time)
        return self._late(result, site)

    def depart(self, time: Ints, site: Ints, rng: np.random.Generator) -> Ints:
        """When goods that are ready at `time` leave: some time in the next working hours."""
        opens, closes = self.opens[site], self.closes[site]
        moment = opens + 600 + (rng.random(time.size) * (closes - opens - 1_200)).astype(np.int64)
        late = (rng.random(time.size) < self.overtime) & (closes < DAY)
        moment = np.where(late, closes + rng.integers(60, 2_400, time.size), moment)
        day, second = np.divmod(time, DAY)
        to = self._open_day(site, day - self.first + (second >= moment))
        return self._late((to + self.first) * DAY + moment, site)

    def _open_day(self, site: Ints, day: Ints) -> Ints:
        return self.next_open[site, np.clip(day, 0, self.next_open.shape[1] - 1)]

    def _late(self, time: Ints, site: Ints) -> Ints:
        day = np.clip(time // DAY - self.first, 0, self.delay.shape[1] - 1)
        return time + self.delay[site, day]


def calendar(net: Network, config: SimulationConfig, rng: np.random.Generator) -> Calendar:
    """Draw a calendar: half the Saturdays of each warehouse, and slow days, are chance."""
    first = (config.start - _EPOCH).days
    count = config.days + _MARGIN_DAYS
    closed = _closed_days(net, first, count, rng)
    index = np.where(closed, count, np.arange(count))
    following = np.minimum.accumulate(index[:, ::-1], axis=1)[:, ::-1]
    slow = rng.random(closed.shape) < config.noise.slow_day
    hours = rng.integers(2 * 3600, 6 * 3600, closed.shape)
    return Calendar(
        first=first,
        opens=net.opens,
        closes=net.closes,
        next_open=np.minimum(following, count - 1),
        delay=np.where(slow, hours, 0),
        end=(first + config.days) * DAY,
        overtime=config.noise.overtime,
    )


def working_days(start: dt.date, count: int) -> Ints:
    """The first `count` working days from `start` on, as day numbers since 1970-01-01.

    >>> [str(_EPOCH + dt.timedelta(days=int(d))) for d in working_days(dt.date(2025, 7, 4), 2)]
    ['2025-07-04', '2025-07-07']
    """
    first = (start - _EPOCH).days
    span = count * 2 + 30
    holiday, _ = _holidays(first, span)
    days = first + np.arange(span, dtype=np.int64)
    return days[~holiday & ((days + 3) % 7 < 5)][:count]
