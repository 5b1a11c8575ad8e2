"""EPC URNs as Digital Links: what `epcpy` reads, with its slips mended."""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import quote, unquote

from epcpy.epc_schemes.base_scheme import EPCScheme, GS1Element
from epcpy.utils.common import ConvertException
from epcpy.utils.parsers import epc_pure_identity_to_scheme, get_gs1_key

_PREFIXES: Final = ("urn:epc:id:", "urn:epc:idpat:", "urn:epc:class:")
#: Schemes whose element string is a key and a qualifier, "(01)…(21)…".
_TWO_PART: Final = frozenset({"sgtin", "sgln", "cpi", "itip", "upui", "lgtin"})
_LETTER_ESCAPE: Final = re.compile(r"%(?:2F|3C|3E|3F)", re.IGNORECASE)
_INVALID: Final = "not a valid EPC URN"


class UrnError(Exception):
    """A URN is no valid EPC; the text says why in a clause."""


class Urn(NamedTuple):
    """An EPC URN: its scheme, its company prefix, and its canonical form.

    `link` is the Digital Link, or the URN itself where its scheme belongs to no GS1 key (gid,
    usdod, adi, bic, imovn) or it is a pattern; `company` is null outside GS1 keys.
    """

    scheme: str
    link: str
    company: str | None


def urn_scheme(code: str) -> str:
    """The scheme that a URN claims, or `unknown`.

    >>> urn_scheme("urn:epc:id:sgtin:nonsense"), urn_scheme("urn:isbn:1")
    ('sgtin', 'unknown')
    """
    name = code.split(":", 4)[3] if code.startswith(_PREFIXES) else ""
    return name if name.isalpha() else "unknown"


def read_urn(code: str) -> Urn:
    """Read an EPC URN: pure identity, pattern (`idpat`) or lot class.

    Args:
        code: ASCII text.

    Returns:
        Scheme, Digital Link (check digit included, escapes as in a URL) and company prefix.

    Raises:
        UrnError: It is no valid EPC URN.

    >>> read_urn("urn:epc:id:sgtin:0614141.112345.400")
    Urn(scheme='sgtin', link='https://id.gs1.org/01/10614141123459/21/400', company='0614141')
    """
    if not code.startswith(_PREFIXES):
        raise UrnError("the URN does not begin with urn:epc:id:, idpat: or class:")
    _, _, form, name, *_ = [*code.split(":", 4), ""]
    body = code.partition(f":{name}:")[2]
    company = body.partition(".")[0]
    if form == "idpat" and "*" in body:
        return Urn(name, _pattern_link(name, code), company)
    elements = _elements(code.replace("urn:epc:idpat:", "urn:epc:id:", 1), body)
    if elements is None:
        return Urn(name, code, None)
    return Urn(name, _link(name, elements), company)


def _elements(code: str, body: str) -> str | None:
    """The element string "(01)…(21)…", or None outside GS1 keys."""
    try:
        scheme = _scheme(code)
        return scheme.gs1_element_string() if isinstance(scheme, GS1Element) else None
    except UrnError:
        escape = _LETTER_ESCAPE.search(body)
        if escape is None:
            raise
    # epcpy misreads some serials with such escapes: dashes stand in for them, and go again
    scheme = _scheme(_LETTER_ESCAPE.sub("-", code))
    if not isinstance(scheme, GS1Element):
        raise UrnError(_INVALID)
    tail = unquote(body[escape.start() :])
    return str(scheme.gs1_element_string())[: -len(tail)] + tail


def _scheme(code: str) -> EPCScheme:
    try:
        return epc_pure_identity_to_scheme(code)
    except ConvertException as error:
        raise UrnError(error.message or _INVALID) from None
    except (IndexError, ValueError, AttributeError):  # at odd input
        raise UrnError(_INVALID) from None


def _link(name: str, elements: str) -> str:
    ai, _, value = elements[1:].partition(")")
    link = f"https://id.gs1.org/{ai}/"
    if name not in _TWO_PART:
        return link + quote(value, safe="")
    value, _, rest = value.partition("(")  # the first value has no parenthesis; a serial may
    qualifier, _, serial = rest.partition(")")
    if not serial or (name == "sgln" and serial == "0"):  # extension 0 says: no extension
        return link + quote(value, safe="")
    return f"{link}{quote(value, safe='')}/{qualifier}/{quote(serial, safe='')}"


def _pattern_link(name: str, code: str) -> str:
    """A pattern for all items of a product names the product; others stay as they are."""
    try:
        key = get_gs1_key(code)
    except (ConvertException, IndexError, ValueError):
        raise UrnError("the pattern stands for more than one product") from None
    return f"https://id.gs1.org/01/{key}" if name == "sgtin" else code
