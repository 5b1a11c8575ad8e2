"""The endpoints for alerts of monitoring."""

from __future__ import annotations

import datetime as dt
import time
from typing import Annotated, Any, Final, Literal

from fastapi import FastAPI, Path, Query, Request

from scantrail.serve import answers_of_monitoring as answers
from scantrail.serve.auth import caller_of
from scantrail.serve.document import REFUSALS, told
from scantrail.serve.service import Service
from scantrail.serve.views_of_monitoring import alert_detail, alert_line
from scantrail.stores.alerts import PHASES, Phase
from scantrail.work.alerting import acknowledge, snooze
from scantrail.work.observing import local

_PATH: Final = "/api/alerts"
_TAG: Final = "alerts"
_PHASES: Final[dict[str, tuple[Phase, ...]]] = {
    "open": ("open",),
    "pending": ("pending",),
    "ended": ("ended", "forgotten"),
    "all": PHASES,
}
_NO_REASON: Final = answers.AcknowledgeRequest(reason="")
Id = Annotated[str, Path(max_length=40, description="From `/api/alerts`.")]


def add_alerts(app: FastAPI, service: Service) -> None:
    """Add the endpoints that tell."""
    alerts = service.stores.alerts

    @app.get(_PATH, **told(list[answers.AlertLine], "Alerts", _TAG))
    def listed(
        phase: Annotated[
            Literal["open", "pending", "ended", "all"], Query(description="Which alerts.")
        ] = "open",
        most: Annotated[int, Query(ge=1, le=1000, description="At most so many.")] = 100,
    ) -> list[dict[str, Any]]:
        """Alerts of monitoring, the latest change first."""
        return [alert_line(one) for one in alerts.newest(_PHASES[phase], most)]

    about = told(answers.AlertDetail, "One alert", _TAG)
    about["responses"] |= {404: REFUSALS[404]}

    @app.get(_PATH + "/{alert}", **about)
    def one(alert: Id) -> dict[str, Any]:
        """An alert, and all that happened to it."""
        return alert_detail(alerts.history(alert))


def add_review_of_alerts(app: FastAPI, service: Service) -> None:
    """Add the endpoints that change them."""
    stores, zone = service.stores, service.engine.settings.zone

    @app.post(_PATH + "/{alert}/snooze", **_about("Send nothing for a while"))
    def quiet(request: Request, alert: Id, asked: answers.SnoozeRequest) -> dict[str, Any]:
        """Nothing is sent of it for so many hours; it lives on."""
        now = local(time.time_ns() // 1000, zone)
        until = now + dt.timedelta(hours=asked.hours)
        return alert_line(snooze(stores, alert, until, caller_of(request).id, asked.reason))

    @app.post(_PATH + "/{alert}/acknowledge", **_about("Look after it"))
    def look_after(
        request: Request, alert: Id, asked: answers.AcknowledgeRequest = _NO_REASON
    ) -> dict[str, Any]:
        """Somebody looks after it: no updates are sent, only its end is."""
        return alert_line(acknowledge(stores, alert, caller_of(request).id, asked.reason))


def _about(summary: str) -> dict[str, Any]:
    about = told(answers.AlertLine, summary, _TAG)
    about["responses"] |= REFUSALS
    return about
