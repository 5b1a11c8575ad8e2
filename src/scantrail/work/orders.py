"""Jobs that callers ask for: queued here, done by a worker."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import msgspec

from scantrail.errors import ConflictError
from scantrail.settings import Settings
from scantrail.stores.jobs import Job, Jobs, Kind
from scantrail.wiring import Stores
from scantrail.work.process import tell
from scantrail.work.queue import Waker


class JobDesk:
    """Takes them. Safe to use from several threads."""

    def __init__(self, settings: Settings, stores: Stores) -> None:
        """Take jobs by these settings. Jobs whose process has died are told to be interrupted."""
        self.jobs: Jobs = stores.jobs
        self._url = stores.url
        if self._url is not None:
            settings = msgspec.structs.replace(settings, database_url=self._url)
        self._wake = Waker(settings)
        for job in self.jobs.bury():
            tell(logging.WARNING, job, "interrupted")

    def start(self, kind: Kind, asked: Mapping[str, Any], actor: str) -> Job:
        """Queue a job, and wake a worker.

        Raises:
            ConflictError: Another of its kind waits or runs, or the database is this process's
                alone.
        """
        if self._url is None:
            raise ConflictError(
                "jobs are done by a process of its own, which can't see a database in memory; "
                "set SCANTRAIL_DATABASE_URL to a file or a server"
            )
        job = self.jobs.add(kind, asked, actor)
        self._wake(job.id)
        return job
