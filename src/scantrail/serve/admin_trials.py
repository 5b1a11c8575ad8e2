"""The endpoints for trials of a challenger."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import FastAPI, Path, Request
from fastapi.responses import JSONResponse

from scantrail.serve import answers_of_trials as answers
from scantrail.serve.answers_of_models import Reason
from scantrail.serve.auth import caller_of
from scantrail.serve.document import REFUSALS, told
from scantrail.serve.service import Service
from scantrail.serve.trying import Trying
from scantrail.serve.views_of_trials import reading_view, trial_view

_TRIALS: Final = "/api/admin/ml/trials"
_NO_REASON: Final = Reason(reason="")
Number = Annotated[int, Path(ge=1, lt=2**31, description="From `POST /api/admin/ml/trials`.")]


def _about(model: Any, summary: str) -> dict[str, Any]:
    about = told(model, summary, "models")
    about["responses"] |= REFUSALS
    return about


def add_trials(app: FastAPI, service: Service) -> None:
    """Add all of them."""
    _add_reading(app, service.trying)
    _add_moves(app, service)


def _add_reading(app: FastAPI, trying: Trying) -> None:
    trialing = trying.trialing

    @app.get(_TRIALS, **told(answers.TrialList, "Trials", "models"))
    def listed() -> dict[str, Any]:
        """All trials, the newest first, and how the running one is followed here."""
        return {
            "trials": [trial_view(one) for one in reversed(trialing.trials.trials())],
            "fault": trying.fault,
            "shadow": trying.handed._asdict(),
        }

    @app.get(_TRIALS + "/{trial}", **_about(answers.TrialReading, "What a trial has taught"))
    def read(trial: Number) -> dict[str, Any]:
        """How versions compare so far; may be read as often as one likes."""
        reading = trialing.read(trial)
        return reading_view(reading, trialing.todo(reading))


def _add_moves(app: FastAPI, service: Service) -> None:
    trying, trialing = service.trying, service.trying.trialing
    about = _about(answers.Trial, "Try a challenger")
    about["responses"][201] = about["responses"].pop(200)

    @app.post(_TRIALS, status_code=201, **about)
    def start(request: Request, asked: answers.TrialRequest) -> JSONResponse:
        """Checks and probes a version, and tries it against the one that judges.

        It holds here when this is answered, in other processes within two seconds. One trial at a
        time runs.
        """
        actor = caller_of(request).id
        trying.check(asked.mode)
        moved = trialing.start(asked.mode, asked.challenger, actor, asked.reason, asked.share)
        trying.look()
        view = trial_view(trialing.trials.trial(moved.trial))
        return JSONResponse(view, 201, {"Location": f"{_TRIALS}/{moved.trial}"})

    @app.post(_TRIALS + "/{trial}/stop", **_about(answers.Trial, "End a trial"))
    def stop(request: Request, trial: Number, why: Reason = _NO_REASON) -> dict[str, Any]:
        """The champion judges all again; what was learned can be read for ever."""
        trialing.stop(trial, caller_of(request).id, why.reason)
        trying.look()
        return trial_view(trialing.trials.trial(trial))

    @app.post(_TRIALS + "/{trial}/abort", **_about(answers.Trial, "Abort a trial"))
    def abort(request: Request, trial: Number, why: Reason = _NO_REASON) -> dict[str, Any]:
        """As stop, where something is wrong with the challenger."""
        trialing.abort(trial, caller_of(request).id, why.reason)
        trying.look()
        return trial_view(trialing.trials.trial(trial))

    @app.post(_TRIALS + "/{trial}/promote", **_about(answers.Trial, "Let the challenger judge"))
    def promote(request: Request, trial: Number, why: Reason = _NO_REASON) -> dict[str, Any]:
        """The challenger judges all from now on; the trial ends."""
        trialing.promote(trial, caller_of(request).id, why.reason, service.models.promote)
        trying.look()
        return trial_view(trialing.trials.trial(trial))
