import dataclasses
import datetime as dt

import numpy as np
import polars as pl
import pytest

from scantrail.errors import SettingsError
from scantrail.simulate.changes import CHANGES, NEW_HUB, NEW_PRODUCT
from scantrail.simulate.stream import STREAM, StreamConfig, steady

CONFIG = StreamConfig(weeks=4, items=600, seed=5, warm_up=10, batch=20)
SINCE = dt.datetime.fromisoformat("2025-03-24")  # its last week


@pytest.fixture(scope="module")
def stream():
    return steady(CONFIG)


def test_weeks_are_alike(stream):
    weeks = stream.filter(pl.col("at") >= dt.datetime.fromisoformat("2025-03-03")).group_by(
        pl.col("at").dt.truncate("1w")
    ).len()["len"]  # fmt: skip
    assert len(weeks) == 4
    assert weeks.max() < 1.35 * weeks.min()


def test_the_end_of_a_stream_is_where_it_is_cut(stream):
    """Anomalies are drawn among the scans of a log: they must not crowd before its end."""
    longer = steady(dataclasses.replace(CONFIG, weeks=6))
    assert longer.filter(pl.col("at") < SINCE + dt.timedelta(weeks=1)).equals(stream)


def test_the_same_settings_give_the_same_stream(stream):
    assert stream.schema == STREAM
    assert steady(CONFIG).equals(stream)
    assert stream["at"].max() < SINCE + dt.timedelta(weeks=1)


def test_rows_stand_in_the_order_of_upload_and_items_are_told_apart(stream):
    ordered = stream.group_by("file_id").agg(pl.col("uploaded").is_sorted())
    assert ordered["uploaded"].all()
    assert (stream["uploaded"] >= stream["at"]).all()
    made = stream.filter(pl.col("event_type") == "Aggregation").group_by("epc_code").len()
    assert (made["len"] == 1).mean() > 0.97  # but for reads that were doubled


def test_impossible_streams_are_refused():
    with pytest.raises(SettingsError, match="^start is 2025-03-04, a Tuesday; a stream starts"):
        StreamConfig(weeks=1, start=dt.date(2025, 3, 4))
    with pytest.raises(SettingsError, match="^items is 99; it must be 100 or more$"):
        StreamConfig(weeks=1, items=99)


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_touches_nothing_before_its_day(stream, name):
    scans, place = CHANGES[name].make(stream, SINCE, np.random.default_rng(1))
    first = SINCE - dt.timedelta(hours=9 if name == "clock in UTC" else 0)
    columns = ["file_id", "location_id", "event_type", "epc_code", "at"]
    before, after = (
        one.filter(pl.col("at") < first).select(columns).sort(columns) for one in (stream, scans)
    )
    assert after.equals(before)
    assert not scans.select(columns).sort(columns).equals(stream.select(columns).sort(columns)) or (
        name == "late data"
    )
    assert scans.schema == STREAM
    assert place in {NEW_HUB[0], *stream["location_id"]}


def test_changes_do_what_they_say(stream):
    def made(name):
        scans, place = CHANGES[name].make(stream, SINCE, np.random.default_rng(1))
        here = pl.col("location_id") == place
        week = pl.col("at") >= SINCE
        return scans.filter(here, week), stream.filter(here, week)

    assert len(made("silent site")[0]) == 0
    assert 0.5 < np.divide(*map(len, made("lost reads"))) < 0.95
    assert set(made("new hub")[0]["scan_location"]) == {NEW_HUB[1]}
    products = made("new product")[0]["epc_code"].str.contains(NEW_PRODUCT, literal=True)
    assert 0.1 < products.mean() < 0.6
    garbled = made("garbling scanner")[0]["epc_code"].str.contains(".", literal=True)
    assert 0.1 < 1 - garbled.mean() < 0.35
    late = made("late data")[0]
    assert 0.25 < (late["uploaded"] - late["at"] > dt.timedelta(hours=5)).mean() < 0.6
    assert np.divide(*map(len, made("plant cut back"))) < 0.6
