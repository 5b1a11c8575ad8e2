"""Alerts of monitoring: every change of one is kept, and the newest says how it stands."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, Literal

import msgspec
import sqlalchemy as sa

from scantrail.errors import NotFoundError
from scantrail.stores.database import Database
from scantrail.stores.tables import ALERTS

#: As in `monitoring.alerts`; those that are forgotten begin anew, should they come back.
Phase = Literal["pending", "open", "ended", "forgotten"]
PHASES: Final[tuple[Phase, ...]] = ("pending", "open", "ended", "forgotten")
_later: Final = ALERTS.alias("later_change")
_NEWEST: Final = ~sa.exists().where(_later.c.alert == ALERTS.c.alert, _later.c.id > ALERTS.c.id)


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A change of an alert; see `tables.ALERTS`. `state`: JSON."""

    alert: str
    key: str
    phase: Phase
    kind: str
    what: str
    actor: str
    reason: str = ""
    state: str


class StoredChange(Change, frozen=True, kw_only=True):
    """A change as it is stored; `at` in microseconds since 1970, UTC."""

    id: int
    at: int


class AlertTurn:
    """A transaction in which alerts change; nobody else changes them meanwhile."""

    def __init__(self, connection: sa.Connection) -> None:
        """Begin; `AlertLog.turn` does it."""
        self.connection = connection

    def standing(self) -> list[StoredChange]:
        """How each alert stands that is not forgotten."""
        asked = sa.select(ALERTS).where(_NEWEST, ALERTS.c.phase != "forgotten")
        return [_of(row) for row in self.connection.execute(asked.order_by(ALERTS.c.id))]

    def add(self, changes: Sequence[Change]) -> None:
        """Keep changes."""
        if changes:
            now = time.time_ns() // 1000
            values = [{**msgspec.structs.asdict(one), "at": now} for one in changes]
            self.connection.execute(sa.insert(ALERTS), values)


class AlertLog:
    """All alerts. Safe to use from several threads and processes."""

    def __init__(self, database: Database) -> None:
        """Keep them in a database."""
        self._database = database

    @contextmanager
    def turn(self) -> Iterator[AlertTurn]:
        """A transaction in which alerts change."""
        with self._database.writing() as connection:
            if not self._database.sqlite:  # there, one writes at a time anyway
                connection.execute(sa.text("LOCK TABLE alerts IN SHARE ROW EXCLUSIVE MODE"))
            yield AlertTurn(connection)

    def newest(self, phases: Sequence[Phase], most: int) -> list[StoredChange]:
        """How alerts in some phases stand, the latest change first."""
        asked = sa.select(ALERTS).where(_NEWEST, ALERTS.c.phase.in_(phases))
        return self._read(asked.order_by(ALERTS.c.id.desc()).limit(most))

    def history(self, alert: str) -> list[StoredChange]:
        """All changes of an alert, the oldest first.

        Raises:
            NotFoundError: There is no such alert.
        """
        found = self._read(sa.select(ALERTS).where(ALERTS.c.alert == alert).order_by(ALERTS.c.id))
        if not found:
            raise NotFoundError(f"there is no alert '{alert[:40]}'; GET /api/alerts lists all")
        return found

    def counts(self) -> dict[tuple[str, str], int]:
        """How many alerts are pending and open, by phase and kind of their strongest symptom."""
        asked = (
            sa.select(ALERTS.c.phase, ALERTS.c.kind, sa.func.count())
            .where(_NEWEST, ALERTS.c.phase.in_(("pending", "open")))
            .group_by(ALERTS.c.phase, ALERTS.c.kind)
        )
        with self._database.reading() as connection:
            return {(row[0], row[1]): int(row[2]) for row in connection.execute(asked)}

    def _read(self, asked: sa.Select[Any]) -> list[StoredChange]:
        with self._database.reading() as connection:
            return [_of(row) for row in connection.execute(asked)]


def _of(row: sa.Row[Any]) -> StoredChange:
    return StoredChange(**row._mapping)  # noqa: SLF001 - its public name
