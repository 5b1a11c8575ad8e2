"""Columns, sizes, order and the honest journeys."""

import datetime as dt

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scantrail.simulate import Noise, SimulationConfig, demo_sites, simulate
from scantrail.simulate.chains import CHAINS
from scantrail.vocabulary.chain import STAGES
from scantrail.vocabulary.events import SOURCE_COLUMNS


def test_columns_are_the_sources_after_event_and_file(labelled):
    assert labelled.scans.columns == ["event_id", "file_id", *SOURCE_COLUMNS]
    assert labelled.labels.columns == ["event_id", "epc_code", "kind", "rule_visible"]


def test_event_ids_count_the_rows_and_files_are_blocks(labelled):
    scans = labelled.scans
    assert scans["event_id"].to_list() == list(range(1, scans.height + 1))
    assert scans["file_id"].is_sorted()
    assert scans["file_id"].unique().to_list() == [1, 2, 3, 4]


def test_no_cell_is_empty_but_the_parts_of_odd_codes(labelled):
    odd = labelled.labels.filter(pl.col("kind").is_in(["epcFake", "scanCorruption"]))
    clean = labelled.scans.join(odd, on="event_id", how="anti")
    assert sum(clean.null_count().row(0)) == 0
    assert sum(labelled.scans.drop(pl.selectors.starts_with("epc_")).null_count().row(0)) == 0


def test_codes_keep_their_zeros_and_the_integer_columns_lose_them(silent):
    row = silent.scans.row(0, named=True)
    assert row["epc_code"] == "001.8804823.1310452.010001.20250701.000000001"
    assert [row[f"epc_{p}"] for p in ("header", "company", "product", "lot", "serial")] == [
        1,
        8804823,
        1310452,
        10001,
        1,
    ]
    assert row["event_time"] == row["manufacture_date"] == "2025-07-01 10:23:38"
    assert row["expiry_date"] == 20251231
    assert silent.scans["epc_code"].str.len_chars().unique().to_list() == [45]


def test_the_funnel_is_the_calibrated_one(silent):
    count = dict(silent.scans["event_type"].value_counts().iter_rows())
    made = [20_000, 20_000, 13_000, 13_000, 7_000, 7_000, 5_000, 5_000, 1_000, 1_000]
    for stage, expected in zip(STAGES, made, strict=True):
        assert count[stage] == pytest.approx(expected, rel=0.06), stage
    assert silent.scans.height / 20_000 == pytest.approx(4.6, abs=0.05)


def test_months_follow_the_source(noisy):
    month = noisy.scans["event_time"].str.slice(5, 2)
    shares = [(month == m).mean() for m in ("07", "08", "09")]
    assert shares == pytest.approx([0.71, 0.21, 0.06], abs=0.08)


def test_every_journey_rises_through_its_stages_without_noise(silent_trail):
    stage = pl.col("event_type").replace_strict(list(STAGES), list(range(10)), return_dtype=pl.Int8)
    steps = silent_trail.with_columns(stage.alias("stage"))
    step = steps.select(pl.col("stage").diff().over("epc_code"))["stage"]
    assert step.drop_nulls().min() == 1
    assert step.drop_nulls().max() == 1
    assert silent_trail["hours"].drop_nulls().min() > 0


def test_a_batch_shares_its_timestamps(silent):
    ways = silent.scans.filter(pl.col("event_type") == "WMS_Outbound")
    sizes = ways.group_by("file_id", "event_time").len()["len"]
    assert sizes.mode().to_list() == [100]


def test_products_are_made_at_their_own_plants_only(noisy):
    for file_id, plant in enumerate(CHAINS["demo"].plants, start=1):
        made = noisy.scans.filter(pl.col("file_id") == file_id)["product_name"].unique()
        assert set(made) <= {f"Product {p + 1}" for p in plant.products}


def test_goods_are_scanned_only_while_a_site_is_open(silent_trail):
    clock = silent_trail["time"].dt.strftime("%H:%M")
    closed = silent_trail.filter((clock < pl.col("opens")) | (clock >= pl.col("closes")))
    assert closed.height == 0
    slow = silent_trail.filter(pl.col("tier") == "wholesaler")["time"]
    assert (slow.dt.weekday() == 7).sum() == 0
    assert (slow.dt.strftime("%m-%d") == "08-15").sum() == 0


def test_same_seed_same_frames_and_another_seed_another_chain():
    config = SimulationConfig(epcs=2_000, seed=3)
    first, second = simulate(config), simulate(config)
    assert first.scans.equals(second.scans)
    assert first.labels.equals(second.labels)
    assert not first.scans.equals(simulate(SimulationConfig(epcs=2_000, seed=4)).scans)


def test_anomalies_leave_the_honest_journeys_alone(noisy, labelled):
    odd = labelled.labels["epc_code"].unique()
    key = ["epc_code", "event_type", "event_time", "location_id"]
    same = labelled.scans.join(noisy.scans.unique(key), on=key, how="semi")
    assert labelled.scans.height - same.height < 4 * labelled.labels.height
    assert odd.len() < 0.06 * 20_000


def test_the_second_chain_shares_nothing_with_the_demo():
    second = simulate(SimulationConfig(epcs=2_000, chain="second"))
    demo = demo_sites()
    assert set(second.sites["scan_location"]).isdisjoint(demo["scan_location"])
    assert set(second.sites["location_id"]).isdisjoint(demo["location_id"])
    assert set(second.scans["epc_product"].drop_nulls()).isdisjoint(
        int(p) for _, p in CHAINS["demo"].products
    )


@settings(max_examples=25, deadline=None)
@given(
    epcs=st.integers(1, 400),
    seed=st.integers(0, 2**32),
    chain=st.sampled_from(["demo", "second"]),
    rate=st.sampled_from([0.0, 0.05, 0.3]),
    span=st.tuples(st.sampled_from([1, 20, 168]), st.sampled_from([1, 7, 100])),
)
def test_any_small_chain_is_sound(epcs, seed, chain, rate, span):
    days, batch = span
    config = SimulationConfig(
        epcs, seed, chain=chain, anomaly_rate=rate, days=days, batch=batch, production_days=1
    )
    made = simulate(config)
    assert made.scans["event_id"].to_list() == list(range(1, made.scans.height + 1))
    joined = made.labels.join(made.scans, on=["event_id", "epc_code"], how="inner")
    assert joined.height == made.labels.height == made.labels["event_id"].n_unique()
    last = made.scans["event_time"].max()
    assert last is None or last < str(config.start + dt.timedelta(days=days))


def test_without_noise_and_anomalies_every_item_is_there(silent):
    assert silent.scans["epc_code"].n_unique() == 20_000
    assert Noise.none() == silent.config.noise
