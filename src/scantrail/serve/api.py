"""The HTTP API: the endpoints that callers know, for whom each is, and what goes wrong."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import partial
from importlib.metadata import version
from typing import Final

import anyio.to_thread
from fastapi import FastAPI, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse
from fastapi_offline import FastAPIOffline

from scantrail.artifact import Artifact
from scantrail.errors import (
    ConflictError,
    NotFoundError,
    ScantrailError,
    StoreError,
    UnknownKey,
)
from scantrail.serve.account import account
from scantrail.serve.admin import add_audit, add_keys
from scantrail.serve.admin_gate import add_gate
from scantrail.serve.admin_models import add_models
from scantrail.serve.admin_trials import add_trials
from scantrail.serve.alerts import add_alerts, add_review_of_alerts
from scantrail.serve.auth import needs
from scantrail.serve.backtesting import add_backtesting, add_backtests
from scantrail.serve.bodies import Bodies
from scantrail.serve.caretaker import Caretaker
from scantrail.serve.desk import Busy
from scantrail.serve.detecting import add_detection
from scantrail.serve.document import TAGS, describe
from scantrail.serve.feedback import add_feedback, add_review
from scantrail.serve.gate import Gate, Refused
from scantrail.serve.health import add_health
from scantrail.serve.limiting import Limits
from scantrail.serve.models import Models
from scantrail.serve.monitoring import (
    add_monitoring,
    add_monitoring_acts,
    add_recalibration,
)
from scantrail.serve.observing import add_metrics
from scantrail.serve.records import RequestError
from scantrail.serve.schemas import DetectionRequest, LegacyRequest
from scantrail.serve.service import Service
from scantrail.serve.shell import Shell
from scantrail.serve.telling import add_manager, add_reports
from scantrail.serve.tokens import Tokens
from scantrail.serve.traces import Traces, traces
from scantrail.serve.trying import Trying
from scantrail.serve.watch import Watch
from scantrail.settings import OidcSettings, Settings
from scantrail.vocabulary.access import Scope
from scantrail.wiring import Engine, Stores, aftercare, rollout, stores, trialing

_log = logging.getLogger(__name__)
_RETRY_SECONDS: Final = 5  # when a store that failed may be back
_KEEP_USES: Final = 60.0  # seconds between two notes of when keys were used


def create_app(
    engine: Engine,
    opened: Stores | None = None,
    configured: Callable[[], Artifact | None] | None = None,
    *,
    insecure_local: bool = False,
) -> FastAPI:
    """The service around an engine.

    Args:
        engine: Who judges.
        opened: What it keeps scans in; the configured database if None.
        configured: Loads the artifact that serves while none is deployed; the engine's if None.
        insecure_local: No keys are asked for; only who calls this machine by its own name is
            answered. Let nobody else reach it.

    Raises:
        StoreError: The database can't be reached or used.
        ArtifactError: No artifact is deployed, and the configured one can't be used.
        SettingsError: A rate, or whose tokens to trust, can't be used.
    """
    settings = engine.settings
    kept = opened or stores(settings)
    models = Models(engine, rollout(engine, kept), configured or (lambda: engine.artifact))
    trying = Trying(models.rules(), trialing(engine, kept), kept.url, models.cache)
    service = Service(engine, kept, models, trying)
    caretaker = Caretaker(models, trying, aftercare(engine, kept))
    gate = _gate(kept, settings, open_to_all=insecure_local)
    told = traces(settings.otlp_endpoint)

    app: FastAPI = FastAPIOffline(
        title="scantrail",
        summary="Which scans are suspect, how sure, why, and what to do.",
        version=version("scantrail"),
        openapi_tags=TAGS,
        lifespan=_lifespan(service, caretaker, gate, told, close=opened is None),
    )
    app.state.gate, app.state.metrics = gate, service.metrics
    app.state.caretaker = caretaker
    _add_endpoints(app, service, gate)
    _handle_errors(app)
    _wrap(app, settings, local=insecure_local)
    app.add_middleware(Watch, metrics=service.metrics, traces=told)
    return app


def _add_endpoints(app: FastAPI, service: Service, gate: Gate) -> None:
    """Add each group of endpoints for callers with its scope."""
    add_health(app, service)
    if not service.engine.settings.metrics_open:
        app.router.route_class = needs(Scope.READ)
    add_metrics(app, service)
    for scope, add in (
        (Scope.DETECT, add_detection),
        (Scope.READ, add_reports),
        (Scope.READ, add_manager),
        (Scope.READ, add_monitoring),
        (Scope.READ, add_backtests),
        (Scope.READ, add_alerts),
        (Scope.READ, add_feedback),
        (Scope.REVIEW, add_review),
        (Scope.REVIEW, add_review_of_alerts),
        (Scope.REVIEW, add_monitoring_acts),
        (Scope.REVIEW, add_backtesting),
        (Scope.ADMIN, partial(add_keys, gate=gate)),
        (Scope.ADMIN, add_models),
        (Scope.ADMIN, add_gate),
        (Scope.ADMIN, add_trials),
        (Scope.ADMIN, add_recalibration),
        (Scope.ADMIN, add_audit),  # and whatever is added later
    ):
        app.router.route_class = needs(scope)
        add(app, service)
    describe(app, DetectionRequest, LegacyRequest)


def _gate(kept: Stores, settings: Settings, *, open_to_all: bool) -> Gate:
    """Who lets callers in."""
    limits = Limits(settings.rate_limit, settings.failure_limit, settings.redis_url)
    tokens = Tokens(settings.oidc) if settings.oidc != OidcSettings() else None
    return Gate(kept, limits, tokens, open_to_all=open_to_all)


async def _keep_uses(gate: Gate) -> None:
    while True:
        await asyncio.sleep(_KEEP_USES)
        try:
            await anyio.to_thread.run_sync(gate.keep_uses)
        except StoreError as error:
            _log.warning("when keys were used can't be stored: %s", error)


def _wrap(app: FastAPI, settings: Settings, *, local: bool) -> None:
    """Put around it what bounds bodies, and what looks after browsers."""
    app.add_middleware(Bodies, most=settings.max_body_bytes)
    origins = settings.cors_origins
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(origins),
            allow_methods=["GET", "POST"],
            allow_headers=["*"],
        )
    app.add_middleware(Shell, hsts_seconds=settings.hsts_seconds, local=local, origins=origins)


def _lifespan(
    service: Service, caretaker: Caretaker, gate: Gate, told: Traces | None, *, close: bool
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """What begins and ends with the service."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.desk.open()
        service.models.open()
        service.trying.open()
        caretaker.open()
        noting = asyncio.create_task(_keep_uses(gate))
        yield
        noting.cancel()
        await anyio.to_thread.run_sync(service.desk.close)  # what was accepted is finished first
        await anyio.to_thread.run_sync(caretaker.close)
        await anyio.to_thread.run_sync(service.trying.close)
        await anyio.to_thread.run_sync(service.models.close)
        with suppress(StoreError):
            await anyio.to_thread.run_sync(gate.keep_uses)
        await gate.close()
        if told:
            await anyio.to_thread.run_sync(told.close)
        if close:
            service.stores.close()

    return lifespan


def _handle_errors(app: FastAPI) -> None:
    app.add_exception_handler(Refused, _stopped)
    app.add_exception_handler(UnknownKey, _unknown)
    app.add_exception_handler(RequestError, _refused)
    app.add_exception_handler(Busy, _busy)
    app.add_exception_handler(StoreError, _down)
    app.add_exception_handler(ConflictError, _conflict)
    app.add_exception_handler(NotFoundError, _not_found)
    app.add_exception_handler(ScantrailError, _unusable)


async def _stopped(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    account().refused = "rate" if error.status == 429 else "key"
    return JSONResponse({"detail": error.detail}, error.status, error.headers)


async def _unknown(_: Request, error: Exception) -> Response:
    return JSONResponse({"detail": str(error)}, 404)


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)
    return JSONResponse({"detail": error.detail}, error.status)


async def _unusable(_: Request, error: Exception) -> Response:
    fault = {"type": "unusable", "loc": ["body"], "msg": str(error)}
    return JSONResponse({"detail": [fault]}, 422)


async def _busy(_: Request, error: Exception) -> Response:
    assert isinstance(error, Busy)
    account().refused = "busy"
    return JSONResponse({"detail": str(error)}, 503, {"Retry-After": str(error.seconds)})


async def _down(_: Request, error: Exception) -> Response:
    account().refused = "store"
    _log.error("%s", error)  # where the store is, is not the caller's business
    message = "the store can't be used at present; nothing of this request was kept, try again"
    return JSONResponse({"detail": message}, 503, {"Retry-After": str(_RETRY_SECONDS)})


async def _conflict(_: Request, error: Exception) -> Response:
    return JSONResponse({"detail": str(error)}, 409)


async def _not_found(_: Request, error: Exception) -> Response:
    return JSONResponse({"detail": str(error)}, 404)
