"""The endpoint that Prometheus reads, and what it finds there that is looked up when it asks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final, get_args

from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from scantrail.breaker import State
from scantrail.errors import StoreError
from scantrail.monitoring.signals import Check
from scantrail.serve.observing_trials import trial_metrics
from scantrail.serve.service import Service
from scantrail.stores.jobs import State as JobState

_BREAKER_STATES: Final = get_args(State)


def add_metrics(app: FastAPI, service: Service) -> None:
    """Add the endpoint."""
    service.metrics.registry.register(Now(service))

    @app.get(
        "/metrics",
        summary="What is counted and timed",
        tags=["service"],
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    def metrics() -> Response:
        """For Prometheus, in its text format; docs/operations/observing.md names every metric."""
        return Response(generate_latest(service.metrics.registry), media_type=CONTENT_TYPE_LATEST)


class Now(Collector):
    """How things are at the moment when somebody asks."""

    def __init__(self, service: Service) -> None:
        """Look at a service."""
        self._service = service

    def describe(self) -> Iterator[Metric]:
        """Nothing beforehand: registering looks nothing up."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Everything."""
        yield from self._queue()
        yield GaugeMetricFamily(
            "scantrail_memory_limit_bytes", "While the process takes more, little is taken on.",
            self._service.engine.settings.max_memory_mb * 2**20,
        )  # fmt: skip
        yield from self._models()
        yield self._breakers()
        yield from self._cache()
        yield from self._store()

    def _queue(self) -> Iterator[Metric]:
        service = self._service
        yield GaugeMetricFamily(
            "scantrail_queue_events", "Events that wait to be judged, those at work included.",
            service.desk.waiting,
        )  # fmt: skip
        yield GaugeMetricFamily(
            "scantrail_queue_limit_events", "So many may wait; more are refused.",
            service.engine.settings.max_waiting_events,
        )  # fmt: skip

    def _models(self) -> Iterator[Metric]:
        state = self._service.models.state()
        info = GaugeMetricFamily(
            "scantrail_model_info", "Artifact versions in memory; `none`: rules alone judge.",
            labels=["version", "serving"],
        )  # fmt: skip
        for version in sorted({one.version for one in state.loaded} | {state.serving}):
            info.add_metric([version, "true" if version == state.serving else "false"], 1)
        yield info
        yield GaugeMetricFamily(
            "scantrail_model_fault", "Whether what should judge can't be used.",
            0 if state.fault is None else 1,
        )  # fmt: skip

    def _breakers(self) -> Metric:
        service = self._service
        known = service.guard.states()
        states = {
            name: known.get(f"{name} {version}", "closed") for name, version in _asked(service)
        }
        states |= {f"database {name}": at for name, at in service.stores.database.states().items()}
        if (state := getattr(service.models.cache, "state", None)) is not None:
            states["cache"] = state  # Redis may fail; what is kept in process can't
        made = GaugeMetricFamily(
            "scantrail_breaker_state", "1 at the state that a breaker is in.",
            labels=["breaker", "state"],
        )  # fmt: skip
        for name, state in states.items():
            for each in _BREAKER_STATES:
                made.add_metric([name, each], float(each == state))
        return made

    def _cache(self) -> Iterator[Metric]:
        cache = self._service.models.cache
        made = CounterMetricFamily(
            "scantrail_cache_lookups", "Journeys that were looked up in the cache.",
            labels=["result"],
        )  # fmt: skip
        made.add_metric(["hit"], cache.hits if cache else 0)
        made.add_metric(["miss"], cache.misses if cache else 0)
        yield made

    def _store(self) -> Iterator[Metric]:
        try:
            counts = self._service.stores.jobs.counts()
        except StoreError:
            counts = None
        yield GaugeMetricFamily(
            "scantrail_database_up", "Whether the database could be read just now.",
            0 if counts is None else 1,
        )  # fmt: skip
        jobs = GaugeMetricFamily("scantrail_jobs", "Jobs that are known.", labels=["state"])
        for state in get_args(JobState) if counts is not None else ():
            jobs.add_metric([state], (counts or {}).get(state, 0))
        yield jobs
        if counts is not None:
            yield from self._monitoring()
            trying = self._service.trying
            yield from trial_metrics(trying.trialing.trials.running(), trying.reading)

    def _monitoring(self) -> Iterator[Metric]:
        stores = self._service.stores
        alerts = GaugeMetricFamily(
            "scantrail_alerts", "Alerts of monitoring, by the kind of the strongest symptom.",
            labels=["phase", "kind"],
        )  # fmt: skip
        known = stores.alerts.counts()
        for phase in ("pending", "open"):
            for kind in get_args(Check):
                alerts.add_metric([phase, kind], known.get((phase, kind), 0))
        yield alerts
        notices = GaugeMetricFamily(
            "scantrail_alerts_notices", "Notices that wait, and that were given up.",
            labels=["state"],
        )  # fmt: skip
        for state, count in stores.outbox.counts().items():
            notices.add_metric([state], count)
        yield notices
        yield GaugeMetricFamily(
            "scantrail_workers", "Processes that work in the background.",
            len(stores.workers.there()),
        )  # fmt: skip
        for name, about, at in (
            ("scantrail_worker_seen_timestamp_seconds", "A worker's last sign of life.",
             stores.workers.last_seen()),
            ("scantrail_monitoring_looked_timestamp_seconds", "When monitoring looked last.",
             stores.evaluations.last_made()),
        ):  # fmt: skip
            yield GaugeMetricFamily(name, about, math.nan if at is None else at / 1e6)


def _asked(service: Service) -> Iterator[tuple[str, str]]:
    """Name and version of each detector that judges now; nothing is loaded for it."""
    for detector in service.models.now().detectors():
        yield detector.name, detector.version
