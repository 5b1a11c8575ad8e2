"""Jobs: work in the background, one in a lane at a time, and what became of each."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec
import sqlalchemy as sa

from scantrail.errors import ConflictError, NotFoundError
from scantrail.stores.database import Database
from scantrail.stores.tables import JOBS
from scantrail.vocabulary.times import utc

Kind = Literal["retrain", "update-svm", "gate", "monitor", "backtest"]
#: What may not be done at the same time is in one lane.
_LANES: Final[dict[Kind, str]] = {
    "retrain": "models",
    "update-svm": "models",
    "gate": "models",
    "monitor": "monitoring",
    "backtest": "backtests",
}
State = Literal["queued", "running", "done", "failed", "cancelled", "interrupted"]
#: What to do where nobody works in the background.
NO_WORKER: Final = (
    "start one with 'scantrail worker', or let the service start one: SCANTRAIL_WORKER=child"
)
#: What a job is told by; its result may be long, and is read apart.
_TOLD: Final = [column for column in JOBS.c if column.name not in {"active", "result"}]
_SILENT: Final = 30_000_000  # microseconds without a sign of life: the job's process is gone


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job; see `tables.JOBS`. Times are microseconds since 1970, UTC."""

    id: int
    kind: Kind
    state: State
    asked: dict[str, Any]
    actor: str
    created_at: int
    started_at: int | None
    seen_at: int
    ended_at: int | None
    stage: str
    progress: float
    version: str | None
    message: str | None
    cancelled: bool

    @property
    def active(self) -> bool:
        """Whether it waits or runs."""
        return self.state in ("queued", "running")


class Jobs:
    """All jobs. Safe to use from several threads and processes."""

    def __init__(self, database: Database) -> None:
        """Keep them in a database."""
        self._database = database

    def add(self, kind: Kind, asked: Mapping[str, Any], actor: str) -> Job:
        """Queue a job.

        Raises:
            ConflictError: Another of its lane waits or runs.
        """
        self.bury()
        now, lane = _now(), _LANES[kind]
        values = {
            "kind": kind, "active": lane, "state": "queued",
            "asked": msgspec.json.encode(asked).decode(),
            "actor": actor, "created_at": now, "seen_at": now, "stage": "queued",
            "progress": 0.0, "cancelled": False,
        }  # fmt: skip
        with self._database.writing() as connection:
            if not self._database.sqlite:  # there, one writes at a time anyway
                connection.execute(sa.text("LOCK TABLE jobs IN SHARE ROW EXCLUSIVE MODE"))
            other = connection.execute(sa.select(JOBS.c.id).where(JOBS.c.active == lane)).scalar()
            if other is None:
                added = connection.execute(sa.insert(JOBS), values)
                assert added.inserted_primary_key is not None
                return _of(connection.execute(
                    sa.select(*_TOLD).where(JOBS.c.id == added.inserted_primary_key[0])
                ).one())  # fmt: skip
        busy = self.get(other)
        raise ConflictError(
            f"job {other} ({busy.kind}) is {busy.state}, and one at a time may; wait for it, or "
            "cancel it"
        )

    def get(self, job: int, *kinds: Kind) -> Job:
        """A job, of one of these kinds if any are named.

        Raises:
            NotFoundError: There is none of that number.
        """
        found = self._read(sa.select(*_TOLD).where(JOBS.c.id == job))
        if not found or (kinds and found[0].kind not in kinds):
            raise NotFoundError(
                f"there is no job {job}; 'scantrail models jobs' or GET /api/admin/ml/jobs lists "
                "all"
            )
        return found[0]

    def result(self, job: int) -> Any:
        """What came of a job, where that is more than a message; None as long as there is none."""
        with self._database.reading() as connection:
            text = connection.execute(sa.select(JOBS.c.result).where(JOBS.c.id == job)).scalar()
        return None if text is None else msgspec.json.decode(text)

    def all(self, most: int, kind: Kind | None = None) -> list[Job]:
        """The newest jobs, of a kind or all, the newest first."""
        asked = sa.select(*_TOLD).order_by(JOBS.c.id.desc()).limit(most)
        return self._read(asked if kind is None else asked.where(JOBS.c.kind == kind))

    def queued(self) -> list[Job]:
        """Jobs that wait, the oldest first."""
        return self._read(sa.select(*_TOLD).where(JOBS.c.state == "queued").order_by(JOBS.c.id))

    def keep_queued(self) -> None:
        """Give a sign of life for all that wait: a worker is there, and comes to them in time."""
        with self._database.writing() as connection:
            connection.execute(
                sa.update(JOBS).where(JOBS.c.state == "queued").values(seen_at=_now())
            )

    def counts(self) -> dict[State, int]:
        """How many jobs are in each state; states without jobs are left out."""
        asked = sa.select(JOBS.c.state, sa.func.count()).group_by(JOBS.c.state)
        with self._database.reading() as connection:
            return {row[0]: row[1] for row in connection.execute(asked)}

    def begin(self, job: int) -> bool:
        """Take a queued job; False where another process took it, or it was cancelled."""
        return self._change(
            job, "queued", state="running", started_at=_now(), seen_at=_now(), stage="starting"
        )

    def note(self, job: int, stage: str, progress: float) -> None:
        """Note how far a running job is."""
        self._change(job, "running", stage=stage, progress=progress, seen_at=_now())

    def alive(self, job: int) -> bool:
        """Give a sign of life; False where the job shall stop."""
        self._change(job, "running", seen_at=_now())
        now = self.get(job)
        return now.state == "running" and not now.cancelled

    def end(self, job: int, state: State, **told: str | None) -> bool:
        """End a queued or running job; what has ended stays as it is.

        Args:
            job: Its number.
            state: What became of it.
            told: `version` of the artifact that it made, `message` for people, `result` (JSON).
        """
        done = {"progress": 1.0, "stage": "done"} if state == "done" else {}
        values = {"state": state, "active": None, "ended_at": _now(), **done, **told}
        return self._change(job, "running", **values) or self._change(job, "queued", **values)

    def cancel(self, job: int) -> Job:
        """Ask a job to stop: at once while it waits; a running one does within seconds.

        Raises:
            NotFoundError: There is none of that number.
            ConflictError: It has ended.
        """
        was = self.get(job)
        if not was.active:
            raise ConflictError(f"job {job} is {was.state} already; there is nothing to cancel")
        if not self._change(job, "queued", state="cancelled", active=None, cancelled=True,
                            ended_at=_now()):  # fmt: skip
            self._change(job, "running", cancelled=True)
        return self.get(job)

    def bury(self) -> list[int]:
        """End jobs whose process is gone: they are interrupted. Returns their numbers."""
        buried = []
        silent = JOBS.c.active.is_not(None) & (JOBS.c.seen_at < _now() - _SILENT)
        for job in self._read(sa.select(*_TOLD).where(silent)):
            message = f"its process gave no sign of life since {utc(job.seen_at)}; start it again"
            if job.state == "queued":
                message = f"no worker was there for it since {utc(job.seen_at)}; {NO_WORKER}"
            if self.end(job.id, "interrupted", message=message):
                buried.append(job.id)
        return buried

    def _change(self, job: int, was: State, **values: object) -> bool:
        """Change a job, if that is its state."""
        which = (JOBS.c.id == job) & (JOBS.c.state == was)
        with self._database.writing() as connection:
            return connection.execute(sa.update(JOBS).where(which).values(**values)).rowcount == 1

    def _read(self, asked: sa.Select[tuple[Any, ...]]) -> list[Job]:
        with self._database.reading() as connection:
            return [_of(row) for row in connection.execute(asked)]


def _of(row: sa.Row[tuple[Any, ...]]) -> Job:
    values = dict(row._mapping)  # noqa: SLF001 - its public name
    asked = msgspec.json.decode(values.pop("asked"))
    return Job(asked=asked, **values)


def _now() -> int:
    return time.time_ns() // 1000
