"""Features: defined for any journey, blind to the future, and tied to a fingerprint."""

from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scantrail.features.catalog import FEATURES, LIVE, feature_frame, fingerprint
from scantrail.ingest.epc import decompose
from scantrail.ingest.quality import standardise
from scantrail.journeys import link
from scantrail.simulate import SimulationConfig, simulate
from scantrail.vocabulary.events import RawLog
from scantrail.wiring import DEMO, network_at

NETWORK = network_at(DEMO)
SCANS = simulate(SimulationConfig(epcs=300, seed=9, anomaly_rate=0.2)).scans
EVENTS = standardise(RawLog(SCANS.with_row_index("line")), zone="Asia/Seoul").frame


def features_of(events, features=FEATURES):
    linked, codes = link(events, NETWORK)
    frame = feature_frame(
        linked.frame, decompose(codes), NETWORK.sites, NETWORK.transitions, features
    )
    return frame.sort("row")


WHOLE = features_of(EVENTS)


def test_every_feature_is_a_float_and_tells_something():
    assert WHOLE.columns == ["row", *(feature.name for feature in FEATURES)]
    assert set(WHOLE.drop("row").dtypes) == {pl.Float32()}
    silent = [name for name in WHOLE.columns if WHOLE[name].null_count() == len(WHOLE)]
    assert silent == []
    assert all(feature.about.endswith(".") or feature.about for feature in FEATURES)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000))
def test_later_events_change_no_live_feature_of_earlier_ones(place):
    moments = EVENTS["time"].sort()
    now = moments[place * (len(moments) - 1) // 1000]
    past = EVENTS.filter(pl.col("time") <= now)
    names = ["row", *(feature.name for feature in LIVE)]
    known = features_of(past, LIVE).select(names)
    later = WHOLE.filter(pl.col("row").is_in(past["row"].implode())).select(names)
    assert known.equals(later)


def test_looking_back_is_another_feature():
    names = [feature.name for feature in FEATURES if feature.looks_back]
    assert names == ["cohort_lag_hours_lookback", "cohort_share_here_lookback"]
    past = EVENTS.filter(pl.col("time") <= EVENTS["time"].median())
    later = WHOLE.filter(pl.col("row").is_in(past["row"].implode()))
    assert not features_of(past)[names[0]].equals(later[names[0]])


@pytest.mark.parametrize("length", [0, 1, 10_000])
def test_journeys_of_any_length_have_features(length):
    one = EVENTS[:1]
    times = pl.Series([60_000_000 * i for i in range(length)], dtype=pl.Int64)
    start = EVENTS["time"][0]
    events = pl.concat([one] * length) if length else EVENTS[:0]
    events = events.with_columns(
        row=pl.int_range(pl.len(), dtype=pl.UInt32),
        time=pl.lit(start) + times.cast(pl.Duration("us")),
    ) if length else events  # fmt: skip
    frame = features_of(events)
    assert len(frame) == length
    assert frame["position"].to_list() == list(range(length))


def test_the_fingerprint_follows_set_order_and_revision():
    assert fingerprint() == fingerprint(FEATURES)
    assert len(fingerprint()) == 16
    revised = (replace(FEATURES[0], revision=FEATURES[0].revision + 1), *FEATURES[1:])
    others = {fingerprint(LIVE), fingerprint(FEATURES[::-1]), fingerprint(revised)}
    assert len(others | {fingerprint()}) == 4
