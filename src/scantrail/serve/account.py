"""The account of a request: what it went through and what came out, gathered while it runs.

At its end it is told to the log, the metrics and, if somebody collects them, the traces. So that
what judges needs to know none of these.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Literal

from scantrail.stages import Stages
from scantrail.vocabulary.findings import Report

#: Why a request was turned away: too much to do (503), this caller calls too often (429), no key
#: that opens this (401, 403), or the store can't be used (503).
Refusal = Literal["busy", "rate", "key", "store"]


@dataclass(slots=True)
class Account:
    """What became of one request.

    `verdicts`: how many of each kind (None: nothing was found) and of those how many suspect, by
    `(kind, suspect)`.
    """

    stages: Stages = field(default_factory=Stages)
    verdicts: Counter[tuple[str | None, bool]] = field(default_factory=Counter)
    rejected: int = 0
    amended: int = 0
    degraded: tuple[str, ...] = ()
    refused: Refusal | None = None

    @property
    def records(self) -> int:
        """Events that were judged, and records that could not be."""
        return self.verdicts.total() + self.rejected

    @property
    def suspects(self) -> int:
        """Events that are suspect."""
        return sum(count for (_, suspect), count in self.verdicts.items() if suspect)

    def found(self, report: Report, amended: int = 0) -> None:
        """Note what was found; told again, the newer stands."""
        verdicts = report.verdicts
        suspect = verdicts["anomaly"]
        if "dismissed" in verdicts.columns:  # by people: it counts as no alert
            suspect &= verdicts["dismissed"].is_null()
        pairs = zip(verdicts["kind"].to_list(), suspect.to_list(), strict=True)
        self.verdicts = Counter(pairs)
        self.rejected, self.amended = len(report.rejects), amended
        self.degraded = report.degraded


_CURRENT: ContextVar[Account | None] = ContextVar("account", default=None)


def account() -> Account:
    """The account of the request that is being answered; one that nobody reads outside of any."""
    return _CURRENT.get() or Account()


@contextmanager
def opened() -> Iterator[Account]:
    """The account of a request, open while it is answered."""
    made = Account()
    token = _CURRENT.set(made)
    try:
        yield made
    finally:
        _CURRENT.reset(token)
