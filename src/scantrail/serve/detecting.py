"""The endpoints that judge scans."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from fastapi import FastAPI, File, Header, Query, Request, Response, UploadFile
from pydantic import ValidationError

from scantrail.errors import InputError, TooLargeError
from scantrail.history.posts import Post
from scantrail.serve import answers
from scantrail.serve.account import account
from scantrail.serve.document import PROBLEMS, body_of, told
from scantrail.serve.legacy import judge_legacy
from scantrail.serve.records import RequestError, faults
from scantrail.serve.schemas import (
    DetectionAnswer,
    DetectionRequest,
    LegacyAnswer,
    LegacyRequest,
)
from scantrail.serve.service import Service, Wish, digest_of
from scantrail.vocabulary.bounds import Bounds
from scantrail.vocabulary.events import Events
from scantrail.wiring import read_events

_PATHS: Final = ("/api/v1/barcode-anomaly-detect", "/api/manager/export-and-analyze-async")
_LEGACY: Final = "/api/manager/export-and-analyze-async-legacy"
_KEY_LENGTH: Final = 200  # characters of an idempotency key

Profile = Annotated[
    Literal["default", "source"] | None,
    Query(description="Rule profile of this request; `source` answers as the earlier service did."),
]
Detail = Annotated[
    Literal["found", "all"], Query(description="`all` answers every event, found or not.")
]
Learned = Annotated[Literal["true", "false"], Query(description="`false` answers by rules alone.")]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=_KEY_LENGTH,
        description="A name for this request: sent again under it, it is answered as before.",
    ),
]


def json(body: bytes) -> Response:
    """An answer that is JSON already."""
    return Response(body, media_type="application/json")


def add_detection(app: FastAPI, service: Service) -> None:
    """Add the endpoints."""
    for path in _PATHS:
        _add(app, service, path, None)
        _add(app, service, f"{path}/svm", "svm")
        _add(app, service, f"{path}/lstm", "lstm")
    _add_legacy(app, service)
    _add_upload(app, service)


def _add(app: FastAPI, service: Service, path: str, method: str | None) -> None:
    async def detect(
        request: Request,
        rules: Profile = None,
        detail: Detail = "found",
        ml: Learned = "true",
        key: Key = None,
    ) -> Response:
        wish = Wish(rules, ml == "true", detail == "all", method, key)
        return json(await service.detect(await service.body(request), wish))

    app.post(
        path,
        summary="Judge scans" + (f", naming the method {method}" if method else ""),
        description="Judges every scan of the request, with all that is known of its item, and "
        "answers what is suspect, per event, EPC and file. Several `file_id`s are answered by a "
        "list. A record whose time can't be read is listed in `rejected`, the rest is judged. What "
        "is answered is stored; a scan that was sent before counts once. Where a late scan changes "
        "what was said of earlier ones, these are listed in `amended`. With `stateless`, `rules` "
        "or `ml=false` the request is judged by itself and joins no journey.",
        operation_id="detect" + path.replace("/", "_").replace("-", "_"),
        tags=["detection"],
        responses={200: {"model": DetectionAnswer | list[DetectionAnswer]}, **PROBLEMS},
        openapi_extra=body_of(DetectionRequest),
    )(detect)


def _add_legacy(app: FastAPI, service: Service) -> None:
    about = told(LegacyAnswer, "Judge scans by place names", "detection")
    about["responses"] |= PROBLEMS

    @app.post(_LEGACY, **about, openapi_extra=body_of(LegacyRequest))
    async def detect_by_names(request: Request) -> Response:
        """Judge scans by location names, with the lanes and places that the request brings."""
        body = await service.body(request)
        return json(await service.run(len(body), partial(_legacy, body, service)))


def _legacy(body: bytes, service: Service) -> bytes:
    settings = service.engine.settings
    try:
        asked = LegacyRequest.model_validate_json(body)
    except ValidationError as error:
        raise RequestError(faults(error)) from error
    if len(asked.data) > settings.max_records:
        message = f"{len(asked.data)} records are too many; send at most {settings.max_records}"
        raise RequestError([{"type": "too_long", "loc": ["body", "data"], "msg": message}], 413)
    return msgspec.json.encode(judge_legacy(asked, settings.zone))


def _add_upload(app: FastAPI, service: Service) -> None:
    about = told(answers.Upload, "Judge a log file", "manager")
    about["responses"] |= PROBLEMS

    @app.post("/api/manager/upload", **about)
    async def upload(
        file: Annotated[UploadFile, File(description="A scan log: CSV, TSV, JSON …")],
    ) -> Any:
        """Judge an uploaded log file; the answer names its report."""
        service.admit()
        content = await file.read()
        gone = account()
        with gone.stages("reading"):
            events = await service.run(len(content), partial(_log_of, content, service))
        word = partial(service.worded, events, Wish(), gone=gone)
        label = f"upload {(file.filename or 'without a name')[:80]}"
        post = Post(events, label, digest_of(content), word, stages=gone.stages)
        kept = await service.keep(post, Wish())
        return {
            "fileId": int(events.frame["file_id"][0]) if len(events.frame) else 1,
            "reportId": kept.report_id,
            "events": len(events.frame),
            "anomalies": gone.suspects,
            "rejected": len(events.rejects),
        }


def _log_of(content: bytes, service: Service) -> Events:
    """The events of an uploaded log; where it was put meanwhile is nobody's business."""
    settings = service.engine.settings
    bounds = Bounds(settings.max_body_bytes, settings.max_records)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "upload"
        path.write_bytes(content)
        try:
            return read_events(path, settings, service.engine.network.sites, bounds)
        except TooLargeError as error:
            fault = {"type": "too_large", "loc": ["body", "file"], "msg": str(error)}
            raise RequestError([fault], 413) from error
        except InputError as error:
            raise InputError(str(error).replace(str(path), path.name)) from error
