"""A worker beside the service, in a process of its own that ends with it."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from typing import Final

import msgspec

from scantrail import wiring
from scantrail.errors import ScantrailError
from scantrail.logs import configure
from scantrail.settings import Settings
from scantrail.work.process import end_with_parent
from scantrail.work.worker import Worker

_log = logging.getLogger(__name__)
#: Out of the service's way from the first import on.
_COMMAND: Final = "import os; os.nice(10); from scantrail.work.child import main; main()"
_PATIENCE: Final = 15  # seconds that a worker has to stop in
_PAUSES: Final = (1.0, 5.0, 30.0)  # seconds until one that died is started again
_STEADY: Final = 60.0  # seconds after which a worker counts as well


class Child:
    """Starts a worker, and starts it again should it die."""

    def __init__(self, settings: Settings) -> None:
        """Start nothing yet; `settings.database_url` names the database."""
        self._order = msgspec.json.encode(settings) + b"\n"
        self._over = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._keeper: threading.Thread | None = None

    @property
    def pid(self) -> int | None:
        """Of its process."""
        return self._process.pid if self._process else None

    def open(self) -> None:
        """Start it."""
        self._process = self._started()
        self._keeper = threading.Thread(target=self._keep, name="worker", daemon=True)
        self._keeper.start()

    def close(self) -> None:
        """Stop it; its jobs are interrupted."""
        self._over.set()
        process = self._process
        if process is not None and process.stdin is not None:
            process.stdin.close()
            try:
                process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
        if self._keeper is not None:
            self._keeper.join()

    def _started(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(  # noqa: S603 - our own words
            [sys.executable, "-c", _COMMAND], stdin=subprocess.PIPE
        )
        assert process.stdin is not None
        process.stdin.write(self._order)  # not in arguments: the database's password is in it
        process.stdin.flush()
        return process

    def _keep(self) -> None:
        died = 0
        while not self._over.is_set():
            begun = time.monotonic()
            assert self._process is not None
            code = self._process.wait()
            assert self._process.stdin is not None
            self._process.stdin.close()
            if self._over.is_set():
                return
            died = 0 if time.monotonic() - begun > _STEADY else died + 1
            pause = _PAUSES[min(max(died - 1, 0), len(_PAUSES) - 1)]
            _log.error("the worker ended with code %d; another starts in %.0f s", code, pause,
                       extra={"happened": "worker_died"})  # fmt: skip
            if not self._over.wait(pause):
                self._process = self._started()


def main() -> None:
    """Work by the settings on the first line of standard input, until that ends."""
    settings = msgspec.json.decode(sys.stdin.buffer.readline(), type=Settings)
    configure(settings.log_format, settings.log_level)
    try:
        stores = wiring.stores(settings)
        try:
            worker = Worker(settings, stores)
            end_with_parent(worker.stop)
            worker.run()
        finally:
            stores.close()
    except ScantrailError as error:
        _log.error("the worker can't work: %s", error)
        sys.exit(1)
