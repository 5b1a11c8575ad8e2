"""The chain of custody: five tiers, ten stages, and the dialects in which logs name them."""

from __future__ import annotations

from enum import IntEnum
from functools import lru_cache
from typing import Final, NamedTuple


class Tier(IntEnum):
    """How far down the chain a site stands."""

    FACTORY = 0
    WAREHOUSE = 1
    HUB = 2
    WHOLESALER = 3
    RETAILER = 4


#: The plan's four levels (Factory 0, WMS 1, Wholesaler 2, Retailer 3); a hub counts as wholesale,
#: because both stand between the plant and the shop.
LOCATION_HIERARCHY: Final = {
    Tier.FACTORY: 0,
    Tier.WAREHOUSE: 1,
    Tier.HUB: 2,
    Tier.WHOLESALER: 2,
    Tier.RETAILER: 3,
}


class Direction(IntEnum):
    """Whether goods came in, went out, or neither (made, sold, merely seen)."""

    NONE = 0
    IN = 1
    OUT = 2


#: The ten stages of a full journey, in order; an event's stage is its place in this tuple.
STAGES: Final = (
    "Aggregation",
    "WMS_Inbound",
    "WMS_Outbound",
    "HUB_Inbound",
    "HUB_Outbound",
    "W_Stock_Inbound",
    "W_Stock_Outbound",
    "R_Stock_Inbound",
    "R_Stock_Outbound",
    "POS_Sell",
)
STAGE_TIER: Final = (0, 1, 1, 2, 2, 3, 3, 4, 4, 4)
SALE_STAGE: Final = 9

#: The log's own name of a tier's business step, for a step that was missing.
TIER_STEP: Final = ("Factory", "WMS", "Logistics_HUB", "Wholesaler", "Retailer")


class Meaning(NamedTuple):
    """What a (business step, event type) pair says, whatever the dialect.

    `tiers` is a bit set (bit t = tier t is possible), 0 where the words say nothing of it.
    `stage` is an index into `STAGES`, or None where tier or direction is open.
    """

    tiers: int
    direction: Direction
    stage: int | None
    is_sale: bool
    is_return: bool


_F, _W, _H, _D, _R = (1 << t for t in Tier)

#: Business step, folded (lower case, no space, dash or underscore), to its possible tiers.
_STEP_TIERS: Final = {
    "factory": _F,
    "commissioning": _F,
    "wms": _W,
    "logisticshub": _H,
    "logihub": _H,
    "hub": _H,
    "wholesaler": _D,
    "wstock": _D,
    "wstockinbound": _D,
    "wstockoutbound": _D,
    "distribution": _H | _D,
    "reseller": _R,
    "retailer": _R,
    "retail": _R,
    "rstock": _R,
    "rstockinbound": _R,
    "rstockoutbound": _R,
    "pos": _R,
    "possell": _R,
    "retailselling": _R,
}
_STEP_DIRECTION: Final = {
    "wstockinbound": Direction.IN,
    "rstockinbound": Direction.IN,
    "wstockoutbound": Direction.OUT,
    "rstockoutbound": Direction.OUT,
    "receiving": Direction.IN,
    "arriving": Direction.IN,
    "accepting": Direction.IN,
    "storing": Direction.IN,
    "shipping": Direction.OUT,
    "departing": Direction.OUT,
    "loading": Direction.OUT,
}
_SALE_WORDS: Final = frozenset({"possell", "pos", "retailselling"})
_RETURN_WORDS: Final = ("return", "반품")
_STAGE_OF_NAME: Final = {name.replace("_", "").lower(): i for i, name in enumerate(STAGES)}
_STAGE_OF_TIER: Final = {
    (t, d): i
    for i, (t, d) in enumerate(
        zip(STAGE_TIER, [0, 1, 2, 1, 2, 1, 2, 1, 2, 0], strict=True),
    )
    if i != SALE_STAGE
}


def _fold(word: str | None) -> str:
    return "".join(c for c in (word or "").lower() if c not in " _-")


def stage_of(tier: int, direction: int) -> int | None:
    """The stage of a tier and a direction, None where there is none.

    >>> STAGES[stage_of(Tier.WHOLESALER, Direction.IN)]
    'W_Stock_Inbound'
    """
    return _STAGE_OF_TIER.get((tier, direction))


@lru_cache(maxsize=65_536)
def meaning(business_step: str | None, event_type: str | None) -> Meaning:
    """Read a step and a type in any of the known dialects; unknown words mean nothing, never fail.

    >>> meaning("W_Stock_Inbound", "W_Stock_Inbound").stage
    5
    >>> meaning("Reseller", "Outbound").stage
    8
    >>> meaning("Distribution", "Inbound")
    Meaning(tiers=12, direction=<Direction.IN: 1>, stage=None, is_sale=False, is_return=False)
    """
    step, kind = _fold(business_step), _fold(event_type)
    is_return = any(w in step or w in kind for w in _RETURN_WORDS)
    stage = _STAGE_OF_NAME.get(kind)
    tiers = 1 << STAGE_TIER[stage] if stage is not None else _STEP_TIERS.get(step, 0)
    is_sale = not is_return and (kind in _SALE_WORDS or (not kind and step in _SALE_WORDS))
    direction = _direction(step, kind)
    if is_sale:
        return Meaning(_R, Direction.NONE, SALE_STAGE, is_sale=True, is_return=False)
    if stage is None and tiers.bit_count() == 1:
        stage = stage_of(tiers.bit_length() - 1, direction)
        if tiers == _F:  # whatever a plant calls it, it is where the journey starts
            stage = 0
    return Meaning(tiers, direction, stage, is_sale=False, is_return=is_return)


def _direction(step: str, kind: str) -> Direction:
    if "outbound" in kind:
        return Direction.OUT
    if "inbound" in kind:
        return Direction.IN
    return Direction.NONE if kind == "aggregation" else _STEP_DIRECTION.get(step, Direction.NONE)
