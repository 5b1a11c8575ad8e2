"""The audit log: who did what, when, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from scantrail.stores.database import Database
from scantrail.stores.tables import AUDIT

AUTOMATIC: Final = "automatic"  #: who acts where no person does
_LONGEST: Final = 200  # characters of a word that came from outside


class Outcome(StrEnum):
    """How an act ended."""

    BEGUN = "begun"  #: it is under way, or the process died meanwhile
    DONE = "done"
    REFUSED = "refused"  #: the actor may not, or asked for what can't be
    FAILED = "failed"  #: the fault is the service's


@dataclass(frozen=True, slots=True)
class Act:
    """Something that an actor did or tried. `subject`: to what."""

    actor: str
    action: str
    subject: str = ""
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the log; `at` in microseconds since 1970, UTC."""

    id: int
    at: int
    actor: str
    action: str
    subject: str
    outcome: Outcome
    detail: dict[str, Any]
    request_id: str | None


class Audit:
    """The log: lines are added, and one that was begun is ended; none is ever removed."""

    def __init__(self, database: Database) -> None:
        """Keep it in a database."""
        self._database = database

    def add(
        self, act: Act, outcome: Outcome, now: int, detail: Mapping[str, Any] | None = None
    ) -> int:
        """Add a line; its id. Long words are cut, so that nobody fills the log with one request.

        Raises:
            StoreError: It could not be written; then the act must not happen.
        """
        values = {
            "at": now,
            "actor": _word(act.actor),
            "action": _word(act.action),
            "subject": _word(act.subject),
            "outcome": outcome,
            "detail": _json(detail),
            "request_id": act.request_id and _word(act.request_id),
        }
        insert = sa.insert(AUDIT).values(values).returning(AUDIT.c.id)
        with self._database.writing() as connection:
            return int(connection.execute(insert).scalar_one())

    def end(
        self,
        line: int,
        outcome: Outcome,
        subject: str = "",
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        """Say how an act ended that was begun, and to what it was done."""
        begun = sa.update(AUDIT).where(AUDIT.c.id == line, AUDIT.c.outcome == Outcome.BEGUN)
        values = {"outcome": outcome, "detail": _json(detail)}
        if subject:
            values["subject"] = _word(subject)
        with self._database.writing() as connection:
            connection.execute(begun.values(values))

    def lines(self, most: int, before: int | None = None) -> list[Line]:
        """The newest lines, newest first; only older ones than the line `before`."""
        asked = sa.select(AUDIT).order_by(AUDIT.c.id.desc()).limit(most)
        if before is not None:
            asked = asked.where(AUDIT.c.id < before)
        with self._database.reading() as connection:
            return [_line(row) for row in connection.execute(asked)]


def _word(text: str) -> str:
    """A word that every database takes and that stays on its line."""
    return "".join(sign if sign.isprintable() else "?" for sign in text[:_LONGEST])


def _json(detail: Mapping[str, Any] | None) -> str:
    return msgspec.json.encode(dict(detail or {})).decode()


def _line(row: sa.Row[Any]) -> Line:
    return Line(
        row.id,
        row.at,
        row.actor,
        row.action,
        row.subject,
        Outcome(row.outcome),
        msgspec.json.decode(row.detail),
        row.request_id,
    )
