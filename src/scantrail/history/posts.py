"""Requests to be judged, and several of them put together so that each scan is there once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec
import polars as pl

from scantrail.ingest.gs1 import item_of
from scantrail.stages import Stages
from scantrail.stores import digests
from scantrail.vocabulary.events import Events, no_ids
from scantrail.vocabulary.findings import Report
from scantrail.vocabulary.frames import below, picked, put


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict in short: `kind` is null where nothing is suspect, `confidence` is 0-100."""

    kind: str | None
    confidence: float | None


class Amendment(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What is now said otherwise of an earlier scan; `now.kind` is null where it is taken back."""

    event_id: int | str | None
    epc_code: str
    event_time: str
    was: Said
    now: Said


#: From what was found, and what is amended, to the bytes that a caller is told.
Word = Callable[[Report, list[Amendment]], bytes]


@dataclass(frozen=True)
class Post:
    """A request to be judged.

    `asked` is its digest, for one who sends it again under a key. `stages`: what it went through.
    """

    events: Events
    label: str
    asked: bytes
    word: Word
    idempotency_key: str | None = None
    stages: Stages = field(default_factory=Stages)


@dataclass(frozen=True)
class Told:
    """What became of a request: `report_id` is None where there was nothing to keep.

    Of a request that brings nothing new it is the newest report that brought some of it.
    """

    answer: bytes
    report_id: int | None


@dataclass(frozen=True)
class Batch:
    """The scans of several requests, each once.

    `frame` (`vocabulary.events.EVENTS`), `digests`, `items`, `moments`, `post` (the first that has
    it) and `event_id`: one per scan. `rows`: for each request, where each of its events stands.
    """

    frame: pl.DataFrame
    digests: list[bytes]
    items: list[str]
    moments: list[int]
    post: list[int]
    event_id: list[str | None]
    rows: list[list[int]]

    @classmethod
    def together(cls, posts: Sequence[Post], apart: str = "") -> Batch:
        """Put requests together.

        Args:
            posts: The requests.
            apart: Names a request whose scans shall equal no others'.
        """
        seen: dict[bytes, int] = {}
        first: list[int] = []
        post_of: list[int] = []
        rows: list[list[int]] = []
        start = 0
        for number, post in enumerate(posts):
            mine = digests.scans(post.events.frame, apart)
            for at, digest in enumerate(mine, start):
                if digest not in seen:
                    seen[digest] = len(first)
                    first.append(at)
                    post_of.append(number)
            rows.append([seen[digest] for digest in mine])
            start += len(mine)
        frame = below([_without_ids(post.events.frame) for post in posts])
        ids = [each for post in posts for each in post.events.frame["event_id"].to_list()]
        if len(first) < len(frame):
            frame, ids = picked(frame, first), [ids[at] for at in first]
        items = [item_of(code or "") for code in frame["epc_code"].to_list()]
        texts = [None if each is None else str(each) for each in ids]
        moments = digests.moments(frame)
        return cls(frame, list(seen), items, moments, post_of, texts, rows)


def _without_ids(events: pl.DataFrame) -> pl.DataFrame:
    """The events without the ids that their senders gave them, numbers or texts."""
    return put(events, no_ids(len(events)))
