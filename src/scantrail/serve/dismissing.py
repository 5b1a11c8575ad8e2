"""Marks what people have dismissed: it is judged and told as ever, and counts as no alert."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np
import polars as pl

from scantrail.monitoring.dismissals import Dismissals
from scantrail.stores import digests
from scantrail.stores.feedback import Feedback, FeedbackStore
from scantrail.vocabulary.findings import Report
from scantrail.vocabulary.protocols import Journeys
from scantrail.vocabulary.times import utc

_LOOK_SECONDS: Final = 1.0  # between two looks at what others have dismissed


class Marker:
    """Knows which dismissals are in force. Safe to use from several threads."""

    def __init__(self, feedback: FeedbackStore) -> None:
        """Look nothing up yet."""
        self._store = feedback
        self._lock = threading.Lock()
        self._looked = -_LOOK_SECONDS
        self._last = 0
        self._until = 0
        self._known = Dismissals()

    def forget(self) -> None:
        """Look again at the next call: something was said here."""
        self._looked = -_LOOK_SECONDS

    def mark(self, report: Report, journeys: Journeys, events: pl.DataFrame) -> Report:
        """Add `dismissed` (Int64, the number of the feedback; null: not dismissed) to the verdicts.

        What was said of a scan earlier holds when it is sent again. Without any feedback the
        report stays as it is.

        Args:
            report: What was found.
            journeys: In what.
            events: What was asked, in the order of the verdicts.
        """
        known = self._current()
        suspects = np.flatnonzero(report.verdicts["anomaly"].to_numpy())
        if not self._last or not len(suspects):
            return report
        marks = known.mark(report.verdicts, journeys).to_list()
        mine = digests.scans(events[suspects.tolist()])
        said = self._store.opinions(mine)
        for at, digest in zip(suspects.tolist(), mine, strict=True):
            if digest in said:
                one = said[digest]
                marks[at] = one.id if one.verdict == "dismiss" else None
        marked = pl.Series("dismissed", marks, pl.Int64)
        return replace(report, verdicts=report.verdicts.with_columns(marked))

    def told(self, report: Report) -> dict[int, Feedback]:
        """The feedback that a report's marks name."""
        if "dismissed" not in report.verdicts.columns:
            return {}
        numbers = report.verdicts["dismissed"].drop_nulls().unique().to_list()
        known = self._known.by_id
        return {one: known.get(one) or self._store.get(one) for one in numbers}

    def _current(self) -> Dismissals:
        if time.monotonic() - self._looked < _LOOK_SECONDS:
            return self._known
        with self._lock:
            self._looked = time.monotonic()
            last, now = self._store.last(), time.time_ns() // 1000
            if last != self._last or now >= self._until:
                given = self._store.in_force(now)
                ends = [one.expires_at for one in given if one.expires_at is not None]
                self._known, self._last = Dismissals(given), last
                self._until = min(ends, default=2**63)
            return self._known


def view(one: Feedback | None) -> dict[str, Any] | None:
    """What people said of an event, as it is told beside it."""
    if one is None:
        return None
    return {
        "id": one.id,
        "verdict": one.verdict,
        "reason": one.reason,
        "until": None if one.expires_at is None else utc(one.expires_at),
    }


def marks_of(said: Mapping[bytes, Feedback], digest: bytes) -> dict[str, Any]:
    """`dismissed` and `feedback` of an event in a list."""
    one = said.get(digest)
    return {"dismissed": one is not None and one.verdict == "dismiss", "feedback": view(one)}
