"""The last detections, in memory: bounded by their number and by their events."""

from __future__ import annotations

import threading
from collections import deque
from itertools import count

from scantrail.vocabulary.events import Events
from scantrail.vocabulary.findings import Report
from scantrail.vocabulary.protocols import Kept


class MemoryReports:
    """Keeps the newest reports; forgets the oldest when it holds too many, or too many events.

    Safe to use from several threads.
    """

    def __init__(self, most: int, most_events: int = 500_000) -> None:
        """Keep at most `most` reports with `most_events` events in all, and always the newest."""
        self._most, self._most_events = most, most_events
        self._kept: deque[Kept] = deque()
        self._ids, self._events = count(1), 0
        self._lock = threading.Lock()

    def add(self, label: str, created_at: str, events: Events, report: Report) -> int:
        """Keep a detection and return its id."""
        with self._lock:
            kept = Kept(next(self._ids), label, created_at, events.frame, report)
            self._kept.append(kept)
            self._events += len(kept.events)
            while len(self._kept) > 1 and (
                len(self._kept) > self._most or self._events > self._most_events
            ):
                self._events -= len(self._kept.popleft().events)
            return kept.report_id

    def get(self, report_id: int) -> Kept | None:
        """A detection, None where it was never kept or has been forgotten."""
        with self._lock:
            return next((one for one in self._kept if one.report_id == report_id), None)

    def newest_first(self) -> list[Kept]:
        """All that are kept."""
        with self._lock:
            return list(reversed(self._kept))
