"""Rules over many journeys: blocks, kinds of codes, and what is told of found events."""

import numpy as np
import polars as pl
import pytest

from scantrail import pipeline
from scantrail.detectors import rule_set
from scantrail.detectors.catalog import PROFILES, RULES
from scantrail.detectors.found import Found, Names
from scantrail.detectors.rule import RuleSettings
from scantrail.detectors.rule_set import RuleSet
from scantrail.detectors.rules.jump import _lane_z
from scantrail.detectors.scans import CodesJudged, Scans
from scantrail.features.travel import lane_z
from scantrail.ingest.epc import kinds_of
from scantrail.ingest.quality import standardise
from scantrail.simulate import SimulationConfig, simulate
from scantrail.testing import events, network
from scantrail.vocabulary.events import RawLog
from scantrail.vocabulary.linked import LINKED
from scantrail.wiring import DEMO, Engine, Settings, network_at

SCANS = simulate(SimulationConfig(epcs=400, seed=5, anomaly_rate=0.4)).scans
EVENTS = standardise(RawLog(SCANS.with_row_index("line")), zone="Asia/Seoul")
NETWORK = Engine(Settings(), network_at(DEMO)).learned_from(EVENTS).network
SEEN = pipeline.see(EVENTS.frame, NETWORK)
GOOD = "001.8804823.1293291.010004.20250701.000004002"


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("size", [1, 7, 100, 1000])
def test_blocks_change_no_answer(monkeypatch, profile, size):
    rules = RuleSet(PROFILES[profile], RuleSettings(companies=("8804823",)), NETWORK)
    whole = rules.judge(SEEN)
    monkeypatch.setattr(rule_set, "_BLOCK", size)
    assert len(rule_set._blocks(SEEN.columns)) > 1
    cut = rules.judge(SEEN)
    assert cut.scores.equals(whole.scores)
    assert cut.found.equals(whole.found)
    assert len(whole.found) > 10


def test_blocks_hold_whole_journeys_and_every_event(monkeypatch):
    monkeypatch.setattr(rule_set, "_BLOCK", 50)
    blocks = rule_set._blocks(SEEN.columns)
    assert [start for start, _ in blocks] == [0, *(end for _, end in blocks[:-1])]
    assert blocks[-1][1] == len(SEEN.columns)
    assert all(SEEN.columns["position"][start] == 0 for start, _ in blocks)


def test_unknown_is_nan_whatever_the_column():
    scans = Scans(SEEN.columns, SEEN.events, CodesJudged(SEEN.codes))
    for name in LINKED:
        assert np.isnan(scans[name]).tolist() == SEEN.linked[name].is_null().to_list()


def test_what_came_before_is_what_the_frame_says():
    scans = Scans(SEEN.columns, SEEN.events, CodesJudged(SEEN.codes))
    for name in (name for name in LINKED if name.startswith("prev_")):
        known = SEEN.linked[name].is_not_null().to_numpy()
        assert known.any()
        assert scans[name][known].tolist() == SEEN.linked[name].drop_nulls().to_numpy().tolist()


def test_the_rule_and_the_feature_agree_on_the_lane_z():
    scans = Scans(SEEN.columns, SEEN.events, CodesJudged(SEEN.codes))
    feature = SEEN.linked.select(lane_z()).to_series()
    known = feature.is_not_null().to_numpy()
    assert known.sum() > 100
    assert np.isnan(_lane_z(scans)[~known]).all()
    assert _lane_z(scans)[known] == pytest.approx(feature.drop_nulls().to_numpy())


def test_codes_that_differ_in_their_items_only_are_one_kind():
    items = [f"{GOOD[:36]}{serial:09}" for serial in range(400)]
    others = [None, "", GOOD[:30], GOOD.replace("8804823", "9999999"), "ABC" + GOOD[3:], GOOD + "0"]
    codes = pl.Series([*items, *others], dtype=pl.String)
    kinds, at = kinds_of(codes)
    assert set(at[:400].tolist()) == {at[0]}
    assert len(kinds) == len(set(at.tolist())) == 1 + len(others)
    assert [kinds[i].epc_code for i in at[400:]] == others
    one_by_one = [kinds_of(codes[i : i + 1])[0][0] for i in range(len(codes))]
    for code, place in zip(one_by_one, at, strict=True):
        for name in ("scheme", "header", "company", "manufactured", "reason", "product_ok"):
            assert getattr(kinds[place], name) == getattr(code, name)


def test_what_a_found_event_tells():
    scans = [
        ("2025-07-03 10:00:00", 3, "Logistics_HUB", "HUB_Outbound"),
        ("2025-07-03 10:10:00", 99, "W_Stock_Inbound", None),
        ("2025-07-03 10:20:00", None, None, None),
    ]
    seen = pipeline.see(events(scans), network())
    names = Names(seen, np.array([1, 2]))
    told = [Found({"points": [7, 8]}, names, at) for at in (0, 1)]
    wanted = ("points", "here", "there", "step", "prev_step", "at", "prev_at", "item", "site")
    assert [told[0][name] for name in wanted] == [
        7, "location 99", "Birch Hub", "Inbound", "HUB_Outbound",
        "2025-07-03 10:10:00", "2025-07-03 10:00:00", GOOD, None,
    ]  # fmt: skip
    assert told[1]["here"] == "an unnamed place"
    assert told[1]["step"] == "an unnamed step"
    with pytest.raises(KeyError, match="nonsense"):
        told[0]["nonsense"]


def test_a_rule_set_of_all_rules_answers_in_their_order():
    rules = RuleSet(RULES, RuleSettings(), NETWORK)
    assert rules.judge(SEEN).scores.columns == [f"{rule.kind}Score" for rule in RULES]
