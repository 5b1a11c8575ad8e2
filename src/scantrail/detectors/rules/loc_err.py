"""locErr: back up the chain without a return, a tier passed over, or a place that can't be."""

from __future__ import annotations

from typing import Final

import numpy as np

from scantrail.detectors.found import Found
from scantrail.detectors.rule import Bound, Case, Rule, Words
from scantrail.detectors.scans import Array, Scans, Scored, first_of
from scantrail.vocabulary.chain import Tier
from scantrail.vocabulary.findings import AnomalyKind, Cause
from scantrail.vocabulary.language import Say

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
    say = event.say
    tier, prev_tier = (_name(event[name], say) for name in ("tier", "prev_tier"))
    way = say("from {there} ({prev_tier}) to {here} ({tier})", tier=tier, prev_tier=prev_tier)
    if event["tiers_back"] > 0:
        reason = say("back up the chain {way} without a return", way=way)
        onward = say("onward from the {prev_tier}, or a return scan first", prev_tier=prev_tier)
        return Words(reason, onward, Cause.ITEM)
    if event["skip"]:
        order = say("plant, {between}retailer, in this order", between=_between(bound, say))
        return Words(say("{way}: a tier was passed over", way=way), order, Cause.ITEM)
    if event["unknown_lane"]:
        reason = say("{way}: no item went this way before", way=way)
        return Words(reason, say("a known lane"), Cause.DATA)
    if not event["step_fits"]:
        reason = say("step {step} at {here}, which is a {tier}", tier=tier)
        return Words(reason, say("a step of a {tier}", tier=tier), Cause.SCANNER)
    return Words(say("{here} is not in the site list"), say("a listed site"), Cause.DATA)


def _between(bound: Bound, say: Say) -> str:
    """The tiers between plant and shop, optional ones in brackets."""
    names, optional = (_TIERS[tier] for tier in _BETWEEN), bound.settings.optional_tiers
    return "".join(f"({say(name)},) " if name in optional else f"{say(name)}, " for name in names)


def _name(tier: int | None, say: Say) -> str:
    return say("unknown tier") if tier is None else say(_TIERS[tier])


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
