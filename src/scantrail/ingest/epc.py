"""EPC decomposition: a code into its six parts, each with a validity, and a reason where one fails.

The source's code is `header.company.product.lot.YYYYMMDD.serial`; GS1 forms (URN, Digital Link,
element string) give the same fields where they have them. Nothing here raises: a code that can't
be read gives nulls and says why.
"""

from __future__ import annotations

import unicodedata
from datetime import date
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from scantrail.ingest.gs1 import looks_gs1, parse_gs1
from scantrail.vocabulary.language import ENGLISH, Say

#: The six parts, their lengths in ASCII digits, in order.
PARTS: Final = {
    "header": 3,
    "company": 7,
    "product": 7,
    "lot": 6,
    "manufacture": 8,
    "serial": 9,
}
_CANONICAL: Final = r"^[0-9]{3}\.[0-9]{7}\.[0-9]{7}\.[0-9]{6}\.[0-9]{8}\.[0-9]{9}$"
_STARTS: Final = {"header": 0, "company": 4, "product": 12, "lot": 20, "manufacture": 27,
                  "serial": 36}  # fmt: skip
_LENGTH: Final = 45
_TELLING: Final = ("header", "company", "manufacture")
_FEW: Final = 128  # codes; so few are read sooner one by one
_DATE: Final = "%Y%m%d"
_LONGEST: Final = 512  # beyond, no code was meant
#: The keys of `!` … `)`: digits typed with Shift held or Caps Lock on, in the usual layout.
_SHIFTED: Final = str.maketrans(")!@#$%^&*(", "0123456789")

#: One row per distinct code; the columns are the fields of `Code`.
DECOMPOSED: Final = pl.Schema(
    {
        "epc_code": pl.String(),
        "scheme": pl.String(),
        **{part: pl.String() for part in PARTS},
        **{f"{part}_ok": pl.Boolean() for part in PARTS},
        "manufactured": pl.Date(),
        "reason": pl.String(),
        "nearly": pl.String(),
    }
)


class Code(NamedTuple):
    """One decomposed code.

    `scheme` is `dotted`, a GS1 scheme (`unknown` where only the form tells that one was meant), or
    None where unreadable; `*_ok` says whether a part is well formed (None where the scheme has no
    such part); `nearly` is the well-formed code that a corrupted one was probably meant to be.
    """

    epc_code: str | None
    scheme: str | None = None
    header: str | None = None
    company: str | None = None
    product: str | None = None
    lot: str | None = None
    manufacture: str | None = None
    serial: str | None = None
    header_ok: bool | None = None
    company_ok: bool | None = None
    product_ok: bool | None = None
    lot_ok: bool | None = None
    manufacture_ok: bool | None = None
    serial_ok: bool | None = None
    manufactured: date | None = None
    reason: str | None = None
    nearly: str | None = None


def decompose(codes: pl.Series) -> pl.DataFrame:
    """Decompose codes, one row each (`DECOMPOSED`), in their order.

    Args:
        codes: String series; distinct values are expected, repeated ones are allowed.

    >>> decompose(pl.Series(["001.8804823.1293291.010004.20250701.000004002"]))["lot"].item()
    '010004'
    >>> decompose(pl.Series(["001.8804823.1293291"]))["reason"].item()
    'has 3 parts separated by dots, expected 6'
    """
    if len(codes) <= _FEW:
        return _odd(codes)
    canonical = _is_regular(codes)
    if canonical.all():
        return _canonical(codes)
    regular = canonical.to_numpy()
    both = pl.concat([_canonical(codes.filter(canonical)), _odd(codes.filter(~canonical))])
    order = np.concatenate([np.flatnonzero(regular), np.flatnonzero(~regular)])
    return both[np.argsort(order)]


def kinds_of(codes: pl.Series) -> tuple[list[Code], npt.NDArray[np.int64]]:
    """The few kinds that many codes are of, and which kind each code is.

    Well-formed dotted codes of one header, company and day of manufacture are one kind: they differ
    in product, lot and serial only, all of them well formed. Any other code is a kind of its own.

    Returns:
        One code of each kind, and for each of `codes` its place among them, (n,) int64.

    >>> item = "001.8804823.1293291.010004.20250701.00000000"
    >>> kinds, at = kinds_of(pl.Series([*(f"{item}{i % 9}" for i in range(1000)), "?"]))
    >>> len(kinds), at[[0, 1000]].tolist(), kinds[0].company, kinds[1].reason
    (2, [0, 1], '8804823', 'has 1 part separated by dots, expected 6')
    """
    if len(codes) <= _FEW:
        return [decompose_one(code) for code in codes.to_list()], np.arange(len(codes))
    canonical = _is_regular(codes)
    regular = np.flatnonzero(canonical.to_numpy())
    odd = np.flatnonzero(~canonical.to_numpy())
    text = pl.col("epc_code")
    parts = [text.str.slice(_STARTS[name], PARTS[name]) for name in _TELLING]
    digits = codes.filter(canonical).to_frame("epc_code").select(pl.concat_str(parts))
    numbers = digits.to_series().cast(pl.Int64).to_numpy()  # at most 18 digits
    _, first, kind = np.unique(numbers, return_index=True, return_inverse=True)
    at = np.empty(len(codes), np.int64)
    at[regular] = kind
    at[odd] = len(first) + np.arange(len(odd))
    one_each = codes.gather(np.concatenate([regular[first], odd]))
    return [decompose_one(code) for code in one_each.to_list()], at


def _is_regular(codes: pl.Series) -> pl.Series:
    """Which codes are dotted ones, every part at its place."""
    return codes.str.contains(_CANONICAL).fill_null(value=False)


def _canonical(codes: pl.Series) -> pl.DataFrame:
    """Well-formed dotted codes: every part stands at its place."""
    code = pl.col("epc_code")
    parts = {part: code.str.slice(_STARTS[part], PARTS[part]) for part in PARTS}
    day = parts["manufacture"].str.to_date(_DATE, strict=False)
    frame = codes.to_frame("epc_code").select_seq(code, **parts, day=day)
    valid = {f"{part}_ok": pl.lit(value=True) for part in PARTS}
    real = pl.col("day").dt.year() > 0  # null where there is no such day
    wrong = pl.format("manufacture date {} is no date", "manufacture")
    return frame.select_seq(
        code,
        pl.lit("dotted").alias("scheme"),
        *PARTS,
        **valid | {"manufacture_ok": real.fill_null(value=False)},
        manufactured=pl.when(real).then("day"),
        reason=pl.when(~real.fill_null(value=False)).then(wrong),
        nearly=pl.lit(None, pl.String),
    )


def _odd(codes: pl.Series) -> pl.DataFrame:
    """Everything else, one by one: rare, or GS1 codes whose parses are cached."""
    rows = [decompose_one(code) for code in codes.to_list()]
    return pl.DataFrame(rows, schema=DECOMPOSED, orient="row")


@lru_cache(maxsize=32_768)
def decompose_one(code: str | None) -> Code:
    """One code; slow, complete, and cached."""
    if code is None or not code.strip():
        return _reasoned(Code(code))
    if looks_gs1(code):
        return _gs1_row(code)
    parts = code.split(".")
    if len(parts) != len(PARTS):
        return _reasoned(Code(code, nearly=_repair(code)))
    return _dotted_row(code, parts)


def reason_of(code: Code, say: Say) -> str | None:
    """Why a code can't be read or is malformed, in a clause; None where it is in order.

    What is wrong with a GS1 code is told in English only: most of it is the library's.
    """
    text = code.epc_code
    if text is None or not text.strip():
        return say("is empty")
    if code.scheme is None:
        count = text.count(".") + 1
        return say(
            "has {count} part separated by dots, expected {wanted}"
            if count == 1
            else "has {count} parts separated by dots, expected {wanted}",
            count=count,
            wanted=len(PARTS),
        )
    if code.scheme != "dotted":
        return say("{gs1_reason}", gs1_reason=code.reason) if code.reason else None
    return _reason_of_parts(code, say)


def _reason_of_parts(code: Code, say: Say) -> str | None:
    faults = []
    for part, length in PARTS.items():
        text = getattr(code, part)
        if not _well_formed(text, length):
            said = {"part": say(part), "text": text[:20], "length": length}
            faults.append(say("{part} '{text}' is not {length} digits", **said))
    if not code.manufacture_ok and _well_formed(code.manufacture or "", PARTS["manufacture"]):
        faults.append(say("manufacture date {text} is no date", text=code.manufacture))
    return "; ".join(faults) or None


def _well_formed(text: str, length: int) -> bool:
    return len(text) == length and text.isascii() and text.isdigit()


def _reasoned(row: Code) -> Code:
    return row._replace(reason=reason_of(row, ENGLISH.say))


def _dotted_row(code: str, parts: list[str]) -> Code:
    fields: dict[str, Any] = {"scheme": "dotted"}
    sound = True
    for (name, length), text in zip(PARTS.items(), parts, strict=True):
        fields[name], fields[f"{name}_ok"] = text, _well_formed(text, length)
        sound &= fields[f"{name}_ok"]
    made = _date(parts[4]) if fields["manufacture_ok"] else None
    fields["manufacture_ok"], fields["manufactured"] = made is not None, made
    row = Code(code, **fields, nearly=_repair(code))
    return row if sound and made else _reasoned(row)


def _gs1_row(code: str) -> Code:
    gs1 = parse_gs1(code)
    named = {"company": gs1.company, "product": gs1.product, "lot": gs1.lot, "serial": gs1.serial}
    fields: dict[str, Any] = dict(named)
    fields |= {f"{name}_ok": gs1.valid for name, value in named.items() if value is not None}
    nearly = None
    if not gs1.valid:
        swapped = code.swapcase()
        valid = looks_gs1(swapped) and parse_gs1(swapped).valid
        nearly = swapped if valid else _repair(code)
    return Code(code, scheme=gs1.scheme, **fields, reason=gs1.reason, nearly=nearly)


def _date(text: str) -> date | None:
    """The real date that eight digits name, None where they name none."""
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None


def _repair(code: str) -> str | None:
    """The well-formed code that a scanner setting made unreadable, or None.

    Undone are: full-width characters, blanks, other or lost separators, digits typed with Shift,
    and a second code glued on.
    """
    if len(code) > _LONGEST:
        return None
    text = unicodedata.normalize("NFKC", code).strip()
    if "." not in text or not any(c.isdigit() for c in text):
        text = text.translate(_SHIFTED)
    if _is_canonical(text):
        return text if text != code else None
    digits = "".join(c for c in text if c.isdigit())
    separators = {c for c in text if not c.isdigit()}
    if len(separators) > 1 or not digits.isascii() or any(c.isalpha() for c in separators):
        return None
    if len(digits) not in (sum(PARTS.values()), 2 * sum(PARTS.values())):
        return None
    return _dotted(digits)


def _dotted(digits: str) -> str | None:
    parts, start = [], 0
    for length in PARTS.values():
        parts.append(digits[start : start + length])
        start += length
    candidate = ".".join(parts)
    return candidate if _is_canonical(candidate) else None


def _is_canonical(text: str) -> bool:
    return (
        len(text) == _LENGTH
        and text.isascii()
        and [len(part) for part in text.split(".") if part.isdigit()] == list(PARTS.values())
        and _date(text[27:35]) is not None
    )
