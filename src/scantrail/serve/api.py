"""The HTTP API: the endpoints that callers know, each with its answers described."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import version
from typing import Final

import anyio.to_thread
from fastapi import FastAPI, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse
from fastapi_offline import FastAPIOffline

from scantrail.artifact import Artifact
from scantrail.errors import ConflictError, NotFoundError, ScantrailError, StoreError
from scantrail.serve.admin import admin_routes
from scantrail.serve.desk import Busy
from scantrail.serve.detecting import add_detection
from scantrail.serve.document import TAGS, describe
from scantrail.serve.health import add_health
from scantrail.serve.jobs import Retraining
from scantrail.serve.models import Models
from scantrail.serve.records import RequestError
from scantrail.serve.schemas import DetectionRequest, LegacyRequest
from scantrail.serve.service import Service
from scantrail.serve.telling import add_manager, add_reports
from scantrail.wiring import Engine, Stores, rollout, stores

_log = logging.getLogger(__name__)

_RETRY_SECONDS: Final = 5  # when a store that failed may be back


def create_app(
    engine: Engine,
    opened: Stores | None = None,
    configured: Callable[[], Artifact | None] | None = None,
) -> FastAPI:
    """The service around an engine.

    Args:
        engine: Who judges.
        opened: What it keeps scans in; the configured database if None.
        configured: Loads the artifact that serves while none is deployed; the engine's if None.

    Raises:
        StoreError: The database can't be reached or used.
        ArtifactError: No artifact is deployed, and the configured one can't be used.
    """
    kept = opened or stores(engine.settings)
    models = Models(engine, rollout(engine, kept), configured or (lambda: engine.artifact))
    retraining = Retraining(engine.settings, kept)
    service = Service(engine, kept, models)

    app: FastAPI = FastAPIOffline(
        title="scantrail",
        summary="Which scans are suspect, how sure, why, and what to do.",
        version=version("scantrail"),
        openapi_tags=TAGS,
        lifespan=_lifespan(service, retraining, close=opened is None),
    )
    add_detection(app, service)
    add_reports(app, service)
    add_manager(app, service)
    app.include_router(admin_routes(models, retraining, kept))
    add_health(app, service)
    describe(app, DetectionRequest, LegacyRequest)
    _add_refusals(app)
    if engine.settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(engine.settings.cors_origins),
            allow_methods=["GET", "POST"],
            allow_headers=["*"],
        )
    return app


def _lifespan(
    service: Service, retraining: Retraining, *, close: bool
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """What begins and ends with the service."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.desk.open()
        service.models.open()
        yield
        await anyio.to_thread.run_sync(service.desk.close)  # what was accepted is finished first
        await anyio.to_thread.run_sync(service.models.close)
        await anyio.to_thread.run_sync(retraining.close)
        if close:
            service.stores.close()

    return lifespan


def _add_refusals(app: FastAPI) -> None:
    app.add_exception_handler(RequestError, _refused)
    app.add_exception_handler(Busy, _busy)
    app.add_exception_handler(StoreError, _down)
    app.add_exception_handler(ConflictError, _conflict)
    app.add_exception_handler(NotFoundError, _not_found)
    app.add_exception_handler(ScantrailError, _unusable)


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


async def _conflict(_: Request, error: Exception) -> Response:
    return JSONResponse({"detail": str(error)}, 409)


async def _not_found(_: Request, error: Exception) -> Response:
    return JSONResponse({"detail": str(error)}, 404)
