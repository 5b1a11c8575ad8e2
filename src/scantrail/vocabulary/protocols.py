"""What the parts promise each other: readers and detectors."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl

from scantrail.vocabulary.bounds import UNBOUNDED, Bounds
from scantrail.vocabulary.events import RawLog
from scantrail.vocabulary.findings import Cause
from scantrail.vocabulary.language import ENGLISH, Language
from scantrail.vocabulary.linked import Linked

T = TypeVar("T")
D = TypeVar("D", bound="Detector")

#: One row per claim of a detector: `row` of the event, `kind`, `score` above 0 and up to 100, a
#: `reason` with actual values and limits, what was `expected`, the likeliest `cause`, a `runbook`
#: line for the person who acts.
FOUND: Final = pl.Schema(
    {
        "row": pl.UInt32(),
        "kind": pl.String(),
        "score": pl.Float64(),
        "reason": pl.String(),
        "expected": pl.String(),
        "cause": pl.String(),
        "runbook": pl.String(),
    }
)
#: No claims at all.
NO_CLAIMS: Final = pl.DataFrame(schema=FOUND)


@dataclass(frozen=True, slots=True)
class Journeys:
    """What detectors see.

    `columns`: the events as arrays, in journey order. `events`: `vocabulary.events.EVENTS`, in row
    order. `codes`: the distinct EPC codes, in the order of `columns`' `epc`. `names`: the listed
    sites' `location_id` and `scan_location`. `language`: in which people are told what was found.
    """

    columns: Linked
    events: pl.DataFrame
    codes: pl.Series
    names: pl.DataFrame
    language: Language = ENGLISH
    _memo: dict[Hashable, Any] = field(default_factory=dict, compare=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, compare=False)

    @property
    def linked(self) -> pl.DataFrame:
        """The events as a frame, `vocabulary.linked.LINKED`; made when first asked for."""
        return self.columns.frame

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What several detectors derive from these events, derived once."""
        with self._lock:
            if key not in self._memo:
                self._memo[key] = make()
            made: T = self._memo[key]
            return made


@dataclass(frozen=True, slots=True)
class Findings:
    """What one detector says.

    `columns`: by name (`…Score`) one score per event, (n,) float64 in the order of
    `Journeys.columns`, 0-100, NaN where the detector cannot say. `found`: `FOUND`, any order.
    """

    columns: Mapping[str, npt.NDArray[np.float64]]
    found: pl.DataFrame = field(default_factory=lambda: NO_CLAIMS)

    @property
    def scores(self) -> pl.DataFrame:
        """The scores as a frame; null where the detector cannot say."""
        return pl.DataFrame(self.columns, nan_to_null=True)


class Told(NamedTuple):
    """What a learned detector says of one suspect event.

    `reason`: what is strange, with values. `expected`: what should have come. `normal`: the
    smallest change that would make the event an ordinary one. Each may be empty.
    """

    reason: str
    expected: str
    normal: str
    cause: Cause


class Reader(Protocol):
    """Reads one input format."""

    def __call__(self, path: Path, bounds: Bounds = UNBOUNDED, /) -> RawLog:
        """Read a file; InputError if it can't be read at all, Rejects for rows that can't.

        What holds more than it may is refused with TooLargeError, before it takes memory.
        """
        ...


class Detector(Protocol):
    """Judges journeys; ignorant of all other detectors."""

    @property
    def name(self) -> str:
        """Short name, as in `degraded`."""
        ...

    @property
    def version(self) -> str:
        """Changes whenever its answers may."""
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """The score columns that it gives."""
        ...

    def judge(self, journeys: Journeys, /) -> Findings:
        """Score every event; may raise, which makes the verdict degraded."""
        ...


class Explainer(Detector, Protocol):
    """A detector that finds words only when asked: for events that turned out to be suspect."""

    def tell(self, journeys: Journeys, places: npt.NDArray[np.int64], /) -> list[Told]:
        """What to say of the events at these places of `Journeys.columns`."""
        ...


class Ask(Protocol):
    """Asks detectors for something; whatever one does, the others answer."""

    def __call__(
        self, detectors: Sequence[D], work: Callable[[D], T], events: int, /
    ) -> list[T | None]:
        """What `work`, about so many events, gives for each; None where there is no answer."""
        ...


class Cache(Protocol):
    """Keeps what was computed, for as long as it likes: no call raises, anything may be gone."""

    def get(self, keys: Sequence[bytes], /) -> list[bytes | None]:
        """What is kept under each key; None where nothing is."""
        ...

    def put(self, values: Mapping[bytes, bytes], /) -> None:
        """Keep values by key."""
        ...


class CountingCache(Cache, Protocol):
    """A cache that is watched: `hits` and `misses` count keys that were looked up."""

    hits: int
    misses: int

    def close(self) -> None:
        """Let go of connections; the next call makes new ones."""
        ...
