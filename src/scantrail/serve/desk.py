"""The desk where requests are handed in: clerks take what waits, as much at once as makes a batch.

The busier it is, the more requests share the cost of a transaction and of a call of each detector.
One clerk takes requests that are larger than a batch, so that small ones don't wait behind them.
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final

from scantrail.errors import ScantrailError
from scantrail.history.posts import Post, Told

_log = logging.getLogger(__name__)

_LONGEST_WAIT: Final = 120  # seconds that a caller is told to wait
_GUESS: Final = 5_000.0  # events per second, before any was measured
_WEIGHT: Final = 0.3  # of the newest measured rate


class Busy(ScantrailError):  # noqa: N818 - no error of anybody's
    """More is waiting than may; `seconds` is when to try again."""

    def __init__(self, seconds: int, why: str = "too much is waiting to be judged") -> None:
        """Say so."""
        super().__init__(f"{why}; try again in {seconds} s")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class _Job:
    post: Post
    size: int
    done: Future[Told] = field(default_factory=Future)


@dataclass
class _Lane:
    """Jobs of one kind, and the clerk who works them off."""

    jobs: deque[_Job] = field(default_factory=deque)
    clerk: threading.Thread | None = None
    waiting: int = 0  # events, those at work included
    rate: float = _GUESS  # events per second

    @property
    def seconds(self) -> float:
        """Until all that waits is judged."""
        return self.waiting / self.rate

    def worked(self, size: int, seconds: float) -> None:
        """Note that a batch is done."""
        self.waiting -= size
        self.rate += _WEIGHT * (size / max(seconds, 1e-3) - self.rate)


class Desk:
    """Takes requests, judges them in batches in threads of its own, and answers each."""

    def __init__(
        self,
        take: Callable[[Sequence[Post]], list[Told]],
        *,
        at_once: int,
        most_waiting: int,
        full: Callable[[], bool] = lambda: False,
    ) -> None:
        """Open the desk.

        Args:
            take: Judges requests together; all or nothing. Called by two threads at most.
            at_once: Events that make a batch full.
            most_waiting: Events that may wait; more are refused.
            full: Whether memory is short; then nothing more is taken while something waits.
        """
        self._take, self._at_once, self._most, self._full = take, at_once, most_waiting, full
        self._small, self._large = _Lane(), _Lane()
        self._change = threading.Condition()
        self._open = True

    @property
    def waiting(self) -> int:
        """Events that wait, those at work included."""
        return self._small.waiting + self._large.waiting

    def check(self, size: int = 1) -> None:
        """Refuse so many events if they could not be handed in now.

        Raises:
            Busy: Too much is waiting, memory is short, or the desk is closed.
        """
        seconds = math.ceil(max(self._small.seconds, self._large.seconds))
        seconds = min(max(seconds, 1), _LONGEST_WAIT)
        if not self._open:
            raise Busy(seconds, "the service is stopping")
        if self.waiting and self.waiting + size > self._most:
            raise Busy(seconds)
        if self.waiting and self._full():
            raise Busy(seconds, "memory is short while others are being judged")

    async def hand_in(self, post: Post) -> Told:
        """Have a request judged; when this returns, it is on disk.

        Raises:
            Busy: See `check`.
            StoreError: It could not be stored.
        """
        job = _Job(post, max(1, len(post.events.frame)))
        lane = self._small if job.size <= self._at_once else self._large
        with self._change:
            self.check(job.size)
            lane.jobs.append(job)
            lane.waiting += job.size
            self._change.notify_all()
            if lane.clerk is None:
                lane.clerk = threading.Thread(
                    target=self._work, args=[lane], name="desk", daemon=True
                )
                lane.clerk.start()
        return await asyncio.wrap_future(job.done)

    def open(self) -> None:
        """Take requests again, after `close`."""
        with self._change:
            self._open = True

    def close(self) -> None:
        """Take nothing more, and finish what was taken."""
        with self._change:
            self._open = False
            self._change.notify_all()
        for lane in (self._small, self._large):
            clerk, lane.clerk = lane.clerk, None
            if clerk is not None:
                clerk.join()

    def _work(self, lane: _Lane) -> None:
        while jobs := self._next(lane):
            began = time.monotonic()
            self._judge(jobs)
            with self._change:
                lane.worked(sum(job.size for job in jobs), time.monotonic() - began)

    def _next(self, lane: _Lane) -> list[_Job]:
        """All that wait, as much as makes a batch; nothing once the desk is closed and empty."""
        with self._change:
            while self._open and not lane.jobs:
                self._change.wait()
            jobs: list[_Job] = []
            size = 0
            while lane.jobs and (not jobs or size + lane.jobs[0].size <= self._at_once):
                jobs.append(lane.jobs.popleft())
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
