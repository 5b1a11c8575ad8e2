"""From what was found to what is stored: new verdicts, amended ones, and a report per request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import msgspec
import polars as pl

from scantrail.history.posts import Amendment, Batch, Post, Said, Told
from scantrail.stores import digests
from scantrail.stores.trails import Known, NewReport, Standing, Turn
from scantrail.vocabulary.events import Events
from scantrail.vocabulary.findings import AnomalyKind, Report
from scantrail.vocabulary.frames import picked, put, rows
from scantrail.vocabulary.times import wall_clock

_MODEL: Final = AnomalyKind.MODEL.value
_ROUGHLY: Final = 1.0  # points of confidence; a smaller change is nothing to tell
_SAID: Final = ("anomaly", "kind", "finalConfidence", "cause", "explanation", "expected")
_SCAN: Final = (
    "epc_code", "time", "offset", "file_id", "location_id", "scan_location", "business_step",
    "event_type", "flags",
)  # fmt: skip
_DIGITS: Final = 4  # of stored scores


@dataclass(frozen=True)
class Kept:
    """What was judged: the known scans, then those of the batch that are new (`fresh`).

    `standing`: the newest stored verdicts on the known ones. `apart`: these scans join no journey.
    """

    batch: Batch
    known: Known
    fresh: list[int]
    report: Report
    standing: dict[bytes, Standing]
    apart: bool = False

    def keep(self, turn: Turn, posts: Sequence[Post], now: int) -> list[Told]:
        """Store everything, and word what each caller is told."""
        judgement = self._judgement(turn)
        changed = self._changed_by_post(len(posts))
        new = Counter(self.batch.post[at] for at in self.fresh)
        answers: list[bytes] = []
        made: dict[int, NewReport] = {}  # by request
        for number, post in enumerate(posts):
            places = [self._places[at] for at in self.batch.rows[number]]
            report = _on(self.report, places, post.events)
            answers.append(post.word(report, [self._amendment(at) for at in changed[number]]))
            if new[number] or changed[number] or len(post.events.rejects):
                made[number] = _new_report(post, report, judgement, now, answers[-1])
        added = dict(zip(made, turn.add_reports(list(made.values())), strict=True))
        # of a request without one, all was sent before, and all stands as it was
        ids = [added.get(number) or self._first_in(number) for number in range(len(posts))]
        turn.add_events(self._event_rows(ids))
        turn.add_verdicts(self._verdict_rows(ids, changed))
        turn.add_opinions(self._opinions(changed))
        return [Told(answer, id_) for answer, id_ in zip(answers, ids, strict=True)]

    def _first_in(self, number: int) -> int | None:
        """The newest report that brought something of a request."""
        mine = (self.standing.get(self.batch.digests[at]) for at in self.batch.rows[number])
        return max((one.report_id for one in mine if one), default=None)

    @cached_property
    def _places(self) -> list[int]:
        """Where each scan of the batch stands among what was judged."""
        at = {digest: place for place, digest in enumerate(self.known.digests)}
        start = len(self.known.digests)
        at |= {self.batch.digests[scan]: start + k for k, scan in enumerate(self.fresh)}
        return [at[digest] for digest in self.batch.digests]

    def _changed_by_post(self, count: int) -> list[list[int]]:
        """Known scans of which something else is said now, by the request that brought it about.

        What only some detectors say takes nothing back.
        """
        changed: list[list[int]] = [[] for _ in range(count)]
        if not self.standing or self.report.degraded:
            return changed
        said = rows(self.report.verdicts.head(len(self.known.digests)), *_SAID[:3])
        cause = {self.batch.items[at]: self.batch.post[at] for at in reversed(self.fresh)}
        for at, (digest, now) in enumerate(zip(self.known.digests, said, strict=True)):
            was = self.standing.get(digest)
            if was is not None and _differs(was, *now):
                changed[cause.get(self.known.items[at], 0)].append(at)
        return changed

    def _amendment(self, at: int) -> Amendment:
        event = self.known.events.row(at, named=True)
        was = self.standing[self.known.digests[at]]
        [(anomaly, kind, confidence)] = rows(self.report.verdicts[at], *_SAID[:3])
        return Amendment(
            event_id=self.known.event_ids[at],
            epc_code=event["epc_code"],
            event_time=wall_clock(event["time"], event["offset"]),
            was=_said(was.anomaly, was.kind, was.confidence),
            now=_said(anomaly, kind, confidence),
        )

    def _judgement(self, turn: Turn) -> bytes:
        """The digest of by what was judged, which is stored once."""
        scores = [name for name in self.report.verdicts.columns if name.endswith("Score")]
        told: dict[str, Any] = {"versions": self.report.versions, "scores": scores}
        if self.report.challenge is not None:
            told["challenge"] = self.report.challenge
        made_by = msgspec.json.encode(told)
        digest = digests.of_all([made_by])
        turn.add_judgement(digest, made_by.decode())
        return digest

    def _event_rows(self, ids: Sequence[int | None]) -> list[tuple[Any, ...]]:
        batch = self.batch
        told = list(rows(batch.frame, *_SCAN))
        made = []
        for at in self.fresh:
            epc, time, offset, file_id, *rest, flags = told[at]
            made.append((
                batch.digests[at], ids[batch.post[at]], at, batch.items[at], epc, time, offset,
                batch.event_id[at], file_id, *rest, flags, batch.moments[at], self.apart,
            ))  # fmt: skip
        return made

    def _verdict_rows(
        self, ids: Sequence[int | None], changed: list[list[int]]
    ) -> list[tuple[Any, ...]]:
        """Those on new scans, and those that amend others."""
        start = len(self.known.digests)
        why = [
            (start + k, self.batch.digests[at], 0, ids[self.batch.post[at]], self.batch.items[at])
            for k, at in enumerate(self.fresh)
        ]
        for number, places in enumerate(changed):
            for at in places:
                digest = self.known.digests[at]
                revision = self.standing[digest].revision + 1
                why.append((at, digest, revision, ids[number], self.known.items[at]))
        if not why:
            return []
        verdicts = picked(self.report.verdicts, [at for at, *_ in why])
        said = rows(verdicts, *_SAID)
        learned = self._learned()
        return [
            (digest, revision, report, item, self._journeys[item], *told[:3], scores, *told[3:],
             learned.get(at))
            for (at, digest, revision, report, item), told, scores in zip(
                why, said, _scores(verdicts), strict=True)
        ]  # fmt: skip

    def _opinions(self, changed: list[list[int]]) -> list[tuple[bytes, int]]:
        """Which dismissals new verdicts fall under."""
        verdicts = self.report.verdicts
        if "dismissed" not in verdicts.columns:
            return []
        start = len(self.known.digests)
        said = [(start + k, self.batch.digests[at]) for k, at in enumerate(self.fresh)]
        said += [(at, self.known.digests[at]) for places in changed for at in places]
        marks = verdicts["dismissed"].to_list()
        return [(digest, marks[at]) for at, digest in said if marks[at] is not None]

    @cached_property
    def _journeys(self) -> dict[str, bytes]:
        """A digest of each item's scans, as they were judged."""
        scans: dict[str, list[bytes]] = {}
        for item, digest in zip(self.known.items, self.known.digests, strict=True):
            scans.setdefault(item, []).append(digest)
        for at in self.fresh:
            scans.setdefault(self.batch.items[at], []).append(self.batch.digests[at])
        return {item: digests.of_all(mine) for item, mine in scans.items()}

    def _learned(self) -> dict[int, str]:
        """What learned detectors say, by place."""
        claims = self.report.claims
        if not len(claims):
            return {}
        told = rows(claims, "row", "kind", "reason")
        return {row: reason for row, kind, reason in told if kind == _MODEL}


def _differs(was: Standing, anomaly: bool, kind: str | None, confidence: float | None) -> bool:  # noqa: FBT001
    """Whether something else is said now."""
    if (was.anomaly, was.kind) != (anomaly, kind):
        return True
    return anomaly and abs((was.confidence or 0.0) - (confidence or 0.0)) >= _ROUGHLY


def _said(anomaly: bool, kind: str | None, confidence: float | None) -> Said:  # noqa: FBT001
    rounded = None if confidence is None else round(confidence, 2)
    return Said(kind=kind if anomaly else None, confidence=rounded)


def _scores(verdicts: pl.DataFrame) -> list[str]:
    """The scores of each verdict as JSON, without zeros."""
    names = [name for name in verdicts.columns if name.endswith("Score")]
    encode = msgspec.json.Encoder().encode
    return [
        encode({
            name: score if score is None else round(score, _DIGITS)
            for name, score in zip(names, row, strict=True)
            if score != 0
        }).decode()
        for row in rows(verdicts, *names)
    ]  # fmt: skip


def _on(report: Report, places: list[int], events: Events) -> Report:
    """What a report says of some of its events, in the rows and by the ids that a request has."""
    frame = events.frame
    ids = frame["row"], frame["event_id"], frame["file_id"]
    verdicts = put(picked(report.verdicts, places), *ids)
    claims = report.claims
    if len(claims):
        row = pl.Series("row", places, pl.UInt32)
        where = pl.DataFrame([row, frame["row"].alias("to")])
        claims = claims.join(where, on="row", maintain_order="left")
        claims = claims.with_columns(row="to").drop("to")
    return replace(report, verdicts=verdicts, claims=claims, rejects=events.rejects)


def _new_report(post: Post, report: Report, judgement: bytes, now: int, answer: bytes) -> NewReport:
    rejects = post.events.rejects
    return NewReport(
        label=post.label,
        created_at=now,
        asked=post.asked,
        idempotency_key=post.idempotency_key,
        judgement=judgement,
        degraded=",".join(report.degraded),
        rejects=msgspec.json.encode(rejects.to_dicts()).decode() if len(rejects) else "[]",
        events=len(report.verdicts),
        suspects=int(report.verdicts["anomaly"].sum()),
        answer=answer,
    )
