"""Every rule and every profile, explicitly: a new rule is one file and one line here."""

from __future__ import annotations

from typing import Final

from scantrail.detectors.rule import Rule
from scantrail.detectors.rules import (
    after_sale,
    epc_dup,
    epc_fake,
    evt_order,
    jump,
    loc_err,
    missed_scan,
    source_profile,
)

#: The default profile, in the order in which answers name the kinds.
RULES: Final[tuple[Rule, ...]] = (
    epc_fake.RULE,
    evt_order.RULE,
    epc_dup.RULE,
    loc_err.RULE,
    jump.RULE,
    after_sale.RULE,
    missed_scan.RULE,
)

#: Profiles by name: `source` reproduces the answers of the service that was there before.
PROFILES: Final[dict[str, tuple[Rule, ...]]] = {
    "default": RULES,
    "source": source_profile.RULES,
}
