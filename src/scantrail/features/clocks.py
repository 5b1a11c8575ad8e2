"""Does a site's clock run hours ahead? What all its scans so far say, weighed against a slow day.

A clock that runs ahead shows in the hours of the day, and in trips that end later by as much. So
does a day on which everything is late; but that passes. Per site a hidden Markov model has three
kinds of state (`clock_states`): all is as usual; a slow day; a clock that is ahead. It gives the
odds of the last kind from scans up to the present.

On its first day a wrong clock looks like a slow day, two days later it doesn't. So when an item is
scanned again, the odds of its scan before are looked at once more, in the light of the days since.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from scantrail.features.clock_states import SHIFTS, Hours, day_of
from scantrail.features.coding import Coded
from scantrail.features.groups import changes

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_ODD_HOUR: Final = 0.3  # of scans, those whose hour follows nothing
_ODD_TRIP: Final = 0.1  # of trips, those whose length follows nothing
_BELIEF: Final = 30.0  # batches that the hours of all sites are worth
_MOST: Final = 6.0  # nats that one batch can say
_MOST_ALONE: Final = 0.25  # and one item: it may be odd by itself
_ROAD_HOURS: Final = 30.0  # a longer trip says nothing about a clock
_SHORT: Final = 0.05  # hours; no road is shorter
_LEAST: Final = 0.3  # spread of the log hours of trips
_NIGHTS: Final = 2  # after which more days hardly change the odds
_NONE: Final = -27.0  # log odds where nothing speaks for a wrong clock


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
    """Log odds, in nats, that an event was scanned by a clock that runs ahead, (n,).

    Or that the item's move before was, if the days since then tell. Shared among those that were
    scanned together: a wrong clock concerns all of them, and hardly any one.

    Args:
        coded: The events.
        logs: What `hour_logs` gave for history.
        middle: (n,) usual log hours since the previous move; NaN where none are.
        spread: (n,) their spread.
    """
    scans = _scans(coded)
    if not len(scans):
        return np.full(len(coded), _NONE)
    said = _hour_ratios(coded, scans, logs) + _trip_ratios(coded, scans, middle, spread)
    most = np.where(coded.with_whom.here[scans] > 1, _MOST, _MOST_ALONE)[:, None]
    said = np.clip(said, -most, most)
    by_hour = Hours(coded.site[scans], coded.local[scans] // 3600, said)
    last = np.searchsorted(_moment(coded, scans), _moment(coded, slice(None)), "right") - 1
    known = (coded.site > 0) & (last >= 0) & (coded.site[scans[last]] == coded.site)
    odds = np.where(known, by_hour.odds()[last], _NONE)
    before = _in_hindsight(coded, by_hour, np.where(known, by_hour.number[last], -1))
    shares: Floats = np.log(coded.with_whom.here)
    most_likely: Floats = np.maximum(odds - shares, before - shares[coded.with_whom.before])
    return most_likely


def _in_hindsight(coded: Coded, by_hour: Hours, hour: Ints) -> Floats:
    """Log odds of each event's move before, by the days that have ended since, (n,).

    Args:
        coded: The events.
        by_hour: What the scans say.
        hour: (n,) the hour of each event among those of `by_hour`, -1 where there is none.
    """
    odds = np.full(len(coded), _NONE)
    at = np.flatnonzero(coded.with_whom.before >= 0)
    before = coded.with_whom.before[at]
    at, before = at[hour[before] >= 0], before[hour[before] >= 0]
    zone = coded.local[before] - coded.second[before]
    ended = by_hour.days.ended(coded.site[before], day_of((coded.second[at] + zone) // 3600))
    nights = ended - by_hour.day_number[hour[before]]
    for count in range(1, min(_NIGHTS, int(nights.max(initial=0))) + 1):
        these = nights >= count
        odds[at[these]] = by_hour.odds_after(count)[hour[before[these]]]
    return odds


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
    shifted = logs[site[:, None], step[:, None], (hour[:, None] - SHIFTS) % 24]
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

    ratios = log_density(all_hours - np.array(SHIFTS)) - log_density(all_hours)
    return np.where(trip[:, None], ratios, 0.0)
