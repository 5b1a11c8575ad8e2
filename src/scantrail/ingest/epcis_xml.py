"""EPCIS XML, versions 1.0 to 2.0, as the nested fields that EPCIS 2.0 JSON has.

Elements are matched on their local names, so neither the namespace nor its prefix matters. The
parser resolves no entities and loads nothing; a document with a DOCTYPE that declares or names
anything is refused outright, because EPCIS has no use for one and every XML bomb needs one. (A bare
`<!DOCTYPE name>`, which some editors write, declares nothing and is merely odd.)
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from lxml import etree

from scantrail.errors import InputError
from scantrail.ingest.epcis_event import FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml.etree import _Element

_BARE_DOCTYPE: Final = re.compile(rb"<!DOCTYPE\s+[A-Za-z_][\w:.-]*\s*>")
_WRAPPERS: Final = frozenset({"extension", "baseextension"})
_TEXT_LISTS: Final = frozenset({"epcList", "childEPCs", "inputEPCList", "outputEPCList"})
_QUANTITY_LISTS: Final = frozenset(
    {"quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList"}
)


def xml_events(data: bytes, source: str) -> tuple[list[dict[str, Any]], bool]:
    """Find the events of a document and turn each into nested fields.

    Args:
        data: The document, in any encoding that it declares.
        source: Its name, for messages.

    Returns:
        One dict per event, in document order, shaped as in EPCIS 2.0 JSON; and whether the
        document has a (harmless) DOCTYPE, which is odd.

    Raises:
        InputError: The document is no well-formed XML, has a DOCTYPE with content, or has no
            event list.
    """
    root, odd = _parse(data, source)
    lists = [e for e in _elements(root.iter()) if _local(e).lower() == "eventlist"]
    if lists:
        return [_event(e) for found in lists for e in _members(found)], odd
    events = _outermost_events(root)
    if events:
        return [_event(e) for e in events], odd
    raise InputError(
        f"{source}: no events: the root element is <{_local(root)}> and nowhere in it is an "
        "<EventList>. An EPCIS document or query result was expected; check that the right file "
        "was sent."
    )


def _parse(data: bytes, source: str) -> tuple[_Element, bool]:
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        huge_tree=False,
        load_dtd=False,
        dtd_validation=False,
        remove_comments=True,
        remove_pis=True,
    )
    doctype = InputError(
        f"{source}: the document has a DOCTYPE with declarations, which EPCIS does not use and "
        "attacks on XML readers do. Remove the <!DOCTYPE …> declaration and send it again."
    )
    count = data.count(b"<!DOCTYPE")
    is_bare = count == 1 and _BARE_DOCTYPE.search(data) is not None
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        if count and not is_bare:
            raise doctype from None
        raise InputError(
            f"{source}: not readable as XML ({error}). A complete, well-formed EPCIS document was "
            "expected; ask its sender for the file again."
        ) from None
    has_doctype = root.getroottree().docinfo.internalDTD is not None
    if has_doctype and not is_bare:
        raise doctype
    return root, has_doctype


def _local(element: _Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _elements(nodes: Any) -> Iterator[_Element]:
    """Only elements: entity references, comments and instructions have no text tag."""
    return (node for node in nodes if isinstance(node.tag, str))


def _members(event_list: _Element) -> Iterator[_Element]:
    """The events of a list, including those in <extension>, where new types stood once."""
    for child in _elements(event_list):
        if _local(child).lower() in _WRAPPERS:
            yield from _members(child)
        else:
            yield child


def _outermost_events(root: _Element) -> list[_Element]:
    found, waiting = [], [root]
    while waiting:
        node = waiting.pop()
        if _local(node).endswith("Event"):
            found.append(node)
        else:
            waiting.extend(reversed(list(_elements(node))))
    return found


def _text(element: _Element) -> str:
    return "".join(element.itertext()).strip()


def _event(element: _Element) -> dict[str, Any]:
    fields: dict[str, Any] = {"type": _local(element)}
    _collect(element, fields)
    return fields


def _collect(element: _Element, fields: dict[str, Any]) -> None:
    for child in _elements(element):
        local = _local(child)
        if local.lower() in _WRAPPERS:
            _collect(child, fields)
            continue
        name = FIELDS.get(local.lower())
        if name is None or name == "type":
            continue
        value = _value(name, child)
        if local not in fields:
            fields[local] = value
            continue
        fields[f"again:{local}"] = value  # read as the same field, and so as odd
        if isinstance(value, list) and isinstance(fields[local], list):
            fields[local] += value


def _value(name: str, element: _Element) -> Any:
    children = list(_elements(element))
    if name in _TEXT_LISTS:
        return [_text(child) for child in children] or _text(element)
    if name in _QUANTITY_LISTS:
        return [{_local(part): _text(part) for part in _elements(child)} for child in children]
    if name in {"readPoint", "bizLocation"}:
        return {_local(child): _text(child) for child in children} or _text(element)
    if name == "errorDeclaration":
        ids = [e for e in _elements(element.iter()) if _local(e) == "correctiveEventID"]
        return {"correctiveEventIDs": [_text(e) for e in ids]}
    return _text(element)
