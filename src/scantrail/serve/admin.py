"""The endpoints for administrators: keys, and what administrators did."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import FastAPI, Path, Query, Request

from scantrail.serve.admin_schemas import (
    AuditLine,
    KeyLine,
    KeyRequest,
    NewKeyLine,
    RotateRequest,
)
from scantrail.serve.auth import note
from scantrail.serve.document import REFUSALS, told
from scantrail.serve.gate import Gate, now
from scantrail.serve.schemas import Problem
from scantrail.serve.service import Service
from scantrail.stores.audit import Line
from scantrail.stores.keys import Key, NewKey
from scantrail.vocabulary.times import utc

HOUR: Final = 3_600_000_000  #: microseconds
DAY: Final = 24 * HOUR
_KEYS: Final = "/api/admin/keys"
_ANY_OTHER: Final = {404: {"model": Problem, "description": "There is no such key, or it ended."}}
_KeyId = Annotated[str, Path(max_length=100, description="From `/api/admin/keys`.")]


def add_keys(app: FastAPI, service: Service, gate: Gate) -> None:
    """Add the endpoints for API keys."""
    keys = service.stores.keys

    @app.get(_KEYS, **told(list[KeyLine], "API keys", "admin"))
    def listed() -> list[dict[str, Any]]:
        """All keys that ever were, the newest first."""
        return [key_line(key, now()) for key in keys.all()]

    @app.post(_KEYS, status_code=201, **_made("Make an API key"))
    def create(request: Request, asked: KeyRequest) -> dict[str, Any]:
        """Make a key. What its holder is to send is answered this once."""
        made = keys.create(asked.name, asked.scopes, now(), _after(asked.days, DAY))
        note(request, f"key {made.key.id}", name=asked.name, scopes=sorted(made.key.scopes))
        return new_key_line(made)

    about = _made("Replace an API key")
    about["responses"] |= _ANY_OTHER

    @app.post(_KEYS + "/{key_id}/rotate", status_code=201, **about)
    def rotate(request: Request, key_id: _KeyId, asked: RotateRequest) -> dict[str, Any]:
        """Make a key like an old one, which goes on for some hours."""
        made = keys.rotate(key_id, now(), asked.hours * HOUR)
        gate.forget()
        note(request, f"key {key_id}", new=made.key.id, hours=asked.hours)
        return new_key_line(made)

    about = told(KeyLine, "End an API key", "admin")
    about["responses"] |= _ANY_OTHER

    @app.post(_KEYS + "/{key_id}/revoke", **about)
    def revoke(request: Request, key_id: _KeyId) -> dict[str, Any]:
        """End a key: here at once, in other processes within seconds. Again, it changes nothing."""
        ended = keys.revoke(key_id, now())
        gate.forget()
        note(request, f"key {key_id}", name=ended.name)
        return key_line(ended, now())


def add_audit(app: FastAPI, service: Service) -> None:
    """Add the endpoint for the audit log."""

    @app.get("/api/admin/audit", **told(list[AuditLine], "The audit log", "admin"))
    def lines(
        most: Annotated[int, Query(ge=1, le=10_000, description="At most so many.")] = 100,
        before: Annotated[
            int | None, Query(ge=1, lt=2**63, description="Only lines before this id.")
        ] = None,
    ) -> list[dict[str, Any]]:
        """What administrators did and what was refused to whom, the newest first."""
        return [_audit_line(line) for line in service.stores.audit.lines(most, before)]


def key_line(key: Key, at: int) -> dict[str, Any]:
    """A key as it is told."""
    return {
        "id": key.id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "state": key.state(at),
        "created": utc(key.created_at),
        "expires": _utc(key.expires_at),
        "revoked": _utc(key.revoked_at),
        "used": _utc(key.last_used_at),
        "replaces": key.replaces,
    }


def new_key_line(made: NewKey) -> dict[str, Any]:
    """A key as it is told to who made it."""
    return {**key_line(made.key, made.key.created_at), "key": made.text}


def _made(summary: str) -> dict[str, Any]:
    about = told(NewKeyLine, summary, "admin")
    about["responses"][400] = REFUSALS[400]
    about["responses"][201] = about["responses"].pop(200)
    return about


def _after(count: int | None, unit: int) -> int | None:
    return None if count is None else now() + count * unit


def _utc(at: int | None) -> str | None:
    return None if at is None else utc(at)


def _audit_line(line: Line) -> dict[str, Any]:
    return {
        "id": line.id,
        "at": utc(line.at),
        "actor": line.actor,
        "action": line.action,
        "subject": line.subject,
        "outcome": line.outcome,
        "detail": line.detail,
        "request": line.request_id,
    }
