"""Every kind occurs, is labelled where it shows, and looks as promised."""

import re

import polars as pl
import pytest

from scantrail.simulate import SimulationConfig, simulate
from scantrail.simulate.anomalies.catalog import KINDS

RULE_VISIBLE = {
    "epcFake",
    "epcDup",
    "jump",
    "evtOrderErr",
    "locErr",
    "afterSale",
    "missedScan",
    "scanCorruption",
}
CODE = re.compile(r"001\.(8804823|8805843|8809437)\.[0-9]{7}\.[0-9]{6}\.20250[0-9]{3}\.[0-9]{9}")


def of(trail: pl.DataFrame, kind: str) -> pl.DataFrame:
    found = trail.filter(pl.col("kind") == kind)
    assert found.height > 0
    return found


def test_every_kind_occurs_and_says_whether_a_rule_sees_it(labelled):
    seen = dict(labelled.labels.select("kind", "rule_visible").unique().iter_rows())
    assert seen.keys() == KINDS.keys()
    assert {k for k, visible in seen.items() if visible} == RULE_VISIBLE


@pytest.mark.parametrize("chain", ["demo", "second"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_kind_occurs_with_any_seed(chain, seed):
    made = simulate(SimulationConfig(epcs=20_000, seed=seed, chain=chain))
    assert set(made.labels["kind"]) == set(KINDS)


def test_labels_point_to_scans_with_that_very_code(labelled):
    joined = labelled.labels.join(labelled.scans, on=["event_id", "epc_code"], how="inner")
    assert joined.height == labelled.labels.height
    assert labelled.labels["event_id"].is_unique().all()


def test_about_a_twentieth_of_the_items_is_odd(labelled):
    codes = labelled.labels.filter(pl.col("kind") != "scanCorruption")["epc_code"].n_unique()
    assert codes / 20_000 == pytest.approx(0.05, abs=0.006)


def test_an_item_has_one_kind_only(labelled):
    kinds = labelled.labels.group_by("epc_code").agg(pl.col("kind").n_unique())
    assert kinds["kind"].max() == 1


def test_fakes_are_no_wellformed_codes(labelled_trail):
    fakes = of(labelled_trail, "epcFake")["epc_code"].unique()
    assert not [c for c in fakes if CODE.fullmatch(c)]
    assert any(c.split(".")[1].startswith("99") for c in fakes if c.count(".") == 5)
    whole = labelled_trail.filter(pl.col("epc_code").is_in(fakes.to_list()))
    assert set(whole["kind"]) == {"epcFake"}


def test_honest_codes_are_wellformed(labelled_trail):
    rest = labelled_trail.filter(
        ~pl.col("kind").is_in(["epcFake", "scanCorruption"]).fill_null(False)
    )
    assert all(CODE.fullmatch(c) for c in rest["epc_code"].unique())


def test_damaged_codes_occur_once(labelled_trail):
    odd = of(labelled_trail, "scanCorruption")["epc_code"]
    assert not [c for c in odd if CODE.fullmatch(c)]
    assert labelled_trail.filter(pl.col("epc_code").is_in(odd.to_list())).height == odd.len()


def test_clones_are_at_two_places_in_one_second(labelled_trail):
    odd = of(labelled_trail, "epcDup")
    pairs = odd.group_by("epc_code", "time").agg(pl.col("location_id").n_unique(), pl.len())
    assert set(pairs["location_id"]) == {2}
    assert set(pairs["len"]) == {2}


def test_jumps_are_impossible(labelled_trail):
    odd = of(labelled_trail, "jump")
    assert (odd["km"] > 100).all()
    assert (odd["hours"] * 60).max() <= 25


def test_disorder_contradicts_the_order_of_steps(labelled_trail):
    odd = of(labelled_trail, "evtOrderErr")
    late_in = odd.filter(
        pl.col("before_event_type").str.ends_with("Outbound")
        & pl.col("event_type").str.ends_with("Inbound")
        & (pl.col("location_id") == pl.col("before_location_id"))
    )
    minutes = late_in["hours"] * 60
    assert late_in.height >= 20
    assert minutes.min() >= 35
    assert minutes.max() <= 215
    twice = odd.filter(pl.col("event_type") == pl.col("before_event_type"))
    assert twice.height >= 10
    assert twice["hours"].min() > 1


def test_wrong_tiers_go_back_skip_or_are_unknown(labelled_trail):
    odd = of(labelled_trail, "locErr")
    unknown = odd.filter(pl.col("tier").is_null())
    assert unknown.height > 5
    assert odd.filter(pl.col("before_event_type") == "HUB_Outbound", tier="retailer").height > 5
    up = odd.filter(pl.col("tier").is_in(["hub", "warehouse"]))
    assert set(up["before_event_type"]) <= {"W_Stock_Inbound", "R_Stock_Inbound"}


def test_life_after_the_sale_has_no_return(labelled_trail):
    odd = of(labelled_trail, "afterSale")
    lives = labelled_trail.filter(pl.col("epc_code").is_in(odd["epc_code"].to_list()))
    assert "Return" not in set(lives["event_type"])
    assert set(odd["before_event_type"]) == {"POS_Sell"}


def test_missing_links_come_two_to_four_in_a_row(labelled, noisy, labelled_trail):
    odd = of(labelled_trail, "missedScan")["epc_code"].to_list()
    left = labelled.scans.filter(pl.col("epc_code").is_in(odd)).unique(["epc_code", "event_type"])
    all_ = noisy.scans.filter(pl.col("epc_code").is_in(odd)).unique(["epc_code", "event_type"])
    gone = (
        all_["epc_code"]
        .value_counts()
        .join(left["epc_code"].value_counts(), on="epc_code", suffix="_left")
    )
    gaps = gone["count"] - gone["count_left"]
    assert gaps.min() >= 2
    assert gaps.max() <= 4


def test_short_and_long_stays(labelled_trail):
    assert (of(labelled_trail, "dwellShort")["hours"] * 60).max() <= 15
    assert of(labelled_trail, "dwellLong")["hours"].min() > 15 * 24
    assert of(labelled_trail, "travelSlow")["hours"].min() > 4 * 24


def test_off_hours_are_at_night_at_closed_sites(labelled_trail):
    odd = of(labelled_trail, "offHours")
    assert odd["time"].dt.hour().max() <= 4
    assert odd["opens"].null_count() == 0


def test_foreign_products_are_made_at_the_wrong_plant(labelled, labelled_trail):
    honest = set(
        labelled.scans.join(labelled.labels, on="event_id", how="anti")
        .filter(~pl.col("epc_code").is_in(labelled.labels["epc_code"].implode()))
        .select("file_id", "product_name")
        .unique()
        .iter_rows()
    )
    odd = set(of(labelled_trail, "productOrigin").select("file_id", "product_name").iter_rows())
    assert odd.isdisjoint(honest)


def test_diverted_goods_go_where_no_honest_goods_go(labelled_trail, noisy_trail):
    lane = ["before_location_id", "location_id"]
    odd = of(labelled_trail, "diversion").select(lane)
    assert odd.join(noisy_trail.select(lane).unique(), on=lane, how="semi").height == 0


def test_bursts_scan_one_item_many_times_in_a_session(labelled_trail):
    odd = (
        of(labelled_trail, "burst")
        .group_by("epc_code")
        .agg(
            pl.len(),
            pl.col("location_id").n_unique(),
            span=pl.col("time").max() - pl.col("time").min(),
        )
    )
    assert odd["len"].min() >= 9
    assert odd["location_id"].max() == 1
    assert odd["span"].max().total_seconds() < 1_800


def test_a_serial_is_made_twice_before_it_is_stored(labelled_trail):
    odd = of(labelled_trail, "doubleCommissioning")
    assert set(odd["event_type"]) == set(odd["before_event_type"]) == {"Aggregation"}
    assert (odd["hours"] * 60).min() > 2


def test_one_operator_is_behind_the_concentration(labelled_trail):
    assert of(labelled_trail, "actorConcentration")["operator_id"].n_unique() == 1


def test_a_skewed_clock_and_a_weak_reader_belong_to_one_site(labelled_trail):
    assert of(labelled_trail, "clockSkew")["location_id"].n_unique() == 1
    assert of(labelled_trail, "readRateDrop")["before_event_type"].n_unique() <= 2


def test_kinds_that_no_rule_sees_break_no_rule(labelled_trail):
    hidden = labelled_trail.filter(~pl.col("rule_visible"))
    moved = hidden.filter(pl.col("km") > 3)
    assert (moved["km"] / moved["hours"]).max() < 92
    tier = ["factory", "warehouse", "hub", "wholesaler", "retailer"]
    items = labelled_trail.filter(pl.col("epc_code").is_in(hidden["epc_code"].to_list()))
    rank = pl.col("tier").replace_strict(tier, range(5), return_dtype=pl.Int8)
    step = items.with_columns(rank.alias("rank")).select(pl.col("rank").diff().over("epc_code"))
    assert step["rank"].min() >= 0
    places = items.group_by("epc_code", "time").agg(pl.col("location_id").n_unique())
    assert places["location_id"].max() == 1
