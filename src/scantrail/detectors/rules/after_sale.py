"""afterSale: the item lives on after a till sold it, and no return was scanned."""

from __future__ import annotations

from scantrail.detectors.found import Found
from scantrail.detectors.rule import Bound, Case, Rule, Words
from scantrail.detectors.scans import Scans, Scored, first_of
from scantrail.vocabulary.findings import AnomalyKind, Cause


def _score(bound: Bound, scans: Scans) -> Scored:
    again = scans.read_again(bound.settings.read_again_minutes)
    lives_on = (scans["sold"] == 1) & (scans["is_return"] == 0) & ~again
    return Scored(first_of((lives_on, bound.settings.after_sale_score)), {})


def _words(_: Bound, event: Found) -> Words:
    reason = event.say("{step} at {here} ({at}) after it had been sold")
    return Words(reason, event.say("nothing after the sale, or a return first"), Cause.ITEM)


_SOLD = ("2025-07-08 18:00:00", 5, "POS_Sell", "POS_Sell")

RULE = Rule(
    kind=AnomalyKind.AFTER_SALE,
    score=_score,
    words=_words,
    runbook="Ask the shop whether the item came back: then record the return. Otherwise the code "
    "is on two items, or was copied from a sold one: hold the item.",
    cases=(
        Case(
            "in stock again",
            (_SOLD, ("2025-07-09 18:00:00", 8, "R_Stock_Inbound", "R_Stock_Inbound")),
            (0, 80),
        ),
        Case("sold twice", (_SOLD, ("2025-07-09 18:00:00", 8, "POS_Sell", "POS_Sell")), (0, 80)),
        Case(
            "the till read twice",
            (_SOLD, ("2025-07-08 18:00:09", 5, "POS_Sell", "POS_Sell")),
            (0, 0),
        ),
        Case(
            "returned and in stock again",
            (
                _SOLD,
                ("2025-07-09 12:00:00", 5, "R_Return", "Return"),
                ("2025-07-09 18:00:00", 5, "R_Stock_Inbound", "R_Stock_Inbound"),
            ),
            (0, 0, 0),
        ),
    ),
)
