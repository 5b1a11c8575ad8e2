"""The endpoints of backtests: what is stored, judged otherwise, without any effect."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from fastapi import FastAPI, Path, Request, Response
from fastapi.responses import JSONResponse

from scantrail.serve import answers_of_backtests as answers
from scantrail.serve.answers_of_models import Job
from scantrail.serve.auth import caller_of
from scantrail.serve.document import REFUSALS, told
from scantrail.serve.service import Service
from scantrail.serve.views_of_models import job_view
from scantrail.work.backtesting import Asked, check

_PREFIX: Final = "/api/monitoring/backtests"
_TAG: Final = "monitoring"
_AS_NOW: Final = answers.BacktestRequest.model_validate({})


def add_backtests(app: FastAPI, service: Service) -> None:
    """Add the endpoint that tells."""
    jobs = service.stores.jobs
    about = told(answers.BacktestJob, "What would have been?", _TAG)
    about["responses"] |= {404: REFUSALS[404]}

    @app.get(_PREFIX + "/{job}", **about)
    def backtest(
        job: Annotated[int, Path(ge=1, lt=2**63, description="From `POST …/backtests`.")],
    ) -> dict[str, Any]:
        """A backtest: how far it is, and its result once it is done."""
        jobs.bury()
        return {**job_view(jobs.get(job, "backtest")), "result": jobs.result(job)}


def add_backtesting(app: FastAPI, service: Service) -> None:
    """Add the endpoint that tries."""
    settings = service.engine.settings
    about = told(Job, "Try other settings on what is stored", _TAG)
    about["responses"] |= REFUSALS
    about["responses"][202] = about["responses"].pop(200)

    @app.post(_PREFIX, status_code=202, **about)
    def start(request: Request, asked: answers.BacktestRequest = _AS_NOW) -> Response:
        """Starts a job that judges stored scans as they are judged now, and as asked for.

        Only its result is kept. A worker does it, with low priority; one at a time may.
        """
        wish = msgspec.convert(asked.model_dump(), Asked)
        check(wish, settings)
        job = service.jobs.start("backtest", msgspec.to_builtins(wish), caller_of(request).id)
        return JSONResponse(job_view(job), 202, {"Location": f"{_PREFIX}/{job.id}"})
