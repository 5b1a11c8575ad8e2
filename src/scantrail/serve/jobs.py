"""Retraining beside the service: a process of its own, of low priority, one at a time."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from scantrail.errors import ConflictError, StoreError
from scantrail.settings import Settings
from scantrail.stores.jobs import Job, Jobs
from scantrail.wiring import Stores

_log = logging.getLogger(__name__)

_ONE_THREAD: Final = ("OMP_NUM_THREADS", "POLARS_MAX_THREADS", "OPENBLAS_NUM_THREADS")
_EXPECTED: Final = ("done", "cancelled")
_PATIENCE: Final = 10  # seconds that a job has to stop in


class Retraining:
    """Starts jobs, and stops them with the service."""

    def __init__(self, settings: Settings, stores: Stores) -> None:
        """Start jobs by these settings. Jobs whose process has died are told to be interrupted."""
        self.jobs: Jobs = stores.jobs
        self._settings, self._url = settings, stores.url
        self._running: tuple[subprocess.Popen[bytes], int] | None = None
        for job in self.jobs.bury():
            _tell(logging.WARNING, job, "interrupted")

    def start(self, asked: Mapping[str, Any], actor: str) -> Job:
        """Queue a job, and start its process.

        Raises:
            ConflictError: Another waits or runs, or the database is this process's alone.
        """
        if self._url is None:
            raise ConflictError(
                "retraining runs in a process of its own, which can't see a database in memory; "
                "set SCANTRAIL_DATABASE_URL to a file or a server"
            )
        settings = msgspec.structs.replace(self._settings, database_url=self._url)
        job = self.jobs.add(asked, actor)
        process = subprocess.Popen(
            [sys.executable, "-m", "scantrail.retraining"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env=os.environ | dict.fromkeys(_ONE_THREAD, "1"),
        )
        assert process.stdin is not None
        with process.stdin as pipe:  # not in arguments: the database's password is in it
            pipe.write(msgspec.json.encode({"job": job.id, "settings": settings}))
        self._running = process, job.id
        _tell(logging.INFO, job.id, "started")
        threading.Thread(target=self._wait, args=(process, job.id), daemon=True).start()
        return job

    def close(self) -> None:
        """Stop what runs; it is told to be interrupted."""
        if self._running is None or self._running[0].poll() is not None:
            return
        process, job = self._running
        process.terminate()
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
        self.jobs.end(job, "interrupted", message="the service was stopped")

    def _wait(self, process: subprocess.Popen[bytes], job: int) -> None:
        """Where a job's process ends without a word, say so."""
        code = process.wait()
        try:
            self.jobs.end(job, "interrupted", message=f"its process ended with code {code}")
            ended = self.jobs.get(job)
            level = logging.INFO if ended.state in _EXPECTED else logging.WARNING
            _tell(level, job, ended.state, ended.message)
        except StoreError as error:
            _log.warning("what became of job %d can't be noted: %s", job, error)


def _tell(level: int, job: int, state: str, message: str | None = None) -> None:
    """Log what became of a job."""
    known = {"happened": f"job_{state}", "job": job}
    _log.log(level, "job %d: %s%s", job, state, f", {message}" if message else "", extra=known)
