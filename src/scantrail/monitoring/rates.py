"""Counts that should stay where they are: suspect scans per 10,000, and scans a week, per site."""

from __future__ import annotations

import math
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from scantrail.monitoring.tails import chi2_low, normal_tail

Floats = npt.NDArray[np.float64]

_PULL: Final = 300.0  # scans that the chain's rate is worth at a site
_MEMORY: Final = 0.3  # weight of the newest day in the moving average
_CAP: Final = 4.0  # standard deviations that one day may count for
_MEAN_RANGE: Final = 1.128  # of two standard normal values, in standard deviations
_CAUTION: Final = 1.0  # standard errors, see `distance`
_MAD_TO_SIGMA: Final = 1.4826  # of a normal distribution
_QUIET: Final = 0.2  # a day with less than this share of the usual scans says nothing
_ANSCOMBE: Final = 3 / 8


class Rate(msgspec.Struct, frozen=True):
    """The usual share of suspect scans at a place.

    Attributes:
        share: Suspect scans per scan, drawn to the chain's where there are few.
        spread: How many times more it moves from day to day than independent scans would.
    """

    share: float
    spread: float


class Volume(msgspec.Struct, frozen=True):
    """The usual number of scans a week at a place.

    Attributes:
        weekly: The median.
        spread: Variance over mean, from week to week; 1 if scans came independently.
        weeks: How many weeks these were.
    """

    weekly: float
    spread: float
    weeks: int


def learn_rate(alerts: Floats, scans: Floats, chain: float) -> Rate:
    """Learn from daily counts, (days,); `chain` is the share over all places."""
    share = (alerts.sum() + chain * _PULL) / (scans.sum() + _PULL)
    z = residuals(alerts, scans, share)[scans > 0]
    ranges = np.abs(np.diff(z))
    spread = float(ranges.mean()) / _MEAN_RANGE if len(ranges) else 1.0
    return Rate(float(share), max(spread, 1.0))


def residuals(alerts: Floats, scans: Floats, share: float) -> Floats:
    """Daily departures from a share, about standard normal even for few alerts (Anscombe 1948)."""
    z: Floats = 2 * (np.sqrt(alerts + _ANSCOMBE) - np.sqrt(scans * share + _ANSCOMBE))
    return z


def control_chart(alerts: Floats, scans: Floats, usual: Rate) -> tuple[float, Floats]:
    """An exponentially weighted moving average of daily departures, upwards.

    Laney's p' chart (2002, Quality Engineering 14): departures are measured by how much days differ
    from each other, not by the binomial law, so that batches don't raise alarms. Averaged as by
    Roberts (1959, Technometrics 1), with one day's say bounded: one bad batch is no trend.

    Args:
        alerts: (days,) suspect scans, oldest day first.
        scans: (days,) scans.
        usual: What to expect.

    Returns:
        The probability of so high an average by chance on the last day, and the chart: averages of
        the busy days in their standard deviations, of which a classical chart bears 3.
    """
    busy = scans >= _QUIET * scans.mean()
    z = np.clip(residuals(alerts, scans, usual.share) / usual.spread, -_CAP, _CAP)[busy]
    chart, average = np.zeros(len(z)), 0.0
    for i, one in enumerate(z):
        average += _MEMORY * (one - average)
        kept = 1 - (1 - _MEMORY) ** (2 * (i + 1))
        chart[i] = average / math.sqrt(_MEMORY / (2 - _MEMORY) * kept)
    return normal_tail(float(chart[-1])), chart


def learn_volume(weekly: Floats) -> Volume:
    """Learn from counts of whole weeks, (weeks,), at least two.

    By medians, so that a holiday among the weeks doesn't hide what comes later.
    """
    usual = float(np.median(weekly))
    free = max(len(weekly) - 1, 1)
    off = 2 * np.abs(np.sqrt(weekly) - math.sqrt(usual))  # standard deviations, if independent
    spread = float(_MAD_TO_SIGMA * np.median(off)) ** 2 * free / chi2_low(free, _CAUTION)
    return Volume(usual, max(spread, 1.0), len(weekly))


def none_steadier(volumes: dict[str, Volume]) -> dict[str, Volume]:
    """Volumes of which none is taken for steadier than the middle one: few weeks show too little.

    >>> few = {"a": Volume(10.0, 1.0, 8), "b": Volume(10.0, 3.0, 8), "c": Volume(10.0, 9.0, 8)}
    >>> [one.spread for one in none_steadier(few).values()]
    [3.0, 3.0, 9.0]
    """
    middle = float(np.median([one.spread for one in volumes.values()])) if volumes else 1.0
    return {
        place: msgspec.structs.replace(one, spread=max(one.spread, middle))
        for place, one in volumes.items()
    }


def volume_chance(count: float, expected: float, usual: Volume) -> float:
    """Probability that a count is so far from what is expected, either way, by chance."""
    z = 2 * (math.sqrt(count) - math.sqrt(expected))
    scale = math.sqrt(usual.spread * (1 + 1 / usual.weeks))
    return min(2 * normal_tail(abs(z) / scale), 1.0)
