"""Scans, and what was said of them: every scan once, every verdict for ever."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from zlib import crc32

import msgspec
import numpy as np
import polars as pl
import sqlalchemy as sa

from scantrail.stores.database import Database, rows
from scantrail.stores.tables import EVENTS as SCANS
from scantrail.stores.tables import ITEMS, REPORTS, VERDICTS
from scantrail.vocabulary.events import EVENTS, no_ids

_NOTE: Final = sa.text(  # both databases know these words
    "INSERT INTO judgements (digest, made_by) VALUES (:digest, :made_by) ON CONFLICT DO NOTHING"
)
#: An opinion that is noted stays as it is.
OPINE: Final = sa.text(
    "INSERT INTO opinions (event, feedback) VALUES (:event, :feedback) ON CONFLICT DO NOTHING"
)
_LOCKS: Final = 64  # groups of items that processes take turns with
_LOCK_SPACE: Final = 0x5CA8
_LOCK: Final = sa.select(  # PostgreSQL's, one group after the other
    sa.func.pg_advisory_xact_lock(
        _LOCK_SPACE, sa.func.unnest(sa.bindparam("groups", type_=sa.ARRAY(sa.Integer)))
    )
)
_SCAN: Final = tuple(EVENTS)[2:]  # all but row and event id
#: What `Known` is made of.
KNOWN: Final = [
    SCANS.c.digest, SCANS.c.item, SCANS.c.moment, SCANS.c.event_id,
    *(SCANS.c[name] for name in _SCAN),
]  # fmt: skip
_NO_EVENTS: Final = EVENTS.to_frame()
_ORDER: Final = (SCANS.c.report_id, SCANS.c.position)  # as they came


class Standing(NamedTuple):
    """The newest verdict on an event, as it is stored."""

    event: bytes
    revision: int
    report_id: int
    journey: bytes
    anomaly: bool
    kind: str | None
    confidence: float | None
    scores: str
    cause: str | None
    explanation: str | None
    expected: str | None
    learned: str | None


@dataclass(frozen=True, slots=True)
class Known:
    """Stored scans, as they came.

    `events`: `vocabulary.events.EVENTS`. `digests`, `items`, `moments`, `event_ids` (as sent): of
    each.
    """

    events: pl.DataFrame
    digests: list[bytes]
    items: list[str]
    moments: list[int]
    event_ids: list[int | str | None]

    @classmethod
    def read(cls, found: Sequence[sa.Row[Any]]) -> Known:
        """From rows of `KNOWN`."""
        if not found:
            return cls(_NO_EVENTS, [], [], [], [])
        digests, items, moments, ids, *rest = (list(column) for column in zip(*found, strict=True))
        row = pl.Series("row", np.arange(len(found), dtype=np.uint32))
        series = [row, no_ids(len(found))]
        for name, values in zip(_SCAN, rest, strict=True):
            dtype = EVENTS[name]
            if name == "time":  # numbers first, or each would become a datetime
                series.append(pl.Series(name, values, pl.Int64).cast(dtype))
            else:
                series.append(pl.Series(name, values, dtype))
        events = pl.DataFrame(series)
        return cls(events, digests, items, moments, [as_id(each) for each in ids])


class NewReport(msgspec.Struct, frozen=True, kw_only=True):
    """A report to be stored; see `tables.REPORTS`. `made_by` describes the judgement (JSON)."""

    label: str
    created_at: int
    asked: bytes
    idempotency_key: str | None
    judgement: bytes
    degraded: str
    rejects: str
    events: int
    suspects: int
    answer: bytes


class _Statements:
    """What a turn asks for, put together once: that takes longer than the answer of a small one."""

    def __init__(self, database: Database) -> None:
        here = database.among(SCANS.c.moment, "moments")
        mine = database.among(SCANS.c.item, "items")
        self.journeys = sa.select(*KNOWN).where(mine, ~SCANS.c.apart).order_by(*_ORDER)
        self.company = (
            sa.select(SCANS.c.item).distinct()
            .where(here, ~SCANS.c.apart).order_by(SCANS.c.item).limit(sa.bindparam("most"))
        )  # fmt: skip
        self.standing = (
            sa.select(*(VERDICTS.c[name] for name in Standing._fields))
            .where(database.among(VERDICTS.c.item, "items"))
            .order_by(VERDICTS.c.revision)
        )
        self.add_reports = sa.insert(REPORTS).returning(REPORTS.c.id, sort_by_parameter_order=True)
        self.clear_items = sa.delete(ITEMS).where(database.among(ITEMS.c.item, "items"))


class Turn:
    """One transaction in which items are judged; nobody else judges them meanwhile."""

    def __init__(
        self,
        database: Database,
        connection: sa.Connection,
        noted: set[bytes],
        statements: _Statements,
    ) -> None:
        """Begin; `Trails.turn` does it. `noted`: judgements that are stored."""
        self._database, self._connection = database, connection
        self.noted, self._statements = noted, statements

    def journeys(self, items: Sequence[str]) -> Known:
        """All scans of these items that belong to journeys."""
        if not items:
            return Known.read([])
        given = {"items": self._database.many(items)}
        return Known.read(self._connection.execute(self._statements.journeys, given).all())

    def company(self, moments: Iterable[int], items: Sequence[str], most: int) -> Known:
        """The journeys of other items that were where these were in the same second.

        Args:
            moments: See `digests.moments`.
            items: The items themselves.
            most: How many others at most; of more, the first by code.
        """
        numbers = sorted(set(moments))
        others = self._connection.execute(
            self._statements.company,
            {"moments": self._database.many(numbers), "most": most + len(items)},
        ).scalars()
        mine = set(items)
        return self.journeys([item for item in others if item not in mine][:most])

    def standing(self, items: Sequence[str]) -> dict[bytes, Standing]:
        """The newest verdict on each event of these items."""
        found = self._connection.execute(
            self._statements.standing, {"items": self._database.many(items)}
        )
        return {row.event: Standing(*row) for row in found}

    def add_judgement(self, digest: bytes, made_by: str) -> None:
        """Note by what is judged, once."""
        if digest not in self.noted:
            self._connection.execute(_NOTE, {"digest": digest, "made_by": made_by})
            self.noted = self.noted | {digest}

    def add_reports(self, reports: Sequence[NewReport]) -> list[int]:
        """Store reports, all at once, and return their ids."""
        if not reports:
            return []
        told = [msgspec.structs.asdict(report) for report in reports]
        return list(self._connection.execute(self._statements.add_reports, told).scalars())

    def add_answer(self, report_id: int, answer: bytes, suspects: int) -> None:
        """Complete a report of this turn by what its caller is told."""
        self._connection.execute(
            sa.update(REPORTS).where(REPORTS.c.id == report_id),
            {"answer": answer, "suspects": suspects},
        )

    def add_events(self, events: Sequence[tuple[Any, ...]]) -> None:
        """Store scans; each has the columns of `tables.EVENTS` in order."""
        rows(self._connection, SCANS, events)

    def add_verdicts(self, verdicts: Sequence[tuple[Any, ...]]) -> None:
        """Store verdicts; each has the columns of `tables.VERDICTS` in order."""
        rows(self._connection, VERDICTS, verdicts)

    def add_opinions(self, opinions: Sequence[tuple[bytes, int]]) -> None:
        """Note which dismissals speak of events that are stored in this turn."""
        if opinions:
            self._connection.execute(
                OPINE, [{"event": event, "feedback": number} for event, number in opinions]
            )

    def put_items(self, items: Sequence[tuple[Any, ...]], known: Collection[str]) -> None:
        """Store where items stand now; each has the columns of `tables.ITEMS` in order.

        Args:
            items: The items.
            known: Those that were there before.
        """
        if known:
            self._connection.execute(
                self._statements.clear_items, {"items": self._database.many(list(known))}
            )
        rows(self._connection, ITEMS, items)


class Trails:
    """What is known of all items."""

    def __init__(self, database: Database) -> None:
        """Keep it in a database."""
        self._database = database
        self._noted: set[bytes] = set()
        self._statements = _Statements(database)

    @contextmanager
    def turn(self, items: Iterable[str]) -> Iterator[Turn]:
        """A transaction in which these items are judged.

        Raises:
            StoreError: The database doesn't take it; then nothing of it is stored.
        """
        with self._database.writing() as connection:
            if not self._database.sqlite:  # there, one writes at a time anyway
                groups = sorted({crc32(item.encode()) % _LOCKS for item in items})
                connection.execute(_LOCK, {"groups": groups})
            turn = Turn(self._database, connection, self._noted, self._statements)
            yield turn
        self._noted = turn.noted

    @contextmanager
    def look(self) -> Iterator[Turn]:
        """What is known now; for reading only, as others may go on meanwhile.

        Raises:
            StoreError: The database can't be read.
        """
        with self._database.reading() as connection:
            yield Turn(self._database, connection, self._noted, self._statements)

    def answered(self, idempotency_key: str) -> tuple[bytes, bytes] | None:
        """What was asked (a digest) under a key and what was answered, if anything was."""
        with self._database.reading() as connection:
            asked = sa.select(REPORTS.c.asked, REPORTS.c.answer)
            found = connection.execute(
                asked.where(REPORTS.c.idempotency_key == idempotency_key)
            ).first()
            return None if found is None else (found.asked, found.answer)


def as_id(text: str | None) -> int | str | None:
    """An event id as it was sent: a number where it is one."""
    if text is None or not text.removeprefix("-").isdecimal():
        return text
    return int(text)
