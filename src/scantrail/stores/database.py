"""A connection to the database: SQLite in a file by default, PostgreSQL by URL."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from importlib.resources import files
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import (
    ArgumentError,
    InterfaceError,
    NoSuchModuleError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout

from scantrail.breaker import Breaker, State
from scantrail.errors import StoreError
from scantrail.stores.tables import VERSION

_MIGRATIONS: Final = str(files("scantrail") / "stores" / "migrations")
_KNOWN: Final = ("sqlite", "postgresql")
_BUSY_SECONDS: Final = 10  # how long a writer waits for another process
_FAILURES: Final = 3  # in a row, after which nobody waits for it any more
_RETRY_SECONDS: Final = 5.0  # until one call tries again
#: What says that the database can't be used, rather than that it won't take something.
_AWAY: Final = (OperationalError, InterfaceError, PoolTimeout)
#: Of connections, the one that was used last is taken: what it remembers is fresh, and the others,
#: which are only needed in a rush, stay small.
_POOL: Final[Mapping[str, Any]] = {"pool_size": 8, "pool_use_lifo": True}
_PRAGMAS: Final = (
    "PRAGMA journal_mode=WAL",  # readers go on while one writes
    "PRAGMA synchronous=FULL",  # what is committed is on disk
    "PRAGMA foreign_keys=ON",
    "PRAGMA cache_size=-16384",  # KiB, of each connection
    f"PRAGMA busy_timeout={_BUSY_SECONDS * 1000}",
)


class Database:
    """Where everything is kept. Safe to use from several threads."""

    def __init__(self, url: str) -> None:
        """Open it, and bring its tables to this version's.

        Args:
            url: `sqlite:///FILE`, `sqlite://` (in memory, for tests) or `postgresql+psycopg://…`.

        Raises:
            StoreError: It can't be reached or used; the message says why, without the password.
        """
        self.engine = _engine(url)
        self.sqlite = self.engine.dialect.name == "sqlite"
        self._shared = isinstance(self.engine.pool, sa.StaticPool)  # one connection for all
        self._driver: Any = self.engine.dialect.loaded_dbapi
        self._away = (*_AWAY, self._driver.OperationalError, self._driver.InterfaceError)
        self._writer = threading.RLock()
        self._open: sa.Connection | None = None  # of the transaction that writes, on SQLite
        self._writes = Breaker(_FAILURES, _RETRY_SECONDS, name="database writing")
        # one of its own: a full disk can still be read
        self._reads = Breaker(_FAILURES, _RETRY_SECONDS, name="database reading")
        try:
            with self.engine.begin() as connection:
                _migrate(connection)
        except SQLAlchemyError as error:
            self.engine.dispose()
            raise _unusable(self.engine.url, error) from error

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction that writes: all of it is on disk when this ends, or nothing is.

        Raises:
            StoreError: The database doesn't take it.
        """
        if not self.sqlite:
            with self._told(self._writes), self.engine.begin() as connection:
                yield connection
            return
        with self._writer, self._told(self._writes), self.engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # waits for its turn now, not at the end
            self._open = connection
            try:
                yield connection
                connection.commit()
            except BaseException:
                connection.rollback()
                raise
            finally:
                self._open = None

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection to read by; it sees what was committed.

        Raises:
            StoreError: The database can't be read.
        """
        turn = self._writer if self._shared else nullcontext()
        with turn:
            if self._shared and self._open is not None:  # this thread's own transaction
                yield self._open
                return
            with self._told(self._reads), self.engine.connect() as connection:
                yield connection

    def among(self, column: sa.Column[Any], name: str) -> sa.ColumnElement[bool]:
        """That a column is one of many values, bound as one parameter by `many`."""
        if self.sqlite:
            each = sa.func.json_each(sa.bindparam(name)).table_valued("value")
            return column.in_(sa.select(each.c.value))
        return column == sa.func.any(sa.bindparam(name, type_=sa.ARRAY(column.type)))

    def many(self, values: Sequence[Any]) -> Any:
        """Texts or numbers, as `among` takes them."""
        return json.dumps(values) if self.sqlite else list(values)

    def close(self) -> None:
        """Let go of all connections."""
        self.engine.dispose()

    def states(self) -> dict[str, State]:
        """Its breakers: while one is open, every such call fails at once."""
        return {"reading": self._reads.state, "writing": self._writes.state}

    @contextmanager
    def _told(self, breaker: Breaker) -> Iterator[None]:
        """Say what failed; a database that can't be used is left alone for a while."""
        if not breaker.allows():
            raise StoreError(
                f"the database {self.engine.url.render_as_string()} failed several times in a row; "
                f"it is tried again within {_RETRY_SECONDS:.0f} s"
            )
        try:
            yield
        except self._away as error:
            breaker.failed()
            raise _unusable(self.engine.url, error) from error
        except (SQLAlchemyError, self._driver.Error) as error:
            breaker.succeeded()  # it answered
            raise _unusable(self.engine.url, error) from error
        except BaseException:
            breaker.succeeded()  # a fault of the caller's
            raise
        breaker.succeeded()


def _engine(url: str) -> sa.Engine:
    try:
        parsed = sa.make_url(url)
        if parsed.get_backend_name() not in _KNOWN:
            raise StoreError(
                f"the database {parsed.render_as_string()} is of no kind that is known here; "
                "expected sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME"
            )
        if parsed.get_backend_name() == "sqlite":
            return _sqlite(parsed)
        return sa.create_engine(parsed, pool_pre_ping=True, max_overflow=8, **_POOL,
                                connect_args={"connect_timeout": 5})  # fmt: skip
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise StoreError(
            f"the database URL can't be used: {error}; expected sqlite:///FILE or "
            "postgresql+psycopg://USER@HOST/NAME (pip install 'scantrail[postgresql]')"
        ) from error


def _sqlite(url: sa.URL) -> sa.Engine:
    memory = url.database in (None, "", ":memory:")
    kinds: Mapping[str, Any] = {"poolclass": sa.StaticPool} if memory else _POOL
    engine = sa.create_engine(
        url, connect_args={"check_same_thread": False, "timeout": _BUSY_SECONDS}, **kinds
    )

    @sa.event.listens_for(engine, "connect")
    def _(connection: DBAPIConnection, _: object) -> None:
        connection.isolation_level = None  # transactions begin where this module says so
        cursor = connection.cursor()
        for pragma in _PRAGMAS:
            cursor.execute(pragma)
        cursor.close()

    return engine


def _migrate(connection: sa.Connection) -> None:
    """Bring the tables to the newest version; one process at a time does it."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(0x5CA7)))
    else:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    if _version(connection) == VERSION:
        return
    from alembic import command  # only a database that is new or old needs it
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", _MIGRATIONS)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _version(connection: sa.Connection) -> str | None:
    """The version of the tables; None in an empty database."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").first()
    return None if found is None else str(found[0])


def _unusable(url: sa.URL, error: Exception) -> StoreError:
    cause = getattr(error, "orig", None) or error
    reason = str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__
    return StoreError(f"the database {url.render_as_string()} can't be used: {reason}")


def rows(connection: sa.Connection, table: sa.Table, values: Sequence[tuple[Any, ...]]) -> None:
    """Add many rows, each with the table's columns in order, as quickly as the database can."""
    if not values:
        return
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(table.columns))
        insert = f'INSERT INTO "{table.name}" ({names}) VALUES ({marks})'  # noqa: S608 - our names
        connection.exec_driver_sql(insert, list(values))
        return
    raw: Any = connection.connection.driver_connection
    with raw.cursor() as cursor, cursor.copy(f'COPY "{table.name}" ({names}) FROM STDIN') as copy:
        for row in values:
            copy.write_row(row)
