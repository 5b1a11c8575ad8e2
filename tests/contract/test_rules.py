"""Every rule keeps the contract: its cases, odd input, words, and thresholds that matter."""

import math
import re

import msgspec
import numpy as np
import polars as pl
import pytest

from scantrail import pipeline
from scantrail.detectors.catalog import PROFILES, RULES
from scantrail.detectors.rule import Case, Rule, RuleSettings, Words
from scantrail.detectors.rule_set import RuleSet
from scantrail.explain import explain
from scantrail.features.travel import lane_z
from scantrail.lanes import Network
from scantrail.sites import no_sites
from scantrail.testing import (
    SETTINGS,
    Lane,
    check_detector,
    check_rule,
    events,
    journeys,
    judge_case,
    network,
)
from scantrail.vocabulary.findings import AnomalyKind, Cause
from scantrail.vocabulary.linked import LINKED, Linked
from scantrail.vocabulary.protocols import Journeys

RULE = {rule.kind: rule for rule in RULES}
CASES = [pytest.param(rule, case, id=f"{rule.kind}-{case.name}")
         for rule in RULES for case in rule.cases]  # fmt: skip
EVERY = [pytest.param(rule, id=f"{profile}-{rule.kind}")
         for profile, rules in PROFILES.items() for rule in rules]  # fmt: skip

HUB_OUT = ("2025-07-03 10:00:00", 3, "Logistics_HUB", "HUB_Outbound")
BARE_TWICE = Case(
    "in twice, in bare words",
    tuple((f"2025-07-0{day} 10:00:00", 4, "Wholesaler", "Inbound") for day in (2, 3)),
    (0, 25),
    epc="001.8804823.1293291.010004.20250701.000004777",
)
W_IN = ("W_Stock_Inbound", "W_Stock_Inbound")
HISTORY = (Lane(3, 7, hours=8.0, log_spread=0.15), Lane(2, 5, trips=10), Lane(4, 5, trips=3))


def on_lane(*stamps, place=7):
    """Out of the hub, and in at a wholesaler so late."""
    return Case("on a lane", (HUB_OUT, *((stamp, place, *W_IN) for stamp in stamps)), ())


# ------------------------------------------------------------------------------------- cases


@pytest.mark.parametrize(("rule", "case"), CASES)
def test_a_case_is_scored_as_it_says(rule, case):
    assert judge_case(rule, case) == pytest.approx(list(case.scores), abs=1e-6, nan_ok=False)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.kind)
def test_a_rule_has_cases_and_words_for_all_it_finds(rule):
    check_rule(rule)
    check_rule(rule, SETTINGS, Network(network().sites))


def test_the_check_names_the_case_that_fails():
    jump = RULE[AnomalyKind.JUMP]
    case = msgspec_replace(jump.cases[0], scores=(0, 94))
    broken = replace_rule(jump, cases=(case, jump.cases[1]))
    wanted = "jump, case '300 km in ten minutes': scores [0.0, 95.0], expected [0, 94]"
    with pytest.raises(AssertionError, match=re.escape(wanted)):
        check_rule(broken)


def test_the_check_wants_cases_that_fire_and_cases_that_stay_silent():
    jump = RULE[AnomalyKind.JUMP]
    with pytest.raises(AssertionError, match="jump has no cases; give one that fires"):
        check_rule(replace_rule(jump, cases=()))
    with pytest.raises(AssertionError, match="jump has no case that stays silent"):
        check_rule(replace_rule(jump, cases=jump.cases[:1]))
    with pytest.raises(AssertionError, match="jump has no case that fires"):
        check_rule(replace_rule(jump, cases=jump.cases[1:2]))


def test_the_check_minds_the_wording():
    jump = RULE[AnomalyKind.JUMP]
    accusing = replace_rule(jump, words=lambda *_: Words("a fake item", "a true one", Cause.ITEM))
    with pytest.raises(AssertionError, match="row 1, jump: reason says 'fake'; say 'suspect'"):
        check_rule(accusing)
    silent = replace_rule(jump, words=lambda *_: Words("", "a true one", Cause.ITEM))
    with pytest.raises(AssertionError, match="row 1, jump: reason is empty"):
        check_rule(silent)


def replace_rule(rule, **changes):
    fields = {name: getattr(rule, name) for name in Rule.__slots__}
    return Rule(**fields | changes)


def msgspec_replace(case, **changes):
    fields = {name: getattr(case, name) for name in Case.__slots__}
    return Case(**fields | changes)


# ------------------------------------------------------------------------------------- words


@pytest.mark.parametrize("rule", EVERY)
def test_explanations_suspect_and_never_accuse(rule):
    seen = journeys([*(case for other in RULES for case in other.cases), BARE_TWICE])
    found = RuleSet((rule,), SETTINGS, network()).judge(seen).found
    told = explain(found)
    if rule is not PROFILES["source"][-1]:  # the earlier service never answered a jump
        assert len(told) > 0
    for text in told["explanation"]:
        assert text.startswith(f"suspect {rule.kind}: ")
        assert "fake" not in text.replace("epcFake", "").lower()
    for name in ("reason", "expected", "cause", "runbook"):
        assert found[name].null_count() == 0
        assert found[name].str.strip_chars().str.len_chars().min() in (None, *range(4, 500))


def test_what_is_said_of_each_kind():
    """The whole text, once per kind; a change of wording is a change of the answers."""
    cases = {
        AnomalyKind.EPC_FAKE: RULE[AnomalyKind.EPC_FAKE].cases[1],
        AnomalyKind.EVT_ORDER_ERR: RULE[AnomalyKind.EVT_ORDER_ERR].cases[0],
        AnomalyKind.EPC_DUP: RULE[AnomalyKind.EPC_DUP].cases[0],
        AnomalyKind.LOC_ERR: RULE[AnomalyKind.LOC_ERR].cases[1],
        AnomalyKind.JUMP: RULE[AnomalyKind.JUMP].cases[0],
        AnomalyKind.AFTER_SALE: RULE[AnomalyKind.AFTER_SALE].cases[0],
        AnomalyKind.MISSED_SCAN: RULE[AnomalyKind.MISSED_SCAN].cases[1],
    }
    said = {}
    for kind, case in cases.items():
        seen = pipeline.see(events(case.scans, case.epc), network())
        found = RuleSet((RULE[kind],), SETTINGS, network()).judge(seen).found.sort("row")
        said[kind] = found.select("reason", "expected", "cause").row(-1)
    assert said == {
        AnomalyKind.EPC_FAKE: (
            "code '001.9999999.1293291.010004.20250701.000004002': company 9999999 is not a known "
            "company",
            "001.company.product.lot.YYYYMMDD.serial with 3, 7, 7, 6, 8 and 9 digits, company one "
            "of 8804823, made at most 1825 days before the scan; or a valid GS1 code",
            "item",
        ),
        AnomalyKind.EVT_ORDER_ERR: (
            "came in at Cedar Wholesale (2025-08-16 22:47:39) after it had gone out there "
            "(2025-08-16 22:08:39), without coming in before",
            "W_Stock_Inbound before W_Stock_Outbound",
            "data",
        ),
        AnomalyKind.EPC_DUP: (
            "scanned at 2 places in the same second (2025-07-02 10:00:00), here Cedar Wholesale",
            "one place at a time",
            "item",
        ),
        AnomalyKind.LOC_ERR: (
            "back up the chain from Cedar Shop One (retailer) to Alder Plant Warehouse (warehouse) "
            "without a return",
            "onward from the retailer, or a return scan first",
            "item",
        ),
        AnomalyKind.JUMP: (
            "303 km from Birch Hub in 0.17 h (1,820 km/h); the limit is 120 km/h",
            "2.5 h at the very least",
            "item",
        ),
        AnomalyKind.AFTER_SALE: (
            "R_Stock_Inbound at Cedar Shop Two (2025-07-09 18:00:00) after it had been sold",
            "nothing after the sale, or a return first",
            "item",
        ),
        AnomalyKind.MISSED_SCAN: (
            "2 scans are absent between WMS_Inbound at Alder Plant Warehouse and HUB_Outbound at "
            "Birch Hub",
            "a scan at every step of the chain",
            "scanner",
        ),
    }


@pytest.mark.parametrize(
    ("company", "meant"),
    [
        ("8804832", "8804823"),  # two digits swapped
        ("8804824", "8804823"),  # one wrong
        ("880423", "8804823"),  # one lost
        ("88004823", "8804823"),  # one doubled
        ("8806823", None),  # may be either
        ("8804932", None),  # two slips
        ("9999999", None),
    ],
)
def test_a_slip_in_the_company_is_a_bad_read_and_not_an_unknown_company(company, meant):
    code = f"001.{company}.1293291.010004.20250701.000004002"
    settings = changed(companies=("8804823", "8805823"))
    case = Case("a slip", (HUB_OUT,), (), code)
    seen = pipeline.see(events(case.scans, code), network())
    rule = RULE[AnomalyKind.EPC_FAKE]
    [claim] = RuleSet((rule,), settings, network()).judge(seen).found.to_dicts()
    if meant is None:
        assert (claim["score"], claim["cause"]) == (25, "item")
        assert claim["reason"] == f"code '{code}': company {company} is not a known company"
    else:
        assert (claim["score"], claim["cause"]) == (20, "scanner")
        assert claim["expected"] == code.replace(company, meant)
        assert claim["reason"] == f"code '{code}' reads like a damaged {claim['expected']}"


def test_without_known_companies_nothing_is_nearly_one():
    rule = RULE[AnomalyKind.EPC_FAKE]
    for case in rule.cases:
        judge_case(rule, case, changed(companies=()))
    swapped = next(case for case in rule.cases if "swapped" in case.name)
    assert judge_case(rule, swapped, changed(companies=())) == [0]


def test_a_skipped_tier_tells_which_ones_may_be():
    loc_err = RULE[AnomalyKind.LOC_ERR]
    [case] = [one for one in OTHER_CASES if one.name == "another shortcut"]
    for optional, expected in (
        (("hub",), "plant, warehouse, (hub,) wholesaler, retailer, in this order"),
        ((), "plant, warehouse, hub, wholesaler, retailer, in this order"),
    ):
        detector = RuleSet((loc_err,), changed(optional_tiers=optional), network())
        found = detector.judge(pipeline.see(events(case.scans), network())).found
        assert found["expected"].to_list() == [expected]


def test_one_absent_scan_is_told_in_the_singular():
    rule, case = RULE[AnomalyKind.MISSED_SCAN], RULE[AnomalyKind.MISSED_SCAN].cases[0]
    settings = changed(missed_scores=(10, 30, 50, 70))
    seen = pipeline.see(events(case.scans), network())
    [reason] = RuleSet((rule,), settings, network()).judge(seen).found["reason"]
    assert reason == (
        "1 scan is absent between WMS_Inbound at Alder Plant Warehouse and HUB_Inbound at Birch Hub"
    )


def test_off_the_usual_time_tells_the_usual_time():
    case = on_lane("2025-07-03 13:00:00")
    seen = pipeline.see(events(case.scans), network(HISTORY))
    found = RuleSet((RULE[AnomalyKind.JUMP],), SETTINGS, network(HISTORY)).judge(seen).found
    assert found.select("reason", "expected", "cause").row(0) == (
        "3.0 h from Birch Hub; this lane usually takes 8.0 h (-6.5 robust deviations)",
        "about 8.0 h on this lane, 2.5 h at the very least",
        "data",
    )


# ------------------------------------------------------------------------- null, zero and NaN

NOTHING = ("2025-07-02 10:00:00", None, None, None)
ODD = {
    "nothing but a time": (NOTHING,),
    "nothing, twice": (NOTHING, ("2025-07-03 10:00:00", None, None, None)),
    "nothing, twice in a second": (NOTHING, NOTHING),
    "an unknown step": (("2025-07-02 10:00:00", 3, "?", "?"), ("2025-07-03 10:00:00", 3, "?", "!")),
    "a step without a place": (
        ("2025-07-02 10:00:00", None, "WMS", "WMS_Inbound"),
        ("2025-07-02 11:00:00", None, "WMS", "WMS_Outbound"),
    ),
    "no hours between": (
        ("2025-07-02 10:00:00", 3, "Logistics_HUB", "HUB_Inbound"),
        ("2025-07-02 10:00:00", 3, "Logistics_HUB", "HUB_Inbound"),
        ("2025-07-02 10:00:00", 3, "Logistics_HUB", "HUB_Inbound"),
    ),
    "the first and the last year": (
        ("0001-01-01 00:00:00", 3, "Logistics_HUB", "HUB_Inbound"),
        ("9999-12-31 23:59:59", 3, "Logistics_HUB", "HUB_Outbound"),
    ),
}
NETWORKS = {
    "known": network(),
    "no sites": Network(no_sites()),
    "sites without coordinates or tier": Network(
        type(network().sites)(
            network().sites.table.with_columns(
                pl.lit(None, pl.Float64).alias("latitude"), pl.lit(None, pl.Int8).alias("tier")
            )
        )
    ),
    "lanes of zero, null and NaN": network(
        [
            Lane(3, 3, 0, 0, 0.0, 0.0),
            Lane(3, 4, 100, 100, math.nan, math.nan),
            Lane(2, 3, 100, 100, None, None),
        ]
    ),
}


@pytest.mark.parametrize("on", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("scans", ODD.values(), ids=ODD)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.kind)
def test_odd_input_is_no_anomaly(rule, scans, on):
    seen = pipeline.see(events(scans), on)
    detector = RuleSet((rule,), SETTINGS, on)
    check_detector(detector, seen)
    if rule.kind is AnomalyKind.EPC_FAKE and scans == ODD["the first and the last year"]:
        return  # the code's own date is far from these
    assert set(detector.judge(seen).scores.to_series()) <= {0.0, None}


def with_column(seen, name, value):
    """Journeys of which one column holds one value throughout."""
    old = seen.columns[name]
    values = np.full(len(old), value, old.dtype if old.dtype.kind == "M" else float)
    columns = Linked({**seen.columns.arrays, name: values})
    return Journeys(columns, seen.events, seen.codes, seen.names)


STORED = [name for name in LINKED if not name.startswith("prev_")]


@pytest.mark.parametrize("value", [math.nan, 0.0])
@pytest.mark.parametrize("column", [name for name, kind in LINKED.items() if kind.is_float()])
@pytest.mark.parametrize("rule", EVERY)
def test_no_measure_makes_a_rule_say_nonsense(rule, column, value):
    seen = journeys([case for other in RULES for case in other.cases])
    odd = with_column(seen, column, value)
    check_detector(RuleSet((rule,), SETTINGS, network()), odd)


@pytest.mark.parametrize("column", [name for name in STORED if name not in ("row", "epc")])
@pytest.mark.parametrize("profile", PROFILES)
def test_no_null_makes_a_rule_crash(profile, column):
    seen = journeys([case for other in RULES for case in other.cases])
    odd = with_column(seen, column, None)
    check_detector(RuleSet(PROFILES[profile], SETTINGS, network()), odd)


def test_a_distance_that_is_no_number_is_no_jump():
    seen = journeys(RULE[AnomalyKind.JUMP].cases[:1])
    odd = with_column(seen, "km", math.nan)
    findings = RuleSet((RULE[AnomalyKind.JUMP],), SETTINGS, network()).judge(odd)
    assert findings.scores["jumpScore"].to_list() == [0.0, None]


@pytest.mark.parametrize("rule", EVERY)
def test_no_events_no_answer(rule):
    seen = pipeline.see(events([]), network())
    findings = RuleSet((rule,), SETTINGS, network()).judge(seen)
    assert findings.scores.shape == (0, 1)
    assert len(findings.found) == 0


# -------------------------------------------------------------------------------- thresholds

REPEATED = RULE[AnomalyKind.EVT_ORDER_ERR].cases[4]
DOUBLE_READ = RULE[AnomalyKind.EVT_ORDER_ERR].cases[5]
#: field: (another value, kind, case, scores by default, scores with the other value)
EFFECTS = {
    "companies": (("9999999",), "epcFake", "a good code", [0], [25]),
    "header": ("002", "epcFake", "a good code", [0], [20]),
    "max_age_days": (3000, "epcFake", "made too long ago", [15], [0]),
    "header_score": (7, "epcFake", "wrong header", [20], [7]),
    "company_score": (7, "epcFake", "unknown company", [25], [7]),
    "product_score": (7, "epcFake", "letters in the product", [15], [7]),
    "lot_score": (7, "epcFake", "five-digit lot", [15], [7]),
    "serial_score": (
        7, "epcFake",
        Case("a short serial", (HUB_OUT,), (), "001.8804823.1293291.010004.20250701.4002"),
        [10], [7],
    ),
    "date_score": (7, "epcFake", "made after the scan", [20], [7]),
    "age_score": (7, "epcFake", "made too long ago", [15], [7]),
    "gs1_score": (
        7, "epcFake", Case("a wrong check digit", (HUB_OUT,), (), "(01)08804823129321(21)4002"),
        [70], [7],
    ),
    "corrupted_score": (7, "epcFake", "dashes for dots: a bad read", [20], [7]),
    "dup_base_score": (50, "epcDup", "two places in one second", [90, 90], [60, 60]),
    "dup_place_score": (5, "epcDup", "two places in one second", [90, 90], [85, 85]),
    "same_place_score": (
        7, "epcDup", "in and out of one place in one second is a data fault", [20, 20], [7, 7],
    ),
    "vehicle_kmh": (
        40, "jump", on_lane("2025-07-03 17:00:00"), [0, 0], [0, 70 + 25 * (303.3 / 280 - 1)],
    ),
    "min_jump_km": (500, "jump", "300 km in ten minutes", [0, 95], [0, 60]),
    "jump_score": (
        50, "jump", on_lane("2025-07-03 12:00:00"),
        [0, 70 + 25 * (303.3 / 240 - 1)], [0, 50 + 45 * (303.3 / 240 - 1)],
    ),
    "jump_top_score": (80, "jump", "300 km in ten minutes", [0, 95], [0, 80]),
    "lane_z_fast": ((7, 8), "jump", on_lane("2025-07-03 13:00:00"), [0, 40], [0, 0]),
    "lane_z_slow": ((15, 30), "jump", on_lane("2025-07-07 10:00:00"), [0, 60], [0, 40]),
    "slow_hours": (100, "jump", on_lane("2025-07-07 10:00:00"), [0, 60], [0, 0]),
    "lane_z_scores": ((7, 8), "jump", on_lane("2025-07-03 13:00:00"), [0, 40], [0, 7]),
    "known_lane_trips": (20, "locErr", "a shortcut", [0, 0], [0, 30]),
    "min_lane_batches": (101, "jump", on_lane("2025-07-03 13:00:00"), [0, 40], [0, 0]),
    "inverted_score": (50, "evtOrderErr", "out before in at one place", [0, 70], [0, 50]),
    "repeat_score": (10, "evtOrderErr", REPEATED, [0, 25, 65, 100], [0, 10, 35, 60]),
    "repeat_step_score": (5, "evtOrderErr", REPEATED, [0, 25, 65, 100], [0, 25, 55, 85]),
    "read_again_minutes": (0.5, "evtOrderErr", DOUBLE_READ, [0, 0, 0], [0, 25, 65]),
    "back_tier_score": (
        7, "locErr", "back from the shop to the plant's warehouse", [0, 90], [0, 21],
    ),
    "skipped_tier_score": (7, "locErr", "another shortcut", [0, 30], [0, 7]),
    "optional_tiers": (("hub", "wholesaler"), "locErr", "another shortcut", [0, 30], [0, 0]),
    "unknown_lane_score": (7, "locErr", "between wholesalers", [0, 30], [0, 7]),
    "step_mismatch_score": (7, "locErr", "a shop's step at a hub", [30], [7]),
    "unknown_site_score": (7, "locErr", "not in the list", [20], [7]),
    "after_sale_score": (7, "afterSale", "in stock again", [0, 80], [0, 7]),
    "missed_scores": ((5, 6, 7, 8), "missedScan", "two links", [0, 30], [0, 6]),
}  # fmt: skip
OTHER_CASES = [
    Case("a shortcut", (("2025-07-02 10:00:00", 2, "WMS", "WMS_Outbound"),
                        ("2025-07-02 18:00:00", 5, "R_Stock_Inbound", "R_Stock_Inbound")), ()),
    Case("another shortcut", (("2025-07-02 10:00:00", 2, "WMS", "WMS_Outbound"),
                        ("2025-07-02 18:00:00", 8, "R_Stock_Inbound", "R_Stock_Inbound")), ()),
    Case("between wholesalers", (("2025-07-02 10:00:00", 4, "Wholesaler", "Outbound"),
                                 ("2025-07-02 18:00:00", 7, *W_IN)), ()),
]  # fmt: skip


def changed(**values):
    return msgspec.structs.replace(SETTINGS, **values)


def test_every_threshold_is_tried():
    assert set(EFFECTS) == set(RuleSettings.__struct_fields__)


@pytest.mark.parametrize("field", EFFECTS)
def test_a_threshold_has_an_effect(field):
    value, kind, case, before, after = EFFECTS[field]
    rule = RULE[AnomalyKind(kind)]
    if isinstance(case, str):
        [case] = [one for one in (*rule.cases, *OTHER_CASES) if one.name == case]
    on = network(HISTORY)
    assert judge_case(rule, case, SETTINGS, on) == pytest.approx(before, abs=0.05)
    assert judge_case(rule, case, changed(**{field: value}), on) == pytest.approx(after, abs=0.05)


def test_both_limits_of_a_pair_matter():
    jump = RULE[AnomalyKind.JUMP]
    on = network(HISTORY)
    fast, slow = on_lane("2025-07-03 13:00:00"), on_lane("2025-07-07 10:00:00")
    for values, case, score in (
        ({"lane_z_fast": (5, 6)}, fast, 60),
        ({"lane_z_slow": (6, 20)}, slow, 40),
        ({"lane_z_scores": (40, 61)}, slow, 61),
    ):
        assert judge_case(jump, case, changed(**values), on)[1] == score


@pytest.mark.parametrize(("links", "score"), [(0, 5), (1, 30), (2, 50), (3, 70)])
def test_each_number_of_absent_links_has_its_score(links, score):
    rule = RULE[AnomalyKind.MISSED_SCAN]
    scores = [0, 30, 50, 70]
    scores[links] = 5
    settings = changed(missed_scores=tuple(scores))
    got = judge_case(rule, rule.cases[links], settings)[1]
    assert got == 5
    assert judge_case(rule, rule.cases[links])[1] == [0, 30, 50, 70][links]


def test_what_history_taught_raises_the_speed_limit_but_never_lowers_it():
    jump = RULE[AnomalyKind.JUMP]
    case = on_lane("2025-07-03 12:00:00")  # 152 km/h
    assert judge_case(jump, case, SETTINGS, network(speed_limit_kmh=160)) == [0, 0]
    slow = judge_case(jump, case, SETTINGS, network(speed_limit_kmh=60))
    assert slow == judge_case(jump, case) != [0, 0]


def test_a_lane_of_few_trips_is_none():
    loc_err = RULE[AnomalyKind.LOC_ERR]
    between = OTHER_CASES[2]
    for trips, score in ((4, 30), (5, 0)):
        on = network([Lane(3, 7), Lane(4, 7, trips=trips)])
        assert judge_case(loc_err, between, SETTINGS, on) == [0, score]


def test_without_history_no_lane_is_unknown():
    assert judge_case(RULE[AnomalyKind.LOC_ERR], OTHER_CASES[2]) == [0, 0]


# --------------------------------------------------------------------------- a set of rules


def test_a_version_changes_with_whatever_may_change_the_answers():
    versions = [
        RuleSet(RULES, SETTINGS, network()).version,
        RuleSet(RULES[:5], SETTINGS, network()).version,
        RuleSet(PROFILES["source"], SETTINGS, network()).version,
        RuleSet(RULES, SETTINGS, network(HISTORY)).version,
        RuleSet(RULES, SETTINGS, network(HISTORY[:1])).version,
        RuleSet(RULES, SETTINGS, network(speed_limit_kmh=150)).version,
        RuleSet(RULES, SETTINGS, Network(no_sites())).version,
        *(
            RuleSet(RULES, changed(**{field: value}), network()).version
            for field, (value, *_) in EFFECTS.items()
        ),
    ]
    assert len(set(versions)) == len(versions)
    assert RuleSet(RULES, SETTINGS, network()).version == versions[0]


@pytest.mark.parametrize("profile", PROFILES)
def test_a_rule_says_the_same_alone_and_among_others(profile):
    seen = journeys([case for rule in RULES for case in rule.cases])
    together = RuleSet(PROFILES[profile], SETTINGS, network()).judge(seen)
    for rule in PROFILES[profile]:
        alone = RuleSet((rule,), SETTINGS, network()).judge(seen)
        [column] = alone.scores.columns
        assert alone.scores[column].equals(together.scores[column])
        claims = together.found.filter(kind=rule.kind.value)
        assert alone.found.sort("row").equals(claims.sort("row"))


def test_kinds_come_in_the_order_of_the_answers():
    assert [*(rule.kind for rule in RULES), AnomalyKind.MODEL] == list(AnomalyKind)
    assert [rule.kind for rule in PROFILES["source"]] == list(AnomalyKind)[:5]


def test_a_lane_z_needs_a_trip():
    """Inbound to inbound is no travel time, however odd."""
    seen = pipeline.see(
        events([("2025-07-03 10:00:00", 3, "Logistics_HUB", "HUB_Inbound"),
                ("2025-07-03 13:00:00", 7, *W_IN)]), network(HISTORY))  # fmt: skip
    assert seen.linked.select(lane_z()).to_series().to_list() == [None, None]
