"""The one scoring path: order and chunks don't matter, and a failing detector never counts as clean."""

from dataclasses import dataclass

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scantrail import pipeline
from scantrail.detectors.catalog import RULES
from scantrail.detectors.rule import RuleSettings
from scantrail.detectors.rule_set import RuleSet
from scantrail.ingest.quality import standardise
from scantrail.simulate import SimulationConfig, simulate
from scantrail.vocabulary.events import Events, RawLog
from scantrail.wiring import DEMO, network_at

NETWORK = network_at(DEMO)
DETECTOR = RuleSet(RULES, RuleSettings(companies=("8804823", "8805843", "8809437")), NETWORK)
SCANS = simulate(SimulationConfig(epcs=400, seed=5, anomaly_rate=0.4)).scans


def events_of(scans):
    raw = RawLog(scans.with_row_index("line"), source="simulated")
    return standardise(raw, zone="Asia/Seoul")


def verdicts(scans):
    report = pipeline.judge(events_of(scans), NETWORK, [DETECTOR])
    return report.verdicts.drop("row").sort("event_id")


WHOLE = verdicts(SCANS)


def test_the_log_has_something_to_find():
    assert WHOLE["anomaly"].sum() > 50
    assert WHOLE["kind"].n_unique() > 6


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**31))
def test_shuffling_changes_no_verdict(seed):
    assert verdicts(SCANS.sample(fraction=1, shuffle=True, seed=seed)).equals(WHOLE)


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 50), st.integers(0, 2**31))
def test_chunking_by_item_changes_no_verdict(chunks, seed):
    part = SCANS["epc_code"].hash(seed) % chunks
    judged = [verdicts(SCANS.filter(part == i)) for i in range(chunks) if (part == i).any()]
    assert pl.concat(judged).sort("event_id").equals(WHOLE)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.booleans()), max_size=30))
def test_every_row_is_judged_or_rejected(choices):
    rows = [
        {
            "epc_code": None if no_code else f"E{item}",
            "event_time": "never" if no_time else "2025-07-01 10:00:00",
            "location_id": 1001 + item,
        }
        for item, no_code, no_time in choices
    ]
    schema = {"epc_code": pl.String, "event_time": pl.String, "location_id": pl.Int64}
    events = events_of(pl.DataFrame(rows, schema=schema))
    report = pipeline.judge(events, NETWORK, [DETECTOR])
    assert len(report.verdicts) + len(report.rejects) == len(rows)


@dataclass
class Broken:
    name: str = "broken"
    version: str = "1"
    columns: tuple[str, ...] = ("brokenScore",)

    def judge(self, _journeys):
        raise RuntimeError("on purpose")


def test_a_failing_detector_degrades_the_verdict_and_the_others_still_judge():
    report = pipeline.judge(events_of(SCANS), NETWORK, [Broken(), DETECTOR])
    assert report.degraded == ("broken",)
    assert report.verdicts["brokenScore"].null_count() == len(SCANS)
    assert report.verdicts["anomaly"].sum() == WHOLE["anomaly"].sum()


def test_where_nobody_answered_nothing_is_clean():
    report = pipeline.judge(events_of(SCANS), NETWORK, [Broken()])
    assert report.verdicts["finalConfidence"].null_count() == len(SCANS)
    assert not report.verdicts["anomaly"].any()


@pytest.mark.parametrize("scans", [SCANS[:0], SCANS[:1]], ids=["none", "one"])
def test_no_event_or_one_is_judged_like_any(scans):
    report = pipeline.judge(events_of(scans), NETWORK, [DETECTOR])
    assert isinstance(events_of(scans), Events)
    assert len(report.verdicts) == len(scans)
