"""What the endpoints of backtests are asked and answer, as OpenAPI tells it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from scantrail.serve.answers_of_models import Job

_Moment = Annotated[
    str | None,
    Field(max_length=40, description="ISO 8601; without an offset, by the sites' clock."),
]
_Few = 50  # settings and the like that one can wish for at a time


class BacktestRequest(BaseModel):
    """What to try, and on which of the stored scans."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "since": "2025-09-01", "until": "2025-10-01", "artifact": "8bb2db7e7584",
                "alertsPerDay": 20, "settings": {"thresholds.jump_score": "80"},
            }
        },
    )  # fmt: skip

    since: _Moment = None
    until: _Moment = Field(None, description="The end, excluded; as `since`.")
    artifact: str | None = Field(
        None, max_length=40,
        description="A registered version, or `none`: rules alone; null: the one that judges.",
    )  # fmt: skip
    threshold: float | None = Field(
        None, ge=0, le=100, description="Alerts are items whose confidence is above this."
    )
    alertsPerDay: float | None = Field(
        None, ge=0, le=1e9, description="… or above the lowest one that gives at most so many."
    )
    everyDay: bool = Field(default=False, description="… on every single day, not only on average.")
    settings: dict[str, Annotated[str, Field(max_length=2_000)]] = Field(
        {}, max_length=_Few,
        description="Settings of the tables `thresholds` and `ensemble`, e.g. "
        "`thresholds.jump_score`, to their values as the environment has them.",
    )  # fmt: skip
    weights: dict[str, float] = Field(
        {}, max_length=_Few, description="`lstm` or `svm` to a weight in the ensemble."
    )
    without: list[Annotated[str, Field(max_length=40)]] = Field(
        [], max_length=_Few, description="Rules, or `lstm`, `svm`, `rules`, switched off."
    )


class BacktestCases(BaseModel):
    """Alerts, and what people said of them."""

    alerts: int
    confirmed: int | None = Field(description="Null: people have said nothing of any item yet.")
    dismissed: int | None


class BacktestSide(BacktestCases):
    """One way of judging."""

    version: str
    perDay: float
    busiestDay: int


class BacktestCount(BaseModel):
    """Alerts of a kind, or at a site."""

    model_config = ConfigDict(extra="allow")

    present: int
    tried: int
    found: int
    lost: int


class BacktestCase(BaseModel):
    """An alert that only one of the ways raises."""

    change: Literal["found", "lost"]
    epcCode: str | None
    day: str
    site: str
    kind: str
    score: float | None


class BacktestResult(BaseModel):
    """What would have been."""

    since: str
    until: str
    days: int
    scans: int
    threshold: float | None = Field(description="Of the tried way; null: as its verdicts have it.")
    present: BacktestSide
    tried: BacktestSide
    found: BacktestCases
    lost: BacktestCases
    confirmed: int | None = Field(description="Items of the stretch that people confirmed.")
    byKind: list[BacktestCount]
    bySite: list[BacktestCount]
    cases: list[BacktestCase]
    casesLeftOut: int
    degraded: list[str] = Field(description="Detectors that failed meanwhile.")


class BacktestJob(Job):
    """A backtest: how far it is, and what came of it."""

    result: BacktestResult | None = Field(None, description="Null until it is done.")
