"""Traces by OpenTelemetry: a span for each request, and in it one for each stage.

Off by default, and then nothing of OpenTelemetry is imported.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from importlib.metadata import version
from time import perf_counter_ns, time_ns
from typing import Any, Final

from starlette.types import Scope

from scantrail.errors import SettingsError
from scantrail.serve.account import Account

_log = logging.getLogger(__name__)
_PATH: Final = "/v1/traces"
#: Where OpenTelemetry itself lets one say who collects traces.
_STANDARD: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_CURE: Final = "pip install 'scantrail[otel]'"


class Traces:
    """Makes spans of requests, for a provider of OpenTelemetry's."""

    def __init__(self, provider: Any) -> None:
        """Make spans by a `TracerProvider`."""
        from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._provider = provider
        self._tracer = provider.get_tracer("scantrail", version("scantrail"))
        self._caller = TraceContextTextMapPropagator()
        self._kind, self._inside = SpanKind.SERVER, set_span_in_context
        self._failed = Status(StatusCode.ERROR)

    def begin(self, scope: Scope) -> Any:
        """Begin the span of a request, within the caller's if `traceparent` names one."""
        known = {b"traceparent", b"tracestate"}
        sent = {k.decode(): v.decode("latin-1") for k, v in scope["headers"] if k in known}
        context = self._caller.extract(sent)
        return self._tracer.start_span(scope["method"], context, self._kind)

    def end(self, span: Any, end: int, told: Mapping[str, Any], account: Account) -> str:
        """End it, with its stages; its trace's id.

        Args:
            span: What `begin` gave.
            end: Nanoseconds of `perf_counter_ns`.
            told: `method`, `route` and `status`.
            account: What became of the request.
        """
        if span.is_recording():
            since = time_ns() - perf_counter_ns()  # nanoseconds from 1970 to the counter's start
            span.update_name(f"{told['method']} {told['route']}")
            span.set_attributes(_attributes(told, account))
            if told["status"] >= 500:
                span.set_status(self._failed)
            inside = self._inside(span)
            for stage in account.stages.noted:
                child = self._tracer.start_span(stage.name, inside, start_time=stage.begin + since)
                child.end(stage.end + since)
            span.end(end + since)
        return f"{span.get_span_context().trace_id:032x}"

    def close(self) -> None:
        """Send what was not sent yet."""
        self._provider.shutdown()


def _attributes(told: Mapping[str, Any], account: Account) -> dict[str, Any]:
    """What a span says of its request, by OpenTelemetry's names where it has some."""
    made: dict[str, Any] = {
        "http.request.method": told["method"],
        "http.route": told["route"],
        "http.response.status_code": told["status"],
        "scantrail.records": account.records,
        "scantrail.suspects": account.suspects,
    }
    if account.degraded:
        made["scantrail.degraded"] = list(account.degraded)
    if account.refused:
        made["scantrail.refused"] = account.refused
    return made


def traces(endpoint: str) -> Traces | None:
    """Who collects traces; None if nobody does.

    Args:
        endpoint: Base URL of an OTLP/HTTP collector. If it is empty, OpenTelemetry's own variables
            may name one.

    Raises:
        SettingsError: The endpoint is no URL, or the extra `otel` is not installed.
    """
    standard = [name for name in _STANDARD if os.environ.get(name)]
    if not endpoint and (not standard or os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"):
        return None
    if endpoint and not endpoint.startswith(("http://", "https://")):
        raise SettingsError(
            f"otlp_endpoint is '{endpoint}'; expected the URL of a collector that speaks OTLP over "
            "HTTP, e.g. http://127.0.0.1:4318"
        )
    try:
        return Traces(_provider(endpoint))
    except ImportError as error:
        if endpoint:
            raise SettingsError(
                f"otlp_endpoint is set, but OpenTelemetry is not installed: {_CURE}"
            ) from error
        _log.warning("%s is set, but OpenTelemetry is not installed, so no traces are sent: %s",
                     standard[0], _CURE)  # fmt: skip
        return None


def _provider(endpoint: str) -> Any:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    url = endpoint.rstrip("/").removesuffix(_PATH) + _PATH if endpoint else None
    name = os.environ.get("OTEL_SERVICE_NAME", "scantrail")
    resource = Resource.create({"service.name": name, "service.version": version("scantrail")})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=url)))
    return provider
