"""Who works in the background, as far as each has given signs of life."""

from __future__ import annotations

import os
import socket
import time
from typing import Final, NamedTuple

import sqlalchemy as sa

from scantrail.stores.database import Database
from scantrail.stores.tables import WORKERS

_SILENT: Final = 15_000_000  # microseconds without a sign of life: it is gone
_KEPT: Final = 7 * 86_400_000_000  # microseconds for which those that are gone are remembered


class Worker(NamedTuple):
    """A worker; times are microseconds since 1970, UTC."""

    name: str
    started_at: int
    seen_at: int
    ended_at: int | None


class Workers:
    """All of them. Safe to use from several threads and processes."""

    def __init__(self, database: Database) -> None:
        """Keep them in a database."""
        self._database = database

    def begin(self) -> str:
        """Note that this process works from now on; gives its name."""
        name, now = f"{socket.gethostname()}/{os.getpid()}", _now()
        with self._database.writing() as connection:
            gone = (WORKERS.c.name == name) | (WORKERS.c.seen_at < now - _KEPT)
            connection.execute(sa.delete(WORKERS).where(gone))
            connection.execute(
                sa.insert(WORKERS).values(name=name, started_at=now, seen_at=now, ended_at=None)
            )
        return name

    def alive(self, name: str) -> None:
        """Give a sign of life."""
        self._change(name, seen_at=_now())

    def end(self, name: str) -> None:
        """Note that it stops."""
        self._change(name, ended_at=_now())

    def there(self) -> list[Worker]:
        """Those that work now."""
        works = WORKERS.c.ended_at.is_(None) & (WORKERS.c.seen_at >= _now() - _SILENT)
        with self._database.reading() as connection:
            asked = sa.select(WORKERS).where(works).order_by(WORKERS.c.name)
            return [Worker(*row) for row in connection.execute(asked)]

    def last_seen(self) -> int | None:
        """When any of them gave its last sign of life; None if none ever did."""
        with self._database.reading() as connection:
            return connection.execute(sa.select(sa.func.max(WORKERS.c.seen_at))).scalar()

    def _change(self, name: str, **values: object) -> None:
        with self._database.writing() as connection:
            connection.execute(sa.update(WORKERS).where(WORKERS.c.name == name).values(values))


def _now() -> int:
    return time.time_ns() // 1000
