"""A circuit breaker: what keeps failing is left alone for a while, then tried by one call.

Own code of a screen: a call may hang for ever here, and another thread then says how it went, which
decorators around a call, the form of most libraries for this, don't allow.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Lock
from typing import Literal

_log = logging.getLogger(__name__)
State = Literal["closed", "open", "half-open"]


class Breaker:
    """Says whether something may be called. Safe to use from several threads.

    >>> breaker = Breaker(failures=2, retry_s=30)
    >>> breaker.failed(), breaker.allows()
    (None, True)
    >>> breaker.failed(), breaker.allows(), breaker.state
    (None, False, 'open')
    """

    def __init__(
        self,
        failures: int,
        retry_s: float,
        clock: Callable[[], float] = time.monotonic,
        name: str = "",
    ) -> None:
        """Begin closed.

        Args:
            failures: So many in a row open it.
            retry_s: Seconds after which one call may try; if it fails, as many again.
            clock: Seconds that never go back.
            name: What it protects, for the log; nothing is logged without.
        """
        self._name = name
        self._most, self._wait, self._clock = failures, retry_s, clock
        self._lock = Lock()
        self._failures = 0
        self._retry_at = 0.0
        self._trying = False

    @property
    def state(self) -> State:
        """Closed: all may call. Open: nobody. Half-open: one tries, or may."""
        with self._lock:
            if self._failures < self._most:
                return "closed"
            return "half-open" if self._trying or self._clock() >= self._retry_at else "open"

    def allows(self) -> bool:
        """Whether this call may go ahead; its caller then says how it went.

        One that never says blocks nobody for ever: after the same time another may try.
        """
        with self._lock:
            if self._failures < self._most:
                return True
            now = self._clock()
            if now < self._retry_at:
                return False
            self._trying = True
            self._retry_at = now + self._wait
            return True

    def succeeded(self) -> None:
        """A call went well."""
        with self._lock:
            was_open = self._failures >= self._most
            self._failures, self._trying = 0, False
        if was_open:
            self._tell(logging.INFO, "works again", "breaker_closed")

    def failed(self) -> None:
        """A call failed, or took too long."""
        with self._lock:
            self._failures += 1
            self._trying = False
            self._retry_at = self._clock() + self._wait
            opens = self._failures == self._most
        if opens:
            self._tell(logging.WARNING, "keeps failing and is left alone", "breaker_open")

    def _tell(self, level: int, what: str, happened: str) -> None:
        if self._name:
            known = {"happened": happened, "breaker": self._name}
            _log.log(level, "%s %s", self._name, what, extra=known)
