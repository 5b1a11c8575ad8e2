"""A stopwatch for the stages of some work, one after the other or side by side."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter_ns
from typing import NamedTuple


class Stage(NamedTuple):
    """A stage: its name, and when it began and ended, in nanoseconds of `perf_counter_ns`."""

    name: str
    begin: int
    end: int


class Stages:
    """What some work went through. Several threads may note at once.

    >>> stages = Stages()
    >>> with stages("reading"):
    ...     pass
    >>> [stage.name for stage in stages.noted]
    ['reading']
    """

    def __init__(self) -> None:
        """Begin now, with nothing noted."""
        self.begin = perf_counter_ns()
        self.noted: list[Stage] = []

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Note what happens inside as a stage, however it ends."""
        begin = perf_counter_ns()
        try:
            yield
        finally:
            self.note(name, begin)

    def note(self, name: str, begin: int, end: int | None = None) -> int:
        """Note a stage that ends now, if not otherwise said; when it ended."""
        end = perf_counter_ns() if end is None else end
        self.noted.append(Stage(name, begin, end))
        return end

    def seconds(self) -> dict[str, float]:
        """How long each stage took; one that was gone through again, all in all.

        >>> stages = Stages()
        >>> for end in (1_000_000_000, 2_500_000_000):
        ...     _ = stages.note("judging", 0, end)
        >>> stages.seconds()
        {'judging': 3.5}
        """
        taken: dict[str, float] = {}
        for name, begin, end in list(self.noted):
            taken[name] = taken.get(name, 0.0) + (end - begin) / 1e9
        return taken
