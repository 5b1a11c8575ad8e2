"""EPCIS JSON and JSON-LD: where the events are, whatever the document around them."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from scantrail.errors import InputError


def json_events(data: bytes, source: str) -> tuple[list[Any], bool]:
    """Find the events of a document.

    An EPCISDocument, an EPCISQueryDocument, a bare list of events (or of documents) and a single
    bare event are all understood; what stands around the event list does not matter.

    Args:
        data: The document, in UTF-8, UTF-16 or UTF-32.
        source: Its name, for messages.

    Returns:
        The entries of its event list or lists, in order (an entry may be no dict at all), and
        whether the text itself bends the rules of JSON (NaN, raw control characters and so on).

    Raises:
        InputError: The document is no JSON, is nested too deeply, or has no event list.
    """
    document, odd = _parse(data, source)
    events = _events(document)
    if events is None:
        raise InputError(
            f"{source}: no events: nowhere in the document is an eventList, and it is no event "
            "itself. An EPCISDocument, an EPCISQueryDocument, a list of events or a single event "
            "was expected; check that the right file was sent."
        )
    return events, odd


def _parse(data: bytes, source: str) -> tuple[Any, bool]:
    try:
        return msgspec.json.decode(data), False
    except (ValueError, RecursionError):  # a DecodeError is a ValueError
        pass
    try:
        text = data.decode(json.detect_encoding(data))
        document = json.loads(
            text, strict=False, parse_int=str, parse_float=str, parse_constant=str
        )
    except RecursionError:
        raise InputError(
            f"{source}: the JSON is nested too deeply to be read. EPCIS events need about ten "
            "levels; check that the right file was sent."
        ) from None
    except ValueError as error:
        raise InputError(
            f"{source}: not readable as JSON ({error}). A complete EPCIS document was expected; "
            "ask its sender for the file again."
        ) from None
    return document, not data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"))


def _events(document: Any) -> list[Any] | None:
    if isinstance(document, list):
        inner = [_list_of(entry) for entry in document]
        return [
            event
            for entry, found in zip(document, inner, strict=True)
            for event in ([entry] if found is None else found)
        ]
    found = _list_of(document)
    if found is None and isinstance(document, dict) and _is_event(document):
        return [document]
    return found


def _is_event(fields: dict[Any, Any]) -> bool:
    kind = fields.get("type", fields.get("isA", fields.get("@type")))
    return "eventTime" in fields or (isinstance(kind, str) and kind.endswith("Event"))


def _list_of(document: Any) -> list[Any] | None:
    """All entries of all event lists in a document, or None where it has none."""
    found: list[Any] | None = None
    waiting: list[Any] = [document] if isinstance(document, dict) else []
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting.extend(reversed(node))
        elif isinstance(node, dict):
            if _is_event(node):
                continue
            for key, value in reversed(node.items()):
                if str(key).rpartition(":")[2].lower() != "eventlist":
                    waiting.append(value)
            for key, value in node.items():
                if str(key).rpartition(":")[2].lower() == "eventlist":
                    found = (found or []) + _as_list(value)
    return found


def _as_list(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    return [] if value is None else [value]
