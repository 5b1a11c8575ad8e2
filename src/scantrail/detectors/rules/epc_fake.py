"""epcFake: the code itself is malformed or impossible."""

from __future__ import annotations

from functools import lru_cache, reduce
from operator import and_
from typing import Final

import polars as pl

from scantrail.detectors.rule import Bound, Case, Found, Rule, Words
from scantrail.vocabulary.findings import AnomalyKind, Cause

_MICROSECONDS_PER_DAY: Final = 86_400_000_000
_OTHER_PARTS: Final = ("product", "lot", "serial", "manufacture")
_DIGITS: Final = "0123456789"


def _per_code(bound: Bound) -> dict[str, pl.Expr]:
    """What is wrong with a code whenever it is scanned.

    `code_score` sums the faults of the parts; `code_doubt` is true where header and company are
    both wrong, which together with a wrong date leaves nothing to believe. `made` is the midnight
    before its manufacture, null where that does not matter.
    """
    s = bound.settings
    header, company = _wrong_header(bound), _unknown_company(s.companies)
    corrupted = pl.col("nearly").is_not_null()
    dotted = pl.col("scheme") == "dotted"
    bad = {name: dotted & ~pl.col(f"{name}_ok").fill_null(value=False) for name in _OTHER_PARTS}
    parts = (
        header * s.header_score
        + company * s.company_score
        + bad["product"] * s.product_score
        + bad["lot"] * s.lot_score
        + bad["serial"] * s.serial_score
        + bad["manufacture"] * s.date_score
    )
    hopeless = header & company & bad["manufacture"]
    return {
        "code_score": pl.when(corrupted | _misread_company(bound))
        .then(s.corrupted_score)
        .when(pl.col("scheme").is_null() | hopeless)
        .then(100.0)
        .when(~dotted & pl.col("reason").is_not_null())
        .then(s.gs1_score)
        .otherwise(parts),
        "code_doubt": header & company & ~corrupted,
        "made": pl.when(~corrupted).then(pl.col("manufactured").cast(pl.Datetime("us"))),
    }


def _code_words(bound: Bound) -> dict[str, pl.Expr]:
    """What is said of a code: its faults, and the code that a damaged one was meant to be."""
    nearly = pl.col("nearly")
    slips = _slips(bound.settings.companies)
    if slips:
        company = pl.col("company").replace_strict(slips, default=None)
        meant = pl.concat_str(
            "header", company, "product", "lot", "manufacture", "serial", separator="."
        )
        nearly = pl.coalesce(nearly, pl.when(_misread_company(bound)).then(meant))
    return {"code_faults": _faults(bound), "nearly": nearly}


def _misread_company(bound: Bound) -> pl.Expr:
    """All is well but the company, and that is one slip away from a known one: a bad read."""
    slips = _slips(bound.settings.companies)
    if not slips:
        return pl.lit(value=False)
    others = reduce(and_, (pl.col(f"{name}_ok") for name in _OTHER_PARTS))
    right = (pl.col("header") == bound.settings.header) & others  # null but in dotted codes
    return (pl.col("company").is_in(list(slips)) & right).fill_null(value=False)


@lru_cache(maxsize=8)
def _slips(companies: tuple[str, ...]) -> dict[str, str]:
    """What a slip of one digit makes of each company: one wrong, lost or too many, two swapped.

    Left out is what may have been two companies, or is one itself.
    """
    meant: dict[str, set[str]] = {}
    for code in companies:
        for i in range(len(code) + 1):
            head, tail = code[:i], code[i:]
            slips = [head + tail[1:], head + tail[1:2] + tail[:1] + tail[2:]]
            slips += [head + digit + rest for digit in _DIGITS for rest in (tail, tail[1:])]
            for slip in slips:
                meant.setdefault(slip, set()).add(code)
    return {
        slip: known.pop()
        for slip, known in meant.items()
        if len(known) == 1 and slip not in companies
    }


def _wrong_header(bound: Bound) -> pl.Expr:
    return (pl.col("scheme") == "dotted") & (pl.col("header") != bound.settings.header)


def _unknown_company(companies: tuple[str, ...]) -> pl.Expr:
    if not companies:
        return pl.lit(value=False)
    known = pl.col("company").is_in(list(companies))
    return pl.col("company").is_not_null() & ~known


def _faults(bound: Bound) -> pl.Expr:
    """The faults in words, null where there is none."""
    header, company = _wrong_header(bound), _unknown_company(bound.settings.companies)
    words = pl.concat_str(
        pl.when(pl.col("reason").is_not_null()).then(pl.col("reason")),
        pl.when(header & pl.col("header_ok")).then(
            pl.format("header {} is not " + bound.settings.header, "header")
        ),
        pl.when(company & pl.col("company_ok")).then(
            pl.format("company {} is not a known company", "company")
        ),
        separator="; ",
        ignore_nulls=True,
    )
    return pl.when(words != "").then(words)


def _score(bound: Bound) -> pl.Expr:
    s = bound.settings
    future, old = pl.col("age_days") < 0, pl.col("age_days") > s.max_age_days
    dated = (
        pl.when(future).then(s.date_score).when(old).then(s.age_score).otherwise(0.0).fill_null(0.0)
    )
    return (
        pl.when(pl.col("code_doubt") & future)
        .then(100.0)
        .otherwise(pl.min_horizontal(pl.col("code_score") + dated, pl.lit(100.0)))
    )


def _per_event(_: Bound) -> dict[str, pl.Expr]:
    """`age_days`: whole days from manufacture to the scan, below zero before it."""
    days = (pl.col("local") - pl.col("made")).to_physical() // _MICROSECONDS_PER_DAY
    return {"age_days": days.cast(pl.Int32)}


def _words(bound: Bound, event: Found) -> Words:
    s = bound.settings
    code, nearly, age = event["epc_code"], event["nearly"], event["age_days"]
    faults = [event["code_faults"]] if event["code_faults"] else []
    if age is not None and age < 0:
        faults.append(f"manufactured {-age} days after this scan of {event['at']}")
    elif age is not None and age > s.max_age_days:
        faults.append(f"manufactured {age} days before this scan, more than {s.max_age_days} days")
    elif nearly is not None:
        return Words(f"code '{code}' reads like a damaged {nearly}", nearly, Cause.SCANNER)
    companies = ", ".join(s.companies[:5]) + (", …" if len(s.companies) > 5 else "")
    expected = (
        f"{s.header}.company.product.lot.YYYYMMDD.serial with 3, 7, 7, 6, 8 and 9 digits"
        f"{', company one of ' + companies if companies else ''}, made at most {s.max_age_days} "
        "days before the scan; or a valid GS1 code"
    )
    return Words(f"code '{code}': {'; '.join(faults)}", expected, Cause.ITEM)


_GOOD = ("2025-07-01 10:34:17", 1, "Factory", "Aggregation")
_LATER = ("2031-07-01 10:34:17", 1, "Factory", "Aggregation")
_CODE = "001.8804823.1293291.010004.20250701.000004002"

RULE = Rule(
    kind=AnomalyKind.EPC_FAKE,
    per_code=_per_code,
    code_words=_code_words,
    per_event=_per_event,
    score=_score,
    words=_words,
    runbook="Read the code on the item by eye; if it is as scanned, hold the item and ask the "
    "company named in the code whether it issued it. If it differs, check the scanner's settings.",
    cases=(
        Case("a good code", (_GOOD,), (0,), _CODE),
        Case("unknown company", (_GOOD,), (25,), _CODE.replace("8804823", "9999999")),
        Case(
            "a company with two digits swapped: a bad read",
            (_GOOD,),
            (20,),
            _CODE.replace("8804823", "8804832"),
        ),
        Case(
            "a company one digit short: a bad read",
            (_GOOD,),
            (20,),
            _CODE.replace("8804823", "880483"),
        ),
        Case(
            "a company nearly known on a code made after the scan",
            (_GOOD,),
            (40,),
            _CODE.replace("8804823", "8804832").replace("20250701", "20991231"),
        ),
        Case(
            "a company nearly known, and a lot out of form",
            (_GOOD,),
            (40,),
            _CODE.replace("8804823", "8804832").replace("010004", "10004"),
        ),
        Case("wrong header", (_GOOD,), (20,), "002" + _CODE[3:]),
        Case("letters in the product", (_GOOD,), (15,), _CODE.replace("1293291", "ABCDEFG")),
        Case("five-digit lot", (_GOOD,), (15,), _CODE.replace("010004", "10004")),
        Case("no such day", (_GOOD,), (20,), _CODE.replace("20250701", "20250230")),
        Case("made after the scan", (_GOOD,), (20,), _CODE.replace("20250701", "20991231")),
        Case("made too long ago", (_LATER,), (15,), _CODE),
        Case("wrong in all", (_GOOD,), (100,), "002.9999999.1293291.010004.20991231.000004002"),
        Case("five parts", (_GOOD,), (100,), _CODE[:35]),
        Case("one part", (_GOOD,), (100,), "BROKEN"),
        Case("dashes for dots: a bad read", (_GOOD,), (20,), _CODE.replace(".", "-")),
        Case(
            "full-width digits: a bad read",
            (_GOOD,),
            (20,),
            _CODE.replace("1293291", "１２９３２９１"),
        ),
        Case("a good GS1 code", (_GOOD,), (0,), "urn:epc:id:sgtin:8804823.129329.4002"),
    ),
)
