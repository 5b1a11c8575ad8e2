"""Asking detectors side by side, each within its time; one that hangs or fails is left alone.

What a detector does can't be stopped from outside, only no longer waited for: it goes on in its
thread, and may still fill a cache. So that such threads don't pile up, a detector of which as many
calls hang as open its breaker is not called again before one of them ends.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextvars import copy_context
from functools import partial
from queue import SimpleQueue
from typing import Any, Final, Literal, TypeVar

import msgspec

from scantrail.breaker import Breaker, State
from scantrail.vocabulary.protocols import Detector

D = TypeVar("D", bound=Detector)
T = TypeVar("T")
#: Why a detector gave no answer: it raised, took too long, or was not asked (its breaker is open).
Outcome = Literal["failed", "late", "open"]

_log = logging.getLogger(__name__)


class Budgets(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long detectors may take, and when they are left alone.

    The time of a call is the detector's own, and `per_1000_ms` for every 1,000 events.
    """

    rules_ms: float = 5_000.0
    lstm_ms: float = 5_000.0
    svm_ms: float = 5_000.0
    per_1000_ms: float = 1_000.0
    failures: int = 3  #: failures or delays in a row after which a detector is left alone
    retry_s: float = 30.0  #: seconds after which it is tried again

    def seconds(self, name: str, events: int) -> float:
        """What a detector may take for so many events; one of another name as long as rules.

        >>> Budgets(lstm_ms=500, per_1000_ms=200).seconds("lstm", 10_000)
        2.5
        """
        own: float = getattr(self, f"{name}_ms", self.rules_ms)
        return (own + self.per_1000_ms * events / 1000) / 1000


class Guard:
    """Asks detectors (`vocabulary.protocols.Ask`). Safe to use from several threads."""

    def __init__(
        self, budgets: Budgets, noted: Callable[[str, Outcome], None] = lambda _, __: None
    ) -> None:
        """Begin with all breakers closed.

        Args:
            budgets: How long each may take.
            noted: Told of each call without an answer: the detector's name, and why.
        """
        self._budgets, self._noted = budgets, noted
        self._breakers: dict[tuple[str, str], Breaker] = {}
        self._hanging: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    def __call__(
        self, detectors: Sequence[D], work: Callable[[D], T], events: int
    ) -> list[T | None]:
        """What `work` gives for each detector; None where it fails or takes too long."""
        began = time.monotonic()
        jobs = [self._begin(one, work) for one in detectors]
        ends = [began + self._budgets.seconds(one.name, events) for one in detectors]
        waits = zip(detectors, jobs, ends, strict=True)
        return [None if job is None else self._end(one, job, end) for one, job, end in waits]

    def states(self) -> dict[str, State]:
        """Each detector's breaker, by `name version`."""
        with self._lock:
            return {" ".join(key): breaker.state for key, breaker in self._breakers.items()}

    def _begin(self, detector: D, work: Callable[[D], T]) -> Future[T] | None:
        key = detector.name, detector.version
        with self._lock:
            if (breaker := self._breakers.get(key)) is None:
                breaker = self._breakers[key] = self._breaker(detector.name)
            hanging = self._hanging[key]
        if hanging >= self._budgets.failures or not breaker.allows():
            self._noted(detector.name, "open")
            return None
        return _THREADS.submit(partial(work, detector))

    def _end(self, detector: Detector, job: Future[T], until: float) -> T | None:
        key = detector.name, detector.version
        breaker = self._breakers[key]
        try:
            result = job.result(max(0.0, until - time.monotonic()))
        except Exception as error:  # noqa: BLE001 - whatever it raises, others must answer
            breaker.failed()
            late = isinstance(error, TimeoutError) and not job.done()
            known = {"happened": "detector_late" if late else "detector_failed", "detector": key[0]}
            if late:
                self._hang(key, job)
                _log.warning("detector %s takes too long; the verdicts are degraded", key[0],
                             extra=known)  # fmt: skip
            else:
                _log.exception("detector %s failed; the verdicts are degraded", key[0], extra=known)
            self._noted(key[0], "late" if late else "failed")
            return None
        breaker.succeeded()
        return result

    def _hang(self, key: tuple[str, str], job: Future[Any]) -> None:
        """Count a call that goes on, for as long as it does."""

        def ended(_: Future[Any]) -> None:
            with self._lock:
                self._hanging[key] -= 1

        with self._lock:
            self._hanging[key] += 1
        job.add_done_callback(ended)

    def _breaker(self, name: str) -> Breaker:
        return Breaker(self._budgets.failures, self._budgets.retry_s, name=name)


class _Threads:
    """Threads that are kept. A job never waits behind one that hangs, nor does the process's end.

    The executor of `concurrent.futures` would wait for its threads before the process may end.
    """

    def __init__(self) -> None:
        self._jobs: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._idle = 0
        self._lock = threading.Lock()

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Have something done, in the caller's context."""
        done: Future[T] = Future()
        run = partial(copy_context().run, work)
        with self._lock:
            if self._idle:
                self._idle -= 1
            else:
                threading.Thread(target=self._work, name="detector", daemon=True).start()
        self._jobs.put(partial(self._do, run, done))
        return done

    def _work(self) -> None:
        while True:
            self._jobs.get()()

    def _do(self, work: Callable[[], T], done: Future[T]) -> None:
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - whoever waits is told
            self._free()
            done.set_exception(error)
        else:
            self._free()
            done.set_result(result)

    def _free(self) -> None:
        with self._lock:
            self._idle += 1


_THREADS: Final = _Threads()
