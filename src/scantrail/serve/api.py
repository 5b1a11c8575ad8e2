"""The HTTP API: the endpoints that callers know, each with its answers described."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any, Final

import anyio.to_thread
from fastapi import FastAPI, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse
from fastapi_offline import FastAPIOffline

from scantrail.errors import ScantrailError, StoreError
from scantrail.serve import answers
from scantrail.serve.desk import Busy
from scantrail.serve.detecting import add_detection
from scantrail.serve.document import TAGS, describe, told
from scantrail.serve.records import RequestError
from scantrail.serve.schemas import DetectionRequest, LegacyRequest
from scantrail.serve.service import Service
from scantrail.serve.telling import add_manager, add_reports
from scantrail.wiring import Engine, Stores, stores

_log = logging.getLogger(__name__)

_RETRY_SECONDS: Final = 5  # when a store that failed may be back


def create_app(engine: Engine, opened: Stores | None = None) -> FastAPI:
    """The service around an engine.

    Args:
        engine: Who judges.
        opened: What it keeps scans in; the configured database if None.

    Raises:
        StoreError: The database can't be reached or used.
    """
    service = Service(engine, opened or stores(engine.settings))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.desk.open()
        yield
        await anyio.to_thread.run_sync(service.desk.close)  # what was accepted is finished first
        if opened is None:
            service.stores.close()

    app: FastAPI = FastAPIOffline(
        title="scantrail",
        summary="Which scans are suspect, how sure, why, and what to do.",
        version=version("scantrail"),
        openapi_tags=TAGS,
        lifespan=lifespan,
    )
    add_detection(app, service)
    add_reports(app, service)
    add_manager(app, service)
    _add_basics(app)
    describe(app, DetectionRequest, LegacyRequest)
    app.add_exception_handler(RequestError, _refused)
    app.add_exception_handler(Busy, _busy)
    app.add_exception_handler(StoreError, _down)
    app.add_exception_handler(ScantrailError, _unusable)
    if engine.settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(engine.settings.cors_origins),
            allow_methods=["GET", "POST"],
            allow_headers=["*"],
        )
    return app


def _add_basics(app: FastAPI) -> None:
    @app.get("/health", **told(answers.Health, "Is it up?", "service"))
    async def health() -> dict[str, str]:
        """Whether the service answers."""
        return {"status": "healthy", "service": "scantrail"}

    @app.get("/", **told(answers.About, "Where to go from here", "service"))
    async def about() -> dict[str, Any]:
        """Where to go from here."""
        return {
            "message": "scantrail judges scan trails",
            "version": app.version,
            "docs": "/docs",
            "endpoints": sorted(app.openapi()["paths"]),
        }


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)
    return JSONResponse({"detail": error.detail}, error.status)


async def _unusable(_: Request, error: Exception) -> Response:
    fault = {"type": "unusable", "loc": ["body"], "msg": str(error)}
    return JSONResponse({"detail": [fault]}, 422)


async def _busy(_: Request, error: Exception) -> Response:
    assert isinstance(error, Busy)
    return JSONResponse({"detail": str(error)}, 503, {"Retry-After": str(error.seconds)})


async def _down(_: Request, error: Exception) -> Response:
    _log.error("%s", error)  # where the store is, is not the caller's business
    message = "the store can't be used at present; nothing of this request was kept, try again"
    return JSONResponse({"detail": message}, 503, {"Retry-After": str(_RETRY_SECONDS)})
