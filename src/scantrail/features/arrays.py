"""Polars columns as NumPy arrays, without Polars' fixed cost where there are few values."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

_FEW: Final = 2000


def whole(column: pl.Series, null: int) -> npt.NDArray[np.int64]:
    """A column of whole numbers or truths as int64, with `null` for nulls.

    >>> whole(pl.Series([3, None]), -1)
    array([ 3, -1])
    """
    if not column.null_count():
        return column.to_numpy().astype(np.int64)
    if len(column) <= _FEW:
        return np.array([null if v is None else v for v in column.to_list()], np.int64)
    return column.fill_null(null).to_numpy().astype(np.int64)


def real(column: pl.Series, null: float = np.nan) -> npt.NDArray[np.float64]:
    """A numeric column as float64, with `null` for nulls."""
    if not column.null_count():
        return column.to_numpy().astype(np.float64)
    if len(column) <= _FEW:
        return np.array([null if v is None else v for v in column.to_list()], np.float64)
    return column.fill_null(null).to_numpy().astype(np.float64)
