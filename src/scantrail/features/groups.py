"""Rows that share all their values: one whole number for each combination."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

_MOST: Final = 2**62  # combinations that an int64 tells apart


def combined(*parts: npt.NDArray[Any]) -> Ints:
    """A number for each combination of whole numbers, (n,), that orders as the parts do.

    >>> combined(np.array([1, 1, 2]), np.array([-1, 5, 5])).tolist()
    [7, 13, 20]
    """
    number, most = np.zeros(len(parts[0]), np.int64), 1
    for part in parts:
        low = int(part.min(initial=0))
        size = int(part.max(initial=0)) - low + 1
        value = part - low
        if most * size > _MOST:  # ranks are as small as numbers can be
            number, value = _ranks(number), _ranks(part)
            most = size = len(part)
        number = number * size + value
        most *= size
    return number


def numbered(*parts: npt.NDArray[Any]) -> Ints:
    """A dense number for each combination, (n,), from 0 on and in the order of the parts.

    >>> numbered(np.array([7, 3, 7]), np.array([0, 0, 1])).tolist()
    [1, 0, 2]
    """
    return _ranks(combined(*parts))


def _ranks(values: npt.NDArray[Any]) -> Ints:
    order = np.argsort(values)
    ranks = np.empty(len(values), np.int64)
    ranks[order] = np.cumsum(changes(values[order])) - 1
    return ranks


def changes(*parts: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Where a row differs from the one before in any part, (n,); the first row does.

    >>> changes(np.array([7, 7, 7, 3]), np.array([1, 1, 2, 2])).tolist()
    [True, False, True, True]
    """
    changed = np.ones(len(parts[0]), bool)
    changed[1:] = False
    for part in parts:
        changed[1:] |= part[1:] != part[:-1]
    return changed


def counted(*parts: npt.NDArray[Any]) -> Ints:
    """How many rows share each row's combination, (n,).

    >>> counted(np.array([7, 3, 7])).tolist()
    [2, 1, 2]
    """
    number = numbered(*parts)
    return np.bincount(number)[number] if len(number) else number
