"""locErr: back up the chain without a return, a tier passed over, or a place that can't be."""

from __future__ import annotations

from typing import Final

import numpy as np

from scantrail.detectors.found import Found
from scantrail.detectors.rule import Bound, Case, Rule, Words
from scantrail.detectors.scans import Array, Scans, Scored, first_of
from scantrail.vocabulary.chain import Tier
from scantrail.vocabulary.findings import AnomalyKind, Cause

#: The tiers between plant and shop, which goods pass in this order.
_BETWEEN: Final = (Tier.WAREHOUSE, Tier.HUB, Tier.WHOLESALER)
_TIERS: Final = tuple(tier.name.lower() for tier in Tier)


def _score(bound: Bound, scans: Scans) -> Scored:
    s = bound.settings
    facts = {
        "tiers_back": _tiers_back(scans),
        "skip": _skip(bound, scans),
        "unknown_lane": _unknown_lane(bound, scans),
    }
    unlisted = (scans["place"] >= 0) & ~(scans["site"] >= 0) & bound.knows_sites
    score = np.minimum(facts["tiers_back"] * s.back_tier_score, 100)
    for holds, points in (
        (facts["skip"], s.skipped_tier_score),
        (facts["unknown_lane"], s.unknown_lane_score),
        (scans["step_fits"] == 0, s.step_mismatch_score),
        (unlisted, s.unknown_site_score),
    ):
        np.maximum(score, points, out=score, where=holds)
    return Scored(score, facts)


def _tiers_back(scans: Scans) -> Array:
    """Tiers gone back without a return; 0 where none."""
    tiers = scans["prev_tier"] - scans["tier"]
    no_return = (scans["is_return"] == 0) & (scans["prev_is_return"] == 0)
    return first_of(((tiers > 0) & no_return & ~scans.arrived_before_leaving, tiers))


def _skip(bound: Bound, scans: Scans) -> Array:
    """Passes over a tier that the chain has and needs."""
    start, end = scans["prev_tier"], scans["tier"]
    skipped = np.zeros(len(end), bool)
    for tier in _BETWEEN:
        if tier in bound.tiers and _TIERS[tier] not in bound.settings.optional_tiers:
            skipped |= (start < int(tier)) & (end > int(tier))
    skipped &= scans["lane_trips"] < bound.settings.known_lane_trips
    return skipped


def _unknown_lane(bound: Bound, scans: Scans) -> Array:
    """Moved within a tier on a way that history never saw, where history is known."""
    within = (scans["tier"] == scans["prev_tier"]) & scans.moved
    listed = (scans["site"] >= 0) & (scans["prev_site"] >= 0)
    unseen = scans["lane_trips"] < bound.settings.known_lane_trips
    unknown: Array = within & listed & unseen & bound.knows_lanes
    return unknown


def _words(bound: Bound, event: Found) -> Words:
    tier, prev_tier = _name(event["tier"]), _name(event["prev_tier"])
    here = event["here"]
    way = f"from {event['there']} ({prev_tier}) to {here} ({tier})"
    if event["tiers_back"] > 0:
        reason = f"back up the chain {way} without a return"
        return Words(reason, f"onward from the {prev_tier}, or a return scan first", Cause.ITEM)
    if event["skip"]:
        expected = f"plant, {_between(bound)}retailer, in this order"
        return Words(f"{way}: a tier was passed over", expected, Cause.ITEM)
    if event["unknown_lane"]:
        return Words(f"{way}: no item went this way before", "a known lane", Cause.DATA)
    if not event["step_fits"]:
        reason = f"step {event['step']} at {here}, which is a {tier}"
        return Words(reason, f"a step of a {tier}", Cause.SCANNER)
    return Words(f"{here} is not in the site list", "a listed site", Cause.DATA)


def _between(bound: Bound) -> str:
    """The tiers between plant and shop, optional ones in brackets."""
    names, optional = (_TIERS[tier] for tier in _BETWEEN), bound.settings.optional_tiers
    return "".join(f"({name},) " if name in optional else f"{name}, " for name in names)


def _name(tier: int | None) -> str:
    return "unknown tier" if tier is None else _TIERS[tier]


_RETAIL = ("2025-07-05 18:00:00", 5, "R_Stock_Inbound", "R_Stock_Inbound")

RULE = Rule(
    kind=AnomalyKind.LOC_ERR,
    score=_score,
    words=_words,
    runbook="If the goods really went this way, record the return or add the lane or site to the "
    "site list. If not, ask where the item is, and check the location set in the reader.",
    cases=(
        Case(
            "back from the shop to the wholesaler",
            (_RETAIL, ("2025-07-06 18:00:00", 4, "W_Stock_Inbound", "W_Stock_Inbound")),
            (0, 30),
        ),
        Case(
            "back from the shop to the plant's warehouse",
            (_RETAIL, ("2025-07-06 18:00:00", 2, "WMS", "WMS_Inbound")),
            (0, 90),
        ),
        Case(
            "with a return it is in order",
            (
                _RETAIL,
                ("2025-07-06 10:00:00", 5, "R_Return", "Return"),
                ("2025-07-06 18:00:00", 4, "W_Stock_Inbound", "W_Stock_Inbound"),
            ),
            (0, 0, 0),
        ),
        Case(
            "warehouse to shop",
            (
                ("2025-07-02 10:00:00", 2, "WMS", "WMS_Outbound"),
                ("2025-07-02 18:00:00", 5, "R_Stock_Inbound", "R_Stock_Inbound"),
            ),
            (0, 30),
        ),
        Case(
            "warehouse to wholesaler: hubs are optional",
            (
                ("2025-07-02 10:00:00", 2, "WMS", "WMS_Outbound"),
                ("2025-07-02 18:00:00", 4, "W_Stock_Inbound", "W_Stock_Inbound"),
            ),
            (0, 0),
        ),
        Case(
            "not in the list",
            (("2025-07-05 18:00:00", 99, "R_Stock_Inbound", "R_Stock_Inbound"),),
            (20,),
        ),
        Case(
            "a shop's step at a hub",
            (("2025-07-05 18:00:00", 3, "R_Stock_Inbound", "R_Stock_Inbound"),),
            (30,),
        ),
        Case(
            "no place at all",
            (("2025-07-05 18:00:00", None, "R_Stock_Inbound", "R_Stock_Inbound"),),
            (0,),
        ),
    ),
)
