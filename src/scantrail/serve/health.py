"""The endpoints that tell whether the service is well."""

from __future__ import annotations

import logging
from typing import Any, Final

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse

from scantrail.errors import StoreError
from scantrail.serve import answers
from scantrail.serve.document import told
from scantrail.serve.service import Service

_log = logging.getLogger(__name__)

_FAULT: Final = "what is deployed can't be used; /api/admin/ml/health says why"


def add_health(app: FastAPI, service: Service) -> None:
    """Add the endpoints."""

    @app.get("/health", **told(answers.Health, "Is it up?", "service"))
    async def health() -> dict[str, str]:
        """Whether the service answers."""
        return {"status": "healthy", "service": "scantrail"}

    @app.get("/health/live", **told(answers.Health, "Is it alive?", "service"))
    async def live() -> dict[str, str]:
        """Whether the process answers; if not, start it anew."""
        return {"status": "alive", "service": "scantrail"}

    about = told(answers.Ready, "Can it take requests?", "service")
    about["responses"][503] = {
        "model": answers.Ready,
        "description": "Not now: the database can't be reached, or too much waits.",
    }

    @app.get("/health/ready", **about)
    def ready() -> Response:
        """Whether requests can be judged and kept now; if not, send them elsewhere.

        Rules that judge alone, where learned detectors should too, are `degraded`, and ready.
        """
        state = readiness(service)
        return JSONResponse(state, 503 if state["status"] == "unready" else 200)

    @app.get("/", **told(answers.About, "Where to go from here", "service"))
    async def about_it() -> dict[str, Any]:
        """Where to go from here."""
        return {
            "message": "scantrail judges scan trails",
            "version": app.version,
            "docs": "/docs",
            "endpoints": sorted(app.openapi()["paths"]),
        }


def readiness(service: Service) -> dict[str, Any]:
    """What `/health/ready` answers."""
    try:
        service.stores.deployments.last()
        database = "reachable"
    except StoreError as error:
        _log.error("%s", error)
        database = "unreachable"
    waiting, most = service.desk.waiting, service.engine.settings.max_waiting_events
    models = service.models.state()
    status = "ready"
    if database != "reachable" or waiting >= most:
        status = "unready"
    elif models.fault is not None:
        status = "degraded"
    return {
        "status": status,
        "database": database,
        "artifact": models.serving,
        "artifactFault": models.fault and _FAULT,
        "waitingEvents": waiting,
        "maxWaitingEvents": most,
    }
