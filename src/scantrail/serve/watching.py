"""Looking again and again at what other processes may have changed."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from scantrail.errors import StoreError

_log = logging.getLogger(__name__)


class Watcher:
    """A thread that looks at something; what goes wrong is told once, and it looks on."""

    def __init__(self, name: str, look: Callable[[], object], seconds: float) -> None:
        """Watch nothing yet.

        Args:
            name: What is looked at, for the log.
            look: Looks once.
            seconds: Between two looks.
        """
        self._name, self._look, self._seconds = name, look, seconds
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        """Begin to watch."""
        if self._thread is None:
            self._stop.clear()
            self._thread = threading.Thread(target=self._watch, name=self._name, daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Watch no longer."""
        self._stop.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join()

    def _watch(self) -> None:
        down = False
        while not self._stop.wait(self._seconds):
            try:
                self._look()
                down = False
            except StoreError as error:
                if not down:
                    _log.warning("%s can't be seen, all stays as it is: %s", self._name, error)
                down = True
            except Exception:  # noqa: BLE001 - what serves must be watched on
                _log.exception("looking at %s failed; it is tried again", self._name)
