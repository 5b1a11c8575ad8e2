"""Linked events as arrays: what rules look at.

Unknown is NaN, in every column. A comparison with NaN is false, so a rule asks for what it knows
(`x == 0`, `x < y`, `scans.moved`) and never negates a comparison: unknown then fires nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from scantrail.ingest.epc import Code, kinds_of
from scantrail.vocabulary.chain import Direction
from scantrail.vocabulary.linked import NULLABLE, Linked

_BEFORE: Final = "prev_"

#: Directions as plain integers, which NumPy compares several times faster than enum members.
IN, OUT = int(Direction.IN), int(Direction.OUT)

Array = npt.NDArray[Any]
Flags = npt.NDArray[np.bool_]


def _float_of(values: Array) -> np.dtype[Any]:
    """The float that holds such values exactly; a time holds its own unknown."""
    kept = values.dtype.kind == "M"
    return values.dtype if kept else np.promote_types(values.dtype, np.float32)


class CodesJudged:
    """Codes, and what rules say of each kind of them, which is computed once."""

    def __init__(self, codes: pl.Series) -> None:
        self._kinds, self.kind = kinds_of(codes)
        self._judged: dict[Hashable, Array] = {}

    def judged(self, judge: Callable[[Code, Any], tuple[float, ...]], given: Hashable) -> Array:
        """The numbers that `judge` gives, (numbers, kinds) float64."""
        key = judge, given
        if key not in self._judged:
            table = [judge(code, given) for code in self._kinds]
            self._judged[key] = np.array(table, np.float64).T.copy()
        return self._judged[key]


class Scans:
    """The events of some whole journeys, one value per event in the order of `linked`."""

    def __init__(self, linked: Linked, events: pl.DataFrame, codes: CodesJudged) -> None:
        """Look at linked events.

        Args:
            linked: n events.
            events: `vocabulary.events.EVENTS`, in row order, those of `linked` among them.
            codes: The codes that `linked`'s `epc` indexes.
        """
        self._linked, self._events, self._codes = linked, events, codes
        self._columns: dict[str, Array] = {}

    def __len__(self) -> int:
        """How many events."""
        return len(self._linked)

    def __getitem__(self, name: str) -> Array:
        """A column of `linked.LINKED`, (n,); one that holds nulls is float, with NaN for them."""
        if name not in self._columns:
            self._columns[name] = self._column(name)
        return self._columns[name]

    def _column(self, name: str) -> Array:
        if name.startswith(_BEFORE):
            return self._before(self[name.removeprefix(_BEFORE)])
        values = self._linked[name]
        if name in NULLABLE and (unknown := values < 0).any():
            values = values.astype(_float_of(values))
            values[unknown] = np.nan
        return values

    def _before(self, values: Array) -> Array:
        """The value of the event before; unknown on a journey's first event."""
        before = np.empty(len(values), _float_of(values))
        before[1:] = values[:-1]
        before[~(self["position"] > 0)] = None  # NaN, or NaT
        return before

    def says(self, column: str, word: str) -> Flags:
        """Whether an event's own `column` of `vocabulary.events.EVENTS` is this word, (n,)."""
        events = self._events
        at = np.searchsorted(events["row"].to_numpy(), self["row"])
        said: Flags = (events[column] == word).fill_null(value=False).to_numpy()[at]
        return said

    def of_codes(
        self, judge: Callable[[Code, Any], tuple[float, ...]], given: Hashable = None
    ) -> Iterable[Array]:
        """What depends on the event's code alone, as (n,) float64 arrays.

        Args:
            judge: Some numbers for a code and what is `given`. It is asked once for all codes of
                one kind (see `epc.kinds_of`), so it may look at nothing in which these differ.
            given: What else `judge` needs, such as thresholds.
        """
        at = self._codes.kind[self["epc"]]
        return (column[at] for column in self._codes.judged(judge, given))

    @cached_property
    def day(self) -> Array:
        """The calendar day at the site, in days since 1970-01-01."""
        local = self["local"]
        return np.where(np.isnat(local), np.nan, local.astype("datetime64[D]").astype(np.int64))

    @cached_property
    def moved(self) -> Flags:
        """Scanned at another known place than before."""
        place, before = self["place"], self["prev_place"]
        apart: Flags = (place < before) | (place > before)
        return apart

    @cached_property
    def arrived_before_leaving(self) -> Flags:
        """Left the last site only after it had come in at the next: time ran backwards."""
        crossed: Flags = (self["prev_direction"] == IN) & (self["direction"] == OUT)
        back = (self["prev_tier"] > self["tier"]) & crossed & self.moved
        made_late: Flags = (self["stage"] == 0) & (self["prev_stage"] == 1)
        return back | made_late

    def read_again(self, minutes: float) -> Flags:
        """The same words at the same place within some minutes: a double read, no second event."""
        same = (self["place"] == self["prev_place"]) & (self["words"] == self["prev_words"])
        again: Flags = same & (self["hours"] * 60 <= minutes)
        return again


class Scored(NamedTuple):
    """What a rule says of all events: `score` (n,), and facts (n,) that its words need besides."""

    score: Array
    facts: dict[str, Array]


def first_of(*cases: tuple[Array, Array | float], otherwise: Array | float = 0.0) -> Array:
    """For each event the value of the first case that holds, (n,) float64.

    >>> first_of((np.array([True, False]), 1.0), (np.array([True, True]), 2.0))
    array([1., 2.])
    """
    chosen = np.empty(len(cases[0][0]))
    chosen[:] = otherwise
    for holds, value in reversed(cases):
        np.copyto(chosen, value, where=holds)
    return chosen


def looked_up(places: Array, table: Array, unknown: float) -> Array:
    """The value at each place of a table, `unknown` where the place is NaN; (n,) float64.

    >>> looked_up(np.array([1, np.nan]), np.array([5.0, 7.0]), 9)
    array([7., 9.])
    """
    known = places >= 0
    return np.append(table, unknown)[np.where(known, places, len(table)).astype(np.int64)]
