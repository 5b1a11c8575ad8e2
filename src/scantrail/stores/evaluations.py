"""What monitoring keeps: what is usual, what it found, and the items that were drawn to audit."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from scantrail.stores.database import Database
from scantrail.stores.tables import BASELINES, EVALUATIONS, SAMPLES


class StoredBaseline(msgspec.Struct, frozen=True, kw_only=True):
    """What is usual while a version judges; see `tables.BASELINES`. `content`: JSON."""

    id: int
    made_at: int
    actor: str
    version: str
    digest: str
    every: int
    content: bytes


class StoredEvaluation(msgspec.Struct, frozen=True, kw_only=True):
    """What was found up to a midnight; see `tables.EVALUATIONS`. `found`: JSON."""

    id: int
    made_at: int
    until: str
    version: str
    baseline: str | None
    found: str


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """The items drawn for a week; see `tables.SAMPLES`."""

    week: str
    drawn_at: int
    seed: int
    alerted: int
    silent: int
    items: list[str]


class Evaluations:
    """All of it; rows are only added. Safe to use from several threads and processes."""

    def __init__(self, database: Database) -> None:
        """Keep it in a database."""
        self._database = database

    def last_made(self) -> int | None:
        """When something was evaluated last, microseconds since 1970, UTC; None if never."""
        with self._database.reading() as connection:
            return connection.execute(sa.select(sa.func.max(EVALUATIONS.c.made_at))).scalar()

    def baseline(self, version: str | None = None) -> StoredBaseline | None:
        """The newest baseline, of a version or of any."""
        asked = sa.select(BASELINES).order_by(BASELINES.c.id.desc()).limit(1)
        if version is not None:
            asked = asked.where(BASELINES.c.version == version)
        found = self._read(asked)
        return StoredBaseline(**found[0]._mapping) if found else None  # noqa: SLF001 - public

    def add_baseline(
        self, version: str, content: bytes, digest: str, *, every: int, actor: str
    ) -> None:
        """Keep what is usual while a version judges."""
        with self._database.writing() as connection:
            connection.execute(
                sa.insert(BASELINES).values(
                    made_at=_now(), actor=actor, version=version, digest=digest, every=every,
                    content=content,
                )
            )  # fmt: skip

    def last(self) -> StoredEvaluation | None:
        """What was found up to the latest midnight."""
        found = self.newest(1)
        return found[0] if found else None

    def newest(self, most: int) -> list[StoredEvaluation]:
        """What was found, the latest midnight first."""
        asked = sa.select(EVALUATIONS).order_by(EVALUATIONS.c.until.desc(), EVALUATIONS.c.id.desc())
        return [
            StoredEvaluation(**row._mapping)  # noqa: SLF001 - its public name
            for row in self._read(asked.limit(most))
        ]

    def add(
        self, until: str, version: str, baseline: str | None, found: Any, connection: sa.Connection
    ) -> None:
        """Keep what was found, in a transaction that also keeps what follows from it."""
        connection.execute(
            sa.insert(EVALUATIONS).values(
                made_at=_now(), until=until, version=version, baseline=baseline,
                found=msgspec.json.encode(found).decode(),
            )
        )  # fmt: skip

    def sample(self, week: str) -> Sample | None:
        """The items that were drawn for a week, None as long as none were."""
        found = self._read(sa.select(SAMPLES).where(SAMPLES.c.week == week))
        return _sample(found[0]) if found else None

    def samples(self, most: int) -> list[Sample]:
        """The newest samples, the newest week first."""
        asked = sa.select(SAMPLES).order_by(SAMPLES.c.week.desc()).limit(most)
        return [_sample(row) for row in self._read(asked)]

    def add_sample(self, sample: Sample) -> Sample:
        """Keep what was drawn; what was drawn for that week before stays. Gives what counts."""
        values = {**msgspec.structs.asdict(sample), "items": msgspec.json.encode(sample.items)}
        values["items"] = values["items"].decode()
        names = ", ".join(values)
        marks = ", ".join(f":{name}" for name in values)
        insert = sa.text(  # both databases know these words
            f"INSERT INTO samples ({names}) VALUES ({marks}) ON CONFLICT DO NOTHING"  # noqa: S608
        )
        with self._database.writing() as connection:
            connection.execute(insert, values)
        kept = self.sample(sample.week)
        assert kept is not None
        return kept

    def _read(self, asked: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
        with self._database.reading() as connection:
            return connection.execute(asked).all()


def _sample(row: sa.Row[Any]) -> Sample:
    values = dict(row._mapping)  # noqa: SLF001 - its public name
    return Sample(**{**values, "items": msgspec.json.decode(values["items"])})


def _now() -> int:
    return time.time_ns() // 1000
