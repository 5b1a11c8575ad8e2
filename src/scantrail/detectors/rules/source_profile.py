"""The `source` profile: the rules as the earlier service computed them, faults included.

For callers that compare answers with the past. Where a fault of those rules would need the wall
clock ("in the future"), the event's own date stands in for it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import date
from typing import Final

import numpy as np

from scantrail.detectors.rule import Bound, Rule, Words
from scantrail.detectors.scans import Scans, Scored, first_of, looked_up
from scantrail.ingest.epc import Code
from scantrail.vocabulary.chain import Tier
from scantrail.vocabulary.findings import AnomalyKind, Cause

_COMPANIES: Final = ("8804823", "8805843", "8809437")
_LENGTHS: Final = {"product": (7, 15), "lot": (6, 15), "serial": (9, 10)}
#: Digits of any script, raised, lowered and circled ones included.
_DIGITS: Final = re.compile(r"[\d²³¹⁰⁴-⁹₀-₉①-⑨]*")
#: Year, month and day, the latter two in one or two digits: month first takes what it can.
_DAY: Final = re.compile(r"([0-9]{4})(1[0-2]|0[1-9]|[1-9])(3[01]|[12][0-9]|0[1-9]|[1-9]| [1-9])")
_EPOCH: Final = date(1970, 1, 1)
_RUNBOOK: Final = "Look at the item and at the scanner's settings."
#: Its four levels by tier: plant 1, warehouse 2, wholesaler 3, retailer 4; it knew no hubs.
_LEVELS: Final = np.array([1, 2, np.nan, 3, 4])
_SKIPS: Final = ((1, 3), (2, 4), (1, 4))
_NAMES: Final = ("header", "company", "product", "lot", "day", "serial")


def fake_score(_: Bound, scans: Scans) -> Scored:
    """The code's score at the time of the event."""
    points, doubt, made = scans.of_codes(_judge)
    age = scans.day - made
    future = age < 0
    hopeless = (doubt == 1) & (future | np.isnan(made))
    total = points + first_of((future, 20.0), (age > 1825, 15.0))
    return Scored(first_of((hopeless, 100.0), otherwise=np.minimum(total, 100)), {})


def _judge(code: Code, _: None) -> tuple[float, float, float]:
    """What is wrong with a code whenever it is scanned.

    Returns:
        Its score; 1 where header and company are both wrong; and the day of manufacture (days since
        1970-01-01, NaN where it has none).
    """
    values = (code.epc_code or "").strip().upper().split(".")
    if len(values) != len(_NAMES):
        return 100, 0, math.nan
    parts = dict(zip(_NAMES, values, strict=True))
    day = _lenient_date(parts["day"])
    header, company = parts["header"] != "001", parts["company"] not in _COMPANIES
    points = header * 20.0 + company * 25.0 + (day is None) * 20.0
    for name, (length, faulty) in _LENGTHS.items():
        text = parts[name]
        points += (len(text) != length or not _DIGITS.fullmatch(text)) * faulty
    return points, header and company, (day - _EPOCH).days if day else math.nan


def _lenient_date(text: str) -> date | None:
    match = _DAY.fullmatch(text)
    try:
        return date(*(int(number) for number in match.groups())) if match else None
    except ValueError:
        return None


def _dup(_: Bound, scans: Scans) -> Scored:
    """Any two scans with the same time, but for a plant and a warehouse."""
    epc, time, tier = scans["epc"], scans["time"], scans["tier"]
    starts = np.flatnonzero(np.append(True, (epc[1:] != epc[:-1]) | (time[1:] != time[:-1])))
    count = np.diff(np.append(starts, len(epc)))
    lowest, highest = np.fmin.reduceat(tier, starts), np.fmax.reduceat(tier, starts)
    hand_over = (count == 2) & (lowest == int(Tier.FACTORY)) & (highest == int(Tier.WAREHOUSE))
    together = np.repeat((count >= 2) & ~hand_over, count)
    return Scored(first_of((together, 90.0)), {})


def _order(_: Bound, scans: Scans) -> Scored:
    """Two bare inbounds of the same step in a row; the log's own names never match."""
    again = scans["words"] == scans["prev_words"]
    return Scored(first_of((scans.says("event_type", "Inbound") & again, 25.0)), {})


def _location(_: Bound, scans: Scans) -> Scored:
    start = looked_up(scans["prev_tier"], _LEVELS, np.nan)
    end = looked_up(scans["tier"], _LEVELS, np.nan)
    wrong = (end < start) | ((start == 1) & (end == 2) & (scans["hours"] == 0))
    for a, b in _SKIPS:
        wrong |= (start == a) & (end == b)
    return Scored(first_of((wrong, 30.0)), {})


def _no_jump(_: Bound, scans: Scans) -> Scored:
    """Computed by the earlier service, but never answered."""
    return Scored(np.zeros(len(scans)), {})


def _rule(kind: AnomalyKind, score: Callable[[Bound, Scans], Scored], reason: str) -> Rule:
    said = Words(reason, "as the earlier service has it", Cause.ITEM)
    return Rule(kind=kind, score=score, words=lambda *_: said, runbook=_RUNBOOK)


RULES: Final = (
    _rule(AnomalyKind.EPC_FAKE, fake_score, "the code breaks the earlier service's format"),
    _rule(AnomalyKind.EVT_ORDER_ERR, _order, "inbound twice in a row"),
    _rule(AnomalyKind.EPC_DUP, _dup, "scanned more than once at the same time"),
    _rule(AnomalyKind.LOC_ERR, _location, "wrong direction, or a level passed over"),
    _rule(AnomalyKind.JUMP, _no_jump, "the earlier service answers none"),
)
