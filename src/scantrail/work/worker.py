"""The worker: takes jobs, looks when monitoring is due, and delivers notices.

Huey wakes it and keeps its clock. What there is to do is in the database, so that nothing is lost
with a message, a worker, or the queue itself.
"""

from __future__ import annotations

import logging
import os
import subprocess
import threading
from collections.abc import Callable
from typing import Any, Final

import msgspec
from huey import crontab

from scantrail.errors import ConflictError, SettingsError, StoreError
from scantrail.settings import Settings
from scantrail.wiring import Stores
from scantrail.work.delivering import deliver_due
from scantrail.work.monitor import due
from scantrail.work.process import start, tell
from scantrail.work.queue import queue, taker

_log = logging.getLogger(__name__)

_NICE: Final = 10  # scoring comes first
_THREADS: Final = 5  # a job of each kind, deliveries, and the look around
_LONGEST_WAIT: Final = 1.0  # seconds until a message is seen
_PULSE_SECONDS: Final = 5.0
_EXPECTED: Final = ("done", "cancelled")
_PATIENCE: Final = 10  # seconds that a job has to stop in


class Worker:
    """Works until it is stopped. One for each process."""

    def __init__(self, settings: Settings, stores: Stores) -> None:
        """Open the queue.

        Raises:
            SettingsError: The queue or the webhook can't be used, or the database is in memory.
            MonitoringError: The webhook can't be used.
        """
        if stores.url is None:
            raise SettingsError(
                "a worker can't see a database in memory; set SCANTRAIL_DATABASE_URL to a file or "
                "a server"
            )
        settings.webhook.hook()
        self._settings = msgspec.structs.replace(settings, database_url=stores.url)
        self._stores = stores
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()
        self._over = threading.Event()
        huey = queue(self._settings)
        self._take = taker(huey, self._work)
        every = settings.monitoring.every_minutes
        huey.periodic_task(crontab(minute="*"))(self.look)
        huey.periodic_task(crontab(minute="*"))(self.deliver)
        if every:
            minute = f"*/{every}" if every < 60 else "0"
            huey.periodic_task(crontab(minute=minute))(self.monitor)
        self._consumer: Any = huey.create_consumer(
            workers=_THREADS, max_delay=_LONGEST_WAIT, scheduler_interval=5, shutdown_timeout=1
        )

    def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Work until somebody stops it.

        Args:
            ready: Called once it works.
        """
        os.nice(max(_NICE - os.nice(0), 0))
        name = self._stores.workers.begin()
        pulse = threading.Thread(target=self._pulse, args=(name,), name="pulse", daemon=True)
        pulse.start()
        self.look()
        self._take_waiting()
        ready()
        try:
            self._consumer.run()
        finally:
            self._over.set()
            self._stop_jobs()
            pulse.join()
            try:
                self._stores.workers.end(name)
            except StoreError as error:
                _log.warning("that this worker stops can't be noted: %s", error)

    def stop(self) -> None:
        """Stop soon; what runs is interrupted."""
        self._consumer.stop_flag.set()

    def look(self) -> None:
        """Bury jobs whose process is gone, and take those that wait and nobody was woken for."""
        for job in self._stores.jobs.bury():
            tell(logging.WARNING, job, "interrupted", "its process is gone")
        self._take_waiting()

    def monitor(self) -> None:
        """Queue monitoring, if a midnight has passed."""
        if not due(self._settings, self._stores):
            return
        try:
            self._take(self._stores.jobs.add("monitor", {}, "the clock").id)
        except ConflictError:  # it runs
            return

    def deliver(self) -> None:
        """Deliver what is due."""
        deliver_due(self._settings, self._stores)

    def _take_waiting(self) -> None:
        for job in self._stores.jobs.queued():
            if job.id not in self._running:
                self._take(job.id)

    def _work(self, number: int) -> None:
        """Have a job done in a process of its own, and wait for it."""
        with self._lock:
            if self._over.is_set() or number in self._running:
                return
            if self._stores.jobs.get(number).state != "queued":
                return
            process = self._running[number] = start(self._settings, number)
        tell(logging.INFO, number, "started")
        code = process.wait()
        with self._lock:
            self._running.pop(number)
        assert process.stdin is not None
        process.stdin.close()
        message = f"its process ended with code {code}"
        self._stores.jobs.end(number, "interrupted", message=message)  # if it said nothing
        ended = self._stores.jobs.get(number)
        level = logging.INFO if ended.state in _EXPECTED else logging.WARNING
        tell(level, number, ended.state, ended.message)
        self.deliver()  # of what the job found

    def _stop_jobs(self) -> None:
        for number, process in list(self._running.items()):
            process.terminate()
            try:
                process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
            self._stores.jobs.end(number, "interrupted", message="its worker was stopped")

    def _pulse(self, name: str) -> None:
        while not self._over.wait(_PULSE_SECONDS):
            try:
                self._stores.workers.alive(name)
                self._stores.jobs.keep_queued()
            except StoreError as error:
                _log.warning("no sign of life can be given: %s", error)
