"""Which version judges, from when on: a chain of deployments that is only ever added to.

Each deployment names the one that it follows, and no two can follow the same: of two that are made
at once, one wins, and the other is told who came first.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final, Literal

import msgspec
import sqlalchemy as sa

from scantrail.errors import ConflictError
from scantrail.stores.database import Database
from scantrail.stores.tables import DEPLOYMENTS
from scantrail.vocabulary.times import utc

#: `start` notes what served before the first promotion.
Action = Literal["start", "promote", "rollback", "pin", "unpin"]
_FIRST: Final = 0  # what the first deployment follows


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


class Deployments:
    """The chain of deployments. Safe to use from several threads and processes."""

    def __init__(self, database: Database) -> None:
        """Keep it in a database."""
        self._database = database

    def last(self) -> Deployment | None:
        """The one in force."""
        found = self._read(sa.select(DEPLOYMENTS).order_by(DEPLOYMENTS.c.id.desc()).limit(1))
        return found[0] if found else None

    def all(self) -> list[Deployment]:
        """All, the oldest first."""
        return self._read(sa.select(DEPLOYMENTS).order_by(DEPLOYMENTS.c.id))

    def at(self, moment: int) -> Deployment | None:
        """The one that was in force at a moment, in microseconds since 1970, UTC."""
        asked = sa.select(DEPLOYMENTS).where(DEPLOYMENTS.c.at <= moment)
        found = self._read(asked.order_by(DEPLOYMENTS.c.id.desc()).limit(1))
        return found[0] if found else None

    def add(self, orders: Sequence[Order], after: Deployment | None) -> Deployment:
        """Put orders into force, one after the other, all or none.

        Times never run backwards, whatever the clock does.

        Args:
            orders: At least one.
            after: The deployment that they follow; None if they are the first.

        Returns:
            The last of them, which is in force now.

        Raises:
            ConflictError: Another was made meanwhile; the message says which.
        """
        previous, made = after, None
        try:
            with self._database.writing() as connection:
                for order in orders:
                    now = max(time.time_ns() // 1000, previous.at if previous else 0)
                    made = _insert(connection, order, previous, now)
                    previous = made
        except _Overtaken as error:
            raise ConflictError(self._told(after)) from error
        assert made is not None
        return made

    def _told(self, after: Deployment | None) -> str:
        last = self.last()
        if last is None or (after and last.id == after.id):
            return "another deployment was made at the same time; try again"
        return (
            f"another deployment was made meanwhile: {last.actor} has made {last.action} "
            f"{last.version} at {utc(last.at)}; look at it, and try again"
        )

    def _read(self, asked: sa.Select[tuple[object, ...]]) -> list[Deployment]:
        with self._database.reading() as connection:
            return [_of(row) for row in connection.execute(asked)]


class _Overtaken(Exception):  # noqa: N818 - it never leaves this module
    """Another deployment follows the same one."""


def _insert(
    connection: sa.Connection, order: Order, previous: Deployment | None, now: int
) -> Deployment:
    values = {**msgspec.structs.asdict(order), "after": previous.id if previous else _FIRST,
              "at": now}  # fmt: skip
    try:
        added = connection.execute(sa.insert(DEPLOYMENTS), values)
    except sa.exc.IntegrityError as error:
        raise _Overtaken from error
    assert added.inserted_primary_key is not None
    return Deployment(id=int(added.inserted_primary_key[0]), **values)


def _of(row: sa.Row[tuple[object, ...]]) -> Deployment:
    return Deployment(**row._mapping)  # noqa: SLF001 - its public name


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
