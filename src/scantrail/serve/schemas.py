"""What goes in and comes out, as OpenAPI tells it."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
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
EXAMPLE_ANSWER: Final[dict[str, Any]] = {
    "fileId": 3,
    "EventHistory": [
        {
            "eventId": 306,
            "evtOrderErr": True,
            "evtOrderErrScore": 70.0,
            "epcCode": EXAMPLE_RECORD["epc_code"],
            "finalConfidence": 70.0,
            "primaryAnomaly": "evtOrderErr",
            "cause": "data",
            "explanation": "suspect evtOrderErr: came in at location 1013 (2025-08-16 22:47:39) "
            "after it had gone out there (2025-08-16 22:08:39), without coming in before",
            "expected": "W_Stock_Inbound before W_Stock_Outbound",
        }
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


class DetectionAnswer(BaseModel):
    """What was found in one file; several files are answered by a list of these."""

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE_ANSWER})

    fileId: int
    EventHistory: list[dict[str, Any]] = Field(
        description="Suspect events in input order: `eventId`, then for each kind found "
        "`<kind>: true` and `<kind>Score` (0-100), then epcCode, finalConfidence, primaryAnomaly, "
        "cause (item, scanner, data, partner file), explanation, expected."
    )
    epcAnomalyStats: list[EpcCounters]
    fileAnomalyStats: Counters
    mlSummaryStats: dict[str, float] | None = None
    degraded: list[str] | None = Field(
        default=None, description="Detectors that did not answer; their scores are unknown."
    )
    modelVersions: dict[str, str] | None = None
    rejected: list[RejectedRecord] | None = Field(
        default=None, description="Only if there are any."
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
