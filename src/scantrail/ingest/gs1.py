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
from urllib.parse import quote

from biip import ParseError
from biip.checksums import gs1_standard_check_digit
from biip.gs1_digital_link_uris import GS1DigitalLinkURI
from biip.gs1_element_strings import GS1ElementString, GS1ElementStrings
from biip.gs1_messages import GS1Message
from biip.gtin import Gtin
from biip.sscc import Sscc
from epcpy.epc_schemes.base_scheme import GS1Element
from epcpy.utils.common import ConvertException
from epcpy.utils.parsers import epc_pure_identity_to_scheme, get_gs1_key

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
#: Schemes whose element string is a key and a qualifier, "(01)…(21)…".
_TWO_PART: Final = frozenset({"sgtin", "sgln", "cpi", "itip", "upui", "lgtin"})
_EPC_PREFIX: Final = ("urn:epc:id:", "urn:epc:idpat:", "urn:epc:class:")
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
    except ConvertException as error:
        return _invalid(_urn_scheme(code), error.message or "not a valid EPC URN")
    except _SLIPS:
        return _invalid(_urn_scheme(code), "not a readable GS1 code")


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


def _urn_scheme(code: str) -> str:
    parts = code.split(":")
    return parts[3] if code.startswith(_EPC_PREFIX) and parts[3].isalpha() else "unknown"


def _from_urn(code: str) -> GS1Parts:
    if not code.startswith(_EPC_PREFIX):
        return _invalid("unknown", "the URN does not begin with urn:epc:id:, idpat: or class:")
    name, _, body = code[len("urn:epc:") :].partition(":")[2].partition(":")
    if code.startswith("urn:epc:idpat:") and "*" in body:
        return _from_pattern(name, code, body)
    scheme = epc_pure_identity_to_scheme(code.replace("urn:epc:idpat:", "urn:epc:id:", 1))
    if not isinstance(scheme, GS1Element):  # no GS1 key: gid, usdod, adi, bic, imovn
        return GS1Parts(name, canonical=code)
    company = body.partition(".")[0]
    link = _link(name, scheme.gs1_element_string())
    if name == "sscc":
        return GS1Parts(name, link, company, serial=link[-18:])
    if name == "sgtin":
        gtin, serial = scheme.gs1_element_string()[4:].split("(21)", 1)
        return GS1Parts(name, link, company, gtin, serial=serial)
    return replace(_from_link(link), scheme=name, company=company)


def _link(name: str, elements: str) -> str:
    """The canonical Digital Link of epcpy's "(01)…(21)…" (a serial may hold parentheses itself)."""
    ai, _, value = elements[1:].partition(")")
    link = f"https://id.gs1.org/{ai}/"
    if name not in _TWO_PART:
        return link + quote(value, safe="")
    value, _, rest = value.partition("(")
    qualifier, _, serial = rest.partition(")")
    if not serial or (name == "sgln" and serial == "0"):  # extension 0 says: no extension
        return link + quote(value, safe="")
    return f"{link}{quote(value, safe='')}/{qualifier}/{quote(serial, safe='')}"


def _from_pattern(name: str, code: str, body: str) -> GS1Parts:
    """A pattern names all items of a product: it has the product's key, and no serial."""
    try:
        key = get_gs1_key(code)
    except ConvertException:
        return _invalid(name, "the pattern stands for more than one product")
    if name != "sgtin":
        return GS1Parts(name, code, body.partition(".")[0])
    return GS1Parts(name, f"https://id.gs1.org/01/{key}", body.partition(".")[0], key)


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
