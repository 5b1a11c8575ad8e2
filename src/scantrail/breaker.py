"""A circuit breaker: what keeps failing is left alone for a while, then tried by one call.

Own code of a screen: a call may hang for ever here, and another thread then says how it went, which
decorators around a call, the form of most libraries for this, don't allow.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from typing import Literal

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
        self, failures: int, retry_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin closed.

        Args:
            failures: So many in a row open it.
            retry_s: Seconds after which one call may try; if it fails, as many again.
            clock: Seconds that never go back.
        """
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
            self._failures, self._trying = 0, False

    def failed(self) -> None:
        """A call failed, or took too long."""
        with self._lock:
            self._failures += 1
            self._trying = False
            self._retry_at = self._clock() + self._wait
