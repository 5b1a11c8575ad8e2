"""The oldest endpoint: scans by location names, with the lanes and places to measure against."""

from __future__ import annotations

from typing import Any, Final

import polars as pl

from scantrail import pipeline
from scantrail.detectors.rule import RuleSettings
from scantrail.detectors.rule_set import RuleSet
from scantrail.detectors.rules.legacy_profile import level_of, rules
from scantrail.ingest.quality import standardise
from scantrail.lanes import LANES, Network
from scantrail.serve.detection import rejected_record
from scantrail.serve.schemas import LegacyRecord, LegacyRequest
from scantrail.sites import Sites, sites_from
from scantrail.vocabulary.events import Events, RawLog
from scantrail.vocabulary.findings import AnomalyKind, Report, score_column

_ORDER: Final = (
    AnomalyKind.EPC_FAKE,
    AnomalyKind.EPC_DUP,
    AnomalyKind.LOC_ERR,
    AnomalyKind.EVT_ORDER_ERR,
    AnomalyKind.JUMP,
)
_DESCRIPTIONS: Final = {
    AnomalyKind.EPC_FAKE: "EPC 코드 형식 위반 감지",
    AnomalyKind.EPC_DUP: "{place}에서 동일 시각 중복 스캔 감지",
    AnomalyKind.LOC_ERR: "{place}에서 위치 순서 오류 감지",
    AnomalyKind.EVT_ORDER_ERR: "{place}에서 이벤트 순서 오류 감지",
    AnomalyKind.JUMP: "{place}에서 비논리적 시간점프 이동 발생",
}

Row = dict[str, Any]


def judge_legacy(request: LegacyRequest, zone: str) -> dict[str, Any]:
    """Judge a legacy request by its own lanes and places, exactly as callers know it.

    Args:
        request: The validated request.
        zone: IANA zone of times without an offset.

    Returns:
        The answer; zeros where there is no data, and `rejected` only if a record has no code or
        no readable time.
    """
    names = list(dict.fromkeys(record.scan_location for record in request.data))
    network = _network(request, names)
    raw = RawLog(_frame(request.data), source="request")
    events = standardise(raw, zone=zone)
    detector = RuleSet(rules([level_of(name) for name in names]), RuleSettings(), network)
    report = pipeline.judge(events, network, [detector])
    answer = _answer(request.data, events, report)
    if len(events.rejects):
        rejects = events.rejects.with_columns(event_id=None)  # these records have no ids
        answer["rejected"] = [rejected_record(row) for row in rejects.rows(named=True)]
    return answer


def _frame(records: list[LegacyRecord]) -> pl.DataFrame:
    names = ("epc_code", "event_time", "scan_location", "event_type", "business_step")
    columns = {name: [getattr(record, name) for record in records] for name in names}
    # the earlier service compared named steps only: bare ones never stand "twice in a row"
    columns["business_step"] = [
        f"{step} {i}" if kind in ("Inbound", "Outbound") else step
        for i, (step, kind) in enumerate(
            zip(columns["business_step"], columns["event_type"], strict=True)
        )
    ]
    columns["epc_code"] = [code.strip().upper() or None for code in columns["epc_code"]]
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String)).with_row_index("line")


def _network(request: LegacyRequest, names: list[str]) -> Network:
    """Every named place, located where the request says where; lanes as the request gives them."""
    located = {geo.scan_location: geo for geo in request.geo_data or []}
    rows = [
        {
            "location_id": index,
            "scan_location": name,
            "latitude": located[name].Latitude if name in located else None,
            "longitude": located[name].Longitude if name in located else None,
        }
        for index, name in enumerate(names)
    ]
    columns = ("location_id", "scan_location", "latitude", "longitude")
    table = pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), strict=False)
    sites = sites_from(table, "geo_data")
    return Network(sites, _lanes(request, sites, names))


def _lanes(request: LegacyRequest, sites: Sites, names: list[str]) -> pl.DataFrame:
    index = {name: place for place, name in enumerate(names)}
    lanes = {
        (index[lane.from_scan_location], index[lane.to_scan_location]): lane
        for lane in request.transition_stats or []
        if lane.from_scan_location in index and lane.to_scan_location in index
    }
    ids = sites.table["location_id"]
    rows = [
        (ids[start], ids[end], 1, 1, lane.time_taken_hours_mean, lane.time_taken_hours_std)
        for (start, end), lane in lanes.items()
    ]
    return pl.DataFrame(rows, schema=LANES, orient="row")


def _answer(records: list[LegacyRecord], events: Events, report: Report) -> dict[str, Any]:
    table = report.verdicts.hstack([events.frame["time"]])
    journeys: dict[str, list[Row]] = {}
    for row in table.sort("time", "row").rows(named=True):
        journeys.setdefault(row["epc_code"], []).append(row)
    order = {code: i for i, code in enumerate(events.frame["epc_code"].unique(maintain_order=True))}
    suspects = [
        _suspect(records, journeys[code])
        for code in sorted(journeys, key=order.__getitem__)
        if any(row["anomaly"] for row in journeys[code])
    ]
    return {
        "EventHistory": suspects,
        "summaryStats": {
            kind.value: sum(kind.value in one["anomalyTypes"] for one in suspects)
            for kind in (
                AnomalyKind.EPC_FAKE,
                AnomalyKind.EPC_DUP,
                AnomalyKind.LOC_ERR,
                AnomalyKind.EVT_ORDER_ERR,
                AnomalyKind.JUMP,
            )
        },
        "multiAnomalyCount": sum(len(one["anomalyTypes"]) > 1 for one in suspects),
        "totalAnomalyCount": len(suspects),
    }


def _suspect(records: list[LegacyRecord], journey: list[Row]) -> dict[str, Any]:
    """The one event that stands for a suspect EPC: the latest with its primary anomaly's score."""
    scores = {kind.value: _score(kind, journey) for kind in _ORDER}
    scores = {kind: score for kind, score in scores.items() if score}
    primary = max(scores, key=scores.__getitem__)
    column = score_column(primary)
    position = max(range(len(journey)), key=lambda i: (journey[i][column] or 0, -i))
    record = records[journey[position]["row"]]
    place = record.scan_location
    return {
        "epcCode": journey[0]["epc_code"],
        "productName": record.product_name,
        "businessStep": record.business_step,
        "scanLocation": place,
        "eventTime": record.event_time,
        "anomaly": True,
        "anomalyTypes": list(scores),
        "anomalyScores": scores,
        "sequencePosition": position + 1,
        "totalSequenceLength": len(journey),
        "primaryAnomaly": primary,
        "problemStep": _problem(records, journey, position, AnomalyKind(primary)),
        "description": _DESCRIPTIONS[AnomalyKind(primary)].format(place=place),
    }


def _score(kind: AnomalyKind, journey: list[Row]) -> int:
    """A kind's score over a journey: the sum for places, the highest for all else."""
    scores = [row[score_column(kind)] or 0 for row in journey]
    return round(min(sum(scores), 100) if kind is AnomalyKind.LOC_ERR else max(scores))


def _problem(
    records: list[LegacyRecord], journey: list[Row], position: int, kind: AnomalyKind
) -> str:
    """Which step is the problem, in the earlier service's words."""
    if kind is AnomalyKind.EPC_FAKE:
        return "EPC_Format_Error"
    places = [records[row["row"]].scan_location for row in journey]
    start = min(position, len(places) - 2)
    return places[0] if len(places) == 1 else f"{places[start]}_to_{places[start + 1]}"
