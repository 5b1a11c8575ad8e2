"""Stretches of the log of predictions: scans, and what was said of each when it came.

The log is never read whole: by a stretch of time, in pages, and of a large one only some moments.
A moment is a place, its words and a second, so what was scanned together stays together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, cast

import msgspec
import polars as pl
import sqlalchemy as sa

from scantrail.stores.database import Database
from scantrail.stores.tables import EVENTS as SCANS
from scantrail.stores.tables import JUDGEMENTS, REPORTS, VERDICTS
from scantrail.stores.trails import KNOWN, Known

#: By when scans came in, or by when they were made.
Clock = Literal["arrival", "scan"]
_PAGE: Final = 20_000
_REJECTED: Final = pl.Schema({"seen": pl.Int64(), "feed": pl.String()})


@dataclass(frozen=True)
class Page:
    """Scans that belong to journeys, as they came.

    `known`: the scans. `arrived`: when each came in, microseconds since 1970, UTC. `verdicts`:
    `anomaly`, `kind`, `finalConfidence` and scores, as first said.
    """

    known: Known
    arrived: list[int]
    verdicts: pl.DataFrame


class Span(NamedTuple):
    """A stretch of time, microseconds since 1970, UTC, the end excluded."""

    begin: int
    end: int


class Windows:
    """Reads them."""

    def __init__(self, database: Database) -> None:
        """Read them from a database."""
        self._database = database

    def scans(self, span: Span, clock: Clock) -> int:
        """About how many scans came, or were made, in a stretch."""
        if clock == "arrival":
            asked = sa.select(sa.func.coalesce(sa.func.sum(REPORTS.c.events), 0))
        else:
            asked = sa.select(sa.func.count()).select_from(SCANS)
        with self._database.reading() as connection:
            return int(connection.execute(asked.where(_within(span, clock))).scalar_one())

    def first(self, clock: Clock) -> int | None:
        """When the first scan came, or was made; None if there is none."""
        column = REPORTS.c.created_at if clock == "arrival" else SCANS.c.time
        with self._database.reading() as connection:
            return connection.execute(sa.select(sa.func.min(column))).scalar()

    def last(self, clock: Clock) -> int | None:
        """When the last scan came, or was made; None if there is none."""
        column = REPORTS.c.created_at if clock == "arrival" else SCANS.c.time
        with self._database.reading() as connection:
            return connection.execute(sa.select(sa.func.max(column))).scalar()

    def pages(self, span: Span, clock: Clock, every: int = 1) -> Iterator[Page]:
        """The scans of a stretch; of `every` so many moments, one."""
        said = [VERDICTS.c.anomaly, VERDICTS.c.kind, VERDICTS.c.confidence, VERDICTS.c.scores]
        asked = (
            sa.select(*KNOWN, REPORTS.c.created_at, JUDGEMENTS.c.made_by, *said)
            .select_from(SCANS)
            .join(REPORTS, REPORTS.c.id == SCANS.c.report_id)
            .join(JUDGEMENTS, JUDGEMENTS.c.digest == REPORTS.c.judgement)
            .join(VERDICTS, (VERDICTS.c.event == SCANS.c.digest) & (VERDICTS.c.revision == 0))
            .where(_within(span, clock), ~SCANS.c.apart)
            .order_by(SCANS.c.report_id, SCANS.c.position)
        )
        if every > 1:
            asked = asked.where(SCANS.c.moment % every == 0)
        width = len(KNOWN)
        with self._database.reading() as connection:
            found = connection.execution_options(yield_per=_PAGE).execute(asked)
            for rows in found.partitions():
                known = Known.read([cast("sa.Row[Any]", row[:width]) for row in rows])
                yield Page(known, [row.created_at for row in rows], _verdicts(rows))

    def rejected(self, span: Span, every: int = 1) -> pl.DataFrame:
        """Rows that could not be read: `seen` (Int64, microseconds), `feed` (String).

        By when they came: of many, when they were made can't be read.
        """
        asked = sa.select(REPORTS.c.created_at, REPORTS.c.rejects).where(
            _within(span, "arrival"), REPORTS.c.rejects != "[]"
        )
        found: list[tuple[int, str | None]] = []
        with self._database.reading() as connection:
            for at, text in connection.execution_options(yield_per=_PAGE).execute(asked):
                mine = msgspec.json.decode(text)[::every]
                found += [(at, _text(one.get("file_id"))) for one in mine]
        return pl.DataFrame(found, _REJECTED, orient="row")

    def scanned(self, span: Span) -> list[str]:
        """Items of journeys with scans made in a stretch, by code, so that lots are together."""
        asked = sa.select(SCANS.c.item).distinct().where(_within(span, "scan"), ~SCANS.c.apart)
        with self._database.reading() as connection:
            return list(connection.execute(asked.order_by(SCANS.c.item)).scalars())

    def items(self, span: Span, clock: Clock) -> Iterator[tuple[str, str, bool]]:
        """Each item with scans in a stretch: the item, its EPC, and whether any is suspect."""
        suspect = sa.func.max(sa.cast(VERDICTS.c.anomaly, sa.Integer))
        asked = (
            sa.select(SCANS.c.item, sa.func.min(SCANS.c.epc_code), suspect)
            .select_from(SCANS)
            .join(REPORTS, REPORTS.c.id == SCANS.c.report_id)
            .join(VERDICTS, VERDICTS.c.event == SCANS.c.digest)
            .where(_within(span, clock), ~SCANS.c.apart)
            .group_by(SCANS.c.item)
        )
        with self._database.reading() as connection:
            for row in connection.execution_options(yield_per=_PAGE).execute(asked):
                yield row[0], row[1], bool(row[2])


def _within(span: Span, clock: Clock) -> sa.ColumnElement[bool]:
    column = REPORTS.c.created_at if clock == "arrival" else SCANS.c.time
    return (column >= span.begin) & (column < span.end)


def _verdicts(rows: Sequence[sa.Row[Any]]) -> pl.DataFrame:
    """Verdicts with their scores unpacked: what is left out is zero, what is null unknown."""
    decode = msgspec.json.Decoder(dict[str, float | None]).decode
    named = {text: msgspec.json.decode(text)["scores"] for text in {row.made_by for row in rows}}
    names = sorted({name for scores in named.values() for name in scores})
    scores: dict[str, list[float | None]] = {name: [] for name in names}
    for row in rows:
        told, mine = decode(row.scores), set(named[row.made_by])
        for name in names:
            scores[name].append(told.get(name, 0.0) if name in mine else None)
    return pl.DataFrame(
        {
            "anomaly": pl.Series([bool(row.anomaly) for row in rows], dtype=pl.Boolean),
            "kind": pl.Series([row.kind for row in rows], dtype=pl.String),
            "finalConfidence": pl.Series([row.confidence for row in rows], dtype=pl.Float64),
            **{name: pl.Series(values, dtype=pl.Float64) for name, values in scores.items()},
        }
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)
