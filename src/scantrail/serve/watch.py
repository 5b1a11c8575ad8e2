"""Around everything: each request leaves a line in the log, its metrics, and maybe a trace."""

from __future__ import annotations

import logging
from time import perf_counter_ns
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scantrail.serve.account import Account, opened
from scantrail.serve.metrics import Metrics
from scantrail.serve.traces import Traces

_log = logging.getLogger(__name__)
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OTHER: Final = "other"  # what strangers make up has no name of its own
_GONE: Final = 499  # nothing was answered: the caller had gone
_QUIET: Final = ("/health", "/health/live", "/health/ready", "/metrics")  # asked all the time


class Watch:
    """An ASGI middleware."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, traces: Traces | None = None) -> None:
        """Watch an app.

        Args:
            app: What answers.
            metrics: What is counted.
            traces: Who collects traces, if anybody does.
        """
        self._app, self._metrics, self._traces = app, metrics, traces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = _GONE

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with opened() as account, self._metrics.running.track_inprogress():
            span = self._traces.begin(scope) if self._traces else None
            try:
                await self._app(scope, receive, watched)
            finally:
                end = perf_counter_ns()
                route = _route(scope)
                method = scope["method"] if scope["method"] in _METHODS else _OTHER
                seconds = (end - account.stages.begin) / 1e9
                self._metrics.answered(method, route, status, seconds, account)
                told = {"method": method, "route": route, "status": status}
                if self._traces and span is not None:
                    told["trace_id"] = self._traces.end(span, end, told, account)
                _tell(scope, told, seconds, account)


def _route(scope: Scope) -> str:
    """The pattern of the path, as in the API's documentation."""
    path = getattr(scope.get("route"), "path", _OTHER)
    assert isinstance(path, str)
    return path


def _tell(scope: Scope, told: dict[str, Any], seconds: float, account: Account) -> None:
    """One line for each request."""
    level = logging.INFO
    if told["status"] >= 500:
        level = logging.WARNING
    elif told["route"] in _QUIET and told["status"] < 400:
        level = logging.DEBUG
    if not _log.isEnabledFor(level):
        return
    state = scope.get("state", {})
    caller = state.get("caller")
    line = {
        "happened": "request",
        **told,
        "ms": round(seconds * 1000, 2),
        "records": account.records,
        "suspects": account.suspects,
        "request_id": state.get("request_id"),
        "caller": caller and caller.id,
    }
    if account.degraded:
        line["degraded"] = list(account.degraded)
    if account.refused:
        line["refused"] = account.refused
    _log.log(level, "%(method)s %(route)s: %(status)d", told, extra=line)
