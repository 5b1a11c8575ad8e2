"""The Core Business Vocabulary: one bare word for every way in which a term is written.

EPCIS documents name a business step as a bare word (`shipping`), a CURIE (`cbv:BizStep-shipping`),
a URN (`urn:epcglobal:cbv:bizstep:shipping`) or a URL (`https://ref.gs1.org/cbv/BizStep-shipping`).
All four say the same, so everything behind the readers sees the bare word only.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_SEPARATORS: Final = re.compile(r"[:/#]")
_CLASS_PREFIX: Final = re.compile(r"^(bizstep|disp|disposition|btt|sdt|er)-", re.IGNORECASE)

_INBOUND: Final = frozenset({"receiving", "arriving", "accepting", "storing", "unloading"})
_OUTBOUND: Final = frozenset({"shipping", "departing", "loading"})
_RETURN_STEPS: Final = frozenset({"returning", "returned", "receiving_return"})


@lru_cache(maxsize=4_096)
def bare_term(text: str) -> str:
    """Reduce a CBV term, in any of its forms, to its bare lower-case word.

    A term of somebody's own vocabulary is reduced likewise: the part after its last `:`, `/` or
    `#`. Spaces and dashes become underscores, as in CBV words. Never fails; blank gives "".

    Args:
        text: A business step, disposition or error reason, as written.

    Returns:
        The bare word.

    >>> bare_term("urn:epcglobal:cbv:bizstep:shipping")
    'shipping'
    >>> bare_term("https://ref.gs1.org/cbv/BizStep-Retail_Selling")
    'retail_selling'
    >>> bare_term("cbv:Disp-in_transit"), bare_term("Shipping"), bare_term("")
    ('in_transit', 'shipping', '')
    """
    stripped = text.strip().rstrip(":/#")
    word = _CLASS_PREFIX.sub("", _SEPARATORS.split(stripped)[-1].strip())
    return re.sub(r"[\s-]+", "_", word).lower()


def scan_word(kind: str, action: str, step: str | None, disposition: str | None) -> str:
    """Say what an event did to its items, in the words that `chain.meaning` understands.

    Returns go first (a returned item that is received is a return), then the direction of the
    step; what neither comes in nor goes out keeps the event's own type and action, which mean
    nothing to the chain and so stay neutral.

    Args:
        kind: The event's bare type, `ObjectEvent` and so on.
        action: `ADD`, `OBSERVE` or `DELETE`, for a TransformationEvent `INPUT` or `OUTPUT`, or "".
        step: The bare business step, if any.
        disposition: The bare disposition, if any.

    Returns:
        `Inbound`, `Outbound`, `Aggregation` (made), `POS_Sell`, `Return`, or type and action.

    >>> scan_word("ObjectEvent", "OBSERVE", "shipping", "in_transit")
    'Outbound'
    >>> scan_word("ObjectEvent", "OBSERVE", "receiving", "returned")
    'Return'
    >>> scan_word("AggregationEvent", "ADD", "packing", None)
    'AggregationEvent ADD'
    """
    if step in _RETURN_STEPS or disposition == "returned":
        return "Return"
    if step in _INBOUND:
        return "Inbound"
    if step in _OUTBOUND:
        return "Outbound"
    if step == "retail_selling":
        return "POS_Sell"
    made = (kind, action) in {("ObjectEvent", "ADD"), ("TransformationEvent", "OUTPUT")}
    if step == "commissioning" and made:
        return "Aggregation"
    return f"{kind} {action}".strip()
