"""What a site's clock may be at: right, right on a slow day, or ahead; a hidden Markov model.

A slow day is late by some hours until the day ends, a clock is ahead by some hours until somebody
sets it right. Scans of one site and hour are taken at once, all sites side by side. The forward and
backward algorithms (Rabiner 1989), in single operations per state: the same scans then give the
same odds to the last bit, whatever other sites there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

#: Hours that a clock may be ahead, or a day late.
SHIFTS: Final = (2, 3, 4, 5, 6)
_NIGHT: Final = 6  # o'clock when a day ends: what is late past midnight is late the day before
_SLOW: Final = 0.001  # of the hours in which a site scans, those in which all becomes late
_BREAKS: Final = 0.001  # of days, those on which a clock goes wrong
_MENDED: Final = 1 / 30  # of days with a wrong clock, those on which it is set right
_MOST: Final = 12.0  # nats that the scans of one hour can say
_NEVER: Final = 1e-12  # no state is ever ruled out
_LEAST: Final = 1e-200  # the smallest chance that still has a logarithm
_STATES: Final = 1 + 2 * len(SHIFTS)  # right, slow by each shift, ahead by each shift
_LATE: Final = slice(1, 1 + len(SHIFTS))
_AHEAD: Final = slice(1 + len(SHIFTS), _STATES)


def day_of(hour: Ints) -> Ints:
    """The day, from night to night, that an hour (since 1970-01-01 00:00, local) belongs to."""
    return (hour - _NIGHT) // 24


def log_odds(logs: Floats) -> Floats:
    """Log odds of a clock that is ahead, (n,), from (n, states) logarithms of chances."""
    late = np.logaddexp.reduce(logs[:, _LATE], axis=1)
    ahead = np.logaddexp.reduce(logs[:, _AHEAD], axis=1)
    odds: Floats = ahead - np.logaddexp(logs[:, 0], late)
    return odds


@dataclass(frozen=True)
class Days:
    """Site-days with scans, one after the other as their hours are.

    `site`: (d,) of each. `number`: (d,) see `day_of`. `start`, `end`: (d,) its first and last hour.
    """

    site: Ints
    number: Ints
    start: Ints
    end: Ints

    def ended(self, site: Ints, day: Ints) -> Ints:
        """The last of the site's days before `day`, (n,); any other site's if it has none."""
        keys = self.site * 1_000_000 + self.number
        return np.searchsorted(keys, site * 1_000_000 + day) - 1


class Hours:
    """Scans by site and hour, and what they say of the site's clock.

    Attributes:
        number: (n,) the hour of each scan, 0 to h - 1.
        start: (h,) the first scan of each.
        new_site, new_day: (h,) where a site begins, or a day.
        day_number: (h,) the site-day of each, 0 to d - 1.
    """

    def __init__(self, site: Ints, hour: Ints, said: Floats) -> None:
        """Take scans in the order of site and time.

        Args:
            site: (n,) of each scan.
            hour: (n,) hours since 1970-01-01 00:00, local.
            said: (n, shifts) what it says, in nats: that it is late by so much, against on time.
        """
        fresh = np.append(True, (np.diff(site) != 0) | (np.diff(hour) != 0))
        self.start, self.number = np.flatnonzero(fresh), np.cumsum(fresh) - 1
        self.site, self.day = site[self.start], day_of(hour[self.start])
        self.new_site = np.append(True, np.diff(self.site) != 0)
        self.new_day = self.new_site | np.append(True, np.diff(self.day) != 0)
        self.day_number = np.cumsum(self.new_day) - 1
        so_far = np.cumsum(said, axis=0)
        so_far -= (so_far[self.start] - said[self.start])[self.number]
        self._so_far = so_far
        last = np.append(self.start[1:], len(site)) - 1
        self._evidence = _weights(np.exp(np.clip(so_far[last], -_MOST, _MOST)))

    @cached_property
    def days(self) -> Days:
        """The site-days that the hours make up."""
        start = np.flatnonzero(self.new_day)
        return Days(
            self.site[start], self.day[start], start, np.append(start[1:], len(self.day)) - 1
        )

    def odds(self) -> Floats:
        """Log odds of a clock that is ahead after each scan, (n,), by those up to it."""
        said = np.hstack([np.zeros((len(self._so_far), 1)), self._so_far, self._so_far])
        return log_odds(np.log(self._begun)[self.number] + said)

    def odds_after(self, days: int) -> Floats:
        """Log odds that the clock was ahead in each hour, (h,), by the `days` after it as well.

        Where the site has fewer further days with scans, they mean nothing.
        """
        begin, end = self.days.start, self.days.end
        later = np.ones_like(self._begun)
        for _ in range(days):
            later = self._recalled(later)
            told = self._evidence[begin] * later[begin]
            overnight = _looked_back(told, np.ones((len(told), 1), np.bool_))
            later = np.ones_like(later)
            later[end[:-1]] = overnight[1:]
        later = self._recalled(later)
        return log_odds(np.log(np.maximum(self._begun * self._evidence * later, _LEAST)))

    @cached_property
    def _begun(self) -> Floats:
        """Chances of the states before each hour, (h, states)."""
        index = np.arange(len(self.site))
        rank = index - np.maximum.accumulate(np.where(self.new_site, index, 0))
        site = np.cumsum(self.new_site) - 1
        state = np.zeros((int(site[-1]) + 1, _STATES))
        state[:, 0] = 1.0
        begun = np.empty_like(self._evidence)
        for now in _by(rank):
            begun[now] = _passed(state[site[now]], self.new_day[now, None])
            told = begun[now] * self._evidence[now]
            state[site[now]] = np.maximum(told / told.sum(axis=1, keepdims=True), _NEVER)
        return begun

    def _recalled(self, later: Floats) -> Floats:
        """How likely the rest of the day is from each hour's states on, (h, states).

        Args:
            later: (h, states) how likely what follows is, at the last hour of each day.
        """
        left = self.days.end[self.day_number] - np.arange(len(self.site))
        later = later.copy()
        within = np.zeros((1, 1), np.bool_)
        for now in _by(left)[1:]:
            told = _looked_back(self._evidence[now + 1] * later[now + 1], within)
            later[now] = told / told.max(axis=1, keepdims=True)
        return later


def _by(rank: Ints) -> list[Ints]:
    """Places of each rank, from 0 on."""
    order = np.argsort(rank, kind="stable")
    edges = np.append(np.flatnonzero(np.diff(rank[order], prepend=-1)), len(order)).tolist()
    return [order[start:end] for start, end in pairwise(edges)]


def _weights(late: Floats) -> Floats:
    """Weights of the states, from those of each shift: late is late, whatever the cause."""
    return np.hstack([np.ones((len(late), 1)), late, late])


def _passed(state: Floats, new_day: Flags) -> Floats:
    """Chances after time has passed; slow days end with the day, clocks change overnight."""
    slow = state[:, _LATE]
    over = np.where(new_day, slow.sum(axis=1, keepdims=True), 0.0)
    mended = np.where(new_day, _MENDED, 0.0) * state[:, _AHEAD]
    free = state[:, :1] + over
    breaks = np.where(new_day, _BREAKS, 0.0) * free
    becomes_slow = _SLOW * free
    after = np.empty_like(state)
    after[:, :1] = free - breaks - becomes_slow + mended.sum(axis=1, keepdims=True)
    after[:, _LATE] = np.where(new_day, 0.0, slow) + becomes_slow / len(SHIFTS)
    after[:, _AHEAD] = state[:, _AHEAD] - mended + breaks / len(SHIFTS)
    return after


def _looked_back(later: Floats, new_day: Flags) -> Floats:
    """How likely later scans are before time has passed: `_passed` the other way round."""
    usual, slow, ahead = later[:, :1], later[:, _LATE], later[:, _AHEAD]
    breaks, mended = np.where(new_day, _BREAKS, 0.0), np.where(new_day, _MENDED, 0.0)
    free = (1 - breaks - _SLOW) * usual
    free += breaks * ahead.mean(axis=1, keepdims=True) + _SLOW * slow.mean(axis=1, keepdims=True)
    earlier = np.empty_like(later)
    earlier[:, :1] = free
    earlier[:, _LATE] = np.where(new_day, free, slow)
    earlier[:, _AHEAD] = (1 - mended) * ahead + mended * usual
    return earlier
