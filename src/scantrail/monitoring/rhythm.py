"""Which sites are silent for longer than their own rhythm allows.

A site's hours are not alike: a plant rests at night and on Sundays. So silence is measured in
operational time, in which every hour counts as much as scans are usual in it: the time-rescaling
theorem (Brown et al. 2002, Neural Computation 14) makes the gaps between visits alike. How long
gaps usually get then tells how rare a silence is; a gamma law is fitted to them by moments.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from scantrail.monitoring.tails import gamma_tail

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

EPOCH: Final = dt.datetime.combine(dt.date(1970, 1, 1), dt.time())  # by a site's own clock
_HOURS: Final = 168
_LEAST_VISITS: Final = 12  # hours with scans, before a site has a rhythm
_LEAST_SPREAD: Final = 0.15  # variance of gaps over their mean squared: nobody is more regular
_CAUTION: Final = 1.5  # gaps vary more than a few weeks show


class Rhythm(msgspec.Struct, frozen=True):
    """When a site scans.

    Attributes:
        weekdays: Seven shares of its visits, Monday first. A visit is an hour with scans.
        hours: 24 shares, midnight first, by the site's clock.
        visits: Visits a week.
        mean: Mean gap between visits, in operational time.
        spread: Variance of the gaps over the mean squared.
    """

    weekdays: list[float]
    hours: list[float]
    visits: float
    mean: float
    spread: float

    def expected(self, start: Ints, end: Ints) -> Floats:
        """Usual visits in the hours after `start` up to `end`, (n,); hours since 1970, local.

        >>> week = Rhythm([1 / 7] * 7, [1 / 24] * 24, 168.0, 1.0, 1.0)
        >>> week.expected(np.array([0, 5]), np.array([1, 173])).round(6).tolist()
        [1.0, 168.0]
        """
        week = np.outer(self.weekdays, self.hours).ravel() * self.visits
        whole = np.concatenate([[0.0], np.cumsum(week)])

        def total(hour: Ints) -> Floats:  # visits from the first Monday of 1970 up to this hour
            weeks, rest = np.divmod(hour + 1 - 4 * 24, _HOURS)
            sums: Floats = weeks * whole[-1] + whole[rest]
            return sums

        between: Floats = total(end) - total(start)
        return between


def learn_rhythm(visits: Ints, weeks: float) -> Rhythm | None:
    """Learn a site's rhythm.

    Args:
        visits: Hours since 1970-01-01 00:00 local in which it scanned, ascending, distinct.
        weeks: How long the site was watched.

    Returns:
        None if it scans too rarely to have one.
    """
    if len(visits) < _LEAST_VISITS:
        return None
    day = (visits // 24 + 3) % 7  # 1970-01-01 was a Thursday
    hour = visits % 24
    weekdays = np.bincount(day, minlength=7) / len(visits)
    near = np.bincount(hour, minlength=24).astype(float)
    smooth = 0.5 * near + 0.25 * (np.roll(near, 1) + np.roll(near, -1))
    plain = Rhythm(
        weekdays.tolist(), (smooth / smooth.sum()).tolist(), len(visits) / weeks, 1.0, 1.0
    )
    gaps = plain.expected(visits[:-1], visits[1:])
    mean = max(float(gaps.mean()), 1e-6)
    spread = max(float(gaps.var()) / mean**2 * _CAUTION, _LEAST_SPREAD)
    return msgspec.structs.replace(plain, mean=mean, spread=spread)


def silence(
    rhythm: Rhythm, last: dt.datetime, now: dt.datetime, closed: Collection[dt.date] = ()
) -> tuple[float, float]:
    """How unusual it is that a site has been silent since `last`; both local to it.

    Args:
        rhythm: The site's.
        last: When it was last heard of.
        now: Until when it was listened to.
        closed: Days on which nobody expects it to work.

    Returns:
        The probability that in a usual week there is a gap so long, and the visits missed.
    """
    end = hours_since_1970(now) - 1  # this hour isn't over
    stops = [(hours_since_1970(last), end)]
    for day in closed:
        begin = hours_since_1970(dt.datetime.combine(day, dt.time())) - 1
        stops.append((min(max(stops[0][0], begin), end), min(max(stops[0][0], begin + 24), end)))
    starts, ends = np.array(stops).T
    visits = rhythm.expected(starts, ends)
    missed = float(visits[0] - visits[1:].sum())
    if missed <= 0:
        return 1.0, 0.0
    shape = 1 / rhythm.spread
    longer = gamma_tail(shape, missed / rhythm.mean * shape)
    return min(longer * max(rhythm.visits, 1.0), 1.0), missed


def hours_since_1970(when: dt.datetime) -> int:
    """Whole hours of a naive time."""
    return int((when - EPOCH).total_seconds() // 3600)
