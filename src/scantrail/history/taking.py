"""One transaction: scans join their journeys, the journeys are judged whole, verdicts are kept.

What takes long is judged before the transaction, so that others may go on, and is judged again in
it only if what is known of its items, or of their company, changed meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from scantrail.history.keeping import Kept
from scantrail.history.posts import Batch, Post, Told
from scantrail.history.standing import items_of
from scantrail.stores.trails import Known, Trails, Turn
from scantrail.vocabulary.findings import Report
from scantrail.vocabulary.frames import below, picked, put
from scantrail.vocabulary.protocols import Journeys

#: Judges a frame of `vocabulary.events.EVENTS`, and tells what journeys it saw.
Judge = Callable[[pl.DataFrame], tuple[Report, Journeys]]
#: Items that were somewhere together with those to be judged; of more, the first by code.
MOST_COMPANY: Final = 200
#: Scans that are judged within the transaction; more are judged before it.
AT_ONCE: Final = 2_000


def take(trails: Trails, posts: Sequence[Post], judge: Judge, now: int) -> list[Told]:
    """Judge requests by all that is known of their items, and keep them with what was found.

    A scan that was sent before is no new one. Items are judged in the company that they kept.

    Args:
        trails: What is known so far.
        posts: The requests.
        judge: Who judges.
        now: Microseconds since 1970, UTC: when the reports are made.

    Returns:
        What to tell each caller. When this returns, all of it is on disk.

    Raises:
        StoreError: The database doesn't take it; nothing of it is stored.
    """
    batch = Batch.together(posts)
    items = sorted(set(batch.items))
    before = None
    if len(batch.digests) > AT_ONCE:
        with trails.look() as look:
            seen = _see(look, batch, items)
        before = seen, judge(seen.events)
    with trails.turn(items) as turn:
        now_seen = _see(turn, batch, items)
        if before is not None and before[0].same_as(now_seen):
            report, journeys = before[1]
        else:
            report, journeys = judge(now_seen.events)
        known, fresh = now_seen.known, now_seen.fresh
        standing = turn.standing(items) if known.digests else {}
        told = Kept(batch, known, fresh, report, standing).keep(turn, posts, now)
        if fresh:
            stand = list(items_of(journeys, report.verdicts["anomaly"], set(items)))
            turn.put_items(stand, set(known.items))
        return told


@dataclass(frozen=True)
class _Seen:
    """What there is to judge: the known scans, those of the batch that are new, their company."""

    known: Known
    fresh: list[int]
    others: Known
    events: pl.DataFrame

    def same_as(self, other: _Seen) -> bool:
        """Whether nothing came to it meanwhile; no scan is ever changed."""
        return (self.known.digests, self.others.digests) == (
            other.known.digests,
            other.others.digests,
        )


def _see(turn: Turn, batch: Batch, items: Sequence[str]) -> _Seen:
    known = turn.journeys(items)
    have = set(known.digests)
    fresh = [at for at, digest in enumerate(batch.digests) if digest not in have]
    new = picked(batch.frame, fresh)
    ours = below([known.events, new])
    others = turn.company([*known.moments, *batch.moments], items, MOST_COMPANY)
    return _Seen(known, fresh, others, _numbered([ours, others.events]))


def take_apart(trails: Trails, post: Post, judge: Judge, now: int) -> Told:
    """Judge a request by itself alone, and keep it apart from all journeys; see `take`."""
    batch = Batch.together([post], apart=f"{now} {post.asked.hex()}")
    fresh = list(range(len(batch.digests)))
    report, _ = judge(_numbered([batch.frame]))
    with trails.turn(()) as turn:
        kept = Kept(batch, Known.read([]), fresh, report, {}, apart=True)
        return kept.keep(turn, [post], now)[0]


def _numbered(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """All events below each other, with rows from 0."""
    every = below(frames)
    return put(every, pl.Series("row", range(len(every)), dtype=pl.UInt32))
