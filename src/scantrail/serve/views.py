"""What is told of past detections: reports, trails, figures, trips, stock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import polars as pl

from scantrail.gaps import fill_gaps
from scantrail.journeys import link
from scantrail.lanes import Network
from scantrail.serve.detection import found
from scantrail.serve.dismissing import marks_of
from scantrail.stores.feedback import Feedback, FeedbackStore
from scantrail.stores.reports import Line, Reports, Row
from scantrail.stores.trails import Known
from scantrail.vocabulary.chain import TIER_STEP
from scantrail.vocabulary.findings import AnomalyKind
from scantrail.vocabulary.times import utc, wall_clock

Json = dict[str, Any]
_MICROSECONDS_PER_HOUR: Final = 3_600_000_000
_ORDER: Final = AnomalyKind.EVT_ORDER_ERR.value


class _Seen(NamedTuple):
    """Where an event stands in its journey.

    `position` from 0; `place` its place's name; `site` its index in the site list, if listed;
    `before` the event before, None on the first; `moved` that this one is elsewhere.
    """

    position: int
    place: str | None
    site: int | None
    time: str
    before: _Seen | None
    moved: bool


def report_line(line: Line) -> Json:
    """One line of the list of reports."""
    return {"id": line.id, "label": line.label, "created_at": utc(line.created_at)}


class Past(NamedTuple):
    """Past detections, and what people said of them."""

    reports: Reports
    feedback: FeedbackStore

    def said(self, rows: Sequence[Row]) -> dict[bytes, Feedback]:
        """What people said of these events."""
        return self.feedback.opinions([row["digest"] for row in rows if row["anomaly"]])


def report_detail(past: Past, report_id: int, network: Network) -> Json | None:
    """A report in full: every suspect event, and how often each kind was found.

    What people have dismissed is told, and not counted.
    """
    reports = past.reports
    line = reports.line(report_id)
    if line is None:
        return None
    suspects = reports.suspects_of(report_id)
    seen = _seen(reports, suspects, network)
    said = past.said(suspects)
    marks = {row["digest"]: marks_of(said, row["digest"]) for row in suspects}
    details = [_detail(row, seen[row["digest"]]) | marks[row["digest"]] for row in suspects]
    amended = reports.amendments_of(report_id)
    seen = _seen(reports, amended, network)
    kinds: dict[str, set[str]] = {kind.value: set() for kind in AnomalyKind}
    primary: dict[str, set[str]] = {}
    for row in suspects:
        if marks[row["digest"]]["dismissed"]:
            continue
        primary.setdefault(row["epc_code"], set()).add(row["kind"])
        for kind in _kinds(row):
            kinds[kind].add(row["epc_code"])
    return {
        "title": line.label,
        "details": details,
        "summaryStats": {kind: len(epcs) for kind, epcs in kinds.items()},
        "multiAnomalyCount": sum(len(each) > 1 for each in primary.values()),
        "sequenceProblems": [d for d in details if _ORDER in d["anomalyTypes"]],
        "amendments": [
            _detail(row, seen[row["digest"]]) | {"suspect": row["anomaly"]} for row in amended
        ],
    }


def _kinds(row: Row) -> list[str]:
    """The kinds that anybody claimed of an event."""
    kinds = list(found(row))
    learned = AnomalyKind.MODEL.value
    return [*kinds, learned] if row["learned"] and learned not in kinds else kinds


def _detail(row: Row, seen: _Seen) -> Json:
    scores = found(row) if row["anomaly"] else {}
    return {
        "epcCode": row["epc_code"],
        "timestamp": seen.time,
        "anomalyTypes": list(scores),
        "sequencePosition": seen.position + 1,
        "location": seen.place,
        "scores": scores,
        "problemStep": row["explanation"] or "",
    }


def trail(past: Past, item: str, network: Network) -> Json | None:
    """All scans of an item in the order of time, with all that was ever said of each."""
    reports = past.reports
    said = reports.trail(item)
    if not said:
        return None
    seen = _seen(reports, said, network)
    by_event: dict[bytes, list[Row]] = {}
    for row in said:
        by_event.setdefault(row["digest"], []).append(row)
    people = past.said(said)
    scans = [
        _scan(rows, seen[digest]) | marks_of(people, digest) for digest, rows in by_event.items()
    ]
    return {
        "epcCode": said[0]["epc_code"],
        "scans": sorted(scans, key=lambda scan: scan["sequencePosition"]),
    }


def _scan(rows: list[Row], seen: _Seen) -> Json:
    scan = rows[0]
    return {
        "eventId": scan["event_id"],
        "reportId": scan["report_id"],
        "eventTime": seen.time,
        "location": seen.place,
        "businessStep": scan["business_step"],
        "eventType": scan["event_type"],
        "sequencePosition": seen.position + 1,
        "verdicts": [
            {
                "reportId": row["judged_in"],
                "suspect": row["anomaly"],
                "kind": row["kind"],
                "confidence": _rounded(row["confidence"]),
                "scores": found(row) if row["anomaly"] else {},
                "explanation": row["explanation"],
                "modelVersions": row["versions"],
            }
            for row in rows
        ],
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _seen(reports: Reports, rows: Sequence[Row], network: Network) -> dict[bytes, _Seen]:
    """Where each of these events stands: in its item's journey, or, kept apart, in its report."""
    items = sorted({row["item"] for row in rows if not row["apart"]})
    apart = sorted({row["report_id"] for row in rows if row["apart"]})
    known = [reports.journeys(items), *(reports.scans_of(report) for report in apart)]
    return {
        digest: seen
        for one in known
        if len(one.digests)
        for digest, seen in _linked(one, network).items()
    }


def _linked(known: Known, network: Network) -> dict[bytes, _Seen]:
    filled = fill_gaps(known.events, network.sites)
    linked = link(filled, network)[0].frame
    names = network.sites.table["scan_location"]
    told = linked.select("row", "position", "site", moved=pl.col("place") != pl.col("prev_place"))
    placed = told.hstack(filled[told["row"].to_list()].select(
        "scan_location", "location_id", "time", "offset"))  # fmt: skip
    placed = placed.with_columns(place=pl.coalesce(
        names.gather(placed["site"]), "scan_location",
        pl.format("location {}", "location_id")))  # fmt: skip
    seen: dict[bytes, _Seen] = {}
    before: _Seen | None = None
    for row in placed.iter_rows(named=True):
        before = _Seen(
            row["position"],
            row["place"],
            row["site"],
            wall_clock(row["time"], row["offset"]),
            before if row["position"] else None,
            bool(row["moved"]) and row["position"] > 0,
        )
        seen[known.digests[row["row"]]] = before
    return seen


def nodes(network: Network) -> list[Json]:
    """The sites of the chain."""
    return [
        {
            "hubType": None if row["tier"] is None else TIER_STEP[row["tier"]],
            "scanLocation": row["scan_location"],
            "businessStep": None if row["tier"] is None else TIER_STEP[row["tier"]],
            "coord": [row["longitude"], row["latitude"]],
            "location_id": row["location_id"],
        }
        for row in network.sites.table.rows(named=True)
    ]


def trips(past: Past, rows: Sequence[Row], network: Network, *, moved: bool = False) -> list[Json]:
    """Events with where their items came from; if `moved`, only those of moves."""
    seen = _seen(past.reports, rows, network)
    said = past.said(rows)
    coordinates = network.sites.table.select("longitude", "latitude").rows()
    return [
        _trip(row, seen[row["digest"]], coordinates) | marks_of(said, row["digest"])
        for row in rows
        if seen[row["digest"]].moved or not moved
    ]


def _trip(row: Row, seen: _Seen, coordinates: list[tuple[float, float]]) -> Json:
    scores = found(row) if row["anomaly"] else {}
    return {
        "eventId": row["event_id"],
        "epcCode": row["epc_code"],
        "from": _end(seen.before, coordinates),
        "to": _end(seen, coordinates),
        "anomalyTypes": list(scores),
        "scores": scores,
        "explanation": row["explanation"],
    }


def _end(seen: _Seen | None, coordinates: list[tuple[float, float]]) -> Json | None:
    if seen is None or seen.place is None:
        return None
    return {
        "scanLocation": seen.place,
        "coord": None if seen.site is None else list(coordinates[seen.site]),
        "eventTime": seen.time,
    }


def inventory(reports: Reports) -> list[Json]:
    """Items per site and step: each item where it was seen last, sold ones left out."""
    return [
        {"scanLocation": row["place"], "businessStep": row["step"], "items": row["items"]}
        for row in reports.stock()
    ]


def figures(past: Past) -> Json:
    """Key figures over all items. Rates are shares from 0 to 1, lead time is in hours."""
    sums, dismissed = past.reports.figures(), past.feedback.dismissed()
    items, lead = sums["items"], sums["lead"]
    anomalies = int(sums["suspects"]) - dismissed
    return {
        "totalTripCount": int(sums["moves"]),
        "uniqueProductCount": sums["products"],
        "anomalyCount": anomalies,
        "anomalyRate": _share(anomalies, int(sums["events"])),
        "salesRate": _share(sums["sold"], items),
        "codeCount": items,
        "dispatchRate": _share(sums["dispatched"], items),
        "inventoryRate": _share(sums["stock"], items),
        "avgLeadTime": None if lead is None else round(float(lead) / _MICROSECONDS_PER_HOUR, 2),
        "dismissedCount": dismissed,
    }


def _share(part: int, whole: int) -> float:
    return round(part / whole, 6) if whole else 0.0
