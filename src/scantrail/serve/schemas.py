"""What goes in and comes out, as OpenAPI tells it."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    WithJsonSchema,
)


def _no_boolean(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("a boolean is no number")  # noqa: TRY004 - pydantic lists ValueErrors
    return value


#: A whole number however it is written: `7`, `7.0` or `"7"`.
_Int64 = Annotated[
    int,
    BeforeValidator(_no_boolean),
    Field(ge=-(2**63), le=2**63 - 1),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1},
                {"type": "string", "pattern": "^-?[0-9]{1,18}$"},
            ]
        }
    ),
]
_Whole = Annotated[int, BeforeValidator(_no_boolean)]
_Score = Annotated[float, Field(ge=0, le=100)]
_Number = Annotated[float, BeforeValidator(_no_boolean), Field(allow_inf_nan=False)]

EXAMPLE_RECORD: Final[dict[str, Any]] = {
    "event_id": 305,
    "epc_code": "001.8804823.1293291.010004.20250701.000004002",
    "location_id": 1013,
    "business_step": "W_Stock_Inbound",
    "event_type": "W_Stock_Inbound",
    "event_time": "2025-08-14 21:03:38",
    "file_id": 3,
}
_UNUSUAL: Final = "it was scanned at an unusual hour: 3:00 (rarer than 0.02% of scans)"
EXAMPLE_ANSWER: Final[dict[str, Any]] = {
    "fileId": 3,
    "EventHistory": [
        {
            "eventId": 306,
            "evtOrderErr": True,
            "evtOrderErrScore": 70.0,
            "epcCode": EXAMPLE_RECORD["epc_code"],
            "lstmSequenceScore": 41.17,
            "svmOutlierScore": 12.9,
            "mlCombinedScore": 36.52,
            "finalConfidence": 70.0,
            "primaryAnomaly": "evtOrderErr",
            "cause": "data",
            "explanation": "suspect evtOrderErr: came in at location 1013 (2025-08-16 22:47:39) "
            "after it had gone out there (2025-08-16 22:08:39), without coming in before",
            "expected": "W_Stock_Inbound before W_Stock_Outbound",
        },
        {
            "eventId": 312,
            "model": True,
            "modelScore": 71.84,
            "epcCode": EXAMPLE_RECORD["epc_code"],
            "lstmSequenceScore": 60.47,
            "svmOutlierScore": 75.74,
            "mlCombinedScore": 71.84,
            "finalConfidence": 71.84,
            "primaryAnomaly": "model",
            "cause": "item",
            "explanation": f"unusual: {_UNUSUAL}",
            "expected": "usual next: W_Stock_Outbound (97%); it would be ordinary at the site's "
            "usual hours",
            "mlExplanation": _UNUSUAL,
        },
    ],
    "epcAnomalyStats": [
        {
            "epcCode": EXAMPLE_RECORD["epc_code"],
            "totalEvents": 1,
            "jumpCount": 0,
            "evtOrderErrCount": 1,
            "epcFakeCount": 0,
            "epcDupCount": 0,
            "locErrCount": 0,
        }
    ],
    "fileAnomalyStats": {
        "totalEvents": 1,
        "jumpCount": 0,
        "evtOrderErrCount": 1,
        "epcFakeCount": 0,
        "epcDupCount": 0,
        "locErrCount": 0,
    },
    "mlSummaryStats": {
        "totalMLAnomalies": 1,
        "lstmDetections": 0,
        "svmDetections": 1,
        "ruleOnlyDetections": 1,
        "mlOnlyDetections": 1,
        "averageConfidence": 70.92,
    },
    "degraded": [],
    "modelVersions": {"rules": "82f3332d1e95", "lstm": "a3c5aade6bdd", "svm": "a3c5aade6bdd"},
}


class EventRecord(BaseModel):
    """One scan of one EPC. Extra keys are ignored."""

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE_RECORD})

    event_id: _Int64 = Field(
        validation_alias=AliasChoices("event_id", "eventId"),
        description="The caller's id of the event; older callers write `eventId`.",
    )
    epc_code: str = Field(description="The code as scanned: dotted, or a GS1 form.")
    location_id: _Int64 = Field(description="The site's id in the site list.")
    business_step: str = Field(description="Any dialect, e.g. `WMS`, `Wholesaler`, `POS_Sell`.")
    event_type: str = Field(description="A stage such as `WMS_Inbound`, or Inbound/Outbound.")
    event_time: str = Field(
        description="`YYYY-MM-DD HH:MM:SS` in the site's zone, or ISO 8601 with an offset."
    )
    file_id: _Int64 = Field(description="The file that the event came in.")


class DetectionRequest(BaseModel):
    """Scans to judge."""

    data: list[EventRecord]
    stateless: StrictBool = Field(
        default=False,
        description="Judge these scans by themselves: without the stored journeys of their items, "
        "and without adding to them.",
    )


class Counters(BaseModel):
    """How many events show each of the five earlier kinds."""

    totalEvents: int = Field(description="The sum of the five counters, not a number of events.")
    jumpCount: int
    evtOrderErrCount: int
    epcFakeCount: int
    epcDupCount: int
    locErrCount: int


class EpcCounters(Counters):
    """Counters of one EPC."""

    epcCode: str


class RejectedRecord(BaseModel):
    """A record that could not be judged, though the request was well formed."""

    index: int = Field(description="The record's place in the request, from 0.")
    eventId: int | str | None = Field(default=None, description="As the record gives it.")
    field: str | None
    reason: str


class Opinion(BaseModel):
    """What people said of an event."""

    id: int = Field(description="Of the feedback, see `/api/feedback`.")
    verdict: Literal["confirm", "dismiss"]
    reason: str
    until: str | None = Field(description="Until when it speaks of what comes; null: for ever.")


class FoundEvent(BaseModel):
    """A suspect event; with `detail=all` any event. What is not known is left out, never null.

    `eventId` is followed, for each kind found, by `<kind>: true` and `<kind>Score` (0-100). Kinds
    are epcFake, evtOrderErr, epcDup, locErr, jump, afterSale, missedScan, or, where learned
    detectors alone found it, model.
    """

    model_config = ConfigDict(
        extra="allow", json_schema_extra={"example": EXAMPLE_ANSWER["EventHistory"][1]}
    )

    eventId: int | str | None = Field(description="As the record gives it.")
    epcCode: str | None = None
    lstmSequenceScore: _Score | None = Field(
        default=None, description="How surprising the scan is after the earlier ones of its item."
    )
    svmOutlierScore: _Score | None = Field(
        default=None, description="How far the scan is from usual ones."
    )
    mlCombinedScore: _Score | None = Field(
        default=None, description="Both together; an alarm from 65 on, unless set otherwise."
    )
    finalConfidence: _Score | None = Field(default=None, description="Rules and models together.")
    primaryAnomaly: str | None = Field(default=None, description="The kind that decides.")
    cause: str | None = Field(default=None, description="item, scanner, data or partner file.")
    explanation: str | None = Field(default=None, description="Every claim, with its values.")
    expected: str | None = Field(default=None, description="What should have come instead.")
    mlExplanation: str | None = Field(
        default=None, description="What is unusual, where learned detectors raise an alarm."
    )
    dismissed: bool | None = Field(
        default=None,
        description="True where people have dismissed it: it is in none of the counts below.",
    )
    feedback: Opinion | None = Field(default=None, description="Who dismissed it by what.")
    challenger: bool | None = Field(
        default=None, description="Only in a trial: whether its challenger judged the event."
    )


class Trial(BaseModel):
    """Another version judges a share of the items: events of these say `challenger`."""

    id: int
    share: float = Field(ge=0, le=1, description="Of the items, drawn by their code.")
    modelVersions: dict[str, str] = Field(description="Of the challenger.")


class LearnedSummary(BaseModel):
    """What learned detectors found in a file, and what they added to rules."""

    totalMLAnomalies: int = Field(description="Events that they raise an alarm for together.")
    lstmDetections: int = Field(description="Events whose `lstmSequenceScore` is an alarm.")
    svmDetections: int = Field(description="Events whose `svmOutlierScore` is an alarm.")
    ruleOnlyDetections: int = Field(description="Suspect events without such an alarm.")
    mlOnlyDetections: int = Field(description="Suspect events that no rule found.")
    averageConfidence: _Score = Field(description="Mean `finalConfidence` of suspect events.")


class Said(BaseModel):
    """A verdict in short."""

    kind: str | None = Field(description="Null where nothing is suspect.")
    confidence: _Score | None = Field(description="Null = cannot say.")


class Amended(BaseModel):
    """An earlier scan of which something else is said now."""

    eventId: int | str | None
    epcCode: str
    eventTime: str = Field(description="The site's wall clock with its offset, ISO 8601.")
    was: Said
    now: Said


class DetectionAnswer(BaseModel):
    """What was found in one file; several files are answered by a list of these."""

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE_ANSWER})

    fileId: int
    EventHistory: list[FoundEvent] = Field(description="Suspect events in input order.")
    epcAnomalyStats: list[EpcCounters]
    fileAnomalyStats: Counters
    mlSummaryStats: LearnedSummary | None = None
    degraded: list[str] | None = Field(
        default=None, description="Detectors that did not answer; their scores are unknown."
    )
    modelVersions: dict[str, str] | None = Field(
        default=None, description="Detectors that were asked, with the version of each."
    )
    trial: Trial | None = Field(
        default=None, description="While another version judges a share of the items."
    )
    rejected: list[RejectedRecord] | None = Field(
        default=None, description="Only if there are any."
    )
    amended: list[Amended] | None = Field(
        default=None,
        description="Earlier scans of which something else is said now, in the first answer of "
        "several; only if there are any.",
    )


class Fault(BaseModel):
    """What is wrong where."""

    type: str
    loc: list[str | int]
    msg: str
    input: Any = None


class Problem(BaseModel):
    """Why a request was refused."""

    detail: list[Fault] | str


class LegacyRecord(BaseModel):
    """One scan by location name."""

    epc_code: str
    event_time: str
    scan_location: str
    event_type: str
    product_name: str = "Unknown"
    business_step: str | None = None
    worker_id: str | _Whole | None = None


class TransitionStatistics(BaseModel):
    """What is known of a lane, by names."""

    from_scan_location: str
    to_scan_location: str
    time_taken_hours_mean: _Number
    time_taken_hours_std: _Number | None = None


class GeoData(BaseModel):
    """Where a location is, in degrees."""

    scan_location: str
    Latitude: _Number = Field(ge=-90, le=90)
    Longitude: _Number = Field(ge=-180, le=180)


class LegacyRequest(BaseModel):
    """Scans by location names, with what is known of lanes and places."""

    data: list[LegacyRecord]
    transition_stats: list[TransitionStatistics] | None = None
    geo_data: list[GeoData] | None = None
    product_id: str | _Whole | None = None
    lot_id: str | _Whole | None = None


class LegacyEvent(BaseModel):
    """The suspect event of one EPC."""

    epcCode: str
    productName: str
    businessStep: str | None
    scanLocation: str
    eventTime: str
    anomaly: bool
    anomalyTypes: list[str]
    anomalyScores: dict[str, int]
    sequencePosition: int
    totalSequenceLength: int
    primaryAnomaly: str
    problemStep: str
    description: str


class LegacyAnswer(BaseModel):
    """What was found, one event per suspect EPC."""

    EventHistory: list[LegacyEvent]
    summaryStats: dict[str, int]
    multiAnomalyCount: int
    totalAnomalyCount: int
    rejected: list[RejectedRecord] | None = Field(
        default=None, description="Only if there are any."
    )
