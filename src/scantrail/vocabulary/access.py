"""Who calls, and what they may."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """What a caller may do; none includes another."""

    DETECT = "detect"  #: hand in scans to be judged
    READ = "read"  #: read reports, the chain, the trail of an item
    REVIEW = "review"  #: say what alerts are worth, snooze and acknowledge them
    ADMIN = "admin"  #: manage keys and models, read the audit log


@dataclass(frozen=True, slots=True)
class Caller:
    """Someone whom the service knows.

    `id`: what the audit log calls them, e.g. `key 5b1c…`. `name`: what people call them.
    """

    id: str
    name: str
    scopes: frozenset[Scope]
