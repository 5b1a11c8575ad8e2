"""The endpoints that manage models: versions, deployments, retraining, health."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Final

from fastapi import FastAPI, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BeforeValidator

from scantrail.registry import NONE
from scantrail.serve import answers_of_models as answers
from scantrail.serve.auth import caller_of
from scantrail.serve.document import REFUSALS, told
from scantrail.serve.memory import resident
from scantrail.serve.models import Models
from scantrail.serve.service import Service
from scantrail.serve.views_of_models import deployment, job_view, model, moment
from scantrail.wiring import Stores
from scantrail.work.orders import JobDesk

_PREFIX: Final = "/api/admin/ml"
_NO_REASON: Final = answers.Reason(reason="")
_DEFAULTS: Final = answers.RetrainRequest.model_validate({})


def _iso(text: str) -> dt.datetime:
    """Pydantic would take numbers for seconds since 1970, too."""
    return dt.datetime.fromisoformat(text)


Version = Annotated[
    str, Path(max_length=40, description="A registered version, or `none`: rules judge alone.")
]
Moment = Annotated[
    dt.datetime,
    BeforeValidator(_iso),
    Query(description="ISO 8601; without an offset, UTC.", examples=["2025-08-17T09:00:00+09:00"]),
]
Number = Annotated[int, Path(ge=1, lt=2**63, description="From `POST …/retrain`.")]


def _about(model: Any, summary: str) -> dict[str, Any]:
    about = told(model, summary, "models")
    about["responses"] |= REFUSALS
    return about


def add_models(app: FastAPI, service: Service) -> None:
    """Add all of them."""
    _add_models(app, service.models, service.stores)
    _add_changes(app, service.models)
    _add_jobs(app, service.jobs)


def _add_models(app: FastAPI, models: Models, stores: Stores) -> None:
    about = told(answers.ModelList, "Registered versions", "models")

    @app.get(_PREFIX + "/models", **about)
    def listed() -> dict[str, Any]:
        """All registered versions with what is known of them, the newest training first."""
        state = models.state()
        entries = models.rollout.registry.entries()
        deployed = stores.deployments.last()
        return {
            "serving": state.serving,
            "deployed": deployed and deployment(deployed),
            "pinned": deployed is not None and deployed.action == "pin",
            "models": [model(entry, state) for entry in entries],
        }

    @app.get(
        _PREFIX + "/deployments",
        **told(list[answers.Deployment], "Who judged, from when on", "models"),
    )
    def deployments() -> list[dict[str, Any]]:
        """All deployments, the newest first."""
        return [deployment(one) for one in reversed(stores.deployments.all())]

    about = _about(answers.Judged, "Which version judged then")

    @app.get(_PREFIX + "/deployments/at", **about)
    def judged_at(
        time: Moment,
    ) -> dict[str, Any]:
        """The deployment in force at a moment, and what the last report until then was made by."""
        return moment(stores, time)

    about = told(answers.ModelHealth, "Do the models judge?", "models")

    @app.get(_PREFIX + "/health", **about)
    def health() -> dict[str, Any]:
        """What serves in this process, what should, and what memory it takes."""
        return _health(models)


def _health(models: Models) -> dict[str, Any]:
    state = models.state()
    if state.fault is not None:
        said = "degraded"
    elif state.serving == NONE:
        said = "not loaded" if models.learned else "rules alone"
    else:
        said = "ok"
    return {
        "state": said,
        "serving": state.serving,
        "wanted": state.wanted,
        "fault": state.fault,
        "rss": resident(),
        "loaded": [
            {"version": one.version, "since": _utc(one.since), "used": _utc(one.used),
             "rssBefore": one.rss[0], "rssAfter": one.rss[1]}
            for one in state.loaded
        ],
    }  # fmt: skip


def _add_changes(app: FastAPI, models: Models) -> None:
    @app.post(
        _PREFIX + "/models/{version}/promote", **_about(answers.Deployment, "Let a version judge")
    )
    def promote(
        request: Request, version: Version, why: answers.Reason = _NO_REASON
    ) -> dict[str, Any]:
        """Checks and probes a version; if it is fit, it judges from now on, in every process."""
        return deployment(models.promote(version, caller_of(request).id, why.reason))

    @app.post(
        _PREFIX + "/models/{version}/pin", **_about(answers.Deployment, "Let only a version judge")
    )
    def pin(request: Request, version: Version, why: answers.Reason = _NO_REASON) -> dict[str, Any]:
        """As promote; nothing else can be deployed until it is unpinned."""
        return deployment(models.promote(version, caller_of(request).id, why.reason, pin=True))

    about = _about(answers.Deployment, "Go back")

    @app.post(_PREFIX + "/models/{version}/rollback", **about)
    def roll_back(
        request: Request, version: Version, why: answers.Reason = _NO_REASON
    ) -> dict[str, Any]:
        """Takes the deployed version out of service again: the one before it judges."""
        return deployment(models.roll_back(caller_of(request).id, why.reason, version))

    about = _about(answers.Deployment, "Let others judge again")

    @app.post(_PREFIX + "/unpin", **about)
    def unpin(request: Request, why: answers.Reason = _NO_REASON) -> dict[str, Any]:
        """The pinned version judges on, and others can be deployed."""
        return deployment(models.rollout.unpin(caller_of(request).id, why.reason))


def _add_jobs(app: FastAPI, desk: JobDesk) -> None:
    jobs = desk.jobs
    about = _about(answers.Job, "Learn anew")
    about["responses"][202] = about["responses"].pop(200)

    @app.post(_PREFIX + "/retrain", status_code=202, **about)
    def retrain(request: Request, asked: answers.RetrainRequest = _DEFAULTS) -> Response:
        """Starts a job that trains on stored scans or on a named log, and registers the result.

        A worker does it, with low priority; one at a time may. Nothing is deployed by it.
        """
        job = desk.start("retrain", asked.model_dump(), caller_of(request).id)
        return JSONResponse(job_view(job), 202, {"Location": f"{_PREFIX}/jobs/{job.id}"})

    about = told(list[answers.Job], "Work in the background", "models")

    @app.get(_PREFIX + "/jobs", **about)
    def listed(most: Annotated[int, Query(ge=1, le=1000)] = 100) -> list[dict[str, Any]]:
        """The newest jobs, the newest first."""
        jobs.bury()
        return [job_view(job) for job in jobs.all(most)]

    about = _about(answers.Job, "How far is it?")

    @app.get(_PREFIX + "/jobs/{job}", **about)
    def job(job: Number) -> dict[str, Any]:
        """A job: how far it is, and what became of it."""
        jobs.bury()
        return job_view(jobs.get(job))

    about = _about(answers.Job, "Stop a job")

    @app.post(_PREFIX + "/jobs/{job}/cancel", **about)
    def cancel(job: Number) -> dict[str, Any]:
        """Stops a job within seconds; what it has made so far is thrown away."""
        return job_view(jobs.cancel(job))


def _utc(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat(timespec="seconds")
