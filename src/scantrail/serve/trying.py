"""The trial that runs, in this process: which items the challenger judges, and the shadow.

The chain of moves, in the database that all processes share, says which trial runs. The challenger
is loaded beside the champion, with a session and a cache of its own. Where it can't judge, the
champion does, and after some failures in a row the trial is aborted.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, replace
from typing import Final

import msgspec
import polars as pl

from scantrail.errors import ConflictError, ScantrailError
from scantrail.ingest.gs1 import item_of
from scantrail.serve.models import LOOK_SECONDS
from scantrail.serve.shadow import Handed, ShadowLane
from scantrail.serve.watching import Watcher
from scantrail.shadowing import Order
from scantrail.stores.trials import Moved
from scantrail.trialing import Reading, Trialing
from scantrail.trials.assignment import Assignment
from scantrail.trials.mixing import mixed
from scantrail.trials.plan import Mode
from scantrail.vocabulary.findings import Challenge, Report
from scantrail.vocabulary.protocols import Ask, CountingCache, Journeys
from scantrail.wiring import Engine, remembering

_log = logging.getLogger(__name__)

_RARELY: Final = 20  # times as long as a reading took, until the next
_IN_MEMORY: Final = (
    "the shadow is a process of its own, which can't see a database in memory; set "
    "SCANTRAIL_DATABASE_URL to a file or a server"
)


@dataclass(frozen=True, slots=True)
class _Split:
    """A trial with effect: who is challenged on which items."""

    number: int
    assignment: Assignment
    engine: Engine
    most_failures: int


class Trying:
    """Judges as the running trial asks for. Safe to use from several threads."""

    def __init__(
        self, rules: Engine, trialing: Trialing, url: str | None, cache: CountingCache | None
    ) -> None:
        """Follow trials.

        Args:
            rules: An engine of this service without learned detectors.
            trialing: Which trial runs.
            url: Where other processes find the database; None: nowhere.
            cache: Of predictions; its keys name versions.
        """
        self.trialing, self._rules, self._url, self._cache = trialing, rules, url, cache
        self._lock = threading.Lock()  # of looking
        self._seen: Moved | None = None
        self._split: _Split | None = None
        self._lane: ShadowLane | None = None
        self._failures = 0
        self._fault: str | None = None
        self.reading: Reading | None = None  #: of the running trial, as it was last read
        self._read_again = 0.0  # when, by the monotonic clock
        self._watcher = Watcher("what is tried", self.look, LOOK_SECONDS)

    @property
    def fault(self) -> str | None:
        """Why the challenger doesn't judge in this process, though it should."""
        return self._fault

    @property
    def splits(self) -> bool:
        """Whether a challenger judges some items with effect."""
        return self._split is not None

    @property
    def handed(self) -> Handed:
        """What this process has handed to the shadow of the running trial."""
        lane = self._lane
        return lane.handed if lane else Handed()

    def open(self) -> None:
        """Begin to watch what is tried."""
        self._watcher.open()

    def close(self) -> None:
        """Watch no longer, and end the shadow."""
        self._watcher.close()
        with self._lock:
            self._end()
            self._seen = None

    def check(self, mode: Mode) -> None:
        """Refuse a kind of trial that can't be here.

        Raises:
            ConflictError: The shadow is a process of its own, which must see the database.
        """
        if mode == "shadow" and self._url is None:
            raise ConflictError(_IN_MEMORY)

    def judge(self, champion: Engine, events: pl.DataFrame, ask: Ask) -> tuple[Report, Journeys]:
        """Judge events by the champion, and some items of them by the challenger."""
        report, journeys = champion.judge_journeys(events, ask=ask)
        split = self._split
        if split is None:
            return report, journeys
        items = pl.Series(
            [item_of(code or "") for code in events["epc_code"].to_list()], dtype=pl.String
        )
        drawn = split.assignment.challengers(items)
        try:
            return self._challenged(split, report, journeys, drawn, ask), journeys
        except Exception:  # noqa: BLE001 - whatever the challenger does, the champion has judged
            _log.exception("the challenger of trial %d can't judge", split.number)
            self._failures += 1
            return report, journeys

    def shadow(self, report: Report, journeys: Journeys, sent: list[pl.DataFrame]) -> None:
        """Hand what was judged and kept to the shadow, if there is one; see `ShadowLane.offer`."""
        lane = self._lane
        if lane is None:
            return
        try:
            lane.offer(journeys.events, report.verdicts["anomaly"], sent)
        except Exception:  # noqa: BLE001 - what was answered is stored already
            _log.exception("the shadow of a trial was handed nothing")

    def look(self) -> None:
        """Look once which trial runs, and follow it."""
        with self._lock:
            self._abort_if_failing()
            last = self.trialing.trials.running()
            if last is None or self.trialing.over(last):
                self._end()
                self._seen = None
            elif last != self._seen:
                self._follow(last)
                self._seen = last

    def read(self) -> None:
        """Read what the running trial has taught, unless that took long a short while ago."""
        running, now = self.trialing.trials.running(), time.monotonic()
        if running is None:
            self.reading, self._read_again = None, 0.0
        elif now >= self._read_again:
            self.reading = self.trialing.read(running.trial)
            self._read_again = now + _RARELY * (time.monotonic() - now)

    def _challenged(
        self, split: _Split, report: Report, journeys: Journeys, drawn: pl.Series, ask: Ask
    ) -> Report:
        versions = {one.name: one.version for one in split.engine.detectors()}
        challenge = Challenge(split.number, split.assignment.share, split.assignment.salt, versions)
        if not drawn.any():
            return replace(report, challenge=challenge)
        theirs = split.engine.decide(journeys, ask=ask)
        self._failures = self._failures + 1 if set(theirs.degraded) - set(report.degraded) else 0
        return mixed(report, theirs, drawn, challenge)

    def _abort_if_failing(self) -> None:
        split = self._split
        if split is None or self._failures < split.most_failures:
            return
        reason = f"the challenger failed {self._failures} times in a row"
        try:
            self.trialing.fail(split.number, reason)
        except ConflictError as error:  # it has ended otherwise
            _log.info("%s", error)

    def _follow(self, last: Moved) -> None:
        """Begin with a trial, or with its next share."""
        self._fault = None
        try:
            if last.mode == "shadow":
                self._end()
                self._lane = self._shadow_of(last)
            else:
                before = self._split
                same = before is not None and before.number == last.trial
                engine = before.engine if before and same else self._load(last.challenger)
                self._end()
                assert last.assignment is not None
                most = last.settings.failures
                self._split = _Split(last.trial, last.assignment, engine, most)
            known = {"happened": "trial_followed", "trial": last.trial}
            _log.info("trial %d: %s by %s", last.trial, last.action, last.actor, extra=known)
        except ScantrailError as error:
            self._end()
            self._fault = str(error)
            known = {"happened": "trial_unusable", "trial": last.trial}
            _log.error("trial %d can't be followed here: %s", last.trial, error, extra=known)

    def _shadow_of(self, last: Moved) -> ShadowLane:
        self.check("shadow")
        settings = msgspec.structs.replace(self._rules.settings, database_url=self._url)
        return ShadowLane(Order(last.trial, last.challenger, settings))

    def _load(self, version: str) -> Engine:
        artifact = self.trialing.rollout.load(version)
        return self._rules.with_artifact(remembering(artifact, self._cache))

    def _end(self) -> None:
        self._split, self._failures = None, 0
        lane, self._lane = self._lane, None
        if lane is not None:
            lane.close()
