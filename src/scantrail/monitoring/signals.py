"""What a monitor says: one thing that is not as it was."""

from __future__ import annotations

import datetime as dt
from typing import Literal

import msgspec

Check = Literal["drift", "new value", "volume", "batches", "lanes", "clash", "alert rate", "silent"]


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    """One test that came out as more than chance and more than a trifle.

    Attributes:
        check: Which kind of test.
        view: What was looked at: a column of `observe.OBSERVED`, or a new value's.
        place: Location id or feed where it is seen, "" for the whole chain.
        since: The first day on which it shows, by the sites' calendar.
        p: Probability of so much by chance.
        q: Rate of false discoveries if this were the last one accepted.
        effect: Sizes of the effect by name; see docs/monitoring.md.
        strength: How many times the effect is what would be bearable, 1 and up.
        what: A sentence for people, with values.
    """

    check: Check
    view: str
    place: str
    since: dt.date
    p: float
    q: float = 1.0
    effect: dict[str, float]
    strength: float
    what: str

    @property
    def key(self) -> str:
        """The same for the same trouble on every day."""
        return f"{self.check}/{self.view}/{self.place}"


def onset(evidence: list[float]) -> int:
    """Where a change began, by daily evidence for it (above 0) or against it (below).

    The start of the last stretch with the highest sum: a maximum likelihood change point if the
    evidence is a log-likelihood ratio (Page 1954).

    >>> onset([-1.0, 0.5, -2.0, 3.0, 1.0])
    3
    """
    best, at, total = float("-inf"), 0, 0.0
    for i in range(len(evidence) - 1, -1, -1):
        total += evidence[i]
        if total > best:
            best, at = total, i
    return at
