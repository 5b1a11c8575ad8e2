"""The endpoints of monitoring: what is not as it was, how good alerts are, and looking now."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from fastapi import FastAPI, Path, Query, Request, Response
from fastapi.responses import JSONResponse

from scantrail.serve import answers_of_models
from scantrail.serve import answers_of_monitoring as answers
from scantrail.serve import views_of_monitoring as views
from scantrail.serve.auth import caller_of
from scantrail.serve.document import REFUSALS, told
from scantrail.serve.service import Service
from scantrail.serve.views_of_models import job_view
from scantrail.work.performance import recommendation
from scantrail.work.recalibrating import recalibrate
from scantrail.work.sampling import sample_of

_PREFIX: Final = "/api/monitoring"
_TAG: Final = "monitoring"
_LATEST: Final = answers.MonitorRequest(until=None)


def add_monitoring(app: FastAPI, service: Service) -> None:
    """Add the endpoints that tell."""
    stores, settings = service.stores, service.engine.settings

    @app.get(_PREFIX + "/drift", **told(answers.Drift, "What is not as it was", _TAG))
    def drift() -> dict[str, Any]:
        """What the days up to the latest midnight have that usual days don't."""
        return views.drift(stores)

    @app.get(_PREFIX + "/alerts-rate", **told(answers.AlertsRate, "Alerts per 10,000 scans", _TAG))
    def alerts_rate() -> dict[str, Any]:
        """A control chart for every site, the most unlikely first."""
        return views.alerts_rate(stores)

    @app.get(_PREFIX + "/feeds", **told(answers.Feeds, "How data comes in", _TAG))
    def feeds() -> dict[str, Any]:
        """Silent sites, late data, and rows that can't be read."""
        return views.feeds(stores)

    about = told(answers_of_models.Job, "How far is it?", _TAG)
    about["responses"] |= {404: REFUSALS[404]}

    @app.get(_PREFIX + "/jobs/{job}", **about)
    def job(
        job: Annotated[int, Path(ge=1, lt=2**63, description="From `POST …/run`.")],
    ) -> dict[str, Any]:
        """A look: how far it is, and what came of it."""
        stores.jobs.bury()
        return job_view(stores.jobs.get(job, "monitor"))

    @app.get(_PREFIX + "/performance", **told(answers.Performance, "How good alerts are", _TAG))
    def performance() -> dict[str, Any]:
        """Precision by kind and version, recall from audits, and why a retraining is due."""
        return views.performance_view(settings, stores)

    _add_audits(app, service)


def _add_audits(app: FastAPI, service: Service) -> None:
    """Add what people look at, and what follows from that."""
    stores, settings = service.stores, service.engine.settings
    about = told(answers.AuditSample, "Items to look at", _TAG)
    about["responses"] |= {status: REFUSALS[status] for status in (404, 409, 422)}

    @app.get(_PREFIX + "/audit-sample", **about)
    def audit_sample(
        week: Annotated[
            str | None,
            Query(pattern=answers.WEEK, description="As 2025-W36; by default the last one."),
        ] = None,
    ) -> dict[str, Any]:
        """Items without an alert, drawn at random once a week, the same for everybody.

        What people find among them is given as feedback with this `week`: what was missed shows.
        """
        return views.sample_view(stores, sample_of(settings, stores, week))

    about = told(answers.ThresholdAnswer, "Which alert score?", _TAG)
    about["responses"] |= {status: REFUSALS[status] for status in (409, 422)}

    @app.get(_PREFIX + "/threshold", **about)
    def threshold(
        budget: Annotated[
            float | None, Query(gt=0, le=10_000, description="False alerts per 10,000 scans.")
        ] = None,
    ) -> dict[str, Any]:
        """The lowest alert score of learned detectors that keeps a budget, by people's feedback."""
        found: dict[str, Any] = msgspec.to_builtins(recommendation(settings, stores, budget))
        return found


def add_monitoring_acts(app: FastAPI, service: Service) -> None:
    """Add the endpoints that look, and say what is usual."""

    def started(request: Request, asked: dict[str, Any]) -> Response:
        job = service.jobs.start("monitor", asked, caller_of(request).id)
        return JSONResponse(job_view(job), 202, {"Location": f"{_PREFIX}/jobs/{job.id}"})

    @app.post(_PREFIX + "/run", status_code=202, **_job("Look now"))
    def run(request: Request, asked: answers.MonitorRequest = _LATEST) -> Response:
        """Starts a job that looks at all midnights that have passed since the last look."""
        return started(request, {"until": asked.until})

    @app.post(_PREFIX + "/baseline", status_code=202, **_job("Say what is usual"))
    def baseline(request: Request, asked: answers.BaselineRequest) -> Response:
        """Starts a job that takes some days as usual, e.g. after a change that was wanted."""
        return started(request, {"baseline": [asked.first, asked.last]})


def add_recalibration(app: FastAPI, service: Service) -> None:
    """Add the endpoint that makes a version of what people said."""
    stores, settings = service.stores, service.engine.settings
    about = told(answers.Recalibrated, "Register a version with another alert score", "models")
    about["responses"] |= REFUSALS
    about["responses"][201] = about["responses"].pop(200)

    @app.post("/api/admin/ml/recalibrate", status_code=201, **about)
    def register(request: Request, asked: answers.RecalibrateRequest) -> dict[str, Any]:
        """A version like the one that judges, but for its alert score; promote it like others."""
        actor = caller_of(request).id
        version = recalibrate(settings, stores, asked.alertScore, actor, asked.reason)
        return {"version": version, "alertScore": asked.alertScore}


def _job(summary: str) -> dict[str, Any]:
    about = told(answers_of_models.Job, summary, _TAG)
    about["responses"] |= REFUSALS
    about["responses"][202] = about["responses"].pop(200)
    return about
