"""Past detections, read back: reports, suspect events, key figures, the trail of one item."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec
import polars as pl
import sqlalchemy as sa

from scantrail.stores.database import Database
from scantrail.stores.tables import EVENTS as SCANS
from scantrail.stores.tables import ITEMS, JUDGEMENTS, REPORTS, VERDICTS
from scantrail.stores.trails import KNOWN, Known, as_id
from scantrail.stores.windows import Clock
from scantrail.trials.assignment import versions_of

Row = dict[str, Any]
_CHUNK: Final = 50_000  # rows that are read at a time
#: A verdict that no later one amends.
_later: Final = VERDICTS.alias("later")
_CURRENT: Final = ~sa.exists().where(
    _later.c.event == VERDICTS.c.event, _later.c.revision > VERDICTS.c.revision
)
_NEWEST_FIRST: Final = (SCANS.c.report_id.desc(), SCANS.c.position)


class Line(NamedTuple):
    """A report in the list of reports; `created_at` in microseconds since 1970, UTC."""

    id: int
    label: str
    created_at: int


class Reports:
    """What was found so far."""

    def __init__(self, database: Database) -> None:
        """Read it from a database."""
        self._database = database

    def lines(self, most: int) -> list[Line]:
        """The newest reports, newest first."""
        asked = sa.select(REPORTS.c.id, REPORTS.c.label, REPORTS.c.created_at)
        return [Line(*row) for row in self._read(asked.order_by(REPORTS.c.id.desc()).limit(most))]

    def line(self, report_id: int) -> Line | None:
        """A report, None where there is none of that id."""
        asked = sa.select(REPORTS.c.id, REPORTS.c.label, REPORTS.c.created_at)
        found = self._read(asked.where(REPORTS.c.id == report_id))
        return Line(*found[0]) if found else None

    def latest_answer(self) -> bytes | None:
        """What the latest caller was told."""
        found = self._read(sa.select(REPORTS.c.answer).order_by(REPORTS.c.id.desc()).limit(1))
        return found[0].answer if found else None

    def suspects_of(self, report_id: int) -> list[Row]:
        """The suspect events that a report first brought, by what is said of them now."""
        return self._judged(SCANS.c.report_id == report_id, VERDICTS.c.anomaly, _CURRENT)

    def amendments_of(self, report_id: int) -> list[Row]:
        """The verdicts by which a report amended earlier ones."""
        return self._judged(VERDICTS.c.report_id == report_id, VERDICTS.c.revision > 0)

    def suspects(self, most: int) -> list[Row]:
        """The newest suspect events."""
        return self._judged(VERDICTS.c.anomaly, _CURRENT, most=most)

    def newest(self, most: int) -> list[Row]:
        """The newest events."""
        return self._judged(_CURRENT, most=most)

    def trail(self, item: str) -> list[Row]:
        """All that was ever said of the events of an item, as they came, revisions in order."""
        return self._judged(SCANS.c.item == item, ~SCANS.c.apart)

    def journeys(self, items: Sequence[str]) -> Known:
        """All scans of these items that belong to journeys."""
        which = self._database.among(SCANS.c.item, "items")
        asked = sa.select(*KNOWN).where(which, ~SCANS.c.apart)
        asked = asked.order_by(SCANS.c.report_id, SCANS.c.position)
        return Known.read(self._read(asked, items=self._database.many(items)))

    def scans_of(self, report_id: int) -> Known:
        """The scans that a report first brought."""
        asked = sa.select(*KNOWN).where(SCANS.c.report_id == report_id)
        return Known.read(self._read(asked.order_by(SCANS.c.position)))

    def all_events(self) -> pl.DataFrame:
        """All scans that belong to journeys (`vocabulary.events.EVENTS`), as they came."""
        asked = sa.select(*KNOWN).where(~SCANS.c.apart)
        asked = asked.order_by(SCANS.c.report_id, SCANS.c.position)
        with self._database.reading() as connection:
            found = connection.execution_options(yield_per=_CHUNK).execute(asked)
            parts = [Known.read(rows).events for rows in found.partitions()]
        events = pl.concat([Known.read([]).events, *parts])
        return events.with_columns(row=pl.int_range(len(events), dtype=pl.UInt32))

    def judged_at(self, moment: int, clock: Clock = "arrival") -> Row | None:
        """The last report made until a moment, and the versions that it was judged by.

        By the clock `scan`: the report with which the last scan came that was made until then.
        """
        asked = (
            sa.select(REPORTS.c.id, REPORTS.c.created_at, JUDGEMENTS.c.made_by)
            .join(JUDGEMENTS, JUDGEMENTS.c.digest == REPORTS.c.judgement)
            .limit(1)
        )
        if clock == "arrival":
            newest = (REPORTS.c.created_at.desc(), REPORTS.c.id.desc())
            asked = asked.where(REPORTS.c.created_at <= moment).order_by(*newest)
        else:
            asked = asked.join(SCANS, SCANS.c.report_id == REPORTS.c.id)
            newest = (SCANS.c.time.desc(), SCANS.c.report_id.desc())
            asked = asked.where(SCANS.c.time <= moment, ~SCANS.c.apart).order_by(*newest)
        found = self._read(asked)
        if not found:
            return None
        versions = msgspec.json.decode(found[0].made_by)["versions"]
        return {"id": found[0].id, "at": found[0].created_at, "versions": versions}

    def stock(self) -> list[Row]:
        """Items per place and step where they were seen last, sold ones left out."""
        asked = (
            sa.select(ITEMS.c.place, ITEMS.c.step, sa.func.count().label("items"))
            .where(ITEMS.c.in_stock)
            .group_by(ITEMS.c.place, ITEMS.c.step)
            .order_by(ITEMS.c.place, ITEMS.c.step)
        )
        return [dict(row._mapping) for row in self._read(asked)]  # noqa: SLF001 - its public name

    def figures(self) -> Row:
        """Sums over all items; `lead` is the mean of microseconds from first scan to sale."""
        one = sa.literal(1)
        asked = sa.select(
            sa.func.count().label("items"),
            sa.func.coalesce(sa.func.sum(ITEMS.c.moves), 0).label("moves"),
            sa.func.coalesce(sa.func.sum(ITEMS.c.events), 0).label("events"),
            sa.func.coalesce(sa.func.sum(ITEMS.c.suspects), 0).label("suspects"),
            sa.func.count(sa.distinct(ITEMS.c.product)).label("products"),
            sa.func.count(ITEMS.c.sold_at).label("sold"),
            sa.func.count(sa.case((ITEMS.c.dispatched, one))).label("dispatched"),
            sa.func.count(sa.case((ITEMS.c.in_stock, one))).label("stock"),
            sa.func.avg(ITEMS.c.sold_at - ITEMS.c.first_time).label("lead"),
        )
        return dict(self._read(asked)[0]._mapping)  # noqa: SLF001 - its public name

    def _judged(self, *which: sa.ColumnElement[bool], most: int | None = None) -> list[Row]:
        """Events with verdicts, scores unpacked; newest report first."""
        asked = (
            sa.select(SCANS, VERDICTS, JUDGEMENTS.c.made_by)
            .join(VERDICTS, VERDICTS.c.event == SCANS.c.digest)
            .join(REPORTS, REPORTS.c.id == VERDICTS.c.report_id)
            .join(JUDGEMENTS, JUDGEMENTS.c.digest == REPORTS.c.judgement)
            .where(*which)
            .order_by(*_NEWEST_FIRST, VERDICTS.c.revision)
            .limit(most)
        )
        return [_unpacked(row) for row in self._read(asked)]

    def _read(self, asked: sa.Select[Any], **values: Any) -> Sequence[sa.Row[Any]]:
        with self._database.reading() as connection:
            return connection.execute(asked, values).all()


def _unpacked(row: sa.Row[Any]) -> Row:
    found: Row = {column.name: row._mapping[column] for column in SCANS.c}  # noqa: SLF001
    found |= {
        column.name: row._mapping[column]  # noqa: SLF001
        for column in VERDICTS.c
        if column.name != "report_id"
    }
    found["judged_in"] = row._mapping[VERDICTS.c.report_id]  # noqa: SLF001
    made_by = msgspec.json.decode(row.made_by)
    scores = dict.fromkeys(made_by["scores"], 0.0) | msgspec.json.decode(found.pop("scores"))
    versions = versions_of(found["item"], made_by)
    return {**found, **scores, "event_id": as_id(found["event_id"]), "versions": versions}
