"""Widths and landmarks of Gaussian kernels, chosen without labels."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.svm import OneClassSVM

Doubles = NDArray[np.float64]

#: Kernel widths that are tried, as multiples of the median heuristic, tightest first.
TIGHTNESS: Final = (20.0, 12.0, 8.0, 5.0, 3.0, 2.0, 1.0)

#: Times that a third of the rows is held out.
_SPLITS: Final = 3


def median_square(scaled: Doubles, rng: np.random.Generator) -> float:
    """Median squared distance of random pairs that differ; 1 where all rows are one."""
    left, right = rng.integers(0, len(scaled), (2, 4_000))
    squares = ((scaled[left] - scaled[right]) ** 2).sum(axis=1)
    apart = squares[squares > 0]
    return float(np.median(apart)) if len(apart) else 1.0


def tightest_consistent(scaled: Doubles, nu: float, unit: float, rng: np.random.Generator) -> float:
    """Choose the kernel's width without labels: the tightest that held-out rows still obey.

    Consistency of Tax & Mueller (ICPR 2004): a machine that is too tight for its data rejects
    more than the promised share nu of rows that it hasn't seen. Of the widths tried, the tightest
    wins whose rejected share is within two standard deviations of nu.

    Args:
        scaled: (n, d) scaled rows, mostly normal.
        nu: The promised share.
        unit: The median heuristic's gamma.
        rng: Draws the held-out thirds.

    Returns:
        The multiple of `unit`, one of `TIGHTNESS`.
    """
    splits = [np.split(rng.permutation(len(scaled)), [len(scaled) // 3]) for _ in range(_SPLITS)]
    held = len(splits[0][0])
    bound = nu + 2 * np.sqrt(nu * (1 - nu) / max(1, held))
    for tightness in TIGHTNESS[:-1] if held else ():
        machine = OneClassSVM(kernel="rbf", gamma=tightness * unit, nu=nu)
        rejected = [
            (machine.fit(scaled[seen]).decision_function(scaled[unseen]) < 0).mean()
            for unseen, seen in splits
        ]
        if np.mean(rejected) <= bound:
            return tightness
    return TIGHTNESS[-1]


def pivots(
    scaled: Doubles, gamma: float, count: int, rng: np.random.Generator
) -> tuple[Doubles, float]:
    """Landmarks that represent rare rows too: randomly pivoted Cholesky.

    Each next landmark is drawn by how badly the ones before explain it (Chen, Epperly, Tropp &
    Webber, Communications on Pure and Applied Mathematics 78, 2025). Uniform draws miss what is
    rare but in order, which would then look strange.

    Returns:
        (at most `count`, d) rows, and the share of the kernel's trace that they leave unexplained.
    """
    left = np.ones(len(scaled))
    factor = np.zeros((len(scaled), count))
    chosen: list[int] = []
    for step in range(min(count, len(scaled))):
        if left.sum() < 1e-9 * len(scaled):
            break
        pivot = int(rng.choice(len(scaled), p=left / left.sum()))
        kernel = np.exp(-gamma * ((scaled - scaled[pivot]) ** 2).sum(axis=1))
        column = kernel - factor[:, :step] @ factor[pivot, :step]
        factor[:, step] = column / np.sqrt(max(column[pivot], 1e-12))
        left = np.maximum(left - factor[:, step] ** 2, 0.0)
        left[pivot] = 0.0
        chosen.append(pivot)
    return scaled[chosen], float(left.mean())
