"""EPCIS documents, JSON or XML, as a log of scans: one row per event and item.

What a document says of pallets is said of what is in them: aggregation events are followed in the
order of event times, and a later event that names only the pallet yields a row for each item then
inside. Error declarations withdraw the event with the same id. No schema is enforced: what can be
read is read, and flagged where it was odd; what can't be read is a Reject.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import polars as pl

from scantrail.errors import InputError
from scantrail.ingest.cbv import scan_word
from scantrail.ingest.epcis_event import EpcisEvent, as_text, read_event
from scantrail.ingest.epcis_json import json_events
from scantrail.ingest.epcis_packing import Packing
from scantrail.ingest.epcis_time import event_time, instant_of
from scantrail.ingest.epcis_xml import xml_events
from scantrail.ingest.gs1 import parse_gs1
from scantrail.vocabulary.bounds import UNBOUNDED, Bounds
from scantrail.vocabulary.events import RAW, REJECTS, Flag, RawLog

#: A document may not unfold into more scans than this: a small file that names one full pallet
#: again and again could otherwise fill any memory.
MAX_SCANS: Final = 2_000_000

#: A Reject shows at most this many characters of the offending value.
_SHOWN: Final = 200
_PACKING_KINDS: Final = frozenset({"AggregationEvent", "AssociationEvent"})
_FRAME: Final = pl.Schema({**RAW, "flags": pl.UInt16()})


def read_epcis_json(data: bytes, source: str, bounds: Bounds = UNBOUNDED) -> RawLog:
    """Read an EPCIS 2.0 JSON or JSON-LD document.

    Args:
        data: An EPCISDocument, an EPCISQueryDocument, a list of events, or one event.
        source: Its name, for messages and Rejects.
        bounds: How many events, and scans of single items, it may hold.

    Returns:
        `frame`: the `RAW` columns and `flags` (UInt16), one row per event and item, in document
        order; `line` is the event's index in the event list, from 0; `event_time` is ISO 8601
        text with the local offset where the document gives one; `location_id` and `file_id` are
        null. `rejects`: what no row could be made of.

    Raises:
        InputError: The document as a whole can't be read.
        TooLargeError: It holds more than may be.

    >>> log = read_epcis_json(b'''{"type": "ObjectEvent", "action": "OBSERVE",
    ...     "eventTime": "2024-05-01T10:00:00Z", "eventTimeZoneOffset": "+02:00",
    ...     "epcList": ["urn:epc:id:sgtin:0614141.112345.400"], "bizStep": "shipping"}''', "a.json")
    >>> log.frame.select("line", "event_type", "event_time").row(0)
    (0, 'Outbound', '2024-05-01T12:00:00+02:00')
    """
    entries, odd = json_events(data, source)
    return _Document(source, bounds).read(entries, odd=odd)


def read_epcis_xml(data: bytes, source: str, bounds: Bounds = UNBOUNDED) -> RawLog:
    """Read an EPCIS XML document of version 1.0 to 2.0.

    Args:
        data: A document or query result in any encoding that XML can declare.
        source: Its name, for messages and Rejects.
        bounds: As `read_epcis_json`.

    Returns:
        As `read_epcis_json`; the same events give the same rows.

    Raises:
        InputError: The document as a whole can't be read, or has a DOCTYPE with declarations.
    """
    entries, odd = xml_events(data, source)
    return _Document(source, bounds).read(entries, odd=odd)


@dataclass(frozen=True, slots=True)
class _Scan:
    """One item that an event names or holds."""

    code: str
    word: str
    flags: int


class _Document:
    """One document on its way to rows and Rejects."""

    def __init__(self, source: str, bounds: Bounds) -> None:
        self._source, self._bounds = source, bounds
        self._rejects: list[tuple[Any, ...]] = []
        self._columns: dict[str, list[Any]] = {name: [] for name in _FRAME}
        self._packing = Packing()
        self._count = 0

    def read(self, entries: list[Any], *, odd: bool) -> RawLog:
        self._bounds.check_records(len(entries), self._source)
        events = self._events(entries, odd=odd)
        if _spelled_differently(events):
            self._packing = Packing(same=lambda code: parse_gs1(code).canonical or code)
        declared = {e.event_id for e in events if e.declares_error and e.event_id}
        corrected = {text for e in events if e.declares_error for text in e.corrective}
        known = {e.event_id for e in events if not e.declares_error}
        scans = self._unfold([e for e in events if not e.declares_error], declared)
        for event in events:
            if event.declares_error:
                self._check_declaration(event, known)
                continue
            self._check(event, scans[event.index])
            if event.event_id in declared:
                self._withdraw(event, scans[event.index])
                continue
            extra = Flag.CORRECTED if event.event_id in corrected else Flag.NONE
            self._add_rows(event, scans[event.index], int(extra))
        return RawLog(
            frame=pl.DataFrame(self._columns, schema=_FRAME),
            rejects=pl.DataFrame(
                sorted(self._rejects, key=lambda reject: reject[1]), schema=REJECTS, orient="row"
            ),
            source=self._source,
        )

    def _events(self, entries: list[Any], *, odd: bool) -> list[EpcisEvent]:
        events = []
        for index, entry in enumerate(entries):
            if isinstance(entry, Mapping):
                events.append(read_event(index, entry, odd=odd))
            else:
                self._reject(
                    (index, None, "event", as_text(entry)),
                    "an event is an object with named fields, and this is none",
                    "write the event as {…} with its type, eventTime and epcList",
                )
        return events

    def _unfold(self, events: list[EpcisEvent], declared: set[str]) -> dict[int, list[_Scan]]:
        """The items of each event, by its index; packing is followed in the order of event time."""
        scans: dict[int, list[_Scan]] = {}
        for event in _in_time_order(events):
            before = self._scans(event)
            if event.event_id not in declared:
                scans[event.index] = self._pack(event, before)
            else:
                scans[event.index] = before
            self._count += len(before)
            self._bounds.check_records(self._count, self._source)
            if self._count > MAX_SCANS:
                raise InputError(
                    f"{self._source}: unfolds into more than {MAX_SCANS:,} scans of single items. "
                    "Split the document into smaller ones, in the order of event times."
                )
        return scans

    def _scans(self, event: EpcisEvent) -> list[_Scan]:
        flags = int(Flag.DOCUMENT_ODD) if event.odd else 0
        parts = [(event.items, event.action), (event.outputs, "OUTPUT")]
        if event.kind == "TransformationEvent":
            parts[0] = (event.items, "INPUT")
        elif event.parent is not None and self._counts_parent(event):
            parts[0] = ((*event.items, event.parent), event.action)
        found: dict[tuple[str, str], _Scan] = {}
        for codes, action in parts:
            word = scan_word(event.kind, action, event.step, event.disposition)
            named = frozenset(codes)
            for code in codes:
                for leaf in self._packing.leaves(code):
                    bits = flags if leaf in named else flags | int(Flag.EXPANDED)
                    found.setdefault((leaf, action), _Scan(leaf, word, bits))
        return list(found.values())

    def _counts_parent(self, event: EpcisEvent) -> bool:
        """Whether the parent stands for items: always where no child is named.

        Where children are named the parent adds those known inside it, except when the event
        itself says what goes in or comes out.
        """
        if not event.items:
            return True
        known = event.parent is not None and self._packing.has_children(event.parent)
        return known and event.kind not in _PACKING_KINDS

    def _pack(self, event: EpcisEvent, scans: list[_Scan]) -> list[_Scan]:
        if event.kind not in _PACKING_KINDS or event.parent is None:
            return scans
        if event.action == "DELETE":
            self._packing.remove(event.parent, event.items)
            return scans
        carrier = event.kind == "AssociationEvent"
        if not self._packing.add(event.parent, event.items, carrier=carrier):
            return scans
        odd = int(Flag.DOCUMENT_ODD)  # a parent inside itself
        return [_Scan(s.code, s.word, s.flags | odd) for s in scans]

    def _check(self, event: EpcisEvent, scans: list[_Scan]) -> None:
        for value in event.unreadable:
            self._reject(
                (event.index, event.event_id, "epc_code", value),
                "an EPC is text, and this is none",
                "write each EPC as one URI in quotes, such as urn:epc:id:sgtin:0614141.112345.400",
            )
        if scans or event.unreadable:
            return
        if event.classes:
            self._reject(
                (event.index, event.event_id, "epc_code", ", ".join(event.classes)),
                "class-level quantities identify no item",
                "list the items' own EPCs, with serial numbers, if they have any",
            )
            return
        self._reject(
            (event.index, event.event_id, "epc_code", None),
            "the event names no item",
            "list the items' EPCs in epcList (childEPCs, inputEPCList or outputEPCList)",
        )

    def _check_declaration(self, event: EpcisEvent, known: set[str | None]) -> None:
        if event.event_id is None:
            self._reject(
                (event.index, None, "event_id", None),
                "an error declaration without an eventID says of no event that it was wrong",
                "repeat the eventID of the wrong event in the declaration",
            )
        elif event.event_id not in known:
            self._reject(
                (event.index, event.event_id, "event_id", event.event_id),
                "the event that this error declaration withdraws is not in the document",
                "send the declaration in one document with the event, or remove the event from "
                "what was sent before",
            )

    def _withdraw(self, event: EpcisEvent, scans: list[_Scan]) -> None:
        for scan in scans:
            self._reject(
                (event.index, event.event_id, "epc_code", scan.code),
                "withdrawn by its error declaration",
                "nothing to do; events that replace it count in its stead",
            )

    def _add_rows(self, event: EpcisEvent, scans: list[_Scan], extra: int) -> None:
        time = event_time(event.time, event.offset)
        if time is None:
            for scan in scans:
                self._reject(
                    (event.index, event.event_id, "event_time", None),
                    f"the event has no eventTime, so the scan of {scan.code} can't be placed",
                    "give the event an eventTime such as 2024-05-01T10:00:00+02:00",
                )
            return
        columns = self._columns
        for name, value in (
            ("line", event.index),
            ("event_id", event.event_id),
            ("file_id", None),
            ("location_id", None),
            ("scan_location", event.place),
            ("business_step", event.step),
            ("event_time", time),
        ):
            columns[name] += [value] * len(scans)
        columns["epc_code"] += [scan.code for scan in scans]
        columns["event_type"] += [scan.word for scan in scans]
        columns["flags"] += [scan.flags | extra for scan in scans]

    def _reject(
        self, where: tuple[int, str | None, str, str | None], reason: str, fix: str
    ) -> None:
        index, event_id, column, value = where
        if value is not None and len(value) > _SHOWN:
            value = value[:_SHOWN] + "…"
        self._rejects.append(
            (self._source, index, None, event_id, None, column, value, reason, fix)
        )


def _in_time_order(events: list[EpcisEvent]) -> list[EpcisEvent]:
    """By instant; at one instant packing first and unpacking last, else as in the document.

    An event whose time can't be read stays behind its predecessor in the document.
    """
    keyed = []
    last = datetime.min.replace(tzinfo=UTC)
    for event in events:
        last = instant_of(event_time(event.time, event.offset)) or last
        rank = 1
        if event.kind in _PACKING_KINDS:
            rank = 2 if event.action == "DELETE" else 0
        keyed.append((last, rank, event.index, event))
    return [event for *_, event in sorted(keyed, key=lambda entry: entry[:3])]


def _spelled_differently(events: list[EpcisEvent]) -> bool:
    """Whether a document holds both EPC URNs and Digital Links, perhaps of one pallet."""
    codes = {c[:4] for e in events for c in (*e.items, *e.outputs, e.parent or "")}
    return {"urn:", "http"} <= codes
