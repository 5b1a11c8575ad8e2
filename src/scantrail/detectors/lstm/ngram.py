"""Counts with back-off: a yardstick for every network, and a voice of its own.

A context is read from its coarsest part to its finest. The chance of a symbol in a context mixes
its share there with its chance in the coarser context, the more so the fewer observations and the
more distinct symbols the finer one has (interpolated Witten-Bell smoothing; Witten and Bell 1991,
Chen and Goodman 1999). An n-gram is the case where the contexts are the preceding symbols.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from scantrail.errors import InputError

Codes = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_NEVER: Final = -1  # a context that was never seen


@dataclass(frozen=True, slots=True)
class _Level:
    """Contexts of one depth: keys sorted, statistics per context, counts per context and symbol."""

    children: Codes  # parent * radix + value; its place is the context's number
    radix: int
    pairs: Codes  # context * size + symbol, sorted
    counts: Codes  # per pair
    total: Floats  # observations per context
    distinct: Floats  # symbols seen per context
    best: Floats  # chance of the likeliest symbol per context
    chance: Floats  # per pair

    def lookup(
        self, number: Codes, symbols: Codes, size: int
    ) -> tuple[npt.NDArray[np.bool_], Floats]:
        """Whether each context had its symbol, and its chance there (any where it had not)."""
        place = _find(self.pairs, number * size + symbols)
        return (place >= 0) & (number >= 0), self.chance[place]


@dataclass(frozen=True, slots=True)
class BackOff:
    """Chances of symbols 0 to `size - 1` given contexts of growing depth."""

    size: int
    levels: tuple[_Level, ...]

    @classmethod
    def fit(cls, symbols: Codes, contexts: Codes, size: int) -> Self:
        """Count.

        Args:
            symbols: `[N]` integers from 0 to `size - 1`.
            contexts: `[N, D]` integers of at least 0, the coarsest first; D may be 0.
            size: How many symbols there may be; those never seen share what smoothing leaves.
        """
        symbols, contexts = symbols.astype(np.int64), contexts.astype(np.int64)
        _check(symbols, contexts, size)
        if not len(symbols):
            raise InputError("there are no events to count")
        number = np.zeros(len(symbols), dtype=np.int64)
        stored = [_counted(np.zeros(1, dtype=np.int64), 1, number, symbols, size)]
        for column in contexts.T:
            radix = int(column.max(initial=0)) + 1
            children, number = np.unique(number * radix + column, return_inverse=True)
            stored.append(_counted(children, radix, number, symbols, size))
        return cls._from_counts(size, stored)

    @classmethod
    def _from_counts(cls, size: int, stored: list[tuple[Codes, int, Codes, Codes]]) -> Self:
        levels: list[_Level] = []
        for children, radix, pairs, counts in stored:
            context, symbol = np.divmod(pairs, size)
            total = np.bincount(context, counts, minlength=len(children)).astype(np.float64)
            distinct = np.bincount(context, minlength=len(children)).astype(np.float64)
            left = distinct / (total + distinct)
            if levels:
                parent = children // radix
                # What was seen in a context was seen in its parent.
                coarser = levels[-1].lookup(parent[context], symbol, size)[1]
                best = left * levels[-1].best[parent]
            else:
                coarser = np.full(len(pairs), 1.0 / size)
                best = left / size
            chance = counts / (total + distinct)[context] + left[context] * coarser
            # A symbol not seen here keeps its rank among such, so the best is one of the two.
            np.maximum.at(best, context, chance)
            levels.append(_Level(children, radix, pairs, counts, total, distinct, best, chance))
        return cls(size, tuple(levels))

    def chances(self, symbols: Codes, contexts: Codes) -> tuple[Floats, Floats]:
        """Chance of each symbol in its context, and that of the likeliest there, `[N]` each."""
        symbols, contexts = symbols.astype(np.int64), contexts.astype(np.int64)
        _check(symbols, contexts, self.size)
        number = np.zeros(len(symbols), dtype=np.int64)
        chance = self._mixed(0, number, symbols, np.full(len(symbols), 1.0 / self.size))
        best = self.levels[0].best[number]
        for depth, column in enumerate(contexts.T, start=1):
            level = self.levels[depth]
            key = np.where(
                (number < 0) | (column >= level.radix), _NEVER, number * level.radix + column
            )
            number = _find(level.children, key)
            chance = self._mixed(depth, number, symbols, chance)
            best = np.where(number < 0, best, level.best[number])
        return chance, best

    def scores(self, symbols: Codes, contexts: Codes) -> Floats:
        """log(chance of the likeliest symbol / chance of the actual one), 0 and above, `[N]`."""
        chance, best = self.chances(symbols, contexts)
        return np.log(best / chance)

    def _mixed(self, depth: int, number: Codes, symbols: Codes, coarser: Floats) -> Floats:
        """Chances at a depth; those of the coarser one where the context was never seen."""
        level = self.levels[depth]
        found, chance = level.lookup(number, symbols, self.size)
        left = level.distinct[number] / (level.total + level.distinct)[number]
        chance = np.where(found, chance, left * coarser)
        return np.where(number < 0, coarser, chance)

    def arrays(self) -> dict[str, npt.NDArray[np.int64]]:
        """Everything that was counted, as plain arrays."""
        stored: dict[str, npt.NDArray[np.int64]] = {"size": np.array([self.size])}
        for depth, level in enumerate(self.levels):
            stored[f"{depth}.children"] = level.children
            stored[f"{depth}.radix"] = np.array([level.radix])
            stored[f"{depth}.pairs"] = level.pairs
            stored[f"{depth}.counts"] = level.counts
        return stored

    @classmethod
    def from_arrays(cls, stored: Mapping[str, npt.NDArray[np.int64]]) -> Self:
        """The counts that `arrays` gave."""
        depth = sum(name.endswith(".pairs") for name in stored)
        levels = [
            (
                stored[f"{d}.children"],
                int(stored[f"{d}.radix"][0]),
                stored[f"{d}.pairs"],
                stored[f"{d}.counts"],
            )
            for d in range(depth)
        ]
        return cls._from_counts(int(stored["size"][0]), levels)


def preceding(symbols: Codes, offsets: Codes, depth: int) -> Codes:
    """Contexts of an n-gram of order `depth + 1`: the symbols before each, the nearest first.

    Args:
        symbols: `[N]` integers of at least 0, sequence after sequence.
        offsets: `[S + 1]` where the sequences begin and end.
        depth: How many symbols to look back.

    Returns:
        `[N, depth]`: symbol + 1, and 0 before a sequence's beginning.
    """
    place = np.arange(len(symbols)) - np.repeat(offsets[:-1], np.diff(offsets))
    contexts = np.zeros((len(symbols), depth), dtype=np.int64)
    for back in range(1, depth + 1):
        inside = np.flatnonzero(place >= back)
        contexts[inside, back - 1] = symbols[inside - back] + 1
    return contexts


def _counted(
    children: Codes, radix: int, number: Codes, symbols: Codes, size: int
) -> tuple[Codes, int, Codes, Codes]:
    pairs, counts = np.unique(number * size + symbols, return_counts=True)
    return children, radix, pairs, counts.astype(np.int64)


def _find(keys: Codes, wanted: Codes) -> Codes:
    """Places of `wanted` in sorted `keys`, -1 where it is not among them."""
    if not len(keys):
        return np.full(len(wanted), _NEVER, dtype=np.int64)
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, place, _NEVER)


def _check(symbols: Codes, contexts: Codes, size: int) -> None:
    if symbols.ndim != 1 or contexts.ndim != 2 or len(contexts) != len(symbols):
        raise InputError(
            f"symbols {symbols.shape} and contexts {contexts.shape} do not belong together"
        )
    if len(symbols) and not 0 <= symbols.min() <= symbols.max() < size:
        raise InputError(
            f"symbols run from {symbols.min()} to {symbols.max()}, expected 0 to {size - 1}"
        )
    if contexts.size and contexts.min() < 0:
        raise InputError("codes of contexts must be at least 0")
