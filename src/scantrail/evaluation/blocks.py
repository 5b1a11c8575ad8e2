"""Resampling by block: items of one lot, or of one day, are no independent draws.

A lot meets the same trucks and the same readers, a day the same delays; a bootstrap over single
items would call chance what it sees but once. So whole lots, and whole days, are drawn with
replacement (Efron & Tibshirani, "An Introduction to the Bootstrap", 1993, section 8.6; for items
in groups, Davison & Hinkley, "Bootstrap Methods and their Application", 1997, section 3.8).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from scantrail.errors import InputError
from scantrail.evaluation.items import Judged

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Interval(NamedTuple):
    """A figure with its 95 % interval; NaN where nothing is known."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Resampling:
    """How to resample: `rounds` times, by a fixed `seed`."""

    rounds: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        if self.rounds < 1:
            raise InputError(f"{self.rounds} rounds of resampling tell nothing; give 1 or more")

    def draws(self, blocks: Ints) -> Floats:
        """How often each block is drawn in each round, (rounds, blocks)."""
        rng = np.random.default_rng(self.seed)
        count = int(blocks.max(initial=-1)) + 1
        drawn = (rng.integers(0, count, count) for _ in range(self.rounds))
        return np.array([np.bincount(each, minlength=count) for each in drawn], np.float64)

    def weights(self, blocks: Ints) -> Iterator[Floats]:
        """Per round, how often each item (n,) is drawn, whole blocks (n,) 0 … at a time."""
        for drawn in self.draws(blocks):
            yield drawn[blocks]


def blocks_of(given: Judged) -> dict[str, Ints]:
    """Which block each item belongs to: by "lot", and, where the log is known, by "day"."""
    items = given.items
    by = {"lot": items["lot"].rank("dense")}
    if given.timed:
        by["day"] = items["day"].rank("dense")
    return {name: ranks.to_numpy().astype(np.int64) - 1 for name, ranks in by.items()}


def widest(values: Floats, samples: dict[str, Floats]) -> list[Interval]:
    """95 % intervals of (m,) values: the widest that any way of resampling gives.

    Args:
        values: As measured.
        samples: Per way of resampling, (rounds, m) values; NaN where a round knew nothing.
    """
    limits = [_limits(sample) for sample in samples.values()]
    low = np.fmin.reduce([limit[0] for limit in limits])
    high = np.fmax.reduce([limit[1] for limit in limits])
    return [Interval(*map(float, row)) for row in zip(values, low, high, strict=True)]


def _limits(sample: Floats) -> Floats:
    known = ~np.isnan(sample).all(axis=0)
    limits = np.full((2, sample.shape[1]), np.nan)
    if known.any():
        limits[:, known] = np.nanquantile(sample[:, known], [0.025, 0.975], axis=0)
    return limits
