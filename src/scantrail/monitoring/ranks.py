"""Whether numbers moved, stratum by stratum: ranks among the usual ones, and by how much.

Each new number is ranked among the usual ones of its own stratum (a lane, a step), so that short
and long, steady and fickle ones speak together (van Elteren 1960, Bull. Inst. Int. Statist. 37),
with normal scores for the ranks (van der Waerden 1952), which hear a clear shift sooner than plain
ranks and still don't mind an outlier. How far all would have to move to rank as usual is the shift
(Hodges and Lehmann 1963, Ann. Math. Statist. 34).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import NormalDist
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from scantrail.monitoring.tails import chi2_low, normal_tail

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LEAST: Final = 20  #: numbers of a stratum, before it is known
_LEAST_NEW: Final = 6  # numbers that tell something,
_LEAST_REST: Final = 3  # so many of them on other days than the oddest
_WORTH: Final = 1e-3  # a shift less certain than this is not worked out
_GRID: Final = np.linspace(0, 1, 41)
_DIGITS: Final = 3  # of a number that are kept
_ENDS: Final = 0.01  # ranks nearer to the ends than this all count the same
_RANKS: Final = np.linspace(_ENDS, 1 - _ENDS, 981)
_NORMAL: Final = np.array([NormalDist().inv_cdf(rank) for rank in _RANKS])
_HALVINGS: Final = 14
_CAUTION: Final = 0.5  # standard errors, see `distance`
_WEEK: Final = 7


class Usual(msgspec.Struct, frozen=True):
    """What is usual in a stratum: 41 quantiles, from the least to the greatest, and of how many."""

    quantiles: list[float]
    count: int

    def scores(self, values: Floats) -> Floats:
        """Normal scores of ranks among the usual numbers, ties counted half, (n,).

        >>> Usual([float(i) for i in range(41)], 100).scores(np.array([-1.0, 20.0, 50.0])).round(2)
        array([-2.33,  0.  ,  2.33])
        """
        usual, values = np.array(self.quantiles), np.round(values, _DIGITS)
        below = 1 - np.interp(-values, -usual[::-1], _GRID)
        upto = np.interp(values, usual, _GRID)
        scores: Floats = np.interp((below + upto) / 2, _RANKS, _NORMAL)
        return scores

    def moments(self) -> tuple[float, float]:
        """Mean and variance of the scores of usual numbers: ties make them less than normal."""
        usual = self.scores(np.array(self.quantiles))
        return float(usual.mean()), float(usual.var())

    def keenness(self, step: float) -> float:
        """By how much scores move, on average, if all numbers grow by a step."""
        usual = np.array(self.quantiles)
        return float((self.scores(usual + step / 2) - self.scores(usual - step / 2)).mean())


def learn_usual(values: Floats) -> Usual:
    """Learn from numbers, (n,)."""
    return Usual(np.round(np.quantile(values, _GRID), _DIGITS).tolist(), len(values))


class Sample(NamedTuple):
    """Numbers of several strata that may have moved together.

    Attributes:
        values: (n,).
        day: The day of each, an index from 0.
        stratum: The stratum of each, an index into `usual`.
        sign: By stratum, 1 if it would move up, -1 if down.
        weight: By stratum, how much it counts.
        usual: What is usual in each stratum.
    """

    values: Floats
    day: Ints
    stratum: Ints
    sign: Floats
    weight: Floats
    usual: list[Usual]

    def scores(self, moved: float = 0.0) -> Floats:
        """Signed and weighted scores, (n,), had everything not moved by so much."""
        found = np.zeros(len(self.values))
        for number, usual in enumerate(self.usual):
            mine = self.stratum == number
            values = self.values[mine] - self.sign[number] * moved
            found[mine] = usual.scores(values) - usual.moments()[0]
        return (self.sign * self.weight)[self.stratum] * found

    def where(self, kept: npt.NDArray[np.bool_]) -> Sample:
        """A part of the numbers."""
        parts = self._asdict() | {"values": self.values[kept], "day": self.day[kept],
                                  "stratum": self.stratum[kept]}  # fmt: skip
        return Sample(**parts)

    def shift(self, farthest: float) -> float:
        """By how much everything moved, at most so far either way."""
        low, high = -farthest, farthest
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            low, high = (middle, high) if self.scores(middle).sum() > 0 else (low, middle)
        return (low + high) / 2

    def chance(self, design: float) -> float:
        """Probability of so high or low a sum of scores by chance.

        Args:
            design: How many numbers are worth one independent one.
        """
        usual = np.array([one.count for one in self.usual])
        new = np.bincount(self.stratum, minlength=len(usual))
        variance = design * float((new * self.variances() * (1 + new / usual)).sum())
        if variance <= 0:
            return 1.0
        return min(2 * normal_tail(abs(float(self.scores().sum())) / math.sqrt(variance)), 1.0)

    def variances(self) -> Floats:
        """Variance of a usual number's score, weighted, by stratum."""
        variances: Floats = self.weight**2 * np.array([one.moments()[1] for one in self.usual])
        return variances


class Move(NamedTuple):
    """How a sample departs from what is usual.

    Attributes:
        p: Probability of so much by chance.
        rest: The sample without its two oddest days in a row: one bad day, and what it held up
            until the next morning, is no drift.
        score: Mean score of the rest: by how many standard deviations it moved.
        evidence: For the move, by day.
    """

    p: float
    rest: Sample
    score: float
    evidence: list[float]

    def shift(self, farthest: float) -> float:
        """By how much the rest moved (`Sample.shift`); what may be chance is not worked out."""
        return self.rest.shift(farthest) if self.p < _WORTH else 0.0


def numbered(days: list[Any]) -> pl.DataFrame:
    """Days and their numbers from 0, `day` and `at`: to be joined."""
    return pl.DataFrame({"day": days, "at": range(len(days))}, {"day": pl.Date, "at": pl.Int64})


def move(sample: Sample, design: float, days: int) -> Move | None:
    """How a sample departs; None if it is too small to tell."""
    scores, weight = sample.scores(), sample.weight[sample.stratum]
    by_day = np.bincount(sample.day, scores, days)
    by_day *= np.sign(by_day.sum())
    odd = int(np.convolve(by_day, [1.0, 1.0], "valid").argmax()) if days > 1 else 0
    rest = sample.where((sample.day != odd) & (sample.day != odd + 1))
    if len(sample.values) < _LEAST_NEW or len(rest.values) < _LEAST_REST:
        return None
    score = float(rest.scores().sum() / rest.weight[rest.stratum].sum())
    evidence = by_day - np.bincount(sample.day, weight, days) * abs(score) / 2
    return Move(sample.chance(design), rest, score, evidence.tolist())


def designs(samples: Mapping[str, Sample], days: int) -> dict[str, float]:
    """Per place, how many numbers are worth one independent one, at least 1.

    By how much sums of scores vary from day to day. No place is taken for steadier than the middle
    one, nor than whole weeks are: that takes all places to see, as weeks are few.
    """
    daily = {place: _design(one, days, 1) for place, one in samples.items()}
    weekly = [_design(one, days, _WEEK)[0] for one in samples.values()]
    medians = [np.median(each) for each in ([one for one, _ in daily.values()], weekly) if each]
    least = float(max([1.0, *medians]))
    return {
        place: round(max(one * free / chi2_low(free, _CAUTION), least), 3) if free else least
        for place, (one, free) in daily.items()
    }


def _design(sample: Sample, days: int, length: int) -> tuple[float, int]:
    """Variance of sums of scores by blocks of so many days over that of independent numbers.

    And its degrees of freedom.
    """
    block = (sample.day - days % length) // length
    kept = block >= 0
    sums = np.bincount(block[kept], sample.scores()[kept])
    alone = float(sample.variances()[sample.stratum][kept].sum())
    free = len(np.unique(block[kept])) - 1
    return (float((sums**2).sum()) / alone, free) if free > 0 and alone else (1.0, 0)
