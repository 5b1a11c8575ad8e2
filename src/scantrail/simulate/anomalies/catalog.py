"""Every kind of anomaly: whether a rule can see it, and the function that makes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from scantrail.simulate.anomalies import codes, groups, order, places, timing
from scantrail.simulate.trails import Trails

if TYPE_CHECKING:
    from scantrail.simulate.config import SimulationConfig

Injector = Callable[[Trails, int, int, np.random.Generator], None]


class Kind(NamedTuple):
    """A kind of anomaly.

    `inject(trails, count, number, rng)` changes about `count` items and marks the scans that show
    it with `number`.
    """

    rule_visible: bool
    inject: Injector


#: Kinds of whole sites come first: they need neighbours that are still untouched.
KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "readRateDrop": Kind(rule_visible=False, inject=groups.lose_reads),
        "clockSkew": Kind(rule_visible=False, inject=groups.skew_clock),
        "actorConcentration": Kind(rule_visible=False, inject=groups.one_actor),
        "afterSale": Kind(rule_visible=True, inject=places.after_sale),
        "jump": Kind(rule_visible=True, inject=places.jump),
        "locErr": Kind(rule_visible=True, inject=places.wrong_tier),
        "evtOrderErr": Kind(rule_visible=True, inject=order.disorder),
        "missedScan": Kind(rule_visible=True, inject=order.lose_links),
        "epcFake": Kind(rule_visible=True, inject=codes.fake_codes),
        "epcDup": Kind(rule_visible=True, inject=places.two_places),
        "scanCorruption": Kind(rule_visible=True, inject=codes.corrupt_scans),
        "diversion": Kind(rule_visible=False, inject=places.divert),
        "dwellShort": Kind(rule_visible=False, inject=timing.stay_short),
        "dwellLong": Kind(rule_visible=False, inject=timing.stay_long),
        "offHours": Kind(rule_visible=False, inject=timing.off_hours),
        "productOrigin": Kind(rule_visible=False, inject=codes.foreign_products),
        "cohortSplit": Kind(rule_visible=False, inject=timing.leave_cohort),
        "rareClone": Kind(rule_visible=False, inject=places.clone),
        "travelSlow": Kind(rule_visible=False, inject=timing.travel_slow),
        "burst": Kind(rule_visible=False, inject=order.burst),
        "doubleCommissioning": Kind(rule_visible=False, inject=order.commission_twice),
    }
)


def quotas(config: SimulationConfig) -> dict[str, int]:
    """How many items each kind gets: whole numbers in proportion to the mix.

    >>> from scantrail.simulate.config import SimulationConfig
    >>> quotas(SimulationConfig(1000, mix={"jump": 2, "epcFake": 1}))["jump"]
    33
    """
    total = round(config.epcs * config.anomaly_rate)
    names = [name for name in KINDS if config.mix.get(name)]
    weights = np.array([float(config.mix[name]) for name in names])
    exact = total * weights / weights.sum() if names else weights
    whole = np.floor(exact).astype(int)
    for place in np.argsort(whole - exact, kind="stable")[: total - int(whole.sum())]:
        whole[place] += 1
    return {name: int(n) for name, n in zip(names, whole, strict=True)}


def inject(trails: Trails, config: SimulationConfig) -> None:
    """Put every kind's share into the trails; each has its own stream of chance."""
    wanted = quotas(config)
    for number, (name, kind) in enumerate(KINDS.items(), start=1):
        count = wanted.get(name, 0)
        if count:
            kind.inject(trails, count, number, np.random.default_rng([config.seed, 100, number]))
