"""What the endpoints share: the engine that judges, the store that remembers, and the desk."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from hashlib import blake2b
from time import perf_counter_ns
from typing import Any, Final, TypeVar

import anyio
import anyio.to_thread
import msgspec
import numpy as np
import polars as pl
from fastapi import Request

from scantrail.guard import Guard
from scantrail.history.posts import Amendment, Post, Told
from scantrail.history.taking import AT_ONCE, take, take_apart
from scantrail.serve.account import Account, account
from scantrail.serve.desk import Busy, Desk
from scantrail.serve.detection import answer
from scantrail.serve.dismissing import Marker
from scantrail.serve.memory import Memory
from scantrail.serve.metrics import Metrics
from scantrail.serve.models import Models
from scantrail.serve.records import RequestError, read_records
from scantrail.serve.trying import Trying
from scantrail.stages import Stages
from scantrail.vocabulary.events import EVENTS, Events
from scantrail.vocabulary.findings import Report
from scantrail.vocabulary.protocols import Detector, Journeys
from scantrail.wiring import Engine, Stores
from scantrail.work.orders import JobDesk

D = TypeVar("D", bound=Detector)
T = TypeVar("T")
_SMALL: Final = 16_384  # bytes; so small a body is read sooner than handed to a thread
_AT_ONCE: Final = 2  # requests that are read, or judged apart, side by side; more wait
_MOST_APART: Final = 100  # requests that wait for that; more are refused
_APART_SECONDS: Final = 5  # when to try again then


@dataclass(frozen=True, slots=True)
class Wish:
    """How a caller wants to be answered.

    `profile`: rules; the configured ones if None. `ml`: whether learned detectors judge.
    `everything`: whether events that are not suspect are told too. `method`: a name to give back.
    """

    profile: str | None = None
    ml: bool = True
    everything: bool = False
    method: str | None = None
    idempotency_key: str | None = None


class Service:
    """What the endpoints share. Safe to use from several threads."""

    def __init__(self, engine: Engine, stores: Stores, models: Models, trying: Trying) -> None:
        """Put it together; the engine's artifact is not looked at, `models` gives it."""
        self.engine, self.stores, self.models, self.trying = engine, stores, models, trying
        self.dismissals = Marker(stores.feedback)
        self.jobs = JobDesk(engine.settings, stores)
        self.limiter = anyio.CapacityLimiter(_AT_ONCE)
        self.metrics = Metrics()
        self.guard = Guard(engine.settings.budgets, self.metrics.failed)
        self.desk = Desk(
            self._take,
            at_once=AT_ONCE,
            most_waiting=engine.settings.max_waiting_events,
            full=Memory(engine.settings.max_memory_mb).short,
        )
        self.nothing = Events(EVENTS.to_frame(), source="request")

    async def body(self, request: Request) -> bytes:
        """The request's body, refused at once if nobody could judge it."""
        self.admit()
        return await request.body()

    def admit(self) -> None:
        """Refuse a request that nobody could judge now.

        Raises:
            Busy: Too much is waiting.
        """
        self.desk.check()
        if self.limiter.statistics().tasks_waiting >= _MOST_APART:
            raise Busy(_APART_SECONDS, "too many requests are waiting to be read")

    async def detect(self, body: bytes, wish: Wish) -> bytes:
        """The whole way from a body to an answer, on disk when this returns."""
        digest = digest_of(body)
        key = wish.idempotency_key
        if key is not None and (before := self._answered(key, digest)) is not None:
            return before
        gone = account()
        with gone.stages("reading"):
            events, stateless = await self.run(len(body), partial(self._read, body))
        word = partial(self.worded, events, wish, gone=gone)
        if not len(events.frame) and not len(events.rejects):
            return word(self._judge(wish, gone.stages, events.frame)[0], [])
        post = Post(events, _label(events), digest, word, key, gone.stages)
        told = await self.keep(post, wish, apart=stateless)
        return told.answer

    async def keep(self, post: Post, wish: Wish, *, apart: bool = False) -> Told:
        """Judge a request, and keep it with what was found.

        What is to be judged otherwise than by the configured detectors enters no journey.
        """
        if apart or self._otherwise(wish):
            alone = partial(self._take_apart, post, wish)
            return await anyio.to_thread.run_sync(alone, limiter=self.limiter)
        return await self.desk.hand_in(post)

    async def run(self, size: int, work: Callable[[], Any]) -> Any:
        """Do CPU work: at once if it is small, else in a thread, so that others are answered."""
        if size <= _SMALL:
            return work()
        return await anyio.to_thread.run_sync(work, limiter=self.limiter)

    def latest(self) -> bytes:
        """What the latest caller was told; of nothing, if there was none."""
        told = self.stores.reports.latest_answer()
        if told is not None:
            return told
        wish = Wish()
        report, _ = self._judge(wish, Stages(), self.nothing.frame)
        return self.worded(self.nothing, wish, report, [], gone=Account())

    def _read(self, body: bytes) -> tuple[Events, bool]:
        asked = read_records(body, self.engine.settings.max_records)
        return self.engine.understand(asked.raw), asked.stateless

    def _answered(self, key: str, digest: bytes) -> bytes | None:
        """What was answered under this key; refuses one that stands for another request."""
        before = self.stores.trails.answered(key)
        if before is None:
            return None
        if before[0] != digest:
            message = "this key was used for another request; use a new key for each"
            fault = {"type": "idempotency", "loc": ["header", "Idempotency-Key"], "msg": message}
            raise RequestError([fault], 409)
        return before[1]

    def _otherwise(self, wish: Wish) -> bool:
        rules = self.engine.settings.rules
        learned = self.models.learned or self.trying.splits
        return (wish.profile or rules) != rules or (learned and not wish.ml)

    def _take(self, posts: Sequence[Post]) -> list[Told]:
        seen: list[tuple[Report, Journeys]] = []
        with _shared(posts) as stages:

            def judge(events: pl.DataFrame) -> tuple[Report, Journeys]:
                seen.append(self._judge(Wish(), stages, events))
                return seen[-1]

            told = take(self.stores.trails, posts, judge, _now())
        self.trying.shadow(*seen[-1], [post.events.frame for post in posts])
        return told

    def _take_apart(self, post: Post, wish: Wish) -> Told:
        with _shared([post]) as stages:
            judge = partial(self._judge, wish, stages)
            return take_apart(self.stores.trails, post, judge, _now())

    def _judge(self, wish: Wish, stages: Stages, events: pl.DataFrame) -> tuple[Report, Journeys]:
        engine = self.models.engine() if wish.ml else self.models.rules()
        ask = Asking(self.guard, stages)
        with stages("judging"):
            if engine.settings.rules != "source" and not self._otherwise(wish):
                report, journeys = self.trying.judge(engine, events, ask)
            else:
                report, journeys = engine.judge_journeys(events, wish.profile, ml=wish.ml, ask=ask)
        return self.dismissals.mark(report, journeys, events), journeys

    def worded(
        self,
        events: Events,
        wish: Wish,
        report: Report,
        amended: Sequence[Amendment],
        *,
        gone: Account,
    ) -> bytes:
        """What a caller is told; the request's account is told, too."""
        settings = self.engine.settings
        report = replace(report, rejects=events.rejects)
        gone.found(report, len(amended))
        told = answer(
            events,
            report,
            gains=(wish.profile or settings.rules) != "source",
            everything=wish.everything,
            ensemble=self.models.ensemble_of(report.versions.get("lstm")),
            dismissed=self.dismissals.told(report),
        )
        first = told[0] if isinstance(told, list) else told
        if wish.method:
            for one in told if isinstance(told, list) else [told]:
                one["method"] = wish.method
        if amended:
            first["amended"] = amended
        return msgspec.json.encode(told)


class Asking:
    """Asks detectors, and notes how long each judged, and how long words were looked for."""

    def __init__(self, guard: Guard, stages: Stages) -> None:
        """Ask by a guard."""
        self._guard, self._stages = guard, stages
        self._judged = False

    def __call__(
        self, detectors: Sequence[D], work: Callable[[D], T], events: int
    ) -> list[T | None]:
        """See `vocabulary.protocols.Ask`: they are asked for scores first, then for words."""
        if self._judged:
            with self._stages("explaining"):
                return self._guard(detectors, work, events)
        self._judged = True

        def timed(detector: D) -> T:
            with self._stages(detector.name):
                return work(detector)

        return self._guard(detectors, timed, events)


@contextmanager
def _shared(posts: Sequence[Post]) -> Iterator[Stages]:
    """What requests go through together: they wait for it, are looked up, judged and kept."""
    stages = Stages()
    try:
        yield stages
    finally:
        end = perf_counter_ns()
        judged = [stage for stage in stages.noted if stage.name == "judging"]
        if judged:
            stages.note("looking", stages.begin, judged[0].begin)
            stages.note("keeping", judged[-1].end, end)
        for post in posts:
            mine = post.stages
            mine.note("waiting", mine.noted[-1].end if mine.noted else mine.begin, stages.begin)
            mine.noted.extend(stages.noted)


def digest_of(body: bytes) -> bytes:
    """A digest of 16 bytes of what was asked."""
    return blake2b(body, digest_size=16).digest()


def _label(events: Events) -> str:
    """How a detection is listed: by the files that it names."""
    ids: Any = events.frame["file_id"]
    if not len(ids):
        return "rejected records"
    return "file " + ", ".join(str(i) for i in np.unique(ids.to_numpy())[:5])


def _now() -> int:
    return time.time_ns() // 1000
