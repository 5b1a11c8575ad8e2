"""What every feature is worth, on journeys small enough to work out by hand."""

import math

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scantrail.features import temporal
from scantrail.features.catalog import FEATURES, feature_frame
from scantrail.ingest.epc import decompose
from scantrail.journeys import link
from scantrail.lanes import LANES, TRANSITIONS, Network
from scantrail.sites import sites_from
from scantrail.testing import events

CODE = "001.8804823.1293291.010004.20250701.000004002"
DEGREE = 6371.0088 * math.pi / 180  # km of one degree of latitude
SITES = sites_from(
    pl.DataFrame(
        [
            (1, "Plant", 37.0, 127.0, "factory", "08:00", "18:00"),
            (2, "Store", 37.0, 127.0, "warehouse", None, None),
            (3, "Hub", 38.0, 127.0, "hub", "22:00", "06:00"),
            (4, "Shop", 38.0, 127.0, "retailer", None, None),
        ],
        schema=["location_id", "scan_location", "Latitude", "Longitude", "tier", "opens", "closes"],
        orient="row",
    )
)
LANE = pl.DataFrame([(2, 3, 50, 40, 8.0, 0.3)], schema=LANES, orient="row")
HISTORY = pl.DataFrame([(0, 1, 10), (1, 2, 6), (1, 3, 2)], schema=TRANSITIONS, orient="row")
NETWORK = Network(SITES, lanes=LANE, transitions=HISTORY)


def features_of(scans, epc=CODE, zone="Asia/Seoul"):
    linked, codes = link(events(scans, epc, zone), NETWORK)
    frame = feature_frame(linked.frame, decompose(codes), SITES, HISTORY)
    return {name: frame.sort("row")[name].to_list() for name in frame.columns}


JOURNEY = (
    ("2025-07-01 08:30:00", 1, "Factory", "Aggregation"),  # a Tuesday
    ("2025-07-01 10:30:00", 2, "WMS", "WMS_Inbound"),
    ("2025-07-05 17:00:00", 2, "WMS", "WMS_Outbound"),  # a Saturday
    ("2025-07-05 23:00:00", 3, "Logistics_HUB", "HUB_Inbound"),
    ("2025-07-06 07:00:00", 3, "Logistics_HUB", "HUB_Outbound"),
)
ALL = [1.0] * 5
WORTH = {
    "hour": [8, 10, 17, 23, 7],
    "weekday": [1, 1, 5, 5, 6],
    "month": [7] * 5,
    "is_business_hours": [0, 1, 0, 0, 0],
    "is_weekend": [0, 0, 1, 1, 1],
    "hours_since_previous": [None, 2, 102.5, 6, 8],
    "is_site_open": [1, None, None, 1, 0],
    "header": [1] * 5,
    "company": [8804823] * 5,
    "product": [1293291] * 5,
    "lot": [10004] * 5,
    "manufacture_day": [20270] * 5,
    "serial": [4002] * 5,
    "header_valid": ALL,
    "company_valid": ALL,
    "product_valid": ALL,
    "lot_valid": ALL,
    "manufacture_valid": ALL,
    "serial_valid": ALL,
    "age_days": [0, 0, 4, 4, 5],
    "kilometres": [None, 0, 0, DEGREE, 0],
    "hours_travelled": [None, 2, None, 6, None],
    "lane_trips": [None, 0, None, 50, None],
    "lane_z": [None, None, None, math.log(6 / 8) / 0.3, None],
    "location_hierarchy": [0, 1, 1, 2, 2],
    "position": [0, 1, 2, 3, 4],
    "length_so_far": [1, 2, 3, 4, 5],
    "previous_site": [None, 0, 1, 1, 2],
    "previous_stage": [None, 0, 1, 2, 3],
    "previous_direction": [None, 0, 1, 2, 1],
    "previous_tier": [None, 0, 1, 1, 2],
    "transition_share": [None, 1, 0.75, None, None],
    "stage_advance": [None, 1, 1, 1, 1],
    "cohort_seen": [0] * 5,
    "cohort_lag_hours": [None] * 5,
    "cohort_share_here": [None] * 5,
    "cohort_lag_hours_lookback": [0] * 5,
    "cohort_share_here_lookback": ALL,
}
TOLD = features_of(JOURNEY)


def same(told, wanted):
    assert len(told) == len(wanted)
    for got, want in zip(told, wanted, strict=True):
        assert (got is None) == (want is None), (told, wanted)
        assert want is None or got == pytest.approx(want, rel=1e-5), (told, wanted)


def test_no_feature_is_without_a_value_here():
    assert list(WORTH) == [feature.name for feature in FEATURES]


@pytest.mark.parametrize("name", WORTH)
def test_a_feature_on_a_journey_from_the_plant_to_the_hub(name):
    same(TOLD[name], WORTH[name])


#: What can be said of a scan that names neither a place nor a step, of a code that is none.
BARE = {"hour": 0, "weekday": 0, "month": 1, "is_business_hours": 0, "is_weekend": 0,
        "position": 0, "length_so_far": 1}  # fmt: skip


def test_of_nothing_known_nothing_is_said():
    told = features_of([("2024-01-01 00:00:00", None, None, None)], "BROKEN")
    assert {name: values[0] for name, values in told.items() if values[0] is not None} == (
        BARE | {"row": 0}
    )


def test_after_an_unlisted_place_the_way_is_unknown():
    told = features_of(
        [
            ("2025-07-01 10:00:00", 99, "?", "?"),
            ("2025-07-01 11:00:00", 3, "Logistics_HUB", "HUB_Inbound"),
        ]
    )
    for name in ("kilometres", "previous_site", "previous_stage", "previous_tier",
                 "stage_advance", "transition_share", "lane_z"):  # fmt: skip
        assert told[name] == [None, None], name
    assert told["hours_travelled"] == [None, 1.0]
    assert told["lane_trips"] == [None, 0.0]
    assert told["location_hierarchy"] == [None, 2.0]


@pytest.mark.parametrize(
    ("code", "valid"),
    [
        ("01.8804823.1293291.010004.20250701.000004002", [0, 1, 1, 1, 1, 1]),
        ("001.880482X.1293291.010004.20250701.000004002", [1, 0, 1, 1, 1, 1]),
        ("001.8804823.129329.010004.20250701.000004002", [1, 1, 0, 1, 1, 1]),
        ("001.8804823.1293291..20250701.000004002", [1, 1, 1, 0, 1, 1]),
        ("001.8804823.1293291.010004.20250230.000004002", [1, 1, 1, 1, 0, 1]),
        ("001.8804823.1293291.010004.20250701.0000O4002", [1, 1, 1, 1, 1, 0]),
        ("urn:epc:id:sgtin:8804823.129329.4002", [None, 1, 1, None, None, 1]),
        ("no code", [None] * 6),
    ],
)
def test_each_part_of_a_code_is_valid_or_not(code, valid):
    told = features_of(JOURNEY[:1], code)
    parts = ("header", "company", "product", "lot", "manufacture", "serial")
    assert [told[f"{part}_valid"][0] for part in parts] == valid
    for part, well in zip(parts, valid, strict=True):
        number = told["manufacture_day" if part == "manufacture" else part][0]
        if well is None or part == "manufacture":
            assert (number is None) == (well != 1), part


def test_letters_are_no_number_and_digits_out_of_form_are():
    told = features_of(JOURNEY[:1], "01.1e5.nan.-7.20250230.X")
    values = [told[name][0] for name in ("header", "company", "product", "lot", "serial")]
    assert values == [1, None, None, None, None]
    assert told["manufacture_day"] == told["age_days"] == [None]


def test_an_item_scanned_before_it_was_made_has_an_age_below_zero():
    assert features_of([("2025-06-30 23:00:00", 1, "Factory", "Aggregation")])["age_days"] == [-1]


def test_the_calendar_is_the_site_s_and_not_utc():
    told = features_of([("2025-07-05T23:30:00Z", 1, "Factory", "Aggregation")], zone="UTC")
    assert (told["hour"], told["weekday"], told["is_weekend"]) == ([23], [5], [1])
    abroad = features_of([("2025-07-06T08:30:00+09:00", 1, "Factory", "Aggregation")], zone="UTC")
    assert (abroad["hour"], abroad["weekday"]) == ([8], [6])


@pytest.mark.parametrize(
    ("time", "business", "opened"),
    [
        ("2025-07-01 07:59:59", 0, 0),
        ("2025-07-01 08:00:00", 0, 1),
        ("2025-07-01 09:00:00", 1, 1),
        ("2025-07-01 16:59:59", 1, 1),
        ("2025-07-01 17:00:00", 0, 1),
        ("2025-07-01 17:59:59", 0, 1),
        ("2025-07-01 18:00:00", 0, 0),
        ("2025-07-06 12:00:00", 0, 1),  # a Sunday
    ],
)
def test_hours_begin_with_their_first_minute_and_end_before_their_last(time, business, opened):
    told = features_of([(time, 1, "Factory", "Aggregation")])
    assert (told["is_business_hours"], told["is_site_open"]) == ([business], [opened])


@pytest.mark.parametrize(
    ("time", "opened"),
    [("21:59:59", 0), ("22:00:00", 1), ("23:59:59", 1), ("00:00:00", 1), ("05:59:59", 1),
     ("06:00:00", 0)],
)  # fmt: skip
def test_a_site_may_be_open_over_night(time, opened):
    told = features_of([(f"2025-07-01 {time}", 3, "Logistics_HUB", "HUB_Inbound")])
    assert told["is_site_open"] == [opened]


def test_a_site_that_never_closes_is_always_open():
    frame = pl.DataFrame(
        {"local": ["2025-07-01 00:00:00"], "opens": [0], "closes": [24 * 60]}
    ).with_columns(pl.col("local").str.to_datetime())
    assert frame.select(temporal.is_site_open()).item() is True


def lot(*items):
    """Items of one lot, each as (hours after the first, location): cohort features by item."""
    scans = [
        (f"2025-07-02 {hours:02}:00:00", place, "Logistics_HUB", "HUB_Inbound")
        for hours, place in items
    ]
    told = features_of(scans, [f"{CODE[:-4]}{serial:04}" for serial in range(len(scans))])
    return {name: values for name, values in told.items() if name.startswith("cohort")}


def test_a_cohort_is_what_was_scanned_of_the_lot_before():
    told = lot((0, 3), (1, 3), (3, 4))
    same(told["cohort_seen"], [0, 1, 2])
    same(told["cohort_lag_hours"], [None, 1, 2.5])
    same(told["cohort_share_here"], [None, 1, 0])
    same(told["cohort_lag_hours_lookback"], [-1, 0, 2])
    same(told["cohort_share_here_lookback"], [2 / 3, 2 / 3, 1 / 3])


def test_scans_of_one_instant_do_not_know_each_other():
    told = lot((0, 3), (2, 3), (2, 4), (4, 4))
    same(told["cohort_seen"], [0, 1, 1, 3])
    same(told["cohort_lag_hours"], [None, 2, 2, 4 - 4 / 3])
    same(told["cohort_share_here"], [None, 1, 0, 1 / 3])


def test_another_lot_is_another_cohort():
    scans = [("2025-07-02 10:00:00", 3, "Logistics_HUB", "HUB_Inbound")] * 2
    told = features_of(scans, [CODE, CODE.replace("010004", "010005")])
    assert told["cohort_seen"] == [0, 0]


def test_a_lone_scan_and_ten_thousand_of_one_item():
    lone = features_of(JOURNEY[:1])
    for name, values in WORTH.items():
        same(lone[name], values[:1])
    many = features_of([JOURNEY[0]] * 10_000)
    assert many["length_so_far"][-1] == 10_000
    assert many["hours_since_previous"][:2] == [None, 0]
    assert many["kilometres"][-1] == 0
    assert set(many["cohort_seen"]) == {0}  # one instant
    assert many["previous_stage"] == [None, *[0] * 9_999]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from([3, 4])), min_size=1, max_size=12))
def test_cohorts_are_as_counted_one_by_one(items):
    """Any order of rows, any ties: against the definition, event by event."""
    told = lot(*items)
    for i, (hours, place) in enumerate(items):
        before = [(h, p) for h, p in items if h < hours]
        assert told["cohort_seen"][i] == len(before)
        if not before:
            assert told["cohort_lag_hours"][i] is told["cohort_share_here"][i] is None
            continue
        mean = sum(h for h, _ in before) / len(before)
        here = sum(p == place for _, p in before) / len(before)
        assert told["cohort_lag_hours"][i] == pytest.approx(hours - mean, abs=1e-5)
        assert told["cohort_share_here"][i] == pytest.approx(here, abs=1e-6)
