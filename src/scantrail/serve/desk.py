"""The desk where requests are handed in: one clerk takes all that wait at once, as one batch.

The busier it is, the more requests share the cost of a transaction and of a call of each detector.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from scantrail.errors import ScantrailError
from scantrail.history.posts import Post, Told

_log = logging.getLogger(__name__)


class Busy(ScantrailError):  # noqa: N818 - no error of anybody's
    """More is waiting than may; `seconds` is when to try again."""

    def __init__(self, seconds: int) -> None:
        """Say so."""
        super().__init__(f"too much is waiting to be judged; try again in {seconds} s")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class _Job:
    post: Post
    size: int
    done: Future[Told] = field(default_factory=Future)


class Desk:
    """Takes requests, judges them in batches in a thread of its own, and answers each."""

    def __init__(
        self, take: Callable[[Sequence[Post]], list[Told]], *, at_once: int, most_waiting: int
    ) -> None:
        """Open the desk.

        Args:
            take: Judges requests together; all or nothing.
            at_once: Events that make a batch full.
            most_waiting: Events that may wait; more are refused.
        """
        self._take, self._at_once, self._most = take, at_once, most_waiting
        self._jobs: deque[_Job] = deque()
        self._change = threading.Condition()
        self._waiting = 0
        self._open = True
        self._clerk: threading.Thread | None = None

    @property
    def waiting(self) -> int:
        """Events that wait."""
        return self._waiting

    async def hand_in(self, post: Post) -> Told:
        """Have a request judged; when this returns, it is on disk.

        Raises:
            Busy: Too much is waiting, or the desk is closed.
            StoreError: It could not be stored.
        """
        size = max(1, len(post.events.frame))
        job = _Job(post, size)
        with self._change:
            if not self._open or (self._waiting and self._waiting + size > self._most):
                raise Busy(1 + self._waiting // 10_000)
            self._jobs.append(job)
            self._waiting += size
            self._change.notify()
            if self._clerk is None:
                self._clerk = threading.Thread(target=self._work, name="desk", daemon=True)
                self._clerk.start()
        return await asyncio.wrap_future(job.done)

    def open(self) -> None:
        """Take requests again, after `close`."""
        with self._change:
            self._open = True

    def close(self) -> None:
        """Take nothing more, and finish what was taken."""
        with self._change:
            self._open = False
            self._change.notify()
            clerk, self._clerk = self._clerk, None
        if clerk is not None:
            clerk.join()

    def _work(self) -> None:
        while jobs := self._next():
            self._judge(jobs)
            with self._change:
                self._waiting -= sum(job.size for job in jobs)

    def _next(self) -> list[_Job]:
        """All that wait, as much as makes a batch; nothing once the desk is closed and empty."""
        with self._change:
            while self._open and not self._jobs:
                self._change.wait()
            jobs: list[_Job] = []
            size = 0
            while self._jobs and (not jobs or size + self._jobs[0].size <= self._at_once):
                jobs.append(self._jobs.popleft())
                size += jobs[-1].size
            return jobs

    def _judge(self, jobs: list[_Job]) -> None:
        """Judge a batch; if that fails, each by itself, so that one spoils no other."""
        try:
            told = self._take([job.post for job in jobs])
        except Exception as error:  # noqa: BLE001 - its caller is told
            if len(jobs) == 1:
                _give(jobs[0].done, error=error)
                return
            _log.warning("a batch of %d requests failed, each is tried alone: %s", len(jobs), error)
            for job in jobs:
                self._judge([job])
            return
        for job, one in zip(jobs, told, strict=True):
            _give(job.done, told=one)


def _give(done: Future[Told], told: Told | None = None, error: Exception | None = None) -> None:
    """Answer, unless the caller has gone."""
    if not done.set_running_or_notify_cancel():
        return
    if error is not None:
        done.set_exception(error)
    else:
        assert told is not None
        done.set_result(told)
