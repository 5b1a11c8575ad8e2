"""What may start a retraining by itself."""

import datetime as dt
import json
import shutil

import msgspec
import pytest

from scantrail import wiring
from scantrail.monitoring.alerts import AlertSettings
from scantrail.monitoring.settings import RetrainingSettings
from scantrail.monitoring.signals import Signal
from scantrail.settings import read_settings
from scantrail.work import alerting, triggers

SINCE = dt.datetime.fromisoformat("2025-09-01")
WEEK = dt.timedelta(days=7)


def signal(check="drift", view="travel"):
    return Signal(check=check, view=view, place="1", since=SINCE.date(), p=1e-9, effect={},
                  strength=2.0, what=f"{view} at 1")  # fmt: skip


@pytest.fixture
def settings(tmp_path):
    return read_settings({}, database_url=f"sqlite:///{tmp_path / 'x.sqlite'}", artifacts="none")


def alarm(stores, *signals):
    for day in range(2):
        with stores.alerts.turn() as turn:
            now = SINCE + dt.timedelta(days=day)
            alerting.evaluate(turn, signals, now, AlertSettings(), lambda _a, _b: False)


def with_triggers(settings, **given):
    return msgspec.structs.replace(settings, retraining=RetrainingSettings(**given))


def test_drift_that_lasts_is_a_reason_and_starts_a_retraining_where_it_may(settings, stores):
    alarm(stores, signal())
    assert triggers.reasons(settings, stores, (SINCE + WEEK).date() - dt.timedelta(days=1)) == []
    found = triggers.reasons(settings, stores, (SINCE + WEEK).date())
    assert found == [("drift", "travel at 1 (since 2025-09-01)")]
    assert triggers.pull(settings, stores, SINCE + WEEK) == []  # by default, nothing starts
    eager = with_triggers(settings, on=("drift",), dataset="summer", epochs=2)
    [said] = triggers.pull(eager, stores, SINCE + WEEK)
    [job] = stores.jobs.queued()
    assert said == f"retraining started (job {job.id}): travel at 1 (since 2025-09-01)"
    assert (job.kind, job.actor) == ("retrain", "trigger drift")
    assert job.asked == {"dataset": "summer", "seed": 0, "epochs": 2,
                         "reason": "drift: travel at 1 (since 2025-09-01)"}  # fmt: skip
    stores.jobs.end(job.id, "failed", message="tried")
    assert triggers.pull(eager, stores, SINCE + WEEK) == []  # it cools down
    again = with_triggers(settings, on=("drift",), cool_down_days=0)
    assert len(triggers.pull(again, stores, SINCE + WEEK)) == 1
    assert triggers.pull(again, stores, SINCE + WEEK) == []  # one waits


def test_drift_may_have_to_last_for_longer_than_signals_look_back(settings, stores):
    for day in range(30):  # each signal sees its own seven days
        with stores.alerts.turn() as turn:
            now = SINCE + dt.timedelta(days=day)
            mine = msgspec.structs.replace(signal(), since=max(SINCE, now - WEEK).date())
            alerting.evaluate(turn, [mine], now, AlertSettings(), lambda _a, _b: False)
    patient = with_triggers(settings, drift_days=28)
    assert triggers.reasons(patient, stores, (SINCE + 4 * WEEK).date() - dt.timedelta(1)) == []
    [found] = triggers.reasons(patient, stores, (SINCE + 4 * WEEK).date())
    assert found == ("drift", "travel at 1 (since 2025-09-01)")


@pytest.mark.parametrize(("check", "view"), [("silent", "silence"), ("drift", "delay"),
                                             ("drift", "rejected"), ("volume", "scans")])  # fmt: skip
def test_faults_of_feeds_teach_nothing(settings, stores, check, view):
    alarm(stores, signal(check, view))
    assert triggers.reasons(settings, stores, (SINCE + 9 * WEEK).date()) == []


def test_an_old_artifact_is_a_reason(settings, stores, tmp_path):
    folder = shutil.copytree(wiring.DEMO_ARTIFACT, tmp_path / "old")
    card = json.loads((folder / "card.json").read_text("utf-8"))
    made = dt.datetime.now(dt.UTC) - dt.timedelta(days=40, hours=1)
    (folder / "card.json").write_text(json.dumps(card | {"created": made.isoformat()}), "utf-8")
    old = msgspec.structs.replace(settings, artifacts=str(folder))

    assert triggers.reasons(with_triggers(old, age_days=41), stores) == []
    [(trigger, why)] = triggers.reasons(with_triggers(old, age_days=40), stores)

    assert (trigger, why) == ("age", "the artifact that judges is 40 days old")


def test_settings_of_triggers_come_from_the_environment():
    given = {"SCANTRAIL_RETRAINING__ON": "drift, age", "SCANTRAIL_RETRAINING__AGE_DAYS": "30"}
    assert read_settings(given).retraining == RetrainingSettings(on=("drift", "age"), age_days=30)
    closed = read_settings({"SCANTRAIL_MONITORING__DRIFT__CLOSED": "2025-10-03,2025-10-09"})
    assert closed.monitoring.drift.closed == (dt.date(2025, 10, 3), dt.date(2025, 10, 9))
