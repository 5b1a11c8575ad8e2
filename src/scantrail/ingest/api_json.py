"""The API's JSON in files: `{"data": [record, …]}`, a bare list, or one record per line."""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple

import msgspec
import polars as pl

from scantrail.errors import InputError
from scantrail.ingest.files import to_utf8
from scantrail.vocabulary.bounds import UNBOUNDED, Bounds
from scantrail.vocabulary.events import RAW, REJECTS, RawLog

_SPELLINGS: Final = {"eventId": "event_id", "epcCode": "epc_code", "eventTime": "event_time",
                     "fileId": "file_id", "locationId": "location_id"}  # fmt: skip
_FIELDS: Final = tuple(name for name in RAW.names() if name != "line")


def read_api_json(data: bytes, source: str, bounds: Bounds = UNBOUNDED) -> RawLog:
    """Read records; `line` is a record's index, from 0.

    Raises:
        InputError: Not JSON, or no list of records in it.
        TooLargeError: There are more records than may be.
    """
    rows, rejects = [], []
    records = _records(to_utf8(data, source), source, bounds)
    bounds.check_records(len(records), source)
    for index, record in enumerate(records):
        if isinstance(record, dict):
            rows.append((index, *_cells(record)))
        else:
            rejects.append(_reject(source, index, record))
    frame = pl.DataFrame(
        rows, schema={"line": pl.UInt32} | dict.fromkeys(_FIELDS, pl.String), orient="row"
    )
    return RawLog(frame, pl.DataFrame(rejects, schema=REJECTS), source)


def _records(data: bytes, source: str, bounds: Bounds) -> list[Any]:
    try:
        found = msgspec.json.decode(data)
    except msgspec.DecodeError as error:
        bounds.check_records(data.count(b"\n"), source)
        return _lines(data, source, error)
    except RecursionError as error:
        raise InputError(f"{source} is nested too deeply to be a list of records") from error
    if isinstance(found, dict) and isinstance(found.get("data"), list):
        found = found["data"]
    elif isinstance(found, dict) and not {"epc_code", "epcCode"}.isdisjoint(found):
        found = [found]
    if not isinstance(found, list):
        raise InputError(
            f'{source} holds no list of records; expected {{"data": [{{"epc_code": …}}, …]}}'
        )
    return found


def _lines(data: bytes, source: str, error: Exception) -> list[Any]:
    """One record per line, if at least the first is one; a line that is no JSON is `_Broken`."""
    lines = [line for line in data.split(b"\n") if line.strip()]
    records = [_line(line) for line in lines]
    if not records or not isinstance(records[0], dict):
        raise InputError(
            f"{source} is no valid JSON ({error}); expected a list of records or one per line"
        ) from error
    return records


def _line(line: bytes) -> Any:
    try:
        return msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError) as error:
        return _Broken(line.decode("utf-8", "replace").strip(), str(error))


class _Broken(NamedTuple):
    """A line that is no JSON."""

    text: str
    error: str


def _cells(record: dict[str, Any]) -> list[str | None]:
    known = {_SPELLINGS.get(name, name): value for name, value in record.items()}
    return [_text(known.get(name)) for name in _FIELDS]


def _text(value: Any) -> str | None:
    """A value as a cell; one that is neither text nor number as its JSON."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return json.dumps(value, ensure_ascii=False)


def _reject(source: str, index: int, record: Any) -> dict[str, Any]:
    broken = isinstance(record, _Broken)
    return {
        "file": source,
        "line": index,
        "row": None,
        "event_id": None,
        "file_id": None,
        "column": None,
        "value": (record.text if broken else json.dumps(record, ensure_ascii=False))[:80],
        "reason": f"the line is no JSON ({record.error})" if broken else "the record is no object",
        "fix": 'write each record as {"epc_code": …, "event_time": …}',
    }
