"""epcFake: the code itself is malformed or impossible."""

from __future__ import annotations

import math
from datetime import date
from functools import lru_cache
from typing import Final

import numpy as np

from scantrail.detectors.found import Found
from scantrail.detectors.rule import Bound, Case, Rule, RuleSettings, Words
from scantrail.detectors.scans import Scans, Scored, first_of
from scantrail.ingest.epc import Code, decompose_one, reason_of
from scantrail.vocabulary.findings import AnomalyKind, Cause
from scantrail.vocabulary.language import Say

_EPOCH: Final = date(1970, 1, 1)
_DIGITS: Final = "0123456789"


def _score(bound: Bound, scans: Scans) -> Scored:
    s = bound.settings
    points, doubt, made = scans.of_codes(_judge, s)
    age = scans.day - made
    future, old = age < 0, age > s.max_age_days
    dated = points + first_of((future, s.date_score), (old, s.age_score))
    score = first_of(((doubt == 1) & future, 100.0), otherwise=np.minimum(dated, 100))
    return Scored(score, {"age_days": age})


def _judge(code: Code, s: RuleSettings) -> tuple[float, float, float]:
    """What is wrong with a code whenever it is scanned.

    Returns:
        The sum of its parts' faults; 1 where header and company are both wrong, which together
        with a wrong date leaves nothing to believe; and the day of manufacture (days since
        1970-01-01, NaN where there is none or it does not matter).
    """
    if code.nearly is not None:
        return s.corrupted_score, 0, math.nan
    dotted = code.scheme == "dotted"
    header, company = _wrong_header(code, s), _unknown_company(code, s)
    undated = dotted and not code.manufacture_ok
    made = (code.manufactured - _EPOCH).days if code.manufactured else math.nan
    if _meant(code, s):
        points = s.corrupted_score
    elif code.scheme is None or (header and company and undated):
        points = 100
    elif code.reason is not None and not dotted:
        points = s.gs1_score
    else:
        points = (
            header * s.header_score
            + company * s.company_score
            + (dotted and not code.product_ok) * s.product_score
            + (dotted and not code.lot_ok) * s.lot_score
            + (dotted and not code.serial_ok) * s.serial_score
            + undated * s.date_score
        )
    return points, header and company, made


def _meant(code: Code, s: RuleSettings) -> str | None:
    """The code of a known company, if this one differs by a slip in that alone: a bad read."""
    others = code.product_ok and code.lot_ok and code.serial_ok and code.manufacture_ok
    company = _slips(s.companies).get(code.company or "") if others else None
    if company is None or code.header != s.header:
        return None
    parts = (code.header, company, code.product, code.lot, code.manufacture, code.serial)
    return ".".join(part for part in parts if part is not None)


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


def _wrong_header(code: Code, s: RuleSettings) -> bool:
    return code.scheme == "dotted" and code.header != s.header


def _unknown_company(code: Code, s: RuleSettings) -> bool:
    return bool(s.companies) and code.company is not None and code.company not in s.companies


def _words(bound: Bound, event: Found) -> Words:
    s, say, code = bound.settings, event.say, decompose_one(event["item"])
    nearly, age = code.nearly or _meant(code, s), event["age_days"]
    faults = _faults(code, s, say)
    if age < 0:
        faults.append(say("manufactured {days:.0f} days after this scan of {at}", days=-age))
    elif age > s.max_age_days:
        fault = say(
            "manufactured {days:.0f} days before this scan, more than {limit} days",
            days=age,
            limit=s.max_age_days,
        )
        faults.append(fault)
    elif nearly is not None:
        reason = say("code '{epc_code}' reads like a damaged {nearly}", nearly=nearly)
        return Words(reason, nearly, Cause.SCANNER)
    reason = say("code '{epc_code}': {faults}", faults="; ".join(faults))
    return Words(reason, _expected(s, say), Cause.ITEM)


def _expected(s: RuleSettings, say: Say) -> str:
    companies = ", ".join(s.companies[:5]) + (", …" if len(s.companies) > 5 else "")
    return say(
        "{header}.company.product.lot.YYYYMMDD.serial with 3, 7, 7, 6, 8 and 9 digits{company}, "
        "made at most {days} days before the scan; or a valid GS1 code",
        header=s.header,
        company=say(", company one of {companies}", companies=companies) if companies else "",
        days=s.max_age_days,
    )


def _faults(code: Code, s: RuleSettings, say: Say) -> list[str]:
    """What is wrong with the code itself, in words."""
    reason = reason_of(code, say)
    faults = [] if reason is None else [reason]
    if code.header_ok and _wrong_header(code, s):
        faults.append(say("header {header} is not {wanted}", header=code.header, wanted=s.header))
    if code.company_ok and _unknown_company(code, s):
        faults.append(say("company {company} is not a known company", company=code.company))
    return faults


_GOOD = ("2025-07-01 10:34:17", 1, "Factory", "Aggregation")
_LATER = ("2031-07-01 10:34:17", 1, "Factory", "Aggregation")
_CODE = "001.8804823.1293291.010004.20250701.000004002"

RULE = Rule(
    kind=AnomalyKind.EPC_FAKE,
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
