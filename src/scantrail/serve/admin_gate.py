"""The endpoints for what comes before a promotion: updates of a version, and the gate."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from scantrail.errors import NotFoundError
from scantrail.gate import told_of
from scantrail.serve import answers_of_models as answers
from scantrail.serve.admin_models import Version
from scantrail.serve.auth import caller_of
from scantrail.serve.document import REFUSALS, told
from scantrail.serve.service import Service
from scantrail.serve.views_of_models import job_view
from scantrail.stores.jobs import Job

_PREFIX: Final = "/api/admin/ml"
_ANY: Final = answers.UpdateRequest.model_validate({})
_STORED: Final = answers.GateRequest.model_validate({})


def add_gate(app: FastAPI, service: Service) -> None:
    """Add all of them."""
    registry = service.models.rollout.registry

    @app.post(_PREFIX + "/update-svm", status_code=202, **_job("Learn more"))
    def update(request: Request, asked: answers.UpdateRequest = _ANY) -> Response:
        """Starts a job that updates a version's one-class SVM by newer scans, without the old ones.

        The new version is registered and goes through the gate; it runs as a retraining does.
        """
        job = service.jobs.start("update-svm", asked.model_dump(), caller_of(request).id)
        return _accepted(job)

    @app.post(_PREFIX + "/models/{version}/gate", status_code=202, **_job("Judge a version"))
    def judge(request: Request, version: Version, asked: answers.GateRequest = _STORED) -> Response:
        """Starts a job that measures a version against the one that judges, on later scans."""
        registry.check(version)
        job = service.jobs.start(
            "gate", {"version": version, **asked.model_dump()}, caller_of(request).id
        )
        return _accepted(job)

    about = told(answers.Gated, "What became of a version at the gate", "models")
    about["responses"] |= REFUSALS

    @app.get(_PREFIX + "/models/{version}/gate", **about)
    def gated(version: Version) -> dict[str, Any]:
        """The last time that a version was judged there: each check with its reason in words."""
        found = told_of(registry.folder, version)
        if found is None:
            raise NotFoundError(
                f"version {version[:40]!r} has not been at the gate; POST there to judge it"
            )
        return {**msgspec.to_builtins(found), "passed": found.passed}


def _accepted(job: Job) -> Response:
    return JSONResponse(job_view(job), 202, {"Location": f"{_PREFIX}/jobs/{job.id}"})


def _job(summary: str) -> dict[str, Any]:
    about = told(answers.Job, summary, "models")
    about["responses"] |= REFUSALS
    about["responses"][202] = about["responses"].pop(200)
    return about
