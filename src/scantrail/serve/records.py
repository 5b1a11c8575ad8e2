"""Reading request bodies: quickly where they are well formed, with every fault named where not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final, NamedTuple

import msgspec
import polars as pl
from pydantic import ValidationError

from scantrail.serve.schemas import DetectionRequest
from scantrail.vocabulary.events import RawLog
from scantrail.vocabulary.frames import beside

_Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class RequestError(Exception):
    """A body that can't be used, with FastAPI's list of what is wrong where."""

    def __init__(self, detail: list[dict[str, Any]], status: int = 422) -> None:
        """Hold the list for the answer."""
        super().__init__(str(detail[:1]))
        self.detail, self.status = detail, status


class _Record(msgspec.Struct):
    """`schemas.EventRecord`, for quick reading."""

    epc_code: str
    location_id: _Int64
    business_step: str
    event_type: str
    event_time: str
    file_id: _Int64
    event_id: _Int64 | None = None
    event_id_too: _Int64 | None = msgspec.field(default=None, name="eventId")


class _Request(msgspec.Struct):
    data: list[_Record]
    stateless: Any = False  # a 0 is no `false`


class Asked(NamedTuple):
    """A request: its records, and whether they are to be judged by themselves alone."""

    raw: RawLog
    stateless: bool


_decoder: Final = msgspec.json.Decoder(_Request, strict=False)


def read_records(body: bytes, most: int) -> Asked:
    """The records of a detection request, in their order.

    Args:
        body: The request's body.
        most: How many records are allowed.

    Raises:
        RequestError: Malformed JSON, or a field that is missing, null or of the wrong type (422,
            every fault is listed); or too many records (413).
    """
    asked: _Request | DetectionRequest
    try:
        asked = _decoder.decode(body)
        for record in asked.data:
            if record.event_id is None:
                record.event_id = record.event_id_too
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        asked = _explained(body)
    unclear = not isinstance(asked.stateless, bool)
    if unclear or any(record.event_id is None for record in asked.data):
        asked = _explained(body)
    records = asked.data
    if len(records) > most:
        fault = {
            "type": "too_long",
            "loc": ["body", "data"],
            "msg": f"{len(records)} records are too many; send at most {most} in one request",
        }
        raise RequestError([fault], 413)
    return Asked(RawLog(_frame(records), source="request"), asked.stateless)


def _explained(body: bytes) -> DetectionRequest:
    """Read again, slowly, to say everything that is wrong; what is right after all is taken."""
    try:
        return DetectionRequest.model_validate_json(body)
    except ValidationError as error:
        raise RequestError(faults(error)) from error
    except (RecursionError, UnicodeError, ValueError) as error:
        fault = {"type": "json_invalid", "loc": ["body"], "msg": f"the body can't be read: {error}"}
        raise RequestError([fault]) from error


def faults(error: ValidationError) -> list[dict[str, Any]]:
    """What is wrong, where, in FastAPI's form; long inputs are cut."""
    listed = error.errors(include_url=False, include_context=False)
    return [
        {
            "type": fault["type"],
            "loc": ["body", *fault["loc"]],
            "msg": fault["msg"],
            "input": _short(fault.get("input")),
        }
        for fault in listed
    ]


def _short(value: Any) -> str | int | float | bool | None:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float) and abs(value) < 2**63:
        return value
    return repr(value)[:80] if not isinstance(value, str) else value[:80]


def _frame(records: Sequence[Any]) -> pl.DataFrame:
    columns = [
        pl.Series(name, [getattr(record, name) for record in records], dtype=dtype)
        for name, dtype in _COLUMNS.items()
    ]
    line = pl.Series("line", range(len(records)), dtype=pl.UInt32)
    return beside([line, *columns])


_COLUMNS: Final = {
    "event_id": pl.Int64,
    "file_id": pl.Int64,
    "epc_code": pl.String,
    "location_id": pl.Int64,
    "business_step": pl.String,
    "event_type": pl.String,
    "event_time": pl.String,
}
