"""What a challenger in the shadow thinks of scans, beside what the champion said at that moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import polars as pl
import sqlalchemy as sa

from scantrail.stores.database import Database
from scantrail.stores.tables import EVENTS as SCANS
from scantrail.stores.tables import REPORTS, SHADOWS

_ITEMS: Final[dict[Any, Any]] = {
    "item": pl.String(),
    "champion": pl.Boolean(),
    "challenger": pl.Boolean(),
}
_ADD: Final = sa.text(  # both databases know these words
    "INSERT INTO shadows (trial, event, at, score, suspect, kind, champion) VALUES (:trial, "
    ":event, :at, :score, :suspect, :kind, :champion) ON CONFLICT DO NOTHING"
)


class Shadow(NamedTuple):
    """A verdict of the challenger: `event` digest, `score` 0-100 (None: cannot say), `suspect`.

    `champion`: whether the scan was suspect to the champion, at the same moment.
    """

    event: bytes
    score: float | None
    suspect: bool
    kind: str | None
    champion: bool


class Shadows:
    """Verdicts in the shadow. Safe to use from several threads and processes."""

    def __init__(self, database: Database) -> None:
        """Keep them in a database."""
        self._database = database

    def add(self, trial: int, verdicts: Sequence[Shadow], at: int) -> None:
        """Keep verdicts; of several on one scan, the first."""
        rows = [{"trial": trial, "at": at, **one._asdict()} for one in verdicts]
        if rows:
            with self._database.writing() as connection:
                connection.execute(_ADD, rows)

    def items(self, trial: int) -> pl.DataFrame:
        """Items that both judged: `item`, and whether any of its scans was suspect to each."""
        one, other = SHADOWS.c.champion, SHADOWS.c.suspect
        asked = (
            sa.select(SCANS.c.item, _any(one), _any(other))
            .join(SCANS, SCANS.c.digest == SHADOWS.c.event)
            .where(SHADOWS.c.trial == trial)
            .group_by(SCANS.c.item)
        )
        with self._database.reading() as connection:
            rows = connection.execute(asked).all()
        items = pl.DataFrame([tuple(row) for row in rows], list(_ITEMS), orient="row")
        return items.cast(_ITEMS)

    def scored(self, trial: int, since: int, until: int | None) -> tuple[int, int]:
        """How many scans the challenger judged, and how many were stored meanwhile."""
        judged = sa.select(sa.func.count()).where(SHADOWS.c.trial == trial)
        stored = (
            sa.select(sa.func.count())
            .select_from(SCANS)
            .join(REPORTS, REPORTS.c.id == SCANS.c.report_id)
            .where(REPORTS.c.created_at >= since, ~SCANS.c.apart)
        )
        if until is not None:
            stored = stored.where(REPORTS.c.created_at < until)
        with self._database.reading() as connection:
            return (
                connection.execute(judged).scalar_one(),
                connection.execute(stored).scalar_one(),
            )

    def prune(self, before: int) -> int:
        """Forget what is older (microseconds since 1970, UTC); how many verdicts that were."""
        with self._database.writing() as connection:
            return connection.execute(sa.delete(SHADOWS).where(SHADOWS.c.at < before)).rowcount


def _any(flag: sa.Column[bool]) -> sa.ColumnElement[int]:
    return sa.func.max(sa.case((flag, 1), else_=0))
