"""What is counted and timed, for Prometheus. Labels have few values: never a code, path or key.

Whoever has more to measure registers it on `Metrics.registry`, under `scantrail_<part>_…`.
"""

from __future__ import annotations

from functools import cache, partial
from importlib.metadata import version
from typing import Final, get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

from scantrail.guard import Outcome
from scantrail.serve.account import Account, Refusal
from scantrail.vocabulary.findings import AnomalyKind

_SECONDS: Final = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
)  # fmt: skip
#: What requests go through; several that are judged together go through the same.
STAGES: Final = (
    "reading", "waiting", "looking", "judging", "rules", "lstm", "svm", "explaining", "keeping",
)  # fmt: skip
_DETECTORS: Final = ("rules", "lstm", "svm")
_NOTHING: Final = "none"


class Metrics:
    """The metrics of one app, in a registry of its own. Safe to use from several threads."""

    def __init__(self) -> None:
        """Begin at zero; what can be named beforehand is there from the start."""
        disable_created_metrics()  # type: ignore[no-untyped-call] # twice as many series otherwise
        self.registry = own = CollectorRegistry()
        ProcessCollector(registry=own)
        PlatformCollector(registry=own)
        Info("scantrail_build", "What runs.", registry=own).info({"version": version("scantrail")})
        self._of_requests()
        self._of_judging()
        # looking a child up by its labels takes longer than counting
        self._requests_of = cache(self._requests.labels)
        self._took_of = cache(self._took.labels)
        self._stage_of = cache(self._stage.labels)
        self._verdicts_of = cache(self._verdicts.labels)
        self._begin()

    def _of_requests(self) -> None:
        count = partial(Counter, registry=self.registry)
        time = partial(Histogram, registry=self.registry, buckets=_SECONDS)
        self.running = Gauge(
            "scantrail_requests_in_progress", "Requests that are being answered.",
            registry=self.registry,
        )  # fmt: skip
        self._requests = count(
            "scantrail_requests", "Requests that were answered.", ["method", "route", "status"]
        )
        self._took = time(
            "scantrail_request_duration_seconds", "From a request's head to its answer's end.",
            ["method", "route"],
        )  # fmt: skip
        self._stage = time(
            "scantrail_stage_duration_seconds", "How long a request was in a stage.", ["stage"]
        )
        self._refused = count("scantrail_refused", "Requests that were turned away.", ["reason"])

    def _of_judging(self) -> None:
        count = partial(Counter, registry=self.registry)
        self._verdicts = count(
            "scantrail_verdicts", "Verdicts that callers were told.", ["kind", "suspect"]
        )
        self._rejected = count("scantrail_rejected_records", "Records that could not be judged.")
        self._amended = count("scantrail_amendments", "Earlier verdicts that late scans changed.")
        self._degraded = count(
            "scantrail_degraded_answers", "Answers that lack a detector.", ["detector"]
        )
        self._failures = count(
            "scantrail_detector_failures", "Calls of a detector without an answer.",
            ["detector", "outcome"],
        )  # fmt: skip

    def _begin(self) -> None:
        """Name what may come: only what was seen at zero can be seen to rise."""
        for stage in STAGES:
            self._stage_of(stage)
        for reason in get_args(Refusal):
            self._refused.labels(reason)
        self._verdicts_of(_NOTHING, "false")
        for kind in AnomalyKind:
            self._verdicts_of(kind.value, "true")
        for detector in _DETECTORS:
            self._degraded.labels(detector)
            for outcome in get_args(Outcome):
                self._failures.labels(detector, outcome)

    def failed(self, detector: str, outcome: Outcome) -> None:
        """A call of a detector gave no answer; see `guard.Guard`."""
        self._failures.labels(detector, outcome).inc()

    def answered(
        self, method: str, route: str, status: int, seconds: float, account: Account
    ) -> None:
        """A request was answered."""
        self._requests_of(method, route, str(status)).inc()
        self._took_of(method, route).observe(seconds)
        for stage, taken in account.stages.seconds().items():
            self._stage_of(stage).observe(taken)
        if account.refused:
            self._refused.labels(account.refused).inc()
        for (kind, suspect), count in account.verdicts.items():
            self._verdicts_of(kind or _NOTHING, "true" if suspect else "false").inc(count)
        for detector in account.degraded:
            self._degraded.labels(detector).inc()
        if account.rejected:
            self._rejected.inc(account.rejected)
        if account.amended:
            self._amended.inc(account.amended)
