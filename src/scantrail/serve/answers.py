"""What the endpoints around detection answer, as OpenAPI tells it."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from scantrail.serve.schemas import Opinion

_Rate = Annotated[float, Field(ge=0, le=1)]
_Scores = Annotated[
    dict[str, Annotated[float, Field(ge=0, le=100)]], Field(description="Score by kind, 0-100.")
]
_Kinds = Annotated[list[str], Field(description="The kinds found, the order as in detection.")]
_Coord = Annotated[
    list[float | None],
    Field(min_length=2, max_length=2, description="[longitude, latitude] in degrees."),
]
_EPC: Final = "001.8804823.1293291.010004.20250701.000004002"
_WHY: Final = (
    "suspect evtOrderErr: came in at Haneul Hub (2025-08-16 22:47:39) after it had gone out there "
    "(2025-08-16 22:08:39), without coming in before"
)
_REPORT_EVENT: Final[dict[str, Any]] = {
    "epcCode": _EPC,
    "timestamp": "2025-08-16T22:47:39+09:00",
    "anomalyTypes": ["evtOrderErr"],
    "sequencePosition": 4,
    "location": "Haneul Hub",
    "scores": {"evtOrderErr": 70.0},
    "problemStep": _WHY,
    "dismissed": False,
    "feedback": None,
}


def _example(**values: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"example": values})


class Health(BaseModel):
    """Whether the service answers."""

    model_config = _example(status="healthy", service="scantrail")

    status: str
    service: str


class Ready(BaseModel):
    """Whether requests can be judged and kept now."""

    model_config = _example(
        status="degraded",
        database="reachable",
        artifact="8bb2db7e7584",
        artifactFault="what is deployed can't be used; /api/admin/ml/health says why",
        waitingEvents=120,
        maxWaitingEvents=200_000,
    )

    status: Literal["ready", "degraded", "unready"]
    database: Literal["reachable", "unreachable"]
    artifact: str = Field(description="The version that judges; `none`: rules alone.")
    artifactFault: str | None = Field(description="That another version should serve and can't.")
    waitingEvents: int
    maxWaitingEvents: int


class About(BaseModel):
    """Where to go from here."""

    model_config = _example(
        message="scantrail judges scan trails",
        version="0.1.0",
        docs="/docs",
        endpoints=["/", "/api/v1/barcode-anomaly-detect", "/health"],
    )

    message: str
    version: str
    docs: str
    endpoints: list[str]


class ReportLine(BaseModel):
    """One past detection."""

    model_config = _example(id=12, label="file 3", created_at="2025-08-17T02:15:00+00:00")

    id: int
    label: str
    created_at: str = Field(description="ISO 8601, UTC.")


class Marked(BaseModel):
    """What people said of an event."""

    dismissed: bool | None = Field(None, description="Whether people have dismissed it.")
    feedback: Opinion | None = Field(None, description="What holds of all that people said.")


class ReportEvent(Marked):
    """One suspect event of a report."""

    model_config = _example(**_REPORT_EVENT)

    epcCode: str
    timestamp: str = Field(description="The site's wall clock with its offset, ISO 8601.")
    anomalyTypes: _Kinds
    sequencePosition: int = Field(ge=1, description="Place in the item's journey, from 1.")
    location: str | None
    scores: _Scores
    problemStep: str = Field(description="What is suspect, and why.")


class AmendedEvent(ReportEvent):
    """An event of which something else is said now."""

    model_config = _example(**_REPORT_EVENT, suspect=True)

    suspect: bool = Field(description="False where the suspicion is taken back.")


class ReportDetail(BaseModel):
    """One past detection in full."""

    title: str
    details: list[ReportEvent]
    summaryStats: dict[str, int] = Field(description="Suspect EPCs by kind.")
    multiAnomalyCount: int = Field(description="EPCs with more than one kind.")
    sequenceProblems: list[ReportEvent] = Field(description="The events in wrong order.")
    amendments: list[AmendedEvent] = Field(
        description="Events of earlier reports of which something else is said since this one."
    )


class ToldOfScan(BaseModel):
    """What was said of a scan by one report."""

    reportId: int
    suspect: bool
    kind: str | None
    confidence: float | None
    scores: _Scores
    explanation: str | None
    modelVersions: dict[str, str]


class TrailScan(Marked):
    """A scan of an item, and all that was ever said of it, the newest last."""

    eventId: int | str | None
    reportId: int = Field(description="The report that first brought it.")
    eventTime: str = Field(description="The site's wall clock with its offset, ISO 8601.")
    location: str | None
    businessStep: str | None
    eventType: str | None
    sequencePosition: int = Field(ge=1, description="Place in the item's journey, from 1.")
    verdicts: list[ToldOfScan]


class Trail(BaseModel):
    """An item's journey."""

    epcCode: str
    scans: list[TrailScan]


class Node(BaseModel):
    """One site of the chain."""

    model_config = _example(
        hubType="Factory",
        scanLocation="Haneul Plant",
        businessStep="Factory",
        coord=[126.7631, 37.3412],
        location_id=1001,
    )

    hubType: str | None = Field(description="By tier; null where that is unknown.")
    scanLocation: str | None
    businessStep: str | None
    coord: _Coord
    location_id: int


class Figures(BaseModel):
    """Key figures over all kept detections."""

    model_config = _example(
        totalTripCount=312,
        uniqueProductCount=9,
        anomalyCount=14,
        anomalyRate=0.031,
        salesRate=0.05,
        codeCount=98,
        dispatchRate=0.65,
        inventoryRate=0.95,
        avgLeadTime=2104.5,
        dismissedCount=2,
    )

    totalTripCount: int = Field(description="Moves from one place to another.")
    uniqueProductCount: int = Field(description="Products, by company and product code.")
    anomalyCount: int = Field(description="Suspect events that nobody has dismissed.")
    anomalyRate: _Rate = Field(description="Those per judged event.")
    salesRate: _Rate = Field(description="Items sold, per item.")
    codeCount: int = Field(description="Items, by EPC.")
    dispatchRate: _Rate = Field(description="Items that left the plant's warehouse, per item.")
    inventoryRate: _Rate = Field(description="Items last seen unsold, per item.")
    avgLeadTime: float | None = Field(description="Mean hours from first scan to sale.")
    dismissedCount: int = Field(description="Suspect events that people have dismissed.")


class TripEnd(BaseModel):
    """Where and when a move began or ended."""

    scanLocation: str
    coord: _Coord | None
    eventTime: str = Field(description="The site's wall clock with its offset, ISO 8601.")


class Trip(Marked):
    """A move of an item, or a suspect event with where the item came from."""

    model_config = _example(
        **{"from": {
            "scanLocation": "Haneul Plant Warehouse",
            "coord": [126.7702, 37.3398],
            "eventTime": "2025-08-15T09:00:00+09:00",
        }},
        eventId=306,
        epcCode=_EPC,
        to={
            "scanLocation": "Haneul Hub",
            "coord": [127.2011, 37.2355],
            "eventTime": "2025-08-16T22:47:39+09:00",
        },
        anomalyTypes=["evtOrderErr"],
        scores={"evtOrderErr": 70.0},
        explanation=_WHY,
        dismissed=False,
        feedback=None,
    )  # fmt: skip

    eventId: int | str | None
    epcCode: str
    start: TripEnd | None = Field(alias="from", description="Null on an item's first scan.")
    to: TripEnd | None = Field(description="Null where the scan names no place.")
    anomalyTypes: _Kinds
    scores: _Scores
    explanation: str | None


class Stock(BaseModel):
    """Items last seen at a site and step."""

    model_config = _example(scanLocation="Haneul Hub", businessStep="HUB_Inbound", items=37)

    scanLocation: str | None
    businessStep: str | None
    items: int


class Upload(BaseModel):
    """What became of an uploaded log."""

    model_config = _example(fileId=3, reportId=12, events=1198, anomalies=14, rejected=2)

    fileId: int
    reportId: int | None = Field(
        description="For `/api/report/detail`; null where there was nothing to keep."
    )
    events: int
    anomalies: int = Field(description="Suspect events that nobody has dismissed.")
    rejected: int = Field(description="Rows that could not be read.")
