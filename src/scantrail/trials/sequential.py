"""Comparing two rates while they come in: statements that hold however often one looks.

Each arm's outcomes are yes or no: confirmed or dismissed, alerted or not. For one arm, with s yes
and f no, and any rate p,

    M(p) = B(1/2 + s, 1/2 + f) / B(1/2, 1/2) / (p^s (1 - p)^f)

is the likelihood ratio of a Beta(1/2, 1/2) mixture to p. If p is the true rate, M is a non-negative
martingale that begins at 1, and by Ville's inequality the chance that it *ever* reaches 1/alpha is
at most alpha (Robbins 1970, "Statistical methods related to the law of the iterated logarithm",
Ann. Math. Statist. 41; Howard, Ramdas, McAuliffe & Sekhon 2021, "Time-uniform, nonparametric,
nonasymptotic confidence sequences", Ann. Statist. 49). So {p: M(p) < 1/alpha} is a confidence
sequence. For two arms the product M_a(p) M_b(q) is one too, whatever order outcomes come in:

- the pairs (p, q) below 1/alpha give the interval of the difference q - p;
- the smallest product with p = q, at the pooled rate, is an e-value against "the rates are equal"
  (universal inference: Wasserman, Ramdas & Balakrishnan 2020, PNAS 117), and its inverse a p-value
  that holds at any time (Johari, Koomen, Pekelis & Walsh 2022, "Always valid inference: continuous
  monitoring of A/B tests", Oper. Res. 70, whose mixture SPRT this is in exact form).

No normal approximation is made. Outcomes of an arm must be exchangeable: one per item, not one per
scan.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from scantrail.errors import InputError

Floats = npt.NDArray[np.float64]

_PRIOR: Final = 0.5  # of the Beta mixture: Jeffreys'
_GRID: Final = 201  # rates tried of one arm
_HALVINGS: Final = 32


class Tally(NamedTuple):
    """Outcomes so far."""

    yes: int
    no: int

    @property
    def rate(self) -> float:
        """Share of yes; NaN before the first outcome."""
        total = self.yes + self.no
        return self.yes / total if total else math.nan


class Reading(NamedTuple):
    """What may be said at this moment, and at any other, with one level for all of them.

    `low`, `high`: interval of the second arm's rate less the first's. `p`: against equal rates.
    """

    difference: float
    low: float
    high: float
    p: float


def bounds(tally: Tally, level: float = 0.95) -> tuple[float, float]:
    """The confidence sequence of one arm's rate.

    >>> low, high = bounds(Tally(40, 10))
    >>> round(low, 3), round(high, 3)
    (0.586, 0.937)
    """
    _check(level, tally)
    low, high = _below(tally, np.array([-math.log(1 - level)]))
    return float(low[0]), float(high[0])


def compare(a: Tally, b: Tally, level: float = 0.95) -> Reading:
    """Compare the rate of arm `b` with that of arm `a`.

    Raises:
        InputError: The level is no share, or a count is below 0.
    """
    _check(level, a, b)
    limit = -math.log(1 - level)
    spare = _log_ratio(b, np.array([_seen(b)]))  # at most 0: where b fits best, a may fit worse
    rates = np.linspace(*_below(a, limit - spare), _GRID).ravel()
    low, high = _below(b, np.maximum(limit - _log_ratio(a, rates), spare))
    return Reading(
        b.rate - a.rate,
        max(-1.0, float((low - rates).min())),
        min(1.0, float((high - rates).max())),
        chance(a, b),
    )


def chance(a: Tally, b: Tally) -> float:
    """The p-value against equal rates that holds at any time.

    >>> chance(Tally(8, 2), Tally(9, 1)), round(chance(Tally(60, 40), Tally(90, 10)), 4)
    (1.0, 0.0005)
    """
    pooled = Tally(a.yes + b.yes, a.no + b.no)
    evidence = _log_mixture(a) + _log_mixture(b) - _log_likelihood(pooled, pooled.rate)
    return math.exp(-max(evidence, 0.0))


def _check(level: float, *tallies: Tally) -> None:
    if not 0 < level < 1:
        raise InputError(f"a level of {level} can't be; give a share between 0 and 1, e.g. 0.95")
    for tally in tallies:
        if min(tally) < 0:
            raise InputError(f"{tally.yes} yes and {tally.no} no can't be; counts begin at 0")


def _seen(tally: Tally) -> float:
    """The rate at which M is lowest."""
    return tally.rate if sum(tally) else 0.5


def _log_mixture(tally: Tally) -> float:
    """Log of B(1/2 + s, 1/2 + f) / B(1/2, 1/2)."""
    return _log_beta(_PRIOR + tally.yes, _PRIOR + tally.no) - _log_beta(_PRIOR, _PRIOR)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _log_likelihood(tally: Tally, rate: float) -> float:
    """Log of p^s (1 - p)^f at one rate, where nothing to the power of nothing is one."""
    return (tally.yes * math.log(rate) if tally.yes else 0.0) + (
        tally.no * math.log1p(-rate) if tally.no else 0.0
    )


def _log_ratio(tally: Tally, rates: Floats) -> Floats:
    """Log of M at (n,) rates; infinite where a rate can't have given these outcomes."""
    with np.errstate(divide="ignore", invalid="ignore"):
        likelihood = np.where(tally.yes > 0, tally.yes * np.log(rates), 0.0)
        likelihood = likelihood + np.where(tally.no > 0, tally.no * np.log1p(-rates), 0.0)
    ratio: Floats = _log_mixture(tally) - likelihood
    return ratio


def _below(tally: Tally, limits: Floats) -> tuple[Floats, Floats]:
    """The lowest and the highest rate whose log M is at most each of (n,) limits, by bisection.

    Log M is convex and lowest, at most 0, at the rate seen.
    """
    seen = _seen(tally)
    ends = []
    for edge in (0.0, 1.0):
        inside, outside = np.full_like(limits, seen), np.full_like(limits, edge)
        reached = _log_ratio(tally, outside) <= limits
        for _ in range(_HALVINGS):
            middle = (inside + outside) / 2
            fits = _log_ratio(tally, middle) <= limits
            inside, outside = np.where(fits, middle, inside), np.where(fits, outside, middle)
        ends.append(np.where(reached, edge, outside))
    return ends[0], ends[1]
