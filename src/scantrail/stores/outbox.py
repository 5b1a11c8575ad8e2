"""Notices on their way to the webhook; they survive restarts, and none is lost without a trace."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Literal

import msgspec
import sqlalchemy as sa

from scantrail.errors import NotFoundError
from scantrail.stores.database import Database
from scantrail.stores.tables import OUTBOX


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """A notice; see `tables.OUTBOX`. Times are microseconds since 1970, UTC."""

    id: int
    notice: str
    body: str
    state: Literal["waiting", "delivered", "dead"]
    created_at: int
    due: int
    tries: int
    error: str
    ended_at: int | None


class OutboxStore:
    """All notices that were ever to be delivered. Safe to use from several processes."""

    def __init__(self, database: Database) -> None:
        """Keep them in a database."""
        self._database = database

    def add(self, notice: str, body: str, connection: sa.Connection) -> None:
        """Put a notice in, in the transaction that keeps what it tells of; the same counts once."""
        insert = sa.text(  # both databases know these words
            "INSERT INTO outbox (notice, body, state, created_at, due, tries, error) "
            "VALUES (:notice, :body, 'waiting', :now, :now, 0, '') ON CONFLICT DO NOTHING"
        )
        connection.execute(insert, {"notice": notice, "body": body, "now": _now()})

    def due(self, most: int = 100) -> list[Parcel]:
        """Notices to be tried now, the oldest first."""
        waits = (OUTBOX.c.state == "waiting") & (OUTBOX.c.due <= _now())
        return self._read(sa.select(OUTBOX).where(waits).order_by(OUTBOX.c.id).limit(most))

    def claim(self, parcel: Parcel, seconds: float) -> bool:
        """Keep others from trying a notice for some seconds; False where another has it."""
        mine = (OUTBOX.c.id == parcel.id) & (OUTBOX.c.due == parcel.due)
        return self._change(mine, due=_now() + int(seconds * 1e6)) == 1

    def tried(self, parcel: Parcel, *, tries: int, due: int, error: str) -> None:
        """Note a try that failed; it is tried again when it is due."""
        self._change(OUTBOX.c.id == parcel.id, tries=tries, due=due, error=error)

    def end(self, parcel: Parcel, state: Literal["delivered", "dead"], error: str = "") -> None:
        """Note that a notice was delivered, or was given up."""
        tries = parcel.tries + 1
        self._change(
            OUTBOX.c.id == parcel.id, state=state, error=error, tries=tries, ended_at=_now()
        )

    def dead(self, most: int = 1000) -> list[Parcel]:
        """Notices that were given up, the newest first."""
        asked = sa.select(OUTBOX).where(OUTBOX.c.state == "dead")
        return self._read(asked.order_by(OUTBOX.c.id.desc()).limit(most))

    def resend(self, number: int | None = None) -> int:
        """Try given-up notices again: one, or all. Gives how many.

        Raises:
            NotFoundError: No notice of that number was given up.
        """
        which = OUTBOX.c.state == "dead"
        if number is not None:
            which &= OUTBOX.c.id == number
        count = self._change(which, state="waiting", tries=0, due=_now(), ended_at=None)
        if number is not None and not count:
            raise NotFoundError(
                f"no notice {number} was given up; 'scantrail alerts dead-letters' lists those "
                "that were"
            )
        return count

    def counts(self) -> dict[str, int]:
        """How many notices wait, and how many were given up."""
        asked = sa.select(OUTBOX.c.state, sa.func.count()).where(OUTBOX.c.state != "delivered")
        with self._database.reading() as connection:
            found = connection.execute(asked.group_by(OUTBOX.c.state)).all()
        return {"waiting": 0, "dead": 0} | {state: int(count) for state, count in found}

    def _change(self, which: sa.ColumnElement[bool], **values: object) -> int:
        with self._database.writing() as connection:
            return int(connection.execute(sa.update(OUTBOX).where(which).values(values)).rowcount)

    def _read(self, asked: sa.Select[Any]) -> list[Parcel]:
        with self._database.reading() as connection:
            found: Sequence[sa.Row[Any]] = connection.execute(asked).all()
        return [Parcel(**row._mapping) for row in found]  # noqa: SLF001 - its public name


def _now() -> int:
    return time.time_ns() // 1000
