"""What the endpoints that manage models are asked and answer, as OpenAPI tells it."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

_VERSION: Final = "8bb2db7e7584"
_At = Annotated[str, Field(description="ISO 8601, UTC.")]


def _example(**values: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"example": values})


class Reason(BaseModel):
    """Why something is done; it is kept with the deployment."""

    model_config = _example(reason="finds 4 % more at the same number of alerts") | ConfigDict(
        extra="forbid"
    )

    reason: str = Field("", max_length=500)


class RetrainRequest(BaseModel):
    """What to learn from."""

    model_config = _example(dataset="summer", seed=0, epochs=4) | ConfigDict(extra="forbid")

    dataset: str | None = Field(
        None,
        max_length=200,
        description="A log in the folder `SCANTRAIL_DATASETS`, by name; null: all stored scans.",
    )
    seed: int = Field(0, ge=0, lt=2**31)
    epochs: int = Field(4, ge=1, le=200, description="Passes over a long log.")


class UpdateRequest(BaseModel):
    """What to update, and by what."""

    model_config = _example(dataset=None, version=_VERSION) | ConfigDict(extra="forbid")

    version: str | None = Field(
        None, max_length=40, description="A registered version; null: the one that judges."
    )
    dataset: str | None = Field(None, max_length=200, description="As for `retrain`.")


class GateRequest(BaseModel):
    """By what to judge a version."""

    model_config = _example(dataset=None) | ConfigDict(extra="forbid")

    dataset: str | None = Field(None, max_length=200, description="As for `retrain`.")


class GateCheck(BaseModel):
    """One thing that was looked at."""

    name: str
    passed: bool
    reason: str
    champion: float | None
    candidate: float | None


class Gated(BaseModel):
    """What became of a version at the gate."""

    version: str
    champion: str
    at: _At
    actor: str
    passed: bool
    checks: list[GateCheck]
    data: dict[str, Any] = Field(description="What it was measured by.")


class Deployment(BaseModel):
    """Which version judges, from when on."""

    model_config = _example(
        id=3, at="2025-08-17T02:15:00+00:00", actor="cli:kim", action="promote",
        version=_VERSION, reason="trained on the summer",
    )  # fmt: skip

    id: int
    at: _At
    actor: str
    action: Literal["start", "promote", "rollback", "pin", "unpin"]
    version: str = Field(description="`none`: rules judge alone.")
    reason: str


class Judged(BaseModel):
    """What judged at a moment."""

    at: _At
    deployment: Deployment | None = Field(description="Null: what the settings named.")
    lastReportId: int | None = Field(description="The last report made until then.")
    judgedBy: dict[str, str] = Field(description="The versions that made that report.")


class Model(BaseModel):
    """A registered version."""

    model_config = _example(
        version=_VERSION, created="2025-08-16T20:00:00+00:00", serving=False, loaded=False,
        fault="its card was changed",
        events=458_191, items=100_046, seed=0, dataDigest="cacb4c166521379d",
        metrics={"seen_rates": {"ml": {"0.01": 0.0112}}},
    )  # fmt: skip

    version: str
    created: str | None
    serving: bool = Field(description="Whether it judges, in this process.")
    loaded: bool
    fault: str | None = Field(description="Why it can't be used.")
    events: int | None = Field(description="Scans that it was trained on.")
    items: int | None
    seed: int | None
    dataDigest: str | None
    metrics: dict[str, Any] = Field(description="As measured on held-out items.")


class ModelList(BaseModel):
    """All registered versions, and which one judges."""

    serving: str
    deployed: Deployment | None = Field(description="Null: what the settings name serves.")
    pinned: bool
    models: list[Model]


class Job(BaseModel):
    """Work in the background; what it was asked depends on its kind."""

    model_config = ConfigDict(extra="allow") | _example(
        id=7, kind="retrain", state="failed", dataset="summer", seed=0, epochs=4, actor="api",
        createdAt="2025-08-17T02:15:00+00:00", startedAt="2025-08-17T02:15:01+00:00",
        endedAt="2025-08-17T02:25:01+00:00", stage="epoch 2/4", progress=0.5,
        version="8bb2db7e7584", message="no space is left on the device",
    )  # fmt: skip

    id: int
    kind: Literal["retrain", "update-svm", "gate", "monitor", "backtest"]
    state: Literal["queued", "running", "done", "failed", "cancelled", "interrupted"]
    dataset: str | None = None
    seed: int | None = None
    epochs: int | None = None
    actor: str
    createdAt: _At
    startedAt: str | None
    endedAt: str | None
    stage: str
    progress: float = Field(ge=0, le=1)
    version: str | None = Field(description="Of the artifact that it registered.")
    message: str | None = Field(description="What came of it.")


class LoadedModel(BaseModel):
    """A version in memory."""

    model_config = _example(
        version=_VERSION, since="2025-08-17T02:15:00+00:00", used="2025-08-17T03:00:00+00:00",
        rssBefore=151_000_000, rssAfter=168_000_000,
    )  # fmt: skip

    version: str
    since: _At
    used: _At
    rssBefore: int | None = Field(description="Bytes of the process before it was loaded.")
    rssAfter: int | None


class ModelHealth(BaseModel):
    """Whether learned detectors judge as they should."""

    model_config = _example(
        state="degraded", serving=_VERSION, wanted="e0f23490406c",
        fault="arrays.npz can't be read (No such file or directory)", rss=168_000_000,
        loaded=[LoadedModel.model_config["json_schema_extra"]["example"]],  # type: ignore[index]
    )  # fmt: skip

    state: Literal["ok", "degraded", "rules alone", "not loaded"]
    serving: str
    wanted: str
    fault: str | None = Field(description="Why what is wanted doesn't serve.")
    rss: int | None = Field(description="Bytes of the process in memory now.")
    loaded: list[LoadedModel]
