from dataclasses import replace

import msgspec
import pytest

from scantrail import wiring
from scantrail.errors import InputError, SettingsError
from scantrail.evaluation.trying import Change, History
from scantrail.settings import Settings, read_settings


@pytest.fixture(scope="module")
def engine():
    return wiring.engine(Settings())


@pytest.fixture(scope="module")
def history(simulated):
    return History.read(simulated / "scans.tsv", Settings())


def test_no_change_is_none_and_any_is_some():
    assert not Change()
    assert Change(settings={"zone": "UTC"})
    assert Change(weights={"lstm": 2.0})
    assert Change(without=frozenset({"jump"}))


def test_a_setting_is_read_as_the_environment_is(monkeypatch):
    monkeypatch.setenv("SCANTRAIL_THRESHOLDS__VEHICLE_KMH", "99")
    change = Change({"thresholds.jump_score": "81", "ensemble.alert_score": "70"})
    settings = change.read()
    assert settings.thresholds.jump_score == 81
    assert settings.thresholds.vehicle_kmh == 99
    assert settings.ensemble.alert_score == 70
    with pytest.raises(SettingsError, match="a setting can't be used: .*unknown field `nope`"):
        Change({"nope": "1"}).read()


def test_rules_and_detectors_are_switched_off(engine):
    changed = Change(without=frozenset({"jump", "svm"})).on(engine)
    rules, lstm = changed.detectors()
    assert "jumpScore" not in rules.columns
    assert "epcFakeScore" in rules.columns
    assert lstm.name == "lstm"
    assert "jumpScore" in engine.detectors()[0].columns


def test_without_all_rules_there_is_no_rule_detector(engine):
    every = frozenset(rule.kind.value for rule in engine.detectors()[0].rules)
    assert [one.name for one in Change(without=every).on(engine).detectors()] == ["lstm", "svm"]


def test_weights_change_a_copy(engine):
    changed = Change(weights={"lstm": 3.0}).on(engine)
    assert changed.artifact.combination.weights["lstm"] == 3.0
    assert engine.artifact.combination.weights["lstm"] != 3.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (Change(without=frozenset({"nope"})), "there is no rule or detector 'nope' to switch off; "
         "there are afterSale, epcDup, epcFake"),
        (Change(weights={"lstm": 0.0}), "'lstm' can't have the weight 0; give lstm or svm a number"),
        (Change(weights={"rules": 1.0}), "'rules' can't have the weight 1; give lstm or svm"),
    ],
)  # fmt: skip
def test_what_can_not_be_changed_is_refused(engine, change, message):
    with pytest.raises(SettingsError, match=message):
        change.on(engine)


def test_weights_need_models():
    bare = wiring.engine(read_settings({}, artifacts="none"))
    with pytest.raises(SettingsError, match="weights need learned detectors; name an artifact"):
        Change(weights={"lstm": 2.0}).on(bare)


def test_a_log_is_judged_as_it_would_be(history):
    settings = read_settings({}, artifacts="none")
    present = history.judged(settings)
    tried = history.judged(settings, Change(without=frozenset({"epcFake"})))
    assert (present["epcFakeScore"] > 0).any()
    assert "epcFakeScore" not in tried.columns
    assert len(tried) == len(present)
    assert history.judged(settings)["finalConfidence"].equals(present["finalConfidence"])


def test_a_log_without_a_readable_scan_is_refused(tmp_path):
    log = tmp_path / "log.csv"
    log.write_text("epc_code,event_time,location_id\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"log\.csv has no readable scan; nothing can be tried"):
        History.read(log, Settings())


def test_a_setting_wins_over_the_alert_score_that_an_artifact_brings(engine):
    about = {**engine.artifact.card.about, "alert_score": 66.0}
    card = msgspec.structs.replace(engine.artifact.card, about=about)
    bringing = engine.with_artifact(replace(engine.artifact, card=card))
    assert bringing.settings.ensemble.alert_score == 66.0
    changed = Change({"ensemble.alert_score": "70"}).on(bringing)
    assert changed.settings.ensemble.alert_score == 70.0
