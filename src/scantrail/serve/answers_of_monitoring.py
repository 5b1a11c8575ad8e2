"""What the endpoints of monitoring, alerts and feedback are asked and answer, for OpenAPI."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from scantrail.monitoring.signals import Check

_At = Annotated[str, Field(description="ISO 8601, UTC.")]
_Local = Annotated[str, Field(description="ISO 8601, by the sites' clock.")]
_Reason = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500),
    Field(description="Why; it is kept."),
]  # fmt: skip
_Site = Annotated[int | Annotated[str, Field(min_length=1, max_length=200)],
                  Field(description="A location id, or a name.")]  # fmt: skip
_Share = Annotated[float, Field(ge=0, le=1)]
#: An ISO week.
WEEK: Final = r"^\d{4}-W(0[1-9]|[1-4]\d|5[0-3])$"
_EPC: Final = "001.8804823.1293291.010004.20250701.000004002"
_LINE: Final[dict[str, Any]] = {
    "id": 12,
    "at": "2025-08-17T02:15:00+00:00",
    "actor": "key 0a9b2e4f6d1c",
    "verdict": "dismiss",
    "reason": "the reader's clock was an hour slow",
    "target": "group",
    "epcCode": _EPC,
    "group": {"kind": "jump", "site": "1031"},
    "week": "2025-W36",
    "expiresAt": "2025-08-24T02:15:00+00:00",
    "withdraws": 11,
    "withdrawnBy": 13,
}
_STRICT: Final = ConfigDict(extra="forbid", populate_by_name=True)


def _example(**values: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"example": values})


class LaneOfAlerts(BaseModel):
    """A site, and the next one on an item's way."""

    model_config = _STRICT

    start: _Site = Field(alias="from")
    end: _Site = Field(alias="to")


class GroupOfAlerts(BaseModel):
    """Which alerts; what is left out may be anything."""

    model_config = _STRICT

    kind: str | None = Field(None, max_length=40)
    product: str | None = Field(None, max_length=200, description="`company.product`.")
    site: _Site | None = None
    lane: LaneOfAlerts | None = None


class FeedbackRequest(BaseModel):
    """What somebody says: of an item, of one scan of it (`eventId`), or of a group."""

    model_config = _STRICT | _example(
        verdict="dismiss", reason="the reader's clock was an hour slow; it is set right now",
        group={"kind": "jump", "site": 1031}, days=7,
    )  # fmt: skip

    verdict: Literal["confirm", "dismiss"]
    reason: _Reason
    epcCode: str | None = Field(None, min_length=1, max_length=2000)
    eventId: int | str | None = Field(None, description="As it was sent with the scan.")
    group: GroupOfAlerts | None = None
    week: str | None = Field(
        None, pattern=WEEK, description="The item was drawn for this week's sample."
    )
    days: int | None = Field(
        None, description="For which a dismissal of an item or a group holds; 30 if left out."
    )


class Why(BaseModel):
    """Why something is done."""

    model_config = _STRICT | _example(reason="the reader was right after all")

    reason: _Reason


class FeedbackLine(BaseModel):
    """What somebody said."""

    model_config = _example(**_LINE)

    id: int
    at: _At
    actor: str
    verdict: Literal["confirm", "dismiss", "withdraw"]
    reason: str
    target: Literal["event", "item", "group"]
    epcCode: str | None
    group: dict[str, Any] | None
    week: str | None
    expiresAt: str | None = Field(description="Until when it speaks of what comes.")
    withdraws: int | None = Field(description="The feedback that this one takes back.")
    withdrawnBy: int | None = Field(description="The feedback that takes this one back.")


class GivenFeedback(FeedbackLine):
    """Feedback as it is given."""

    model_config = _example(**_LINE, events=29)

    events: int = Field(description="Of how many suspect events it speaks now.")


class Symptom(BaseModel):
    """One thing that is not as it was."""

    check: Check
    view: str
    place: str = Field(description="A location id or feed; empty: the whole chain.")
    since: str = Field(description="The first day on which it shows.")
    p: float
    q: float
    effect: dict[str, float]
    strength: float = Field(description="The effect over what would be bearable.")
    what: str


class AlertLine(BaseModel):
    """One trouble."""

    id: str
    phase: Literal["pending", "open", "ended", "forgotten"]
    kind: str = Field(description="The check that the strongest symptom came from.")
    since: str = Field(description="The first day on which it shows.")
    first: _Local
    last: _Local
    strength: float
    what: str
    places: list[str]
    snoozedUntil: str | None
    acknowledgedBy: str | None
    symptoms: list[Symptom]


class AlertChange(BaseModel):
    """What happened to an alert."""

    at: _At
    what: str
    phase: str
    actor: str
    reason: str


class AlertDetail(AlertLine):
    """One trouble, and all that happened to it."""

    changes: list[AlertChange]


class SnoozeRequest(BaseModel):
    """For how long nothing shall be sent."""

    model_config = _STRICT | _example(hours=48, reason="the road is closed until Monday")

    hours: float = Field(gt=0, le=24 * 366)
    reason: str = Field("", max_length=500)


class AcknowledgeRequest(BaseModel):
    """That somebody looks after it."""

    model_config = _STRICT | _example(reason="ticket 4711")

    reason: str = Field("", max_length=500)


class BaselineLine(BaseModel):
    """What later days are compared with."""

    digest: str
    version: str
    first: str
    last: str
    scans: int
    madeAt: _At
    madeBy: str


class Drift(BaseModel):
    """What is not as it was, the strongest first."""

    state: Literal["nothing yet", "learning", "compared"]
    until: str | None
    version: str | None = Field(description="The version that judges; `rules`: none does.")
    withScores: bool = Field(description="Whether scores could be compared, too.")
    scans: int
    daysKnown: int | None = Field(description="Days that are stored, while it learns.")
    daysNeeded: int | None
    baseline: BaselineLine | None
    signals: list[Symptom]


class SiteRate(BaseModel):
    """A site's alerts per 10,000 scans, day by day."""

    site: str
    days: list[str]
    scans: list[int]
    alerts: list[int]
    rate: float = Field(description="Alerts per 10,000 scans.")
    usualRate: float
    chart: list[float] = Field(description="Moving average of departures, in its deviations.")
    p: float


class AlertsRate(BaseModel):
    """The control chart of every site, the most unlikely first."""

    until: str | None
    sites: list[SiteRate]


class SiteFeed(BaseModel):
    """How a site's data comes in."""

    site: str
    last: str | None = Field(description="By its own clock.")
    missedVisits: float
    p: float
    silent: bool
    scans: int
    lateShare: _Share = Field(description="Of scans that came six hours late, or later.")


class FeedRejections(BaseModel):
    """How many rows of a feed could not be read."""

    feed: str
    rows: int
    rejected: int
    share: _Share
    usualShare: float | None


class Feeds(BaseModel):
    """How data comes in."""

    until: str | None
    sites: list[SiteFeed]
    rejections: list[FeedRejections]


class Precision(BaseModel):
    """The share of alerts that were confirmed; null where nobody has looked."""

    kind: str | None = Field(description="Null: all kinds.")
    version: str | None = Field(description="Null: all versions; `rules`: rules alone.")
    value: float | None
    low: float | None
    high: float | None
    looks: int


class Estimate(BaseModel):
    """A share with its 95 % interval."""

    value: float
    low: float
    high: float
    looks: int


class RetrainingReason(BaseModel):
    """Why a retraining is due."""

    trigger: Literal["drift", "performance", "age"]
    why: str
    startsByItself: bool


class Performance(BaseModel):
    """How good alerts are, as far as people have looked."""

    days: int = Field(description="For so long feedback counts.")
    precision: list[Precision]
    recall: Estimate | None
    unknown: str | None = Field(description="Why recall is unknown.")
    retraining: list[RetrainingReason]


class AuditSample(BaseModel):
    """Items without an alert, drawn at random, for people to look at."""

    model_config = _example(
        week="2025-W36", drawnAt="2025-09-08T00:15:00+00:00", seed=0, alerted=41, silent=2411,
        items=[{"epcCode": _EPC, "verdict": "dismiss"}],
    )  # fmt: skip

    week: str
    drawnAt: _At
    seed: int
    alerted: int = Field(description="Items of that week with an alert.")
    silent: int = Field(description="… and without.")
    items: list[AuditItem]


class AuditItem(BaseModel):
    """A drawn item."""

    epcCode: str
    verdict: Literal["confirm", "dismiss"] | None = Field(
        description="`confirm`: it is anomalous, and was missed. Null: nobody has looked."
    )


class MonitorRequest(BaseModel):
    """What to look at."""

    model_config = _STRICT | _example(until="2025-09-08")

    until: str | None = Field(
        None,
        pattern=r"^\d{4}-\d{2}-\d{2}$",
        description="The midnight that begins this day; null: the latest that has passed.",
    )


class BaselineRequest(BaseModel):
    """Days that are usual from now on, e.g. after a change that was wanted."""

    model_config = _STRICT | _example(first="2025-09-01", last="2025-09-28")

    first: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    last: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")


class ScorePoint(BaseModel):
    """What is to be expected of an alert score."""

    alertScore: float
    alertsRate: float = Field(description="Per 10,000 scans.")
    falseRate: float = Field(description="Of these, false ones.")
    looks: int


class ThresholdAnswer(BaseModel):
    """The lowest alert score that keeps a budget of false alerts."""

    budget: float = Field(description="False alerts per 10,000 scans.")
    present: ScorePoint
    recommended: ScorePoint
    why: str


class RecalibrateRequest(BaseModel):
    """Which alert score the new version shall have."""

    model_config = _STRICT | _example(alertScore=71.5, reason="3 false alerts per 10,000 scans")

    alertScore: float = Field(ge=50, le=100)
    reason: str = Field("", max_length=500)


class Recalibrated(BaseModel):
    """The version that was registered."""

    version: str
    alertScore: float
