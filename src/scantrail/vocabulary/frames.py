"""Small frames as plain lists and back: for a handful of rows, a query plan is too much."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl


def rows(frame: pl.DataFrame, *names: str) -> Iterator[tuple[Any, ...]]:
    """The rows of some columns; instants as microseconds since 1970."""
    return zip(*(_list(frame[name]) for name in names), strict=True)


def picked(frame: pl.DataFrame, places: Sequence[int]) -> pl.DataFrame:
    """The rows at these places; a run of neighbours is cut out, which is cheaper than gathering."""
    first = places[0] if places else 0
    if all(place == at for at, place in enumerate(places, first)):
        return frame.slice(first, len(places))
    return frame[places]


def beside(columns: list[pl.Series]) -> pl.DataFrame:
    """A frame of columns of equal length: as `pl.DataFrame(columns)`, without looking at each."""
    return columns[0].to_frame().hstack(columns[1:])


def put(frame: pl.DataFrame, *columns: pl.Series) -> pl.DataFrame:
    """The frame with these columns in the place of those of their names."""
    new = {column.name: column for column in columns}
    return beside([new.get(column.name, column) for column in frame.get_columns()])


def below(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Frames of the same columns below each other, those of no rows left out."""
    some = [frame for frame in frames if len(frame)] or list(frames[:1])
    return some[0] if len(some) == 1 else pl.concat(some)


def _list(column: pl.Series) -> list[Any]:
    return (column.cast(pl.Int64) if column.dtype.is_temporal() else column).to_list()
