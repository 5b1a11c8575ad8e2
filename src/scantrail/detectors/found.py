"""Events that rules found, as their words see them: values are looked up when asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from scantrail.vocabulary.protocols import Journeys

Columns = Mapping[str, Sequence[Any]]


class Found:
    """One found event, for `Rule.words`.

    `event[name]` gives a fact of the rule (`Scored.facts`), a column of `linked.LINKED`, or what
    people call the event and the one before it: `here`, `there` (places), `step`, `prev_step`,
    `at`, `prev_at` (local times), `epc_code`, and `item`, the code as it was spelled first.
    """

    __slots__ = ("_at", "_facts", "_names")

    def __init__(self, facts: Columns, names: Names, at: int) -> None:
        self._facts, self._names, self._at = facts, names, at

    def __getitem__(self, name: str) -> Any:
        """The value of that name; None where it is unknown, but NaN in a fact."""
        columns = self._facts if name in self._facts else self._names
        return columns[name][self._at]

    def say(self, template: str, /, **values: Any) -> str:
        """An English template in the language asked for, filled with `values` and the event's own.

        `event.say("{km:.0f} km from {there} in {hours} h", hours=2)`
        """
        told = self._names.language.of(template)
        return told.format_map(_Values(self, values) if values else self)


class _Values(dict[str, Any]):
    """The values of a template: those given, else what the event tells."""

    def __init__(self, event: Found, given: Mapping[str, Any]) -> None:
        super().__init__(given)
        self._event = event

    def __missing__(self, name: str) -> Any:
        """What the event tells."""
        return self._event[name]


class Names(dict[str, list[Any]]):
    """All that `Found` tells of some events but facts: columns that come when asked for."""

    def __init__(self, journeys: Journeys, places: npt.NDArray[np.int64]) -> None:
        """Of the events at these places of `columns`."""
        super().__init__()
        self._journeys, self._at = journeys, pl.Series(places.astype(np.uint32))
        self.language = journeys.language
        rows = journeys.columns["row"]
        self._here = self._found(rows[places])
        # of a journey's first event the one before is another item's; no rule speaks of it then
        self._there = self._found(rows[np.maximum(places - 1, 0)])

    def _found(self, rows: npt.NDArray[np.uint32]) -> pl.Series:
        """Where the events of these rows stand."""
        at = np.searchsorted(self._journeys.events["row"].to_numpy(), rows)
        return pl.Series(at.astype(np.uint32))

    def __missing__(self, name: str) -> list[Any]:
        """The column of that name."""
        self[name] = column = self._column(name)
        return column

    def _column(self, name: str) -> list[Any]:
        if name in {"here", "there"}:
            return self._places(self._here if name == "here" else self._there)
        if name in {"step", "prev_step"}:
            return self._steps(self._here if name == "step" else self._there)
        if name in {"at", "prev_at"}:
            return self._times(self._here if name == "at" else self._there)
        if name == "epc_code":
            return self._journeys.events["epc_code"][self._here].to_list()
        if name == "item":
            return self._journeys.codes[self._journeys.columns.series("epc")[self._at]].to_list()
        return self._journeys.columns.series(name)[self._at].to_list()

    @cached_property
    def _listed(self) -> dict[int, str]:
        return dict(self._journeys.names.iter_rows())

    def _places(self, at: pl.Series) -> list[str]:
        events = self._journeys.events
        columns = (events[name][at].to_list() for name in ("scan_location", "location_id"))
        return [
            name or self._listed.get(ident) or self._numbered(ident)
            for name, ident in zip(*columns, strict=True)
        ]

    def _steps(self, at: pl.Series) -> list[str]:
        events = self._journeys.events
        columns = (events[name][at].to_list() for name in ("event_type", "business_step"))
        unnamed = self.language.of("an unnamed step")
        return [kind or step or unnamed for kind, step in zip(*columns, strict=True)]

    def _times(self, at: pl.Series) -> list[str]:
        events = self._journeys.events
        offset = events["offset"][at].to_numpy().astype("timedelta64[m]")
        local = events["time"][at].cast(pl.Int64).to_numpy().astype("datetime64[us]") + offset
        return [text.replace("T", " ") for text in np.datetime_as_string(local, unit="s").tolist()]

    def _numbered(self, ident: int | None) -> str:
        if ident is None:
            return self.language.of("an unnamed place")
        return self.language.say("location {ident}", ident=ident)
