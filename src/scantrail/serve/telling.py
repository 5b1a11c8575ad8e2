"""The endpoints that tell of past detections and of the chain."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import FastAPI, Query, Response
from fastapi.responses import JSONResponse

from scantrail.ingest.gs1 import item_of
from scantrail.serve import answers, views
from scantrail.serve.detecting import json
from scantrail.serve.document import told
from scantrail.serve.schemas import DetectionAnswer, Problem
from scantrail.serve.service import Service

_SCANS_PER_MOVE: Final = 5
Most = Annotated[int, Query(ge=1, le=100_000, description="At most so many.")]


def add_reports(app: FastAPI, service: Service) -> None:
    """Add the endpoints for past detections."""
    network, reports = service.engine.network, service.stores.reports
    past = views.Past(reports, service.stores.feedback)

    @app.get("/api/reports", **told(list[answers.ReportLine], "Past detections", "reports"))
    def lines(most: Most = 1000) -> list[dict[str, Any]]:
        """The reports of past detections, the newest first."""
        return [views.report_line(line) for line in reports.lines(most)]

    about = told(answers.ReportDetail, "One detection in full", "reports")
    about["responses"][404] = {"model": Problem, "description": "There is no such report."}

    @app.get("/api/report/detail", **about)
    def report_detail(
        report_id: Annotated[
            int, Query(alias="reportId", ge=-(2**63), lt=2**63, description="From `/api/reports`.")
        ],
    ) -> Any:
        """One report in full, by what is said of its events now."""
        detail = views.report_detail(past, report_id, network)
        if detail is None:
            message = f"there is no report {report_id}; /api/reports lists those there are"
            return JSONResponse({"detail": message}, 404)
        return detail

    latest = DetectionAnswer | list[DetectionAnswer]

    @app.get("/api/manager/export", **told(latest, "The latest answer", "reports"))
    def export() -> Response:
        """The latest detection's answer."""
        return json(service.latest())

    about = told(answers.Trail, "The trail of one item", "reports")
    about["responses"][404] = {"model": Problem, "description": "There is no such item."}

    @app.get("/api/item", **about)
    def item(
        epc: Annotated[str, Query(max_length=2000, description="The item's EPC, however spelled.")],
    ) -> Any:
        """All scans of an item in the order of time, with all that was ever said of each."""
        trail = views.trail(past, item_of(epc), network)
        if trail is None:
            message = f"no scan of {epc} is stored; is the code complete?"
            return JSONResponse({"detail": message}, 404)
        return trail


def add_manager(app: FastAPI, service: Service) -> None:
    """Add the endpoints for the chain as a whole."""
    network, reports = service.engine.network, service.stores.reports
    past = views.Past(reports, service.stores.feedback)

    @app.get("/api/manager/nodes", **told(list[answers.Node], "Sites of the chain", "manager"))
    async def nodes() -> list[dict[str, Any]]:
        """The sites of the chain; `coord` is [longitude, latitude] in degrees."""
        return views.nodes(network)

    @app.get("/api/manager/kpi", **told(answers.Figures, "Key figures", "manager"))
    def kpi() -> dict[str, Any]:
        """Key figures over all items: rates from 0 to 1, lead time in hours."""
        return views.figures(past)

    @app.get("/api/manager/anomalies", **told(list[answers.Trip], "Suspect events", "manager"))
    def anomalies(most: Most = 1000) -> list[dict[str, Any]]:
        """Suspect events, the newest detection first."""
        return views.trips(past, reports.suspects(most), network)

    @app.get("/api/manager/trips", **told(list[answers.Trip], "Moves between places", "manager"))
    def trips(most: Most = 1000) -> list[dict[str, Any]]:
        """Moves between places among the newest scans, the newest detection first."""
        newest = reports.newest(_SCANS_PER_MOVE * most)
        return views.trips(past, newest, network, moved=True)[:most]

    @app.get("/api/manager/inventory", **told(list[answers.Stock], "Stock", "manager"))
    def inventory() -> list[dict[str, Any]]:
        """How many items were last seen at each site and step, sold ones left out."""
        return views.inventory(reports)
