"""What a rule is made of, and every threshold that rules use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import msgspec

from scantrail.detectors.found import Found
from scantrail.detectors.scans import Scans, Scored
from scantrail.vocabulary.findings import AnomalyKind, Cause


class RuleSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Thresholds, each with its unit; none is written into a rule.

    Scores are 0-100. What depends on the network is in `Bound`.
    """

    # epcFake
    companies: tuple[str, ...] = ()  # known company codes; none given: every company is accepted
    header: str = "001"
    max_age_days: int = 1825
    header_score: float = 20
    company_score: float = 25
    product_score: float = 15
    lot_score: float = 15
    serial_score: float = 10
    date_score: float = 20  # not a date, or after the scan
    age_score: float = 15
    gs1_score: float = 70  # a GS1 code that fails its own checks
    corrupted_score: float = 20  # nearly a well-formed code: a bad read
    # epcDup
    dup_base_score: float = 80
    dup_place_score: float = 10  # for each place beyond the first
    same_place_score: float = 20  # different steps at one place in one second
    # jump
    vehicle_kmh: float = 120  # the limit is never below this
    min_jump_km: float = 5  # closer places are one neighbourhood: clocks differ more than roads
    jump_score: float = 70  # at the limit
    jump_top_score: float = 95  # at twice the limit and beyond
    lane_z_fast: tuple[float, float] = (5.0, 8.0)  # robust deviations: usual limit, extreme limit
    lane_z_slow: tuple[float, float] = (6.0, 10.0)
    slow_hours: float = 48  # later than usual by less is a slow day, whatever the deviation
    lane_z_scores: tuple[float, float] = (40, 60)
    known_lane_trips: int = 5  # a lane that fewer items went is none
    min_lane_batches: int = 20  # distinct travel times on a lane before they mean something
    # evtOrderErr
    inverted_score: float = 70
    repeat_score: float = 25
    repeat_step_score: float = 15  # more from the third in a row on
    read_again_minutes: float = 30  # the same scan within this time is a double read
    # locErr
    back_tier_score: float = 30  # for each tier back
    skipped_tier_score: float = 30
    optional_tiers: tuple[Literal["warehouse", "hub", "wholesaler"], ...] = (
        "hub",
    )  # may be skipped
    unknown_lane_score: float = 30
    step_mismatch_score: float = 30
    unknown_site_score: float = 20
    # afterSale
    after_sale_score: float = 80
    # missedScan: by number of absent links
    missed_scores: tuple[float, float, float, float] = (0, 30, 50, 70)


@dataclass(frozen=True, slots=True)
class Bound:
    """Settings together with what the network knows: all that a rule's scores depend on."""

    settings: RuleSettings
    speed_limit_kmh: float
    tiers: frozenset[int]  # tiers that the chain has; one that it lacks is never missed
    knows_lanes: bool
    knows_sites: bool


#: (time, location id or None, business step, event type): one scan of the case's item.
Scan = tuple[str, int | None, str | None, str | None]


@dataclass(frozen=True, slots=True)
class Case:
    """An example: scans of one item, and the score of each, in the order given."""

    name: str
    scans: tuple[Scan, ...]
    scores: tuple[float | None, ...]
    epc: str = "001.8804823.1293291.010004.20250701.000004002"


class Words(NamedTuple):
    """What is said of a found event: why (with values and limits), what was expected, the cause."""

    reason: str
    expected: str
    cause: Cause


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: a score for every event at once, and words for each that it finds.

    `score` gives 0 where the event is in order, up to 100 where it is not, NaN where the rule
    cannot say.
    """

    kind: AnomalyKind
    score: Callable[[Bound, Scans], Scored]
    words: Callable[[Bound, Found], Words]
    runbook: str
    cases: tuple[Case, ...] = ()
