"""How far apart two histograms are, and how much of that chance explains.

Scans aren't independent: a batch is scanned at once, a lot is of one product, a day is slow. A
design effect says how many scans are worth one independent one (Kish 1965); it divides sample
sizes, as in the first-order correction of Rao and Scott (1981, J. Am. Stat. Assoc. 76) for
chi-square tests of clustered counts.
"""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from scantrail.monitoring.tails import chi2_low, chi2_tail, kolmogorov_tail, poisson_tail

Floats = npt.NDArray[np.float64]

_LEAST_EXPECTED: Final = 4.0  # independent scans in a class of the smaller sample
_LEAST_SIZE: Final = 6.0  # independent scans of the smaller sample: fewer show nothing
_FAR: Final = 0.01  # of the reference lies beyond what is called a tail
_HALF: Final = 0.5  # a scan, added to each class so that no share is zero
_CAUTION: Final = 0.5  # standard errors by which a design effect is taken higher than estimated
_WEEK: Final = 7


class Distance(msgspec.Struct, frozen=True):
    """How far a sample is from its reference.

    Attributes:
        psi: Population stability index, less what chance adds to it on average; 0 and up. Usual
            words: below 0.1 stable, above 0.25 another population.
        js: Jensen-Shannon distance, 0 to 1 (square root of the divergence in bits).
        ks: Greatest distance of the distribution functions; 0 for names, which have no order.
        p: Probability of so much by chance.
    """

    psi: float
    js: float
    ks: float
    p: float


def design_effect(counts: Floats, *, ordered: bool) -> float:
    """How many scans are worth one independent one, at least 1.

    Args:
        counts: (days, classes) in the order of days. Both the days of a weekday and whole weeks
            are compared with each other; the larger effect counts, since some things hang together
            for longer than a day.
        ordered: Whether classes are those of a number.
    """
    table = np.cumsum(counts, axis=1)[:, :-1] if ordered else counts
    sizes = counts.sum(axis=1)
    weeks = len(counts) // _WEEK
    if weeks < 2:
        return max(_effect(table, sizes, np.zeros(len(counts), np.int64)), 1.0)
    weekday = np.arange(len(counts)) % _WEEK
    effects = [_effect(table, sizes, weekday)]
    if weeks >= 4:
        whole = slice(len(counts) % _WEEK, None)  # the newest weeks
        grouped = table[whole].reshape(weeks, _WEEK, -1).sum(axis=1)
        week_sizes = sizes[whole].reshape(weeks, _WEEK).sum(axis=1)
        effects.append(_effect(grouped, week_sizes, np.zeros(weeks, np.int64)))
    return max(*effects, 1.0)


def _effect(table: Floats, sizes: Floats, stratum: npt.NDArray[np.int64]) -> float:
    """Variance of shares between blocks of a stratum over that of independent scans."""
    total = sizes.sum()
    free = int((sizes > 0).sum()) - len(np.unique(stratum[sizes > 0]))
    share = table.sum(axis=0) / max(total, 1.0)
    alone = (share * (1 - share)).sum() / max(total, 1.0)
    if free < 1 or alone <= 0:
        return 1.0
    rest = np.zeros_like(table)
    for one in np.unique(stratum):
        here = stratum == one
        mine = table[here].sum(axis=0) / max(sizes[here].sum(), 1.0)
        rest[here] = table[here] - sizes[here, None] * mine
    blocks = int((sizes > 0).sum())
    variance = (rest**2).sum() / total**2 * blocks / free
    return float(variance / alone) * free / chi2_low(free, _CAUTION)


def compare(reference: Floats, sample: Floats, design: float, *, ordered: bool) -> Distance | None:
    """Compare counts of the same classes.

    Args:
        reference: (k,) counts.
        sample: (k,) counts.
        design: How many scans are worth one independent one.
        ordered: Whether the classes are those of a number: then by Kolmogorov and Smirnov, which
            classes make cautious, and by the tails, to which that test is blind; else by
            chi-square.

    Returns:
        None if there are too few independent scans to tell anything.
    """
    m, n = reference.sum() / design, sample.sum() / design
    if min(m, n) < _LEAST_SIZE:
        return None
    size = m * n / (m + n)
    at = _merged(reference, sample, min(m, n), ordered=ordered)
    old, new = (np.bincount(at, each) / design for each in (reference, sample))
    p, q = old / m, new / n
    js, excess = jensen_shannon(p, q), psi(old, new) - (len(old) - 1) / size
    if ordered:
        p, q = reference / design / m, sample / design / n
        ks = float(np.abs(np.cumsum(q - p)).max())
        chance = 2 * min(kolmogorov_tail(ks, size), _tails(p, q, m, n))
        return Distance(max(excess, 0.0), js, ks, min(chance, 1.0))
    pooled = (old + new) / (m + n)
    squares = float((size * (q - p) ** 2 / pooled).sum())
    chance = chi2_tail(squares, len(old) - 1) if len(old) > 1 else 1.0
    return Distance(max(excess, 0.0), js, 0.0, chance)


def _tails(p: Floats, q: Floats, m: float, n: float) -> float:
    """Probability of so many values beyond all but a hundredth of the reference, either way."""
    found = []
    for old, new in ((p, q), (p[::-1], q[::-1])):
        beyond = np.cumsum(old) <= _FAR
        usual = (old[beyond].sum() * m + _HALF) / (m + 1)
        found.append(poisson_tail(float(new[beyond].sum() * n), float(usual * n)))
    return min(2 * min(found), 1.0)


def _merged(
    reference: Floats, sample: Floats, size: float, *, ordered: bool
) -> npt.NDArray[np.int64]:
    """The class that each class goes into, so that none is too small; neighbours if ordered."""
    if not ordered:
        expected = (reference + sample) / (reference.sum() + sample.sum()) * size
        small = expected < _LEAST_EXPECTED
        at = np.cumsum(~small) - 1
        at[small] = at.max() + 1
        last = expected[small].sum()
        if last < _LEAST_EXPECTED and (~small).any():  # still too small: to the smallest
            at[small] = at[~small][np.argmin(expected[~small])]
        return _dense(at)
    # of the effect alone, to which both mean as much: what is new must not go into what was common
    expected = (reference / reference.sum() + sample / sample.sum()) / 2 * size
    least = min(_LEAST_EXPECTED, size / 4)  # at least about four classes
    at, filled = np.zeros(len(expected), np.int64), 0.0
    for i, one in enumerate(expected):
        if i:
            at[i] = at[i - 1] + (filled >= least)
            filled = 0.0 if at[i] > at[i - 1] else filled
        filled += one
    if filled < least and at[-1] > 0:
        at[at == at[-1]] -= 1
    return at


def _dense(at: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    _, dense = np.unique(at, return_inverse=True)
    return dense.astype(np.int64)


def psi(reference: Floats, sample: Floats) -> float:
    """Population stability index of two histograms: the symmetric Kullback-Leibler divergence.

    By chance alone it is about (1/m + 1/n) times a chi-square variable of k - 1 degrees of freedom
    (Yurdakul 2018).

    >>> round(psi(np.array([500.0, 500.0]), np.array([300.0, 700.0])), 3)
    0.169
    """
    p = (reference + _HALF) / (reference + _HALF).sum()
    q = (sample + _HALF) / (sample + _HALF).sum()
    return float(((q - p) * np.log(q / p)).sum())


def jensen_shannon(p: Floats, q: Floats) -> float:
    """Distance of two distributions, 0 (equal) to 1 (nothing in common).

    Endres and Schindelin (2003, IEEE Trans. Inf. Theory 49).

    >>> jensen_shannon(np.array([1.0, 0.0]), np.array([0.0, 1.0]))
    1.0
    """
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [np.where(one > 0, one * np.log2(one / middle), 0.0).sum() / 2 for one in (p, q)]
    return float(np.sqrt(max(sum(parts), 0.0)))


def shares_moved(reference: Floats, sample: Floats) -> Floats:
    """By how much each class's share rose, (k,)."""
    moved: Floats = sample / max(sample.sum(), 1.0) - reference / max(reference.sum(), 1.0)
    return moved
