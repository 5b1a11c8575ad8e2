"""A table that is only added to, in one line: each row names the one that it follows.

No two rows can follow the same one. So of two that are added at once, by whichever processes, one
wins, and the other is told who came first.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final, Generic, Protocol, TypeVar

import msgspec
import sqlalchemy as sa

from scantrail.errors import ConflictError
from scantrail.stores.database import Database
from scantrail.vocabulary.times import utc

_FIRST: Final = 0  # what the first row follows


class Link(Protocol):
    """What every row has; `at` in microseconds since 1970, UTC."""

    @property
    def id(self) -> int:
        """Its number."""
        ...

    @property
    def at(self) -> int:
        """When it was added."""
        ...


L = TypeVar("L", bound=Link)


class Chain(Generic[L]):
    """The rows of such a table. Safe to use from several threads and processes."""

    def __init__(self, database: Database, table: sa.Table, kind: type[L], name: str) -> None:
        """Keep them in a database.

        Args:
            database: Where.
            table: Its columns are the fields of `kind`; `after` is unique.
            kind: What a row is: a struct.
            name: What people call one.
        """
        self._database, self._table, self._kind, self._name = database, table, kind, name

    def last(self) -> L | None:
        """The newest row."""
        found = self._read(self._asked().order_by(self._table.c.id.desc()).limit(1))
        return found[0] if found else None

    def all(self) -> list[L]:
        """All rows, the oldest first."""
        return self._read(self._asked().order_by(self._table.c.id))

    def at(self, moment: int) -> L | None:
        """The row that was the newest at a moment, in microseconds since 1970, UTC."""
        asked = self._asked().where(self._table.c.at <= moment)
        found = self._read(asked.order_by(self._table.c.id.desc()).limit(1))
        return found[0] if found else None

    def add(self, orders: Sequence[msgspec.Struct], after: L | None) -> L:
        """Add rows, one after the other, all or none.

        Times never run backwards, whatever the clock does.

        Args:
            orders: At least one; what a row has besides `id`, `after` and `at`.
            after: The row that they follow; None if they are the first.

        Returns:
            The last of them.

        Raises:
            ConflictError: Another was added meanwhile; the message says which.
        """
        previous, made = after, None
        try:
            with self._database.writing() as connection:
                for order in orders:
                    made = self._insert(connection, order, previous)
                    previous = made
        except _Overtaken as error:
            raise ConflictError(self._overtaken(after)) from error
        assert made is not None
        return made

    def said(self, row: L) -> str:
        """A row in words, for whoever came too late."""
        return f"{self._name} {row.id} was added at {utc(row.at)}"

    def _insert(self, connection: sa.Connection, order: msgspec.Struct, previous: L | None) -> L:
        now = max(time.time_ns() // 1000, previous.at if previous else 0)
        values = msgspec.structs.asdict(order)
        values |= {"after": previous.id if previous else _FIRST, "at": now}
        try:
            added = connection.execute(sa.insert(self._table), values)
        except sa.exc.IntegrityError as error:
            raise _Overtaken from error
        assert added.inserted_primary_key is not None
        values["id"] = int(added.inserted_primary_key[0])
        return msgspec.convert(values, self._kind)

    def _overtaken(self, after: L | None) -> str:
        last = self.last()
        if last is None or (after and last.id == after.id):
            return f"another {self._name} was made at the same time; try again"
        return f"{self.said(last)}; look at it, and try again"

    def _asked(self) -> sa.Select[Any]:
        return sa.select(self._table)

    def _read(self, asked: sa.Select[Any]) -> list[L]:
        with self._database.reading() as connection:
            rows = connection.execute(asked)
            return [self._kind(**row._mapping) for row in rows]  # noqa: SLF001 - its public name


class _Overtaken(Exception):  # noqa: N818 - it never leaves this module
    """Another row follows the same one."""
