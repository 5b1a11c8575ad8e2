"""Does a site's clock run hours ahead? What all its scans so far say, weighed against a slow day.

A clock that runs ahead shows in the hours of the day, and in trips that end later by as much. So
does a day on which everything is late; but that passes. Per site a hidden Markov model has three
kinds of state: all is as usual; a slow day, late by some hours until the day ends; a clock that is
ahead by some hours until somebody sets it right. The forward algorithm (Rabiner 1989) gives the
odds of the last kind, from scans up to the present only.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from scantrail.features.coding import Coded
from scantrail.features.groups import changes

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_SHIFTS: Final = (2, 3, 4, 5, 6)  # hours that a clock may be ahead, or a day late
_NIGHT: Final = 6  # o'clock when a day ends: what is late past midnight is late the day before
_SLOW: Final = 0.001  # of the hours in which a site scans, those in which all becomes late
_BREAKS: Final = 0.001  # of days, those on which a clock goes wrong
_MENDED: Final = 1 / 30  # of days with a wrong clock, those on which it is set right
_ODD_HOUR: Final = 0.3  # of scans, those whose hour follows nothing
_ODD_TRIP: Final = 0.1  # of trips, those whose length follows nothing
_BELIEF: Final = 30.0  # batches that the hours of all sites are worth
_MOST: Final = 6.0  # nats that one batch can say
_MOST_ALONE: Final = 0.25  # and one item: it may be odd by itself
_ROAD_HOURS: Final = 30.0  # a longer trip says nothing about a clock
_SHORT: Final = 0.05  # hours; no road is shorter
_LEAST: Final = 0.3  # spread of the log hours of trips
_NEVER: Final = 1e-12  # no state is ever ruled out


def hour_logs(hours: Floats) -> Floats:
    """Log of the share of each hour of the day, neighbours helping, of the same shape.

    Args:
        hours: (sites + 1, steps, 24) batches of history by local hour.
    """
    near = 0.5 * hours + 0.25 * (np.roll(hours, 1, -1) + np.roll(hours, -1, -1))
    pooled = near.sum(axis=0) + 0.02
    pooled /= pooled.sum(axis=1, keepdims=True)
    shares = (near + _BELIEF * pooled) / (near.sum(axis=2, keepdims=True) + _BELIEF)
    logs: Floats = np.log((1 - _ODD_HOUR) * shares + _ODD_HOUR / 24)
    return logs


def clock_ahead(coded: Coded, logs: Floats, middle: Floats, spread: Floats) -> Floats:
    """Log odds, in nats, that the clock of each event's site runs ahead, (n,).

    Args:
        coded: The events.
        logs: What `hour_logs` gave for history.
        middle: (n,) usual log hours since the previous move; NaN where none are.
        spread: (n,) their spread.
    """
    odds = np.full(len(coded), np.log(_NEVER))
    scans = _scans(coded)
    if not len(scans):
        return odds
    said = _hour_ratios(coded, scans, logs) + _trip_ratios(coded, scans, middle, spread)
    most = np.where(coded.with_whom.here[scans] > 1, _MOST, _MOST_ALONE)[:, None]
    mine = _filtered(coded, scans, np.clip(said, -most, most))
    last = np.searchsorted(_moment(coded, scans), _moment(coded, slice(None)), "right") - 1
    known = (coded.site > 0) & (last >= 0) & (coded.site[scans[last]] == coded.site)
    return np.where(known, mine[last], odds)


def _scans(coded: Coded) -> Ints:
    """One event per batch, as most of it came, by site and time; items yet unmoved say nothing."""
    whom = coded.with_whom
    moves = np.flatnonzero(~whom.again & (coded.step > 1) & (coded.site > 0))
    # of equally many, those that came first: the order of the rows must not matter
    ways = coded.step[whom.before[moves]], whom.hours[moves]
    keys = (*ways, -whom.alike[moves], whom.group[moves])
    most_first = moves[np.lexsort(keys)]
    batch: Ints = most_first[changes(whom.group[most_first])]
    moments = (whom.hours[batch], coded.step[batch], _moment(coded, batch))
    return batch[np.lexsort(moments)]


def _moment(coded: Coded, at: Ints | slice) -> Ints:
    """A number that orders by site, then time."""
    moment: Ints = coded.site[at] * 100_000_000_000 + coded.second[at]
    return moment


def _hour_ratios(coded: Coded, at: Ints, logs: Floats) -> Floats:
    """(scans, shifts) log-likelihood ratios of the hour of day, shifted against not."""
    site, step, hour = coded.site[at], coded.step[at], coded.clock[at] % 24
    shifted = logs[site[:, None], step[:, None], (hour[:, None] - _SHIFTS) % 24]
    ratios: Floats = shifted - logs[site, step, hour][:, None]
    return ratios


def _trip_ratios(coded: Coded, at: Ints, middle: Floats, spread: Floats) -> Floats:
    """(scans, shifts) log-likelihood ratios of the hours on the road, shifted against not."""
    before = coded.with_whom.before[at]
    hours = coded.with_whom.hours[at]
    trip = (before >= 0) & (coded.site[before] != coded.site[at]) & (hours < _ROAD_HOURS)
    trip &= np.isfinite(middle[at])
    all_hours = np.where(trip, hours, 1.0)[:, None]
    centre = np.where(trip, middle[at], 0.0)[:, None]
    width = np.maximum(spread[at], _LEAST)[:, None]

    def log_density(taken: Floats) -> Floats:
        road = np.maximum(taken, _SHORT)
        z = (np.log(road) - centre) / width
        usual = np.exp(-(z**2) / 2) / (road * width * np.sqrt(2 * np.pi)) * (taken > _SHORT)
        logs: Floats = np.log((1 - _ODD_TRIP) * usual + _ODD_TRIP / 24)
        return logs

    ratios = log_density(all_hours - np.array(_SHIFTS)) - log_density(all_hours)
    return np.where(trip[:, None], ratios, 0.0)


def _filtered(coded: Coded, at: Ints, said: Floats) -> Floats:
    """Log odds of a clock that runs ahead after each scan, (scans,).

    Scans of one site and hour are taken at once, all sites side by side.
    """
    site, hour = coded.site[at], coded.local[at] // 3600
    fresh = changes(site, hour)
    start, number = np.flatnonzero(fresh), np.cumsum(fresh) - 1
    so_far = np.cumsum(said, axis=0)
    so_far -= (so_far[start] - said[start])[number]
    whole = np.clip(so_far[np.append(start[1:], len(at)) - 1], -2 * _MOST, 2 * _MOST)
    first = changes(site[start])
    new_day = first | changes((hour[start] - _NIGHT) // 24)
    begun = np.log(_forward(whole, first, new_day))[number]
    shifts = len(_SHIFTS)
    slow, ahead = begun[:, 1 : 1 + shifts], begun[:, 1 + shifts :]
    late = np.logaddexp.reduce(slow + so_far, axis=1)
    odds: Floats = np.logaddexp.reduce(ahead + so_far, axis=1) - np.logaddexp(begun[:, 0], late)
    return odds


def _forward(whole: Floats, first: npt.NDArray[np.bool_], new_day: npt.NDArray[np.bool_]) -> Floats:
    """Chances of the states before each hour: as usual, late by each shift, ahead by each.

    Args:
        whole: (hours, shifts) what the hour's scans say for each shift, site after site.
        first: (hours,) where a site begins.
        new_day: (hours,) where a day begins.
    """
    hours, shifts = whole.shape
    index = np.arange(hours)
    rank = index - np.maximum.accumulate(np.where(first, index, 0))
    site = np.cumsum(first) - 1
    state = np.zeros((int(site[-1]) + 1, 1 + 2 * shifts))
    state[:, 0] = 1.0
    evidence = np.exp(np.hstack([np.zeros((hours, 1)), whole, whole]))
    begun = np.empty_like(evidence)
    order = np.argsort(rank, kind="stable")
    starts = np.flatnonzero(changes(rank[order])).tolist()
    for start, end in pairwise([*starts, hours]):
        now = order[start:end]
        begun[now] = _passed(state[site[now]], new_day[now, None])
        told = begun[now] * evidence[now]
        state[site[now]] = np.maximum(told / told.sum(axis=1, keepdims=True), _NEVER)
    return begun


def _passed(state: Floats, new_day: npt.NDArray[np.bool_]) -> Floats:
    """Chances after time has passed; slow days end with the day, clocks change overnight."""
    shifts = len(_SHIFTS)
    usual, slow, ahead = state[:, :1], state[:, 1 : 1 + shifts], state[:, 1 + shifts :]
    late = slow.sum(axis=1, keepdims=True)
    over = np.where(new_day, late, 0.0)
    mended = np.where(new_day, _MENDED, 0.0) * ahead
    free = usual + over
    breaks = np.where(new_day, _BREAKS, 0.0) * free
    becomes_slow = _SLOW * free
    passed = np.empty_like(state)
    passed[:, :1] = free - breaks - becomes_slow + mended.sum(axis=1, keepdims=True)
    passed[:, 1 : 1 + shifts] = np.where(new_day, 0.0, slow) + becomes_slow / shifts
    passed[:, 1 + shifts :] = ahead - mended + breaks / shifts
    return passed
