"""What the endpoints for trials are asked and answer, as OpenAPI tells it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from scantrail.trials.plan import Mode

_EXAMPLE: dict[str, Any] = {
    "mode": "ab", "challenger": "e0f23490406c", "share": 0.1, "reason": "trained on the summer",
}  # fmt: skip


class TrialRequest(BaseModel):
    """What is to be tried."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": _EXAMPLE})

    mode: Mode = Field(
        description="`shadow`: judges all, without effect; `ab`: judges a share of the items; "
        "`canary`: a share that grows in steps."
    )
    challenger: str = Field(max_length=40, description="A registered version, or `none`.")
    share: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Of the items: for `ab` (0.1 if it is left out), or a canary's first.",
    )
    reason: str = Field("", max_length=500)


class Move(BaseModel):
    """What was done about a trial."""

    at: str
    action: Literal["start", "step", "stop", "promote", "abort"]
    actor: str
    share: float
    reason: str


class Trial(BaseModel):
    """A trial."""

    id: int
    state: Literal["running", "stopped", "promoted", "aborted"]
    mode: Mode
    champion: str
    challenger: str
    share: float = Field(description="Of the items that the challenger judges.")
    moves: list[Move] = Field(description="The oldest first.")


class TrialList(BaseModel):
    """All trials, and how the running one is followed in this process."""

    trials: list[Trial] = Field(description="The newest first.")
    fault: str | None = Field(description="Why the challenger doesn't judge in this process.")
    shadow: dict[str, int] = Field(
        description="Scans handed to the shadow by this process since the trial began: judged, "
        "waiting, left out (too many waited), lost."
    )


class Split(BaseModel):
    """How items were really split."""

    meant: float
    effective: float | None
    items: int
    challenger: int
    p: float = Field(description="The chance of a split as uneven, were the draw fair.")
    crossed: int = Field(description="Items that both judged; left out.")


class Arm(BaseModel):
    """One version's part."""

    scans: int
    items: int
    alerts: int = Field(description="Items with an alert.")
    per10k: float | None = Field(description="Alerts per 10,000 scans.")
    confirmed: int
    dismissed: int


class Difference(BaseModel):
    """Challenger less champion; the interval holds however often one looks."""

    difference: float | None
    low: float
    high: float
    p: float


class Agreement(BaseModel):
    """Items that are suspect to both versions, to one of them, to none."""

    both: int
    champion: int = Field(description="To it alone.")
    challenger: int = Field(description="To it alone.")
    neither: int
    agreed: float | None = Field(description="Share of the items on which both say the same.")
    kappa: float | None = Field(description="Cohen's: agreement beyond chance.")
    more: tuple[float, float] = Field(
        description="Of items suspect to one alone, the share that is so to the challenger, as an "
        "interval; above 0.5 it surely alerts on more."
    )


class TrialReading(Trial):
    """A trial with what it has taught; of one with effect, since the share is what it is."""

    outcome: str | None = Field(description="What precision allows to say.")
    todo: str | None = Field(description="What comes next, while it runs.")
    split: Split | None = None
    arms: dict[str, Arm] | None = None
    alerts: Difference | None = Field(None, description="Of the shares of items with an alert.")
    precision: Difference | None = Field(None, description="Of the shares of confirmed alerts.")
    agreement: Agreement | None = Field(None, description="In the shadow.")
    scored: float | None = Field(None, description="Share of the scans that the shadow judged.")
    said: dict[str, dict[str, int]] | None = Field(
        None, description="In the shadow: confirmed and dismissed items, by whom they are suspect."
    )
