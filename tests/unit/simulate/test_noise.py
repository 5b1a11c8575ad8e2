"""Noise comes in the promised shares, and never looks like an anomaly."""

import polars as pl
import pytest

from scantrail.vocabulary.chain import STAGES


def test_a_clean_chain_has_no_labels(noisy, silent):
    assert noisy.labels.height == silent.labels.height == 0


def test_nobody_is_at_two_places_in_one_second(noisy):
    places = noisy.scans.group_by("epc_code", "event_time").agg(pl.col("location_id").n_unique())
    assert places["location_id"].max() == 1


def test_nobody_travels_faster_than_a_lorry(noisy_trail):
    moved = noisy_trail.filter(pl.col("km") > 3)
    assert (moved["km"] / moved["hours"]).max() < 90


def test_stages_rise_but_for_repeats_transfers_and_returns(noisy_trail):
    stage = pl.col("event_type").replace_strict(list(STAGES), list(range(10)), default=10)
    steps = noisy_trail.with_columns(stage.alias("stage")).with_columns(
        pl.col("stage").diff().over("epc_code").alias("step"),
        returned=(pl.col("stage") == 10).cum_max().over("epc_code"),
    )
    falls = steps.filter((pl.col("step") < 0) & ~pl.col("returned"))
    assert set(falls["event_type"]) <= {"HUB_Inbound", "HUB_Outbound"}
    assert (falls["location_id"] != falls["before_location_id"]).all()
    back = steps.filter(pl.col("event_type") == "Return")
    assert back.height > 5
    assert set(back["business_step"]) == {"R_Return"}
    assert set(back["before_event_type"]) <= {"POS_Sell", "R_Stock_Outbound"}


def test_double_reads_are_seconds_apart(noisy_trail):
    twice = noisy_trail.filter(
        pl.col("event_type") == pl.col("before_event_type"),
        pl.col("location_id") == pl.col("before_location_id"),
    )
    assert twice.height / noisy_trail.height == pytest.approx(0.005, abs=0.002)
    assert (twice["hours"] * 3600).max() <= 60


def test_missed_reads_are_one_in_a_hundred_and_single(noisy_trail):
    stage = pl.col("event_type").replace_strict(list(STAGES), list(range(10)), default=10)
    steps = noisy_trail.with_columns(stage.alias("stage")).with_columns(
        pl.col("stage").diff().over("epc_code").alias("step")
    )
    skipped = steps.filter(pl.col("step") > 1)
    assert set(skipped["step"]) <= {2}
    # a first or last scan of a journey that was missed leaves no gap
    assert 0.003 < skipped.height / noisy_trail.height < 0.01


def test_late_uploads_stand_behind_younger_scans(noisy):
    times = noisy.scans["event_time"].str.to_datetime()
    newest = pl.DataFrame({"f": noisy.scans["file_id"], "t": times}).select(
        pl.col("t").cum_max().over("f")
    )["t"]
    late = ((newest - times).dt.total_hours() >= 2).mean()
    assert late == pytest.approx(0.01, abs=0.004)


def test_some_histories_start_mid_life(noisy_trail):
    first = noisy_trail.group_by("epc_code").agg(pl.col("event_type").first())
    share = (first["event_type"] == "HUB_Inbound").mean()
    assert 0 < share < 0.03


def test_some_lanes_are_rare_but_legal(noisy_trail):
    hubs = noisy_trail.filter(
        pl.col("event_type") == "HUB_Inbound", pl.col("before_event_type") == "HUB_Outbound"
    )
    assert 0 < hubs.height / noisy_trail.height < 0.02


def test_some_departures_run_late_but_not_into_the_night(noisy_trail):
    clock = noisy_trail["time"].dt.strftime("%H:%M")
    closed = noisy_trail.filter((clock < pl.col("opens")) | (clock >= pl.col("closes")))
    assert 0 < closed.height / noisy_trail.height < 0.02
