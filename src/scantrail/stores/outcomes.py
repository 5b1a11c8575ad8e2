"""What became of items in a stretch of time: who judged them, and whether it was an alert."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import polars as pl
import sqlalchemy as sa

from scantrail.stores.database import Database
from scantrail.stores.tables import EVENTS as SCANS
from scantrail.stores.tables import JUDGEMENTS, REPORTS, VERDICTS
from scantrail.stores.windows import Clock
from scantrail.vocabulary.findings import AnomalyKind

_MODEL: Final = AnomalyKind.MODEL.value
_HOUR: Final = 3_600_000_000  # microseconds
#: `judgement`: by what; `alerted`: any scan is suspect; `learned`: … to learned detectors alone.
ITEMS: Final[dict[Any, Any]] = {
    "item": pl.String(),
    "judgement": pl.Binary(),
    "scans": pl.Int64(),
    "alerted": pl.Boolean(),
    "learned": pl.Boolean(),
}
#: `hour`: since 1970, UTC, in which scans came, or were made; `learned` as above.
HOURS: Final[dict[Any, Any]] = {"item": pl.String(), "hour": pl.Int64(), "learned": pl.Boolean()}


class Outcomes:
    """Verdicts, summed up by item."""

    def __init__(self, database: Database) -> None:
        """Read them from a database."""
        self._database = database

    def items(self, since: int, until: int | None = None) -> pl.DataFrame:
        """Items of journeys by who judged them (`ITEMS`), in reports of a stretch of time.

        Times are microseconds since 1970, UTC; the end is open.
        """
        learned = VERDICTS.c.anomaly & (VERDICTS.c.kind == _MODEL)
        asked = (
            sa.select(
                VERDICTS.c.item, REPORTS.c.judgement, sa.func.count(sa.distinct(VERDICTS.c.event)),
                _any(VERDICTS.c.anomaly), _any(learned),
            )
            .join(REPORTS, REPORTS.c.id == VERDICTS.c.report_id)
            .join(SCANS, SCANS.c.digest == VERDICTS.c.event)
            .where(REPORTS.c.created_at >= since, ~SCANS.c.apart)
            .group_by(VERDICTS.c.item, REPORTS.c.judgement)
        )  # fmt: skip
        if until is not None:
            asked = asked.where(REPORTS.c.created_at < until)
        return self._read(asked, ITEMS)

    def hours(self, since: int, until: int | None = None, clock: Clock = "arrival") -> pl.DataFrame:
        """Items of journeys by the hour in which they came, or were scanned (`HOURS`).

        `since` and `until` are of reports, as in `items`.
        """
        at = REPORTS.c.created_at if clock == "arrival" else SCANS.c.time
        hour = at // sa.literal(_HOUR, sa.BigInteger)
        learned = VERDICTS.c.anomaly & (VERDICTS.c.kind == _MODEL)
        asked = (
            sa.select(VERDICTS.c.item, hour, _any(learned))
            .join(REPORTS, REPORTS.c.id == VERDICTS.c.report_id)
            .join(SCANS, SCANS.c.digest == VERDICTS.c.event)
            .where(REPORTS.c.created_at >= since, ~SCANS.c.apart)
            .group_by(VERDICTS.c.item, hour)
        )
        if until is not None:
            asked = asked.where(REPORTS.c.created_at < until)
        return self._read(asked, HOURS)

    def made_by(self) -> dict[bytes, dict[str, Any]]:
        """By what was judged (`versions`, maybe a `trial`), by its digest."""
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(JUDGEMENTS.c.digest, JUDGEMENTS.c.made_by))
            return {bytes(row.digest): msgspec.json.decode(row.made_by) for row in rows}

    def _read(self, asked: sa.Select[Any], schema: dict[Any, Any]) -> pl.DataFrame:
        with self._database.reading() as connection:
            rows = [tuple(row) for row in connection.execute(asked)]
        whole = {n: pl.Int64() if t == pl.Boolean() else t for n, t in schema.items()}
        return pl.DataFrame(rows, whole, orient="row").cast(schema)


def _any(flag: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.max(sa.case((flag, 1), else_=0))
