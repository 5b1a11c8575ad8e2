"""How OpenAPI tells of the endpoints; their answers are sent as they are."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI

from scantrail.serve.auth import GuardedRoute
from scantrail.serve.gate import Gate
from scantrail.serve.schemas import Problem

_DOWN: Final[dict[int | str, dict[str, Any]]] = {
    503: {
        "model": Problem,
        "description": "The store can't be reached, or too much waits; `Retry-After` says when to "
        "try again. Nothing of the request is stored.",
    }
}
#: Why a detection is refused.
PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    **_DOWN,
    409: {"model": Problem, "description": "The `Idempotency-Key` was used for another request."},
    422: {"model": Problem, "description": "The body can't be used; every fault is listed."},
}
#: Why a change of what judges is refused.
REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    400: {"model": Problem, "description": "The body is no text."},
    404: {"model": Problem, "description": "What was named is not there."},
    409: {"model": Problem, "description": "It can't be done as things stand; nothing changed."},
    422: {"model": Problem, "description": "It can't be used; what judges stays."},
}
TAGS: Final = [
    {"name": "detection", "description": "Judge scans."},
    {"name": "reports", "description": "Past detections, as many as the service keeps."},
    {"name": "feedback", "description": "What people say of alerts, and what follows from it."},
    {"name": "alerts", "description": "What monitoring found not to be as it was."},
    {"name": "monitoring", "description": "Drift, alert rates, feeds, and how good alerts are."},
    {"name": "manager", "description": "The chain, and what was seen on it."},
    {"name": "admin", "description": "Who may call, and what administrators did."},
    {"name": "models", "description": "Which artifact judges, and how it is changed."},
    {"name": "service", "description": "About the service itself."},
]


_SCHEMES: Final[dict[str, Any]] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key (`sk_…`), or a token of the identity provider.",
    },
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
_PROBLEM: Final[dict[str, Any]] = {"schema": {"$ref": "#/components/schemas/Problem"}}


def told(model: Any, summary: str, tag: str) -> dict[str, Any]:
    """What a route says of itself and of its answer."""
    return {
        "summary": summary,
        "tags": [tag],
        "response_model": None,
        "responses": {200: {"model": model}, **_DOWN},
    }


def body_of(model: type[Any]) -> dict[str, Any]:
    """What a route with a hand-read body says of it; `describe` adds the model."""
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def describe(app: FastAPI, *models: type[Any]) -> None:
    """Add to the OpenAPI document the models of hand-read bodies, and who may call what."""
    build = app.openapi
    gate: Gate = app.state.gate

    def openapi() -> dict[str, Any]:
        document = build()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        for model in models:
            schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update(schema.pop("$defs", {}))
            schemas[model.__name__] = schema
        if not gate.open_to_all:
            document["components"]["securitySchemes"] = _SCHEMES
        for route in app.routes:
            if isinstance(route, GuardedRoute):
                for operation in document["paths"][route.path_format].values():
                    _say_who(operation, route.needed, open_to_all=gate.open_to_all)
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def _say_who(operation: dict[str, Any], needed: str, *, open_to_all: bool) -> None:
    said = {"429": "Too many requests of this caller; `Retry-After` says when to try again."}
    if not open_to_all:
        operation["security"] = [{"bearer": []}, {"key": []}]
        said |= {
            "401": "No key, or one that is unknown, expired or revoked.",
            "403": f"The key lacks the scope `{needed}`.",
        }
    if "requestBody" in operation:
        said["413"] = "The body is too large, or has too many records."
    for status, why in said.items():
        content = {"application/json": _PROBLEM}
        operation["responses"][status] = {"description": why, "content": content}
