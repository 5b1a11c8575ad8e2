"""GS1 identifiers in all their spellings: EPC URNs, Digital Links, element strings, bare keys.

`epcpy` reads the URNs and `biip` the rest; this file only chooses between them and gives their
answers one shape. Two spellings of one item have the same canonical form, a Digital Link on
id.gs1.org: every GS1 key can be written so, whereas a URN needs the length of the company prefix,
which the other spellings lack.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

from biip import ParseError
from biip.checksums import gs1_standard_check_digit
from biip.gs1_digital_link_uris import GS1DigitalLinkURI
from biip.gs1_element_strings import GS1ElementString, GS1ElementStrings
from biip.gs1_messages import GS1Message
from biip.gtin import Gtin
from biip.sscc import Sscc

from scantrail.ingest.gs1_urn import UrnError, read_urn, urn_scheme

#: No GS1 code is longer than this many characters, even as a Digital Link with every qualifier.
MAX_LENGTH: Final = 2_048

#: Primary application identifier to scheme, first match wins; a GTIN's depends on its qualifiers.
_SCHEME_OF_AI: Final = {
    "00": "sscc",
    "8006": "itip",
    "8010": "cpi",
    "8003": "grai",
    "8004": "giai",
    "8017": "gsrnp",
    "8018": "gsrn",
    "8013": "gmn",
    "253": "gdti",
    "255": "sgcn",
    "401": "ginc",
    "402": "gsin",
    "417": "pgln",
    "414": "sgln",
    "415": "gln",
}
_SERIAL_AIS: Final = ("21", "8011", "254", "235", "8020", "8019")
#: Keys whose check digit biip leaves alone.
_UNCHECKED: Final = frozenset({"253", "255", "402", "8003", "8006", "8017", "8018"})
_ALIAS: Final = re.compile(r"/(gtin|itip|cpid|gln|sscc|grai|giai|gsrn|gdti)/", re.IGNORECASE)
_LINK: Final = re.compile(r"https?://[^\s/]+/(?:[^?#]*/)?\d{2,4}/[^/?#]", re.IGNORECASE)
_NOT_ASCII: Final = "a GS1 code has ASCII characters only"
#: What odd input raises in the two libraries, besides their own exceptions.
_SLIPS: Final = (
    StopIteration,
    ValueError,
    IndexError,
    KeyError,
    TypeError,
    AttributeError,
    ArithmeticError,
)


@dataclass(frozen=True, slots=True)
class GS1Parts:
    """A GS1 code, taken apart.

    `scheme` is `sgtin`, `lgtin`, `gtin`, `sscc`, `sgln`, …, or `unknown`. `canonical` is the one
    form that all spellings of the code share (null if invalid). `company` is the company prefix
    (null where it can't be told), `product` the GTIN-14 or, for other keys, the key without its
    serial part, where it has one. `reason` says in a clause why the code is not `valid`.
    """

    scheme: str
    canonical: str | None = None
    company: str | None = None
    product: str | None = None
    lot: str | None = None
    serial: str | None = None
    valid: bool = True
    reason: str | None = None


def parse_gs1(code: str) -> GS1Parts:
    """Take a GS1 code apart, whatever its spelling; never raises.

    Args:
        code: An EPC URN, a Digital Link, an element string with or without parentheses (FNC1 as
            ASCII 29), or a bare GTIN or SSCC.

    Returns:
        Its parts; `valid` is False and `reason` set where the code breaks GS1's rules.

    >>> parts = parse_gs1("urn:epc:id:sgtin:0614141.112345.400")
    >>> parts.product, parts.serial, parts.canonical
    ('10614141123459', '400', 'https://id.gs1.org/01/10614141123459/21/400')
    >>> parts.canonical == parse_gs1("(01)10614141123459(21)400").canonical
    True
    >>> parse_gs1("(01)10614141123458(21)400").reason
    "Invalid GTIN check digit for '10614141123458': Expected 9, got 8."
    """
    if len(code) > MAX_LENGTH:
        return _invalid("unknown", f"{len(code)} characters are more than any GS1 code has")
    return _parse(code)


def item_of(code: str) -> str:
    """The one spelling by which an item is known, whatever the code's own.

    >>> item_of("(01)10614141123459(21)400") == item_of("urn:epc:id:sgtin:0614141.112345.400")
    True
    >>> item_of("no GS1 code")
    'no GS1 code'
    """
    return (parse_gs1(code).canonical or code) if looks_gs1(code) else code


def looks_gs1(code: str) -> bool:
    """Whether a code is written as a GS1 code at all, valid or not (a cheap look at its start).

    >>> looks_gs1("urn:epc:id:sscc:0614141.1234567890"), looks_gs1("(01)10614141123459(21)400")
    (True, True)
    >>> looks_gs1("https://id.gs1.org/01/10614141123459"), looks_gs1("https://example.org/about")
    (True, False)
    >>> looks_gs1("001.8804823.0000001.000001.20230101.000000001")
    False
    """
    if code.startswith(("urn:epc:", "]")):
        return True
    if code.startswith("("):
        return code[1:3].isdigit()
    if code[:4].lower() == "http":
        return len(code) <= MAX_LENGTH and _LINK.match(code) is not None
    if code.isdigit() and len(code) in {8, 12, 13, 14, 18}:
        return True
    return (code[:2] == "01" and code[:16].isdigit() and len(code) > 16) or (
        code[:2] == "00" and code[:20].isdigit() and len(code) >= 20
    )


@lru_cache(maxsize=131_072)
def _parse(code: str) -> GS1Parts:
    try:
        return _read(code)
    except ParseError as error:
        return _invalid("unknown", str(error))
    except UrnError as error:
        return _invalid(urn_scheme(code), str(error))
    except _SLIPS:
        return _invalid("unknown", "not a readable GS1 code")


def _read(code: str) -> GS1Parts:
    if not code.isascii():
        return _invalid("unknown", _NOT_ASCII)
    if code.startswith("urn:"):
        return _from_urn(code)
    if code[:4].lower() == "http":
        return _from_link(code)
    return _from_elements(_elements(code.removeprefix("\x1d")))


def _invalid(scheme: str, reason: str) -> GS1Parts:
    return GS1Parts(scheme, valid=False, reason=reason)


def _from_urn(code: str) -> GS1Parts:
    scheme, link, company = read_urn(code)
    if link == code:
        return GS1Parts(scheme, code, company)
    if scheme == "sscc":  # the two common schemes need no second parse
        return GS1Parts(scheme, link, company, serial=link[-18:])
    if scheme == "sgtin":
        gtin, _, serial = link.removeprefix("https://id.gs1.org/01/").partition("/21/")
        return GS1Parts(scheme, link, company, gtin, serial=unquote(serial) or None)
    return replace(_from_link(link), scheme=scheme, company=company)


def _from_link(code: str) -> GS1Parts:
    if _ALIAS.search(code):
        reason = "the Digital Link names its key by a word; GS1 now wants its number, as in /01/"
        return _invalid("unknown", reason)
    return _from_elements(GS1DigitalLinkURI.parse(code).element_strings)


def _elements(code: str) -> GS1ElementStrings:
    """Read an element string or a bare key; raises biip's ParseError, whose text says why not."""
    if code.startswith("]"):  # a symbology identifier that the scanner sent along
        code = code[3:].removeprefix("\x1d")
    if code.startswith("("):
        return GS1Message.parse_hri(code).element_strings
    if code.isdigit() and len(code) in {8, 12, 13, 14}:
        gtin = Gtin.parse(code).as_gtin_14()
        return GS1ElementStrings([GS1ElementString.parse(f"01{gtin}")])
    if code.isdigit() and len(code) == 18:
        return GS1ElementStrings([GS1ElementString.parse(f"00{Sscc.parse(code).value}")])
    if not code:
        raise ParseError("the code is empty")
    return GS1Message.parse(code).element_strings


def _from_elements(elements: GS1ElementStrings) -> GS1Parts:
    values = {element.ai.ai: element for element in reversed(elements)}  # the first of each wins
    if not all(element.value.isascii() for element in elements):
        return _invalid("unknown", _NOT_ASCII)
    primary, scheme = _primary(values)
    if primary is None:
        return _invalid("unknown", "no GS1 key, such as 01 or 00, among its identifiers")
    reason = next((_fault(element) for element in elements if _fault(element)), None)
    product, serial = _item(scheme, primary, values)
    lot = values["10"].value if "10" in values else None
    key = primary.gtin or primary.sscc or primary.gln
    company = key.company_prefix.value if key and key.company_prefix else None
    parts = GS1Parts(scheme, None, company, product, lot, serial, reason is None, reason)
    return parts if reason else replace(parts, canonical=_canonical(values, primary, parts))


def _item(
    scheme: str, primary: GS1ElementString, values: dict[str, GS1ElementString]
) -> tuple[str | None, str | None]:
    """The class of thing and the serial within it, as far as the key tells them apart."""
    if scheme == "sscc":
        return None, primary.value
    if scheme in {"grai", "gdti", "sgcn"}:
        key = _digits(primary)
        return key, primary.value[primary.value.index(key) + len(key) :] or None
    serial_value = next((values[ai].value for ai in _SERIAL_AIS if ai in values), None)
    if scheme == "sgln" and serial_value == "0":
        serial_value = None
    classed = primary.ai.ai in {"01", "414", "417", "8006"}
    return (primary.value if classed else None), serial_value


def _primary(values: dict[str, GS1ElementString]) -> tuple[GS1ElementString | None, str]:
    if "01" in values:
        named = (("21", "sgtin"), ("235", "upui"), ("10", "lgtin"))
        return values["01"], next((name for ai, name in named if ai in values), "gtin")
    for ai, name in _SCHEME_OF_AI.items():
        if ai in values:
            return values[ai], name
    return None, "unknown"


def _digits(element: GS1ElementString) -> str:
    """The part of a key that its check digit covers, that digit included."""
    return next(group for group in element.pattern_groups if len(group) >= 13)


def _fault(element: GS1ElementString) -> str | None:
    """Why an element's check digit is wrong, or None."""
    found = element.gtin_error or element.sscc_error or element.gln_error
    if found or element.ai.ai not in _UNCHECKED:
        return found
    key = _digits(element)
    digit = gs1_standard_check_digit(key[:-1])
    if digit == int(key[-1]):
        return None
    return f"Invalid check digit for {key!r}: Expected {digit}, got {key[-1]}."


def _canonical(
    values: dict[str, GS1ElementString], primary: GS1ElementString, parts: GS1Parts
) -> str:
    """The Digital Link of the key and what tells one item from another; dates and so on left out.

    A serial number makes a GTIN unique already, so the lot is part of the form only without one.
    """
    kept = [primary]
    qualifier = next((ai for ai in (*_SERIAL_AIS, "10") if ai in values), None)
    if qualifier and not (parts.scheme == "sgln" and parts.serial is None):
        kept.append(values[qualifier])
    return GS1DigitalLinkURI.from_element_strings(GS1ElementStrings(kept)).as_canonical_uri()
