"""What the administrators' endpoints take and answer, as OpenAPI tells it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from scantrail.stores.audit import Outcome
from scantrail.vocabulary.access import Scope

_Id = Annotated[str, Field(pattern="^[0-9a-f]{12}$")]
_EXAMPLE: dict[str, Any] = {
    "id": "4f6d1c0a9b2e",
    "name": "gateway Busan",
    "scopes": ["detect"],
    "state": "revoked",
    "created": "2025-08-14T12:00:00+00:00",
    "expires": "2026-08-14T12:00:00+00:00",
    "revoked": "2025-08-20T08:00:00+00:00",
    "used": "2025-08-16T22:47:39+00:00",
    "replaces": "0a9b2e4f6d1c",
}


def _example(**values: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"example": values}, extra="forbid")


def _whole(value: Any) -> Any:
    """In JSON, 24.0 is a whole number, too."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


class KeyRequest(BaseModel):
    """A key to make."""

    model_config = _example(name="gateway Busan", scopes=["detect"], days=365)

    name: Annotated[
        str,
        Field(
            min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$",
            description="Who holds it.",
        ),
    ]  # fmt: skip
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=10)]
    days: Annotated[
        int | None,
        Field(ge=1, le=36_500, strict=True, description="Its life; none: for ever."),
        BeforeValidator(_whole),
    ] = None


class RotateRequest(BaseModel):
    """How a key is replaced."""

    model_config = _example(hours=24)

    hours: Annotated[
        int,
        Field(ge=0, le=8_760, strict=True, description="For how long the old one still opens."),
        BeforeValidator(_whole),
    ] = 24


class KeyLine(BaseModel):
    """A key, without what its holder sends. `used` is exact to a minute."""

    model_config = _example(**_EXAMPLE)

    id: _Id
    name: str
    scopes: list[Scope]
    state: str
    created: datetime
    expires: datetime | None
    revoked: datetime | None
    used: datetime | None
    replaces: _Id | None


class NewKeyLine(KeyLine):
    """A key as it is made; `key` is shown this once."""

    model_config = _example(**_EXAMPLE, key="sk_4f6d1c0a9b2e_…")

    key: str


class AuditLine(BaseModel):
    """What someone did, or was refused."""

    model_config = _example(
        id=7,
        at="2025-08-14T12:00:00+00:00",
        actor="key 0a9b2e4f6d1c",
        action="POST /api/admin/keys",
        subject="key 4f6d1c0a9b2e",
        outcome="done",
        detail={"status": 201, "name": "gateway Busan", "scopes": ["detect"]},
        request="6f1f0c5b7a9d2e48",
    )

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    outcome: Outcome
    detail: dict[str, Any]
    request: str | None
