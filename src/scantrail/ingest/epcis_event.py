"""One EPCIS event, read leniently from nested fields, whatever the format they came in.

JSON gives the fields as they are; `epcis_xml` turns elements into the same shape. Nothing here
rejects: a field of the wrong shape is read as well as it can be, and the event flagged as odd.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from scantrail.ingest.cbv import bare_term

#: Field names as the standard spells them, found whatever their case and prefix.
FIELDS: Final = {
    name.lower(): name
    for name in (
        *("type", "action", "eventID", "eventTime", "eventTimeZoneOffset", "bizStep"),
        *("disposition", "readPoint", "bizLocation", "parentID", "epcList", "childEPCs"),
        *("inputEPCList", "outputEPCList", "quantityList", "childQuantityList"),
        *("inputQuantityList", "outputQuantityList", "epcClass", "errorDeclaration"),
    )
}
_ALIASES: Final = {"isa": "type", "@type": "type"}
_KINDS: Final = {
    name.lower(): name
    for name in (
        *("ObjectEvent", "AggregationEvent", "TransactionEvent"),
        *("TransformationEvent", "AssociationEvent", "QuantityEvent"),
    )
}
_ACTIONS: Final = frozenset({"ADD", "OBSERVE", "DELETE"})
_SURROGATES: Final = re.compile("[\ud800-\udfff]")
#: Keys under which an object may carry what should have been plain text.
_IDS: Final = ("id", "@id", "@value", "value", "epc", "epcClass", "correctiveEventID", "#text")


@dataclass(frozen=True, slots=True)
class EpcisEvent:
    """What an event says; texts are as written, terms of the CBV are bare.

    `index` counts from 0 in the document's event list. `items` are the codes of `epcList`,
    `childEPCs` or `inputEPCList`, `outputs` those of `outputEPCList`, `classes` the class-level
    codes of quantities, and `unreadable` list entries that hold no code (as JSON text).
    `odd` is whether the event breaks its schema somewhere.
    """

    index: int
    kind: str
    action: str
    event_id: str | None
    time: str | None
    offset: str | None
    step: str | None
    disposition: str | None
    place: str | None
    parent: str | None
    items: tuple[str, ...]
    outputs: tuple[str, ...]
    classes: tuple[str, ...]
    unreadable: tuple[str, ...]
    declares_error: bool
    corrective: tuple[str, ...]
    odd: bool


def as_text(value: Any) -> str:
    """Any JSON value as one line of text, for a person to recognise it.

    >>> as_text({"a": [1, None]}), as_text("x")
    ('{"a": [1, null]}', 'x')
    """
    try:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    except RecursionError:
        text = "[a value nested too deeply to show]"
    return _SURROGATES.sub("\ufffd", text)


def read_event(index: int, fields: Mapping[Any, Any], *, odd: bool = False) -> EpcisEvent:
    """Read one event.

    Args:
        index: Its place in the document's event list, from 0.
        fields: The event as nested dicts, lists and scalars, as in EPCIS 2.0 JSON.
        odd: Whether something odd about it is known already.

    Returns:
        The event; anything missing is null or empty.

    >>> event = read_event(0, {"isA": "ObjectEvent", "action": "OBSERVE", "epcList": "urn:x:1"})
    >>> event.kind, event.items, event.odd
    ('ObjectEvent', ('urn:x:1',), True)
    """
    return _Fields(fields, odd=odd).event(index)


class _Fields:
    """An event's fields, and whether any of them was not what the standard says."""

    def __init__(self, fields: Mapping[Any, Any], *, odd: bool) -> None:
        self.odd = odd
        self.unreadable: list[str] = []
        self._of: dict[str, Any] = {}
        for key, value in fields.items():
            self._take(str(key), value)

    def _take(self, key: str, value: Any) -> None:
        local = re.split(r"[:/#}]", key)[-1].lower()
        name = _ALIASES.get(local) or FIELDS.get(local)
        if name is None or value is None:
            self.odd |= name is not None
            return
        self.odd |= name not in (key, _ALIASES.get(key.lower()))
        if name in self._of:  # twice, in two spellings: the first counts
            self.odd = True
            return
        self._of[name] = value

    def event(self, index: int) -> EpcisEvent:
        kind = self._kind()
        action = self._action(kind)
        items = [c for n in ("epcList", "childEPCs", "inputEPCList") for c in self._codes(n)]
        outputs = self._codes("outputEPCList")
        classes, instances = self._quantities()
        parent = self._text(self._of.get("parentID"))
        place = self._text(self._id("bizLocation")) or self._text(self._id("readPoint"))
        corrective = self._corrective()
        return EpcisEvent(
            index=index,
            kind=kind,
            action=action,
            event_id=self._text(self._of.get("eventID")),
            time=self._text(self._of.get("eventTime")),
            offset=self._text(self._of.get("eventTimeZoneOffset")),
            step=self._term("bizStep"),
            disposition=self._term("disposition"),
            place=place,
            parent=parent,
            items=self._once(items + instances),
            outputs=self._once(outputs),
            classes=tuple(classes),
            unreadable=tuple(self.unreadable),
            declares_error="errorDeclaration" in self._of,
            corrective=tuple(corrective),
            odd=self.odd,  # last: everything above may have found something odd
        )

    def _kind(self) -> str:
        value = self._of.get("type")
        if isinstance(value, list) and value:
            self.odd = True
            value = next((v for v in value if isinstance(v, str) and "event" in v.lower()), None)
        word = re.split(r"[:/#]", self._text(value) or "")[-1]
        if word.lower() in _KINDS:
            self.odd |= word not in _KINDS.values()
            return _KINDS[word.lower()]
        self.odd = True
        if word:
            return word
        if {"inputEPCList", "outputEPCList"} & self._of.keys():
            return "TransformationEvent"
        return "AggregationEvent" if "childEPCs" in self._of else "ObjectEvent"

    def _action(self, kind: str) -> str:
        written = self._text(self._of.get("action")) or ""
        action = written.upper()
        self.odd |= written != action
        if kind in {"TransformationEvent", "QuantityEvent"}:
            return ""
        self.odd |= action not in _ACTIONS
        return action if action in _ACTIONS else ""

    def _text(self, value: Any) -> str | None:
        """A scalar as text without blanks around it; other shapes as JSON text; blank is null."""
        if value is None:
            return None
        if isinstance(value, Mapping):
            self.odd = True
            value = next((value[k] for k in _IDS if isinstance(value.get(k), str)), value)
        text = as_text(value)
        self.odd |= text != value
        stripped = text.strip()
        self.odd |= stripped != text
        return stripped or None

    def _term(self, name: str) -> str | None:
        text = self._text(self._of.get(name))
        return (bare_term(text) or text) if text else None

    def _id(self, name: str) -> Any:
        """The id of a place, which is an object with an `id`."""
        value = self._of.get(name)
        if isinstance(value, Mapping):
            return value.get("id", value.get("@id"))
        self.odd |= value is not None
        return value

    def _list(self, value: Any) -> list[Any]:
        if value is None or value == "":
            return []
        if isinstance(value, Mapping) and len(value) == 1:
            inner = next(iter(value.values()))  # {"epc": […]}, as XML converters write it
            if isinstance(inner, list):
                self.odd = True
                return inner
        if isinstance(value, list):
            return value
        self.odd = True
        return [value]

    def _codes(self, name: str) -> list[str]:
        found = []
        for entry in self._list(self._of.get(name)):
            code = self._text(entry) if isinstance(entry, (str, Mapping)) else None
            if code is None or code[0] in "{[":
                self.odd = True
                self.unreadable.append(as_text(entry))
            else:
                found.append(code)
        return found

    def _quantities(self) -> tuple[list[str], list[str]]:
        """Class-level codes, and instance codes that stand among them by mistake."""
        names = ("quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList")
        entries = [entry for name in names for entry in self._list(self._of.get(name))]
        entries += [self._of["epcClass"]] if "epcClass" in self._of else []
        classes: list[str] = []
        instances: list[str] = []
        for entry in entries:
            value = entry.get("epcClass", entry) if isinstance(entry, Mapping) else entry
            code = as_text(value).strip()
            is_instance = code.startswith("urn:epc:id:")
            self.odd |= is_instance or not isinstance(entry, (Mapping, str))
            (instances if is_instance else classes).append(code)
        return classes, instances

    def _corrective(self) -> list[str]:
        declaration = self._of.get("errorDeclaration")
        if not isinstance(declaration, Mapping):
            self.odd |= declaration is not None
            return []
        texts = [self._text(v) for v in self._list(declaration.get("correctiveEventIDs"))]
        return [text for text in texts if text]

    def _once(self, codes: list[str]) -> tuple[str, ...]:
        unique = tuple(dict.fromkeys(codes))
        self.odd |= len(unique) != len(codes)
        return unique
