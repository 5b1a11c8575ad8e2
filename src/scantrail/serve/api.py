"""The HTTP API: the endpoints that callers know, each with its answers described."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import anyio
import anyio.to_thread
import msgspec
import numpy as np
from fastapi import FastAPI, File, Query, Request, Response, UploadFile
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse
from fastapi_offline import FastAPIOffline
from pydantic import ValidationError

from scantrail.errors import InputError, ScantrailError
from scantrail.serve import answers, views
from scantrail.serve.detection import Answer, answer
from scantrail.serve.document import PROBLEMS, TAGS, body_of, describe, told
from scantrail.serve.legacy import judge_legacy
from scantrail.serve.records import RequestError, faults, read_records
from scantrail.serve.schemas import (
    DetectionAnswer,
    DetectionRequest,
    LegacyAnswer,
    LegacyRequest,
    Problem,
)
from scantrail.vocabulary.events import Events
from scantrail.vocabulary.findings import Report
from scantrail.wiring import Engine, read_events, report_store

_PATHS: Final = ("/api/v1/barcode-anomaly-detect", "/api/manager/export-and-analyze-async")
_LEGACY: Final = "/api/manager/export-and-analyze-async-legacy"
_SMALL: Final = 16_384  # bytes; so small a body is judged sooner than handed to a thread
_AT_ONCE: Final = 2  # detections that run side by side; more wait

Profile = Annotated[
    Literal["default", "source"] | None,
    Query(description="Rule profile of this request; `source` answers as the earlier service did."),
]
Detail = Annotated[
    Literal["found", "all"], Query(description="`all` answers every event, found or not.")
]
Learned = Annotated[Literal["true", "false"], Query(description="`false` answers by rules alone.")]
Most = Annotated[int, Query(ge=1, le=100_000, description="At most so many.")]


def create_app(engine: Engine) -> FastAPI:
    """The service around an engine."""
    app: FastAPI = FastAPIOffline(
        title="scantrail",
        summary="Which scans are suspect, how sure, why, and what to do.",
        version=version("scantrail"),
        openapi_tags=TAGS,
    )
    service = _Service(engine)
    _add_detection(app, service)
    _add_reports(app, service)
    _add_manager(app, service)
    _add_basics(app)
    app.add_exception_handler(RequestError, _refused)
    app.add_exception_handler(ScantrailError, _unusable)
    if engine.settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(engine.settings.cors_origins),
            allow_methods=["GET", "POST"],
            allow_headers=["*"],
        )
    return app


class _Service:
    """What the endpoints share."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.reports = report_store(engine.settings)
        self.limiter = anyio.CapacityLimiter(_AT_ONCE)
        self.latest: bytes = msgspec.json.encode(self.judged(Events(*_nothing(engine)))[0])

    async def body(self, request: Request) -> bytes:
        """The request's body, refused as soon as it is too large."""
        most = self.engine.settings.max_body_bytes
        chunks, size = [], 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > most:
                message = f"the body has more than {most} bytes; send fewer records at a time"
                raise RequestError([{"type": "too_large", "loc": ["body"], "msg": message}], 413)
            chunks.append(chunk)
        return b"".join(chunks)

    async def run(self, size: int, work: Callable[[], bytes]) -> bytes:
        """Do CPU work: at once if it is small, else in a thread, so that others are answered."""
        if size <= _SMALL:
            return work()
        return await anyio.to_thread.run_sync(work, limiter=self.limiter)

    def judged(
        self,
        events: Events,
        profile: str | None = None,
        *,
        ml: bool = True,
        everything: bool = False,
    ) -> tuple[Answer | list[Answer], Report]:
        """Judge events and word the answer."""
        settings = self.engine.settings
        report = self.engine.judge(events, profile, ml=ml)
        gains = (profile or settings.rules) != "source"
        told = answer(
            events, report, gains=gains, everything=everything, ensemble=settings.ensemble
        )
        return told, report

    def detect(
        self, body: bytes, profile: str | None, *, ml: bool, everything: bool, method: str | None
    ) -> bytes:
        """The whole way from a body to an answer, kept as a report."""
        raw = read_records(body, self.engine.settings.max_records)
        events = self.engine.understand(raw)
        told, report = self.judged(events, profile, ml=ml, everything=everything)
        for one in told if isinstance(told, list) else [told]:
            if method:
                one["method"] = method
        self.latest = msgspec.json.encode(told)
        if len(events.frame):
            ids = np.unique(events.frame["file_id"].to_numpy())
            files = ", ".join(str(i) for i in ids[:5])
            self.keep(f"file {files}", events, report)
        return self.latest

    def keep(self, label: str, events: Events, report: Report) -> int:
        """Keep a detection as a report."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return self.reports.add(label, now, events, report)


def _nothing(engine: Engine) -> tuple[Any, Any, str]:
    empty = engine.understand(read_records(b'{"data":[]}', 1))
    return empty.frame, empty.rejects, "request"


def _json(body: bytes) -> Response:
    return Response(body, media_type="application/json")


def _add_detection(app: FastAPI, service: _Service) -> None:
    outcomes = {200: {"model": DetectionAnswer | list[DetectionAnswer]}, **PROBLEMS}

    def add(path: str, method: str | None) -> None:
        async def detect(
            request: Request, rules: Profile = None, detail: Detail = "found", ml: Learned = "true"
        ) -> Response:
            body = await service.body(request)
            judge = partial(
                service.detect,
                body,
                rules,
                ml=ml == "true",
                everything=detail == "all",
                method=method,
            )
            return _json(await service.run(len(body), judge))

        app.post(
            path,
            summary="Judge scans" + (f", naming the method {method}" if method else ""),
            description="Judges every scan of the request and answers what is suspect, per event, "
            "EPC and file. Several `file_id`s are answered by a list. A record whose time can't be "
            "read is listed in `rejected`, the rest is judged.",
            operation_id="detect" + path.replace("/", "_").replace("-", "_"),
            tags=["detection"],
            responses=outcomes,
            openapi_extra=body_of(DetectionRequest),
        )(detect)

    for path in _PATHS:
        add(path, None)
        add(f"{path}/svm", "svm")
        add(f"{path}/lstm", "lstm")

    about = told(LegacyAnswer, "Judge scans by place names", "detection")
    about["responses"] |= PROBLEMS

    @app.post(_LEGACY, **about, openapi_extra=body_of(LegacyRequest))
    async def detect_by_names(request: Request) -> Response:
        """Judge scans by location names, with the lanes and places that the request brings."""
        body = await service.body(request)
        return _json(await service.run(len(body), lambda: _legacy(body, service)))

    describe(app, DetectionRequest, LegacyRequest)


def _legacy(body: bytes, service: _Service) -> bytes:
    settings = service.engine.settings
    try:
        asked = LegacyRequest.model_validate_json(body)
    except ValidationError as error:
        raise RequestError(faults(error)) from error
    if len(asked.data) > settings.max_records:
        message = f"{len(asked.data)} records are too many; send at most {settings.max_records}"
        raise RequestError([{"type": "too_long", "loc": ["body", "data"], "msg": message}], 413)
    return msgspec.json.encode(judge_legacy(asked, settings.zone))


def _add_reports(app: FastAPI, service: _Service) -> None:
    network = service.engine.network

    @app.get("/api/reports", **told(list[answers.ReportLine], "Past detections", "reports"))
    async def reports() -> list[dict[str, Any]]:
        """The reports of past detections, the newest first."""
        return [views.report_line(kept) for kept in service.reports.newest_first()]

    about = told(answers.ReportDetail, "One detection in full", "reports")
    about["responses"][404] = {"model": Problem, "description": "There is no such report."}

    @app.get("/api/report/detail", **about)
    def report_detail(
        report_id: Annotated[int, Query(alias="reportId", description="From `/api/reports`.")],
    ) -> Any:
        """One report in full."""
        kept = service.reports.get(report_id)
        if kept is None:
            message = f"there is no report {report_id}; /api/reports lists those there are"
            return JSONResponse({"detail": message}, 404)
        return views.report_detail(kept, network)

    latest = DetectionAnswer | list[DetectionAnswer]

    @app.get("/api/manager/export", **told(latest, "The latest answer", "reports"))
    async def export() -> Response:
        """The latest detection's answer."""
        return _json(service.latest)


def _add_manager(app: FastAPI, service: _Service) -> None:
    network = service.engine.network

    @app.get("/api/manager/nodes", **told(list[answers.Node], "Sites of the chain", "manager"))
    async def nodes() -> list[dict[str, Any]]:
        """The sites of the chain; `coord` is [longitude, latitude] in degrees."""
        return views.nodes(network)

    @app.get("/api/manager/kpi", **told(answers.Figures, "Key figures", "manager"))
    def kpi() -> dict[str, Any]:
        """Key figures over all kept detections: rates from 0 to 1, lead time in hours."""
        return views.figures(service.reports.newest_first(), network)

    @app.get("/api/manager/anomalies", **told(list[answers.Trip], "Suspect events", "manager"))
    def anomalies(most: Most = 1000) -> list[dict[str, Any]]:
        """Suspect events of kept detections, the newest detection first."""
        return views.trips(service.reports.newest_first(), network, suspect=True)[:most]

    @app.get("/api/manager/trips", **told(list[answers.Trip], "Moves between places", "manager"))
    def trips(most: Most = 1000) -> list[dict[str, Any]]:
        """Moves between places in kept detections, the newest detection first."""
        return views.trips(service.reports.newest_first(), network, suspect=False)[:most]

    @app.get("/api/manager/inventory", **told(list[answers.Stock], "Stock", "manager"))
    def inventory() -> list[dict[str, Any]]:
        """How many items were last seen at each site and step, sold ones left out."""
        return views.inventory(service.reports.newest_first(), network)

    about = told(answers.Upload, "Judge a log file", "manager")
    about["responses"] |= PROBLEMS

    @app.post("/api/manager/upload", **about)
    def upload(
        file: Annotated[UploadFile, File(description="A scan log: CSV, TSV, JSON …")],
    ) -> Any:
        """Judge an uploaded log file; the answer names its report."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "upload"
            most = service.engine.settings.max_body_bytes
            content = file.file.read(most + 1)
            if len(content) > most:
                message = f"the file has more than {most} bytes"
                raise RequestError([{"type": "too_large", "loc": ["body"], "msg": message}], 413)
            path.write_bytes(content)
            try:
                events = read_events(path, service.engine.settings, network.sites)
            except InputError as error:  # the caller's file has no path here
                raise InputError(str(error).replace(str(path), path.name)) from error
        told, report = service.judged(events)
        service.latest = msgspec.json.encode(told)
        label = f"upload {(file.filename or 'without a name')[:80]}"
        report_id = service.keep(label, events, report)
        return {
            "fileId": int(events.frame["file_id"][0]) if len(events.frame) else 1,
            "reportId": report_id,
            "events": len(events.frame),
            "anomalies": int(report.verdicts["anomaly"].sum()),
            "rejected": len(events.rejects),
        }


def _add_basics(app: FastAPI) -> None:
    @app.get("/health", **told(answers.Health, "Is it up?", "service"))
    async def health() -> dict[str, str]:
        """Whether the service answers."""
        return {"status": "healthy", "service": "scantrail"}

    @app.get("/", **told(answers.About, "Where to go from here", "service"))
    async def about() -> dict[str, Any]:
        """Where to go from here."""
        return {
            "message": "scantrail judges scan trails",
            "version": app.version,
            "docs": "/docs",
            "endpoints": sorted(app.openapi()["paths"]),
        }


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)
    return JSONResponse({"detail": error.detail}, error.status)


async def _unusable(_: Request, error: Exception) -> Response:
    fault = {"type": "unusable", "loc": ["body"], "msg": str(error)}
    return JSONResponse({"detail": [fault]}, 422)
