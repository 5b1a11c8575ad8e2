"""Which version judges, from when on: a chain of deployments that is only ever added to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from scantrail.stores.chain import Chain
from scantrail.stores.database import Database
from scantrail.stores.tables import DEPLOYMENTS
from scantrail.vocabulary.times import utc

#: `start` notes what served before the first promotion.
Action = Literal["start", "promote", "rollback", "pin", "unpin"]


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be deployed, by whom, and why."""

    action: Action
    version: str
    actor: str
    reason: str


class Deployment(Order, frozen=True, kw_only=True):
    """An order that came into force `at` microseconds since 1970, UTC, `after` another."""

    id: int
    after: int
    at: int


class Deployments(Chain[Deployment]):
    """The chain of deployments; the last one is in force."""

    def __init__(self, database: Database) -> None:
        """Keep it in a database."""
        super().__init__(database, DEPLOYMENTS, Deployment, "deployment")

    def said(self, row: Deployment) -> str:
        """What another has done."""
        return (
            f"another deployment was made meanwhile: {row.actor} has made {row.action} "
            f"{row.version} at {utc(row.at)}"
        )


def before_last(chain: Sequence[Deployment]) -> str | None:
    """The version to roll back to: rollbacks undo promotions, one by one. None if there is none.

    Args:
        chain: All deployments, the oldest first.
    """
    served: list[str] = []
    for one in chain:
        if one.action == "rollback":
            served.pop()
        elif not served or served[-1] != one.version:
            served.append(one.version)
    return served[-2] if len(served) > 1 else None
