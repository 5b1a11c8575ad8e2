import datetime as dt

import polars as pl
import pytest

from scantrail import wiring
from scantrail.monitoring.observe import OBSERVED, observe
from scantrail.monitoring.watch import neighbours
from scantrail.settings import read_settings
from scantrail.simulate.config import Noise
from scantrail.simulate.stream import StreamConfig, steady
from scantrail.vocabulary.events import RawLog

TEXT = ("file_id", "epc_code", "location_id", "scan_location", "business_step", "event_type")


@pytest.fixture(scope="module")
def engine():
    return wiring.engine(read_settings({}, artifacts="none"))


@pytest.fixture(scope="module")
def stream():
    noise = Noise(late=0.05)
    return steady(StreamConfig(weeks=2, items=150, warm_up=4, seed=2, noise=noise))


def understood(engine, scans, time=None):
    text = scans["at"].dt.strftime("%Y-%m-%d %H:%M:%S").alias("event_time")
    raw = scans.select(TEXT).with_columns(text if time is None else time).cast(pl.String)
    return engine.understand(RawLog(raw.with_row_index("line")))


def test_every_scan_is_observed_with_its_scores(engine, stream):
    events = understood(engine, stream)
    seen = observe(events, engine.judge(events), engine.network)
    assert len(seen) == len(stream)
    assert dict(seen.schema) | dict(OBSERVED) == dict(seen.schema)
    assert "jumpScore" in seen.columns
    assert seen["seen"].is_sorted()
    assert seen["scanned"].sort().to_list() == stream["at"].sort().to_list()  # local again


def test_the_order_of_rows_tells_when_they_came_in(engine, stream):
    events = understood(engine, stream)
    seen = observe(events, engine.judge(events), engine.network)
    assert (seen["delay"] >= 0).all()
    late = stream.filter(pl.col("uploaded") > pl.col("at") + pl.duration(hours=1))
    assert 0.3 < seen.filter(pl.col("delay") > 1).height / len(late) < 2


def test_known_arrivals_count_where_they_are_known(engine, stream):
    events = understood(engine, stream)
    received = events.frame["time"] + dt.timedelta(hours=3)
    seen = observe(events, engine.judge(events), engine.network, received=received)
    assert seen["delay"].unique().to_list() == [3.0]
    assert (seen["seen"] - seen["scanned"] == dt.timedelta(hours=3)).all()


def test_rejected_rows_are_observed_where_they_stood(engine, stream):
    time = stream["at"].dt.strftime("%Y-%m-%d %H:%M:%S").alias("event_time")
    bad = pl.Series([i % 50 == 7 for i in range(len(stream))])
    events = understood(engine, stream, time.zip_with(~bad, pl.Series(["soon"] * len(stream))))
    seen = observe(events, engine.judge(events), engine.network)
    rejected = seen.filter(pl.col("rejected") == "rejected")
    assert len(seen) == len(stream)
    assert len(rejected) == bad.sum()
    assert rejected["day"].null_count() == 0
    assert set(rejected["feed"]) <= {"1", "2", "3", "4"}
    assert rejected["site"].null_count() == len(rejected)


def test_history_lets_journeys_begin_earlier_and_is_not_observed(engine, stream):
    cut = dt.datetime.fromisoformat("2025-03-10")
    before, after = (stream.filter((pl.col("uploaded") < cut) == early) for early in (True, False))
    history, events = understood(engine, before), understood(engine, after)
    alone = observe(events, engine.judge(events), engine.network)
    report = engine.judge(events, history=history)
    seen = observe(events, report, engine.network, history=history)
    assert len(seen) == len(alone) == len(after)
    assert seen["came_from"].null_count() < alone["came_from"].null_count()
    starts = pl.col("step").str.starts_with("start")
    assert seen.filter(starts).height < alone.filter(starts).height


def test_places_joined_by_a_lane_are_neighbours(engine):
    near = neighbours(engine.network)
    assert near("1001", "1005")
    assert near("1005", "1001")
    assert not near("1001", "1030")
