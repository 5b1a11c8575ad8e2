"""What the endpoints share: the engine that judges, the store that remembers, and the desk."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import blake2b
from typing import Any, Final

import anyio
import anyio.to_thread
import msgspec
import numpy as np
import polars as pl
from fastapi import Request

from scantrail.guard import Guard
from scantrail.history.posts import Amendment, Post, Told
from scantrail.history.taking import AT_ONCE, take, take_apart
from scantrail.serve.desk import Busy, Desk
from scantrail.serve.detection import answer
from scantrail.serve.memory import Memory
from scantrail.serve.models import Models
from scantrail.serve.records import RequestError, read_records
from scantrail.vocabulary.events import EVENTS, Events
from scantrail.vocabulary.findings import Report
from scantrail.vocabulary.protocols import Journeys
from scantrail.wiring import Engine, Stores

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

    def __init__(self, engine: Engine, stores: Stores, models: Models) -> None:
        """Put it together; the engine's artifact is not looked at, `models` gives it."""
        self.engine, self.stores, self.models = engine, stores, models
        self.limiter = anyio.CapacityLimiter(_AT_ONCE)
        self.guard = Guard(engine.settings.budgets)
        self.desk = Desk(
            self._take,
            at_once=AT_ONCE,
            most_waiting=engine.settings.max_waiting_events,
            full=Memory(engine.settings.max_memory_mb).short,
        )
        self.nothing = Events(EVENTS.to_frame(), source="request")

    async def body(self, request: Request) -> bytes:
        """The request's body, refused as soon as it is too large or nobody could judge it."""
        self._admit()
        most = self.engine.settings.max_body_bytes
        chunks, size = [], 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > most:
                message = f"the body has more than {most} bytes; send fewer records at a time"
                raise RequestError([{"type": "too_large", "loc": ["body"], "msg": message}], 413)
            chunks.append(chunk)
        return b"".join(chunks)

    def _admit(self) -> None:
        self.desk.check()
        if self.limiter.statistics().tasks_waiting >= _MOST_APART:
            raise Busy(_APART_SECONDS, "too many requests are waiting to be read")

    async def detect(self, body: bytes, wish: Wish) -> bytes:
        """The whole way from a body to an answer, on disk when this returns."""
        digest = digest_of(body)
        key = wish.idempotency_key
        if key is not None and (before := self._answered(key, digest)) is not None:
            return before
        events, stateless = await self.run(len(body), partial(self._read, body))
        if not len(events.frame) and not len(events.rejects):
            return self.worded(events, wish, self._judge(wish, events.frame)[0], [])
        post = Post(events, _label(events), digest, partial(self.worded, events, wish), key)
        told = await self.keep(post, wish, apart=stateless)
        return told.answer

    async def keep(self, post: Post, wish: Wish, *, apart: bool = False) -> Told:
        """Judge a request, and keep it with what was found.

        What is to be judged otherwise than by the configured detectors enters no journey.
        """
        if apart or self._otherwise(wish):
            judge = partial(self._judge, wish)
            alone = partial(take_apart, self.stores.trails, post, judge, _now())
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
        return self.worded(self.nothing, wish, self._judge(wish, self.nothing.frame)[0], [])

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
        return (wish.profile or rules) != rules or (self.models.learned and not wish.ml)

    def _take(self, posts: Sequence[Post]) -> list[Told]:
        return take(self.stores.trails, posts, partial(self._judge, Wish()), _now())

    def _judge(self, wish: Wish, events: pl.DataFrame) -> tuple[Report, Journeys]:
        engine = self.models.engine() if wish.ml else self.models.rules()
        return engine.judge_journeys(events, wish.profile, ml=wish.ml, ask=self.guard)

    def worded(
        self, events: Events, wish: Wish, report: Report, amended: Sequence[Amendment]
    ) -> bytes:
        """What a caller is told."""
        settings = self.engine.settings
        told = answer(
            events,
            replace(report, rejects=events.rejects),
            gains=(wish.profile or settings.rules) != "source",
            everything=wish.everything,
            ensemble=self.models.ensemble_of(report.versions.get("lstm")),
        )
        first = told[0] if isinstance(told, list) else told
        if wish.method:
            for one in told if isinstance(told, list) else [told]:
                one["method"] = wish.method
        if amended:
            first["amended"] = amended
        return msgspec.json.encode(told)


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
