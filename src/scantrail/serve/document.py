"""How OpenAPI tells of the endpoints; their answers are sent as they are."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI

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
    413: {"model": Problem, "description": "The body is too large, or has too many records."},
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
    {"name": "manager", "description": "The chain, and what was seen on it."},
    {"name": "models", "description": "Which artifact judges, and how it is changed."},
    {"name": "service", "description": "About the service itself."},
]


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
    """Put the models of hand-read bodies into the OpenAPI document."""
    build = app.openapi

    def openapi() -> dict[str, Any]:
        document = build()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        for model in models:
            schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update(schema.pop("$defs", {}))
            schemas[model.__name__] = schema
        return document

    app.openapi = openapi  # type: ignore[method-assign]
