"""Monitoring of what the service stored, on both databases: from scans to alerts and back."""

import datetime as dt
import json

import msgspec
import numpy as np
import polars as pl
import pytest

from scantrail import wiring
from scantrail.serve.api import create_app
from scantrail.settings import read_settings
from scantrail.simulate.changes import CHANGES
from scantrail.simulate.stream import StreamConfig, steady
from scantrail.work.monitor import Watch, due
from scantrail.work.process import run_job
from scantrail.work.queue import queue_file

CONFIG = StreamConfig(weeks=6, items=500, seed=3, warm_up=6)
START = dt.datetime.combine(CONFIG.start, dt.time())
CHANGE = START + dt.timedelta(weeks=5)


def quiet(_stage, _share):
    pass


@pytest.fixture(scope="module")
def stream():
    """Scans in which a site is silent from the sixth week on, and which site."""
    return CHANGES["silent site"].make(steady(CONFIG), CHANGE, np.random.default_rng(1))


@pytest.fixture(scope="module")
def settings(shared_database_url):
    return read_settings(
        {}, database_url=shared_database_url,
        monitoring={"baseline_days": 28, "audit_size": 5},
        webhook={"url": "http://127.0.0.1:1/", "secret": "a secret of sixteen letters"},
    )  # fmt: skip


@pytest.fixture(scope="module")
def stores(settings, stream, stored):
    return stored(settings, stream.scans.filter(pl.col("uploaded") >= START))


@pytest.fixture(scope="module")
def watched(settings, stores):
    """What each look said, midnight by midnight."""
    watch = Watch(settings, stores)
    early = watch.run(START + dt.timedelta(weeks=3), quiet)
    return [early, *(watch.run(CHANGE + dt.timedelta(days=day), quiet) for day in range(8))]


@pytest.fixture
def send(call, settings, stores, watched):
    return call(create_app(wiring.engine(settings), stores, insecure_local=True))


def test_it_learns_then_compares_and_names_what_changed(send, watched, stream):
    assert watched[0] == "what is usual is not known yet: 21 days are stored, and 35 are needed"
    found = send("GET", "/api/monitoring/drift").json()
    assert (found["state"], found["until"], found["withScores"]) == (
        "compared", (CHANGE + dt.timedelta(days=7)).isoformat(), True,
    )  # fmt: skip
    assert found["baseline"]["madeBy"] == "monitoring"
    assert (
        found["baseline"]["version"] == found["version"] == wiring.version_of(wiring.DEMO_ARTIFACT)
    )
    place = str(stream.place)
    assert {"silent"} <= {one["check"] for one in found["signals"] if one["place"] == place}
    alerts = send("GET", "/api/alerts").json()
    [mine] = [one for one in alerts if place in one["places"]]
    [feed] = [one for one in send("GET", "/api/monitoring/feeds").json()["sites"] if one["silent"]]
    assert feed["site"] == place
    assert CHANGE - dt.timedelta(days=3) < dt.datetime.fromisoformat(feed["last"]) < CHANGE
    assert mine["phase"] == "open"
    assert dt.date.fromisoformat(mine["since"]) >= CHANGE.date() - dt.timedelta(days=7)
    detail = send("GET", f"/api/alerts/{mine['id']}").json()
    assert {"seen", "start"} <= {one["what"] for one in detail["changes"]}
    assert send("GET", "/api/alerts/nothing").status_code == 404


def test_every_site_has_a_chart_and_a_feed(send):
    rates = send("GET", "/api/monitoring/alerts-rate").json()["sites"]
    assert all(len(one["days"]) == len(one["scans"]) == 7 for one in rates)
    busy = max(rates, key=lambda one: sum(one["scans"]))
    assert busy["rate"] == round(1e4 * sum(busy["alerts"]) / sum(busy["scans"]), 2)
    feeds = send("GET", "/api/monitoring/feeds").json()
    assert len(feeds["sites"]) > 10
    assert {one["feed"] for one in feeds["rejections"]} >= {"1", "2"}


def test_what_was_looked_at_is_not_looked_at_again(settings, stores, watched):
    until = CHANGE + dt.timedelta(days=7)
    assert Watch(settings, stores).run(until, quiet).startswith("nothing new")
    before = stores.evaluations.newest(100)
    job = stores.jobs.add("monitor", {"until": "2025-03-20"}, "kim")
    run_job(settings, stores, job.id)
    told = stores.jobs.get(job.id)
    assert (told.state, told.message) == (
        "failed", "monitoring has looked at 2025-04-14 already; 2025-03-20 is before that",
    )  # fmt: skip
    assert stores.evaluations.newest(100) == before
    assert due(settings, stores)  # a midnight has passed since 2025


def test_notices_are_on_their_way_once_each(stores, watched):
    waiting = stores.outbox.due()
    bodies = [json.loads(one.body) for one in waiting]
    assert len({one["id"] for one in bodies}) == len(bodies) > 0
    assert {one["what"] for one in bodies} <= {"start", "update", "end"}
    assert all(len(one["alertId"]) == 12 and one["alert"]["symptoms"] for one in bodies)


def test_alerts_are_snoozed_and_acknowledged_on_record(send, stores):
    alert = send("GET", "/api/alerts").json()[0]["id"]
    quiet_now = send("POST", f"/api/alerts/{alert}/snooze", json={"hours": 2, "reason": "works"})
    assert quiet_now.json()["snoozedUntil"] is not None
    mine = send("POST", f"/api/alerts/{alert}/acknowledge").json()
    assert mine["acknowledgedBy"] == "local"
    changes = send("GET", f"/api/alerts/{alert}").json()["changes"]
    assert [(one["what"], one["actor"], one["reason"]) for one in changes[-2:]] == [
        ("snooze", "local", "works"), ("acknowledge", "local", ""),
    ]  # fmt: skip
    counts = stores.alerts.counts()
    assert sum(n for (phase, _), n in counts.items() if phase == "open") == len(
        send("GET", "/api/alerts").json()
    )
    assert send("POST", f"/api/alerts/{alert}/snooze", json={"hours": 0}).status_code == 422
    assert send("POST", "/api/alerts/x/acknowledge").status_code == 404


def look_at_alerts(send):
    """Confirm every third of the newest alerts, and dismiss the others."""
    for number, one in enumerate(send("GET", "/api/manager/anomalies?most=60").json()):
        asked = {"verdict": "dismiss" if number % 3 else "confirm", "reason": "looked",
                 "epcCode": one["epcCode"], "eventId": one["eventId"]}  # fmt: skip
        assert send("POST", "/api/feedback", json=asked).status_code == 201


def test_the_weekly_sample_is_the_same_for_everybody_and_tells_recall(send, settings, stores):
    week = "2025-W15"
    sample = send("GET", "/api/monitoring/audit-sample", params={"week": week}).json()
    assert sample == send("GET", "/api/monitoring/audit-sample", params={"week": week}).json()
    assert len(sample["items"]) == 5
    assert sample["silent"] > sample["alerted"] > 0
    unknown = send("GET", "/api/monitoring/performance").json()
    assert unknown["recall"] is None
    assert unknown["unknown"].startswith("recall is unknown as long as nobody has looked at")
    codes = [one["epcCode"] for one in sample["items"]]
    for number, code in enumerate(codes):
        asked = {"verdict": "dismiss" if number else "confirm", "reason": "looked", "epcCode": code,
                 "week": week}  # fmt: skip
        assert send("POST", "/api/feedback", json=asked).status_code == 201
    look_at_alerts(send)
    told = send("GET", "/api/monitoring/performance").json()
    whole, *rest = told["precision"]
    assert (whole["kind"], whole["version"]) == (None, None)
    assert whole["low"] < whole["value"] < whole["high"]
    assert sum(one["looks"] for one in rest if one["kind"] and one["version"]) >= whole["looks"] > 5
    assert 0 < told["recall"]["low"] < told["recall"]["high"] < 1
    answered = send("GET", "/api/monitoring/audit-sample", params={"week": week}).json()
    assert [one["verdict"] for one in answered["items"]] == ["confirm"] + ["dismiss"] * 4
    known = stores.feedback.known_items()
    assert [known[code] for code in codes] == [True, False, False, False, False]
    other = {"verdict": "dismiss", "reason": "r", "epcCode": "x", "week": week}
    assert send("POST", "/api/feedback", json=other).status_code == 404


@pytest.mark.parametrize(
    ("week", "status", "told"),
    [("2025", 422, "should match pattern"), ("2025-W53", 404, "'2025-W53' is no week"),
     ("2999-W01", 409, "2999-W01 isn't over"), ("2001-W01", 409, "was scanned in 2001-W01")],
)  # fmt: skip
def test_weeks_of_which_no_sample_can_be_drawn(send, week, status, told):
    answer = send("GET", "/api/monitoring/audit-sample", params={"week": week})
    assert answer.status_code == status
    assert told in answer.text


def test_days_can_be_taken_as_usual(send, settings, stores):
    asked = {"first": "2025-03-10", "last": "2025-03-31"}
    answer = send("POST", "/api/monitoring/baseline", json=asked)
    assert (answer.status_code, answer.json()["kind"]) == (202, "monitor")
    assert queue_file(settings).is_file()
    run_job(settings, stores, answer.json()["id"])
    done = send("GET", answer.headers["location"]).json()
    assert done["state"] == "done"
    assert done["message"].endswith("scans from 2025-03-10 to 2025-03-31 are usual now")
    assert send("GET", "/api/monitoring/drift").json()["baseline"]["last"] == "2025-03-31"
    short = send("POST", "/api/monitoring/baseline", json=asked | {"last": "2025-03-15"}).json()
    run_job(settings, stores, short["id"])
    assert "a baseline needs 14 days at least" in stores.jobs.get(short["id"]).message
    queue_file(settings).unlink()


def test_a_version_that_is_new_is_compared_without_its_scores(settings, stores, watched):
    content = stores.evaluations.baseline().content
    fake = msgspec.structs.replace(settings, monitoring=msgspec.structs.replace(
        settings.monitoring, drift=msgspec.structs.replace(settings.monitoring.drift, days=14)))  # fmt: skip
    watch = Watch(fake, stores)
    assert watch._baseline(CHANGE, None, quiet).with_scores
    stores.evaluations.add_baseline("another", content, "d", every=1, actor="kim")
    assert stores.evaluations.baseline().version == "another"
    assert watch._baseline(CHANGE, None, quiet).with_scores  # this version has its own


def test_large_stretches_are_looked_at_in_part(settings, stores, watched):
    from scantrail.stores.windows import Span
    from scantrail.work.observing import observed

    network = wiring.engine(settings, learned=False).network
    span = Span(0, 2**62)
    every, some = (
        observed(stores, network, span, clock="arrival", every=n, zone=settings.zone)
        for n in (1, 5)
    )
    assert len(every) / 8 < len(some) < len(every) / 3
    rows = ["epc_code", "site", "scanned", "step", "came_from", "travel", "stay", "together"]
    whole = set(every.select(rows).iter_rows())
    assert set(some.select(rows).iter_rows()) <= whole  # journeys and batches are whole


def test_the_command_line_shows_it(run, monkeypatch, settings, watched):
    monkeypatch.setenv("SCANTRAIL_DATABASE_URL", settings.database_url)
    code, out, _ = run("monitor", "show")
    assert code == 0
    assert out.startswith("Up to 2025-04-14: ")
    shown = json.loads(run("monitor", "show", "--json")[1])
    assert shown["state"] == "compared"
    code, out, _ = run("alerts", "list", "--all")
    identity = out.split()[0]
    assert run("alerts", "show", identity)[1].startswith(identity)
    assert "2025-W15" in run("monitor", "sample", "2025-W15")[1]
    assert run("alerts", "dead-letters")[1].startswith("0 given up, ")
    assert run("alerts", "resend")[1] == "0 notices will be tried again\n"
    code, _, err = run("monitor", "baseline", "2025-03-10", "soon")
    assert (code, err) == (1, "error: 'soon' is no day; expected one as 2025-09-08\n")
    code, _, err = run("monitor", "run", "--until", "2025-03-10")
    assert (code, err) == (
        1, "error: monitoring has looked at 2025-04-14 already; 2025-03-10 is before that\n",
    )  # fmt: skip


def test_the_command_line_acts_on_alerts_and_notices(run, monkeypatch, settings, stores, send):
    monkeypatch.setenv("SCANTRAIL_DATABASE_URL", settings.database_url)
    alert = send("GET", "/api/alerts?phase=all").json()[-1]["id"]
    standing = {one["id"] for one in send("GET", "/api/alerts").json()}
    alert = next(iter(standing))
    assert run("alerts", "snooze", alert, "--hours", 5)[1].startswith(
        f"nothing is sent of {alert} until 20"
    )
    assert run("alerts", "acknowledge", alert, "--reason", "ticket")[1].endswith(
        f" looks after {alert}\n"
    )
    shown = run("alerts", "show", alert)[1]
    assert "acknowledge by cli:" in shown
    assert "(ticket)" in shown
    listed = " ".join(run("alerts", "list")[1].split())
    assert "looks after it" in listed.replace("looks after it", "looks after it")
    parcel = stores.outbox.due()[0]
    stores.outbox.end(parcel, "dead", "answered 410 Gone")
    dead = " ".join(run("alerts", "dead-letters")[1].split())
    assert "answered 410 Gone" in dead
    assert "1 given up, " in dead
    assert run("alerts", "resend", parcel.id)[1] == "1 notice will be tried again\n"
    code, _, err = run("alerts", "show", "nothing")
    assert (code, err) == (1, "error: there is no alert 'nothing'; GET /api/alerts lists all\n")


def test_the_command_line_recalibrates(run, monkeypatch, settings, send):
    monkeypatch.setenv("SCANTRAIL_DATABASE_URL", settings.database_url)
    look_at_alerts(send)
    out = run("monitor", "recalibrate", "--budget", 3)[1]
    assert out.startswith("alert score ")
    assert "for 3 false alerts per 10,000 scans (now 65): about " in " ".join(out.split())
    code, out, _ = run("monitor", "recalibrate", "--budget", 3, "--apply")
    assert code == 0
    assert "lets it judge" in out
    shown = " ".join(run("monitor", "show")[1].split())
    assert "recall" in shown


def test_an_alert_score_is_recommended_and_registered(send, settings, stores, tmp_path):
    look_at_alerts(send)
    found = send("GET", "/api/monitoring/threshold", params={"budget": 3}).json()
    assert found["present"]["alertScore"] == 65.0
    assert found["recommended"]["alertScore"] > 65.0  # two in three were dismissed
    assert found["recommended"]["falseRate"] <= 3 < found["present"]["falseRate"]
    assert found["present"]["looks"] >= 20
    made = send("POST", "/api/admin/ml/recalibrate", json={"alertScore": 71.5, "reason": "fewer"})
    assert made.status_code == 201, made.text
    version = made.json()["version"]
    entry = next(one for one in wiring.registry(settings).entries() if one.version == version)
    assert entry.card.about["alert_score"] == 71.5
    assert entry.card.about["recalibrated"]["from"] == wiring.version_of(wiring.DEMO_ARTIFACT)
    assert stores.evaluations.baseline(version) is not None
    assert send("POST", f"/api/admin/ml/models/{version}/promote").status_code == 200
    from scantrail.work.recalibrating import present_score

    assert present_score(settings, stores) == 71.5
    assert send("POST", "/api/admin/ml/models/none/promote").status_code == 200
    refused = send("POST", "/api/admin/ml/recalibrate", json={"alertScore": 60})
    assert (refused.status_code, refused.json()["detail"]) == (
        409, "rules judge alone; they have thresholds, and no alert score",
    )  # fmt: skip
