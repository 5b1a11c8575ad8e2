"""Monitoring: each midnight the last days are compared with what is usual, and alerts follow."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import polars as pl

from scantrail import wiring
from scantrail.errors import InputError, MonitoringError
from scantrail.monitoring.baseline import Baseline, from_json, learn_baseline
from scantrail.monitoring.charts import feeds, rate_charts, rejections, score_counts
from scantrail.monitoring.drift import drift
from scantrail.monitoring.signals import Signal
from scantrail.monitoring.watch import neighbours
from scantrail.settings import Settings
from scantrail.stores.jobs import Job
from scantrail.stores.windows import Span
from scantrail.work import alerting, sampling, triggers
from scantrail.work.observing import local, moment, observed

_log = logging.getLogger(__name__)

Progress = Callable[[str, float], None]
RULES: Final = "rules"  #: the version where no learned detector judges
_MOST_MIDNIGHTS: Final = 14  # that are caught up with after a pause
_LONGEST: Final = 56  # days of a baseline
_DAY: Final = dt.timedelta(days=1)
_LEARNED: Final = ("lstmSequenceScore", "svmOutlierScore", "mlCombinedScore", "finalConfidence")


def run_job(
    settings: Settings, stores: wiring.Stores, job: Job, progress: Progress
) -> dict[str, str | None]:
    """Do a monitoring job; its message says what came of it."""
    until = job.asked.get("until")
    watch = Watch(settings, stores)
    if job.asked.get("baseline"):
        first, last = job.asked["baseline"]
        return {"message": watch.rebase(first, last, job.actor)}
    return {"message": watch.run(dt.datetime.fromisoformat(until) if until else None, progress)}


def due(settings: Settings, stores: wiring.Stores) -> bool:
    """Whether a midnight has passed that nobody has looked at."""
    return bool(_midnights(settings, stores, None))


@dataclass(frozen=True)
class Watch:
    """Watches what is stored, by these settings."""

    settings: Settings
    stores: wiring.Stores

    def run(self, until: dt.datetime | None, progress: Progress) -> str:
        """Evaluate the midnights that have passed; see `_midnights`. Says what came of it."""
        midnights = _midnights(self.settings, self.stores, until)
        if not midnights:
            return "nothing new: no midnight has passed since the last look, or nothing is stored"
        progress("reading", 0.1)
        network = wiring.engine(self.settings, learned=False).network
        ruling = self._baseline(midnights[-1], network, progress)
        days = self.settings.monitoring.drift.days
        seen = self._observed(midnights[0] - days * _DAY, midnights[-1], network, ruling)
        told = []
        for number, midnight in enumerate(midnights):
            progress(f"comparing {midnight:%Y-%m-%d}", 0.6 + 0.3 * number / len(midnights))
            told.append(self._evaluate(midnight, seen, network, ruling))
        progress("sampling", 0.95)
        sampling.draw_due(self.settings, self.stores, midnights[-1])
        started = triggers.pull(self.settings, self.stores, midnights[-1])
        return "; ".join([*told[-1:], *started])

    def rebase(self, first: str, last: str, actor: str) -> str:
        """Take days as usual from now on, e.g. after a change that is wanted.

        Raises:
            MonitoringError: Too few days.
        """
        begin = dt.datetime.fromisoformat(first)
        end = dt.datetime.fromisoformat(last) + _DAY
        network = wiring.engine(self.settings, learned=False).network
        version = self._version(end)
        made = self._learn(begin, end, version, network, actor)
        return f"{made.scans:,} scans from {made.first} to {made.last} are usual now"

    def _observed(
        self, begin: dt.datetime, end: dt.datetime, network: Any, ruling: _Ruling | None
    ) -> pl.DataFrame:
        span = self._span(begin, end)
        every = ruling.every if ruling else self._every(span)
        given = self.settings.monitoring
        seen = observed(self.stores, network, span, clock=given.clock, every=every,
                        zone=self.settings.zone)  # fmt: skip
        return seen.filter(pl.col("day") >= begin.date(), pl.col("seen") < end)

    def _span(self, begin: dt.datetime, end: dt.datetime) -> Span:
        """Half a day more on both sides: sites have clocks of their own."""
        zone, half = self.settings.zone, _DAY / 2
        return Span(moment(begin - half, zone), moment(end + half, zone))

    def _every(self, span: Span) -> int:
        """One moment in how many is looked at, so that not too much is."""
        given = self.settings.monitoring
        return max(-(-self.stores.windows.scans(span, given.clock) // given.most_scans), 1)

    def _version(self, at: dt.datetime) -> str:
        """The version that judged what was scanned until then."""
        clock = self.settings.monitoring.clock
        judged = self.stores.reports.judged_at(moment(at, self.settings.zone), clock)
        return judged["versions"].get("lstm", RULES) if judged else RULES

    def _baseline(self, until: dt.datetime, network: Any, progress: Progress) -> _Ruling | None:
        """What is usual: while this version judges, or else, scores apart, while another did."""
        version = self._version(until)
        stored = self.stores.evaluations.baseline(version)
        if stored is None:
            progress("learning what is usual", 0.2)
            self._learn_due(until, version, network)
            stored = self.stores.evaluations.baseline(version)
        stored = stored or self.stores.evaluations.baseline()
        if stored is None:
            return None
        usual = from_json(stored.content)
        days = self.settings.monitoring.drift.days
        own = stored.version == version and self._version(until - days * _DAY) == version
        return _Ruling(usual, stored.digest, stored.every, version, with_scores=own)

    def _learn_due(self, until: dt.datetime, version: str, network: Any) -> None:
        """Learn what is usual, if this version has judged for long enough."""
        given = self.settings.monitoring
        end = until - given.drift.days * _DAY
        first = self.stores.windows.first(given.clock)
        if first is None:
            return
        begun = local(first, self.settings.zone)
        whole = (end.date() - begun.date()).days
        length = min(whole - whole % 7, _LONGEST)
        while length >= given.baseline_days:
            if self._version(max(end - length * _DAY, begun)) == version:
                break
            length -= 7
        if length < given.baseline_days:
            return
        try:
            self._learn(end - length * _DAY, end, version, network, "monitoring")
        except MonitoringError as error:
            _log.warning("what is usual can't be learned: %s", error)

    def _learn(
        self, begin: dt.datetime, end: dt.datetime, version: str, network: Any, actor: str
    ) -> Baseline:
        seen = self._observed(begin, end, network, None)
        made = learn_baseline(seen, {"lstm": version})
        self.stores.evaluations.add_baseline(
            version, made.to_json(), made.digest, every=self._every(self._span(begin, end)),
            actor=actor,
        )  # fmt: skip
        return made

    def _evaluate(
        self, now: dt.datetime, seen: pl.DataFrame, network: Any, ruling: _Ruling | None
    ) -> str:
        """Compare the days before a midnight, and keep what was found. Says what that was."""
        given, stores = self.settings.monitoring, self.stores
        days = [(now - (given.drift.days - i) * _DAY).date() for i in range(given.drift.days)]
        window = seen.filter(pl.col("seen") < now, pl.col("day").is_in(days))
        found: dict[str, Any] = {
            "scans": int((window["rejected"] == "read").sum()),
            "every": ruling.every if ruling else 1,
            "scores": score_counts(window),
            "heard": self._heard(window),
        }
        if ruling is None:
            return self._still_learning(now, found)
        signals = self._compare(now, window, days, ruling, found)
        with stores.alerts.turn() as turn:
            notices = alerting.evaluate(turn, signals, now, given.alerts, neighbours(network))
            stores.evaluations.add(
                now.isoformat(), ruling.version, ruling.digest, found, turn.connection
            )
            hook = bool(self.settings.webhook.url)
            alerting.send(stores, notices, turn.connection, hook=hook)
        return (
            f"{len(signals)} signals in the {given.drift.days} days up to {now:%Y-%m-%d}, "
            f"{len(notices)} notices"
        )

    def _still_learning(self, now: dt.datetime, found: dict[str, Any]) -> str:
        """Keep that there is nothing yet to compare with."""
        given = self.settings.monitoring
        first = self.stores.windows.first(given.clock)
        begun = now if first is None else local(first, self.settings.zone)
        have, needed = (now.date() - begun.date()).days, given.baseline_days + given.drift.days
        found |= {"state": "learning", "days": have, "needed": needed}
        with self.stores.alerts.turn() as turn:
            self.stores.evaluations.add(
                now.isoformat(), self._version(now), None, found, turn.connection
            )
        return f"what is usual is not known yet: {have} days are stored, and {needed} are needed"

    def _compare(
        self,
        now: dt.datetime,
        window: pl.DataFrame,
        days: list[dt.date],
        ruling: _Ruling,
        found: dict[str, Any],
    ) -> list[Signal]:
        """What is not as it was; all that is told of it comes into `found`."""
        given = self.settings.monitoring.drift
        foreign = [] if ruling.with_scores else [n for n in _LEARNED if n in window.columns]
        listened = pl.concat([_as_rows(found["heard"], window), window.drop(foreign)],
                             how="diagonal")  # fmt: skip
        signals = drift(ruling.usual, listened, now, given)
        found |= {
            "state": "compared",
            "withScores": ruling.with_scores,
            "signals": signals,
            "charts": rate_charts(ruling.usual, window, days),
            "feeds": feeds(ruling.usual, listened, now, given),
            "rejections": rejections(ruling.usual, window),
        }
        return signals

    def _heard(self, window: pl.DataFrame) -> dict[str, str]:
        """When each site was last heard of; of those that are silent, as was known before."""
        last = self.stores.evaluations.last()
        before = msgspec.json.decode(last.found).get("heard", {}) if last else {}
        read = window.filter(pl.col("rejected") == "read")
        now = read.group_by("site").agg(pl.col("seen").max()).iter_rows()
        return {**before, **{site: seen.isoformat() for site, seen in now}}


@dataclass(frozen=True)
class _Ruling:
    """The baseline that days are compared with. `with_scores`: whether its scores are theirs."""

    usual: Baseline
    digest: str
    every: int
    version: str
    with_scores: bool


def _as_rows(heard: dict[str, str], window: pl.DataFrame) -> pl.DataFrame:
    """Sites that are silent in the window, each as one row of when it was last heard of."""
    here = set(window["site"].drop_nulls().unique())
    gone = [(site, dt.datetime.fromisoformat(at)) for site, at in heard.items() if site not in here]
    rows = pl.DataFrame(gone, {"site": pl.String, "seen": pl.Datetime("us")}, orient="row")
    return rows.with_columns(day=pl.col("seen").dt.date(), rejected=pl.lit("read"))


def _midnights(
    settings: Settings, stores: wiring.Stores, until: dt.datetime | None
) -> list[dt.datetime]:
    """The midnights (naive, by the sites' clock) to be looked at now, the oldest first.

    Raises:
        InputError: `until` is before the last one that was looked at.
    """
    given = settings.monitoring
    if until is None:
        now = stores.windows.last("scan") if given.clock == "scan" else _now()
        if now is None or stores.windows.first(given.clock) is None:
            return []
        grace = dt.timedelta(hours=0 if given.clock == "scan" else given.grace_hours)
        until = local(now, settings.zone) - grace
    latest = dt.datetime.combine(until.date(), dt.time())
    before = stores.evaluations.last()
    if before is None:
        return [latest]
    last = dt.datetime.fromisoformat(before.until)
    if latest < last:
        raise InputError(
            f"monitoring has looked at {last:%Y-%m-%d} already; {latest:%Y-%m-%d} is before that"
        )
    count = min((latest - last).days, _MOST_MIDNIGHTS)
    return [latest - back * _DAY for back in range(count - 1, -1, -1)]


def _now() -> int:
    return int(dt.datetime.now(dt.UTC).timestamp() * 1e6)
