"""Tail probabilities and the control of false discoveries, in NumPy and the standard library.

Serving has no SciPy, and these few are short: the series and the continued fraction of the
incomplete gamma function (Abramowitz and Stegun 6.5.29 and 6.5.31), the asymptotic Kolmogorov
distribution with Stephens' (1970) correction for small samples.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

_STEPS: Final = 500
_TINY: Final = 1e-300
_SMALL_P: Final = 1e-300  # no p-value is zero: it would have no logarithm


def gamma_tail(shape: float, x: float) -> float:
    """P(X > x) of a gamma distribution of this shape and scale 1.

    >>> round(gamma_tail(1.0, 2.0), 6)  # exponential
    0.135335
    """
    if x <= 0:
        return 1.0
    scale = math.exp(-x + shape * math.log(x) - math.lgamma(shape))
    tail = 1.0 - scale * _series(shape, x) if x < shape + 1 else scale * _fraction(shape, x)
    return min(max(tail, _SMALL_P), 1.0)


def poisson_tail(count: float, mean: float) -> float:
    """P(X >= count) of a Poisson distribution; counts between whole numbers are bridged.

    >>> round(poisson_tail(2, 0.5), 4)
    0.0902
    """
    if count <= 0:
        return 1.0
    if mean > count:
        return 1.0 - gamma_tail(count, mean)
    scale = math.exp(-mean + count * math.log(mean) - math.lgamma(count))
    return min(max(scale * _series(count, mean), _SMALL_P), 1.0)


def binomial_tail(count: float, tries: float, chance: float) -> float:
    """P(X >= count) of a binomial distribution; counts between whole numbers are bridged.

    Args:
        count: At most `tries`.
        tries: How many.
        chance: Of each, above 0 and below 1; all are taken for certain where it is 1.

    >>> round(binomial_tail(3, 4, 0.5), 4)
    0.3125
    """
    if count <= 0 or chance >= 1:
        return 1.0
    if count <= tries * chance:  # the other side's terms fall
        return max(1.0 - binomial_tail(tries - count + 1, tries, 1 - chance), _SMALL_P)
    odds = math.log(chance) - math.log1p(-chance)
    ways = math.lgamma(tries + 1) - math.lgamma(count + 1) - math.lgamma(tries - count + 1)
    first = ways + count * odds + tries * math.log1p(-chance)
    term = total = 1.0
    at = count
    while at + 1 <= tries and term > total * 1e-15:
        term *= (tries - at) / (at + 1) * math.exp(odds)
        total += term
        at += 1
    return min(max(math.exp(first) * total, _SMALL_P), 1.0)


def _series(shape: float, x: float) -> float:
    term = total = 1.0 / shape
    for n in range(1, _STEPS):
        term *= x / (shape + n)
        total += term
        if term < total * 1e-15:
            break
    return total


def _fraction(shape: float, x: float) -> float:
    """The continued fraction by Lentz's method."""
    b = x + 1 - shape
    c, d = 1 / _TINY, 1 / b
    value = d
    for n in range(1, _STEPS):
        a = -n * (n - shape)
        b += 2
        d = 1 / (a * d + b or _TINY)
        c = b + a / c or _TINY
        value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return value


def chi2_tail(x: float, df: float) -> float:
    """P(X > x) of a chi-square distribution.

    >>> round(chi2_tail(3.841459, 1), 4)
    0.05
    """
    return gamma_tail(df / 2, x / 2)


def chi2_low(df: float, z: float) -> float:
    """The value that a chi-square variable falls below as rarely as a normal one falls below -z.

    Wilson and Hilferty (1931); good to a per cent from 5 degrees of freedom on.
    """
    part = 2 / (9 * df)
    return df * max(1 - part - z * math.sqrt(part), 0.05) ** 3


def normal_tail(z: float) -> float:
    """P(Z > z) of a standard normal distribution."""
    return max(0.5 * math.erfc(z / math.sqrt(2)), _SMALL_P)


def kolmogorov_tail(distance: float, size: float) -> float:
    """P of a greatest distance of two distribution functions, for an effective sample size.

    Args:
        distance: Kolmogorov-Smirnov statistic, 0 to 1.
        size: n·m / (n + m) for samples of n and m.
    """
    root = math.sqrt(size)
    x = (root + 0.12 + 0.11 / root) * distance
    if x < 0.2:
        return 1.0
    terms = [(-1) ** (k - 1) * math.exp(-2 * (k * x) ** 2) for k in range(1, 101)]
    return min(max(2 * math.fsum(terms), _SMALL_P), 1.0)


def fisher(*chances: float) -> float:
    """The joint probability of independent tests of one thing (Fisher 1932).

    >>> round(fisher(0.01, 0.5), 4)
    0.0315
    """
    return chi2_tail(-2 * math.fsum(math.log(max(p, _SMALL_P)) for p in chances), 2 * len(chances))


def false_discovery(p: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The rate of false discoveries if each p-value were the last one accepted, (n,).

    Benjamini and Hochberg (1995), J. R. Statist. Soc. B 57; it holds for tests that depend on each
    other positively, as these do (Benjamini and Yekutieli 2001).

    >>> false_discovery(np.array([0.01, 0.5, 0.02]))
    array([0.03, 0.5 , 0.03])
    """
    order = np.argsort(p)
    scaled = p[order] * len(p) / np.arange(1, len(p) + 1)
    q = np.empty_like(scaled)
    q[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return q
