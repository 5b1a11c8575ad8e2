"""Trials in the running service: who judges what, what is told of it, and how they end."""

import json
import math
import time
from dataclasses import replace
from itertools import count

import msgspec
import pytest
import sqlalchemy as sa

from scantrail import wiring
from scantrail.ingest.gs1 import item_of
from scantrail.serve.api import create_app
from scantrail.settings import read_settings
from scantrail.stores.feedback import NewFeedback
from scantrail.testing import app_in_memory
from scantrail.trials.assignment import Assignment

DEMO = wiring.version_of(wiring.DEMO_ARTIFACT)
TRIALS = "/api/admin/ml/trials"
DETECT = "/api/v1/barcode-anomaly-detect"
NUMBERS = count(1)


def scans(items, step="Aggregation", time="2025-07-01 10:00:00", place=1001, business="Factory"):
    return {"data": [
        {"event_id": next(NUMBERS), "epc_code": code, "location_id": place,
         "business_step": business, "event_type": step, "event_time": time, "file_id": 1}
        for code in items
    ]}  # fmt: skip


def codes(number, first=1):
    return [f"001.8804823.1310452.010004.20250701.{n:09}" for n in range(first, first + number)]


@pytest.fixture
def make(tmp_path, call):
    """Makes a service on one database, as another process would; gives it and its caller."""
    opened = []

    def made(**given):
        settings = read_settings(
            {}, database_url=f"sqlite:///{tmp_path / 'scantrail.sqlite'}", **given
        )
        stores = wiring.stores(settings)
        opened.append(stores)
        app = create_app(wiring.engine(settings), stores, insecure_local=True)
        caretaker = app.state.caretaker
        opened.append(caretaker.trying)
        return caretaker.trying, call(app)

    yield made
    for each in reversed(opened):
        each.close()


@pytest.fixture
def new(tmp_path, another):
    registry = wiring.registry(read_settings({}, database_url=f"sqlite:///{tmp_path / 'x'}"))
    return registry.add(another)


def start(send, challenger, mode="ab", **more):
    return send("POST", TRIALS, json={"mode": mode, "challenger": challenger, **more})


def test_a_share_of_the_items_is_judged_by_the_challenger(make, new):
    trying, send = make()
    begun = start(send, new, share=0.5, reason="newer")
    assert begun.status_code == 201
    assert begun.headers["location"] == f"{TRIALS}/1"
    told = begun.json()
    assert (told["state"], told["champion"], told["challenger"]) == ("running", DEMO, new)
    [moved] = told["moves"]
    assert (moved["action"], moved["share"], moved["reason"]) == ("start", 0.5, "newer")
    items = codes(30)
    answer = send("POST", DETECT + "?detail=all", json=scans(items)).json()
    assert answer["modelVersions"]["lstm"] == DEMO
    assert answer["trial"]["modelVersions"]["lstm"] == new
    assert (answer["trial"]["id"], answer["trial"]["share"]) == (1, 0.5)
    said = {event["epcCode"]: event["challenger"] for event in answer["EventHistory"]}
    drawn = trying.trialing.trials.last().assignment
    assert said == {code: drawn.challenger(item_of(code)) for code in items}
    assert len(set(said.values())) == 2
    read = send("GET", f"{TRIALS}/1").json()
    assert read["split"]["items"] == 30
    assert read["split"]["challenger"] == sum(said.values())
    assert read["arms"]["champion"]["scans"] + read["arms"]["challenger"]["scans"] == 30
    assert (read["outcome"], read["split"]["crossed"]) == ("cannot tell yet", 0)
    assert read["todo"] == "wait: people decide when it ends"


def test_a_trial_is_told_to_prometheus_as_it_was_last_read(make, new, monkeypatch):
    trying, send = make()

    def told(name):
        [line] = [one for one in send("GET", "/metrics").text.splitlines() if one.startswith(name)]
        return float(line.split()[-1])

    assert told('scantrail_trial_running{mode="ab"}') == 0
    start(send, new, share=0.5)
    assert told('scantrail_trial_running{mode="ab"}') == 1
    assert math.isnan(told("scantrail_trial_judged"))
    send("POST", DETECT, json=scans(codes(30)))
    trying.read()
    judged = told("scantrail_trial_judged")
    assert 0.1 < judged < 0.9
    assert told('scantrail_trial_alert_rate{arm="challenger"}') == 0
    assert told('scantrail_trial_difference{of="alerts"}') == 0
    monkeypatch.setattr(trying, "_read_again", math.inf)  # reading takes very long
    send("POST", DETECT, json=scans(codes(60, 31)))
    trying.read()
    assert told("scantrail_trial_judged") == judged
    send("POST", f"{TRIALS}/1/stop")
    trying.read()
    assert trying.reading is None
    assert told('scantrail_trial_running{mode="ab"}') == 0


def test_versions_never_mix(make, new):
    """Each item is judged by one version alone, by its session and its cache, and it is kept so."""
    trying, send = make()
    items = codes(20)
    start(send, new, share=0.5)
    engine = trying._split.engine
    for _ in range(2):
        send("POST", DETECT, json=scans(items))
        send("POST", DETECT, json=scans(items, "WMS_Inbound", "2025-07-02 10:00:00", 1005, "WMS"))
    kept = engine.artifact.lstm.cache._kept
    mine, theirs = (
        {key.split(b":", 2)[2]: value for key, value in kept.items() if key.split(b":")[1] == name}
        for name in (new.encode(), DEMO.encode())
    )
    assert mine.keys() & theirs.keys()  # both judged the same journeys, each under its own name
    assert len(mine) + len(theirs) == len(kept)
    with trying.trialing.outcomes._database.reading() as connection:
        rows = connection.execute(sa.text("select distinct made_by from judgements")).scalars()
        made_by = [json.loads(row) for row in rows]
    assert {row["versions"]["lstm"] for row in made_by} == {DEMO}
    assert {row["challenge"]["versions"]["lstm"] for row in made_by} == {new}


def test_the_store_knows_for_ever_which_version_judged_a_scan(make, new, tmp_path):
    trying, send = make()
    start(send, new, share=0.5)
    items = codes(12)
    send("POST", DETECT, json=scans(items))
    drawn = trying.trialing.trials.last().assignment
    send("POST", f"{TRIALS}/1/stop", json={"reason": "seen enough"})
    later = codes(3, first=100)
    send("POST", DETECT, json=scans(later))
    settings = read_settings({}, database_url=f"sqlite:///{tmp_path / 'scantrail.sqlite'}")
    stores = wiring.stores(settings)
    rows = [row for item in (*items, *later) for row in stores.reports.trail(item)]
    stores.close()
    told = {row["item"]: row["versions"]["lstm"] for row in rows}
    assert told == {
        **{item: new if drawn.challenger(item) else DEMO for item in items},
        **dict.fromkeys(later, DEMO),
    }


def test_other_processes_follow_and_nothing_fails(make, new):
    one, send = make()
    other, ask = make()
    start(send, new, share=0.9)
    assert "trial" not in ask("POST", DETECT, json=scans(codes(1))).json()
    other.look()
    answer = ask("POST", DETECT, json=scans(codes(1, 50))).json()
    assert answer["trial"]["id"] == 1
    ask("POST", f"{TRIALS}/1/promote", json={"reason": "finds more"})
    answer = ask("POST", DETECT, json=scans(codes(1, 60))).json()
    assert ("trial" in answer, answer["modelVersions"]["lstm"]) == (False, new)
    one.look()
    assert "trial" not in send("POST", DETECT, json=scans(codes(1, 70))).json()
    told = send("GET", TRIALS).json()
    assert [(one["id"], one["state"]) for one in told["trials"]] == [(1, "promoted")]


def test_one_trial_at_a_time_and_only_of_a_fit_challenger(make, new, blind):
    trying, send = make()
    assert start(send, DEMO).json()["detail"] == (
        f"version {DEMO} is the one that judges; name another"
    )
    assert start(send, "../another").status_code == 404
    seen = trying.trialing.rollout.registry.add(blind)
    refused = start(send, seen)
    assert refused.status_code == 422
    assert "doesn't tell ordinary journeys from odd ones" in refused.text
    assert start(send, new, "shadow", share=0.1).json()["detail"] == (
        "the shadow judges all scans; leave the share out"
    )
    assert start(send, new, share=1.5).status_code == 422
    assert start(send, new).json()["share"] == 0.1
    assert start(send, "none").json()["detail"] == (
        f"trial 1 of {new} runs, and one at a time may; stop it first"
    )
    assert send("POST", f"{TRIALS}/1/abort").json()["state"] == "aborted"
    again = send("POST", f"{TRIALS}/1/stop")
    assert (again.status_code, again.json()["detail"]) == (409, "trial 1 is aborted already")
    assert send("POST", f"{TRIALS}/7/promote").status_code == 404
    assert start(send, "none", "canary").json()["share"] == 0.01


def test_a_pinned_champion_is_challenged_in_the_shadow_only(make, new):
    trying, send = make()
    start(send, new)
    send("POST", "/api/admin/ml/models/none/pin")
    trying.look()
    assert "trial" not in send("POST", DETECT, json=scans(codes(1))).json()
    assert send("POST", f"{TRIALS}/1/promote").status_code == 409
    moved = trying.trialing.tend()
    assert (moved.action, moved.actor) == ("abort", "automatic")
    assert moved.reason == f"none is deployed, not its champion {DEMO}"
    assert start(send, new).status_code == 409
    line = send("GET", "/api/admin/audit").json()
    [told] = [one for one in line if one["actor"] == "automatic"]
    assert (told["action"], told["subject"], told["outcome"]) == ("abort trial", "trial 1", "done")


def test_a_challenger_that_fails_leaves_the_champion_judging_and_is_stopped(make, new):
    trying, send = make()
    start(send, new, share=0.99)

    trying._split = replace(trying._split, engine=Broken(trying._split.engine))
    for number in range(3):
        answer = send("POST", DETECT, json=scans(codes(1, 200 + number)))
        assert answer.status_code == 200
        assert "trial" not in answer.json()
    trying.look()
    last = trying.trialing.trials.last()
    assert (last.action, last.actor) == ("abort", "automatic")
    assert last.reason == "the challenger failed 3 times in a row"
    assert trying._split is None


class Broken:
    """An engine that can't judge."""

    def __init__(self, engine):
        self.detectors = engine.detectors

    def decide(self, *_, **__):
        raise RuntimeError("no memory is left")


def test_a_challenger_that_is_damaged_here_leaves_the_champion_judging(make, new):
    trying, send = make()
    other, ask = make()
    start(send, new, share=0.9)
    (trying.trialing.rollout.registry.folder / new / "network.onnx").write_bytes(b"")
    other.look()
    assert "trial" not in ask("POST", DETECT, json=scans(codes(1))).json()
    told = ask("GET", TRIALS).json()
    assert "it was cut short or changed" in told["fault"]
    assert send("GET", TRIALS).json()["fault"] is None


def test_a_canary_grows_and_promotes_itself(make, new):
    settings = {"steps": [0.2, 0.6], "step_hours": 0.0, "least_items": 3, "auto_promote": True}
    trying, send = make(trials=settings)
    start(send, new, "canary")
    send("POST", DETECT, json=scans(codes(40)))
    moved = trying.trialing.tend()
    assert (moved.action, moved.share, moved.actor) == ("step", 0.6, "automatic")
    assert trying.trialing.tend() is None  # at this share, nothing was judged yet
    trying.look()
    send("POST", DETECT, json=scans(codes(40, 100)))
    read = send("GET", f"{TRIALS}/1").json()
    assert read["split"]["items"] == 40
    assert read["todo"].startswith("ready: all steps are done; ")
    moved = trying.trialing.tend()
    assert (moved.action, moved.actor) == ("promote", "automatic")
    chain = send("GET", "/api/admin/ml/deployments").json()
    assert (chain[0]["version"], chain[0]["actor"]) == (new, "automatic")


def test_a_canary_stops_where_people_dismiss_what_it_says(make, new):
    trying, send = make(trials={"steps": [0.5], "step_hours": 0.0, "least_items": 1})
    start(send, new, "canary")
    items = [code.replace("8804823", "9999999") for code in codes(120)]  # of an unknown company
    answer = send("POST", DETECT, json=scans(items)).json()
    suspect = {event["epcCode"]: event["challenger"] for event in answer["EventHistory"]}
    assert sum(suspect.values()) > 20
    feedback(trying, [(code, not challenged) for code, challenged in suspect.items()])
    read = send("GET", f"{TRIALS}/1").json()
    assert read["outcome"] == "the challenger is less precise"
    assert read["arms"]["challenger"]["dismissed"] == sum(suspect.values())
    moved = trying.trialing.tend()
    assert moved.action == "abort"
    assert moved.reason.startswith("the challenger's alerts are confirmed less often: by -100.0% (")


def feedback(trying, said):
    for code, confirmed in said:
        verdict = "confirm" if confirmed else "dismiss"
        trying.trialing.feedback.add(NewFeedback(
            actor="kim", verdict=verdict, reason="", target="item", item=item_of(code),
            epc_code=code,
        ))  # fmt: skip


def test_rules_alone_can_be_challenged(make):
    trying, send = make()
    send("POST", "/api/admin/ml/models/none/promote")
    trying.look()
    registry = trying.trialing.rollout.registry
    start(send, registry.add(wiring.DEMO_ARTIFACT), share=0.5)
    answer = send("POST", DETECT + "?detail=all", json=scans(codes(20))).json()
    scored = {one["epcCode"]: "lstmSequenceScore" in one for one in answer["EventHistory"]}
    drawn = {one["epcCode"]: one["challenger"] for one in answer["EventHistory"]}
    assert scored == drawn
    assert "trial" not in send("POST", DETECT + "?ml=false", json=scans(codes(1))).json()


@pytest.mark.slow
def test_the_shadow_judges_all_without_effect(make, new):
    trying, send = make()
    assert start(send, new, "shadow").status_code == 201
    items = codes(60)
    plain = send("POST", DETECT, json=scans(items)).json()
    assert "trial" not in plain
    send("POST", DETECT, json=scans(items[:20], "WMS_Inbound", "2025-07-02 03:10:00", 1005, "WMS"))
    send("POST", DETECT, json=scans(items[:20]))  # again: nothing new
    waited = time.monotonic() + 60
    while (trying.handed.waiting or not trying.handed.judged) and time.monotonic() < waited:
        time.sleep(0.1)
    told = send("GET", TRIALS).json()["shadow"]
    assert told == {"judged": 100, "waiting": 0, "left_out": 0, "lost": 0}
    read = send("GET", f"{TRIALS}/1").json()
    assert read["scored"] == 1.0
    same = read["agreement"]
    assert (same["champion"], same["challenger"], same["agreed"]) == (0, 0, 1.0)
    assert same["both"] + same["neither"] == 60
    assert read["said"] == {
        who: {"confirmed": 0, "dismissed": 0} for who in ("both", "champion", "challenger")
    }
    assert send("POST", f"{TRIALS}/1/stop").json()["state"] == "stopped"
    assert trying._lane is None
    assert send("GET", f"{TRIALS}/1").json()["scored"] == 1.0


def test_the_shadow_needs_a_database_that_others_see(call, new):
    answer = call(app_in_memory(wiring.engine(read_settings({}))))
    refused = answer("POST", TRIALS, json={"mode": "shadow", "challenger": "none"})
    assert refused.status_code == 409
    assert "the shadow is a process of its own" in refused.json()["detail"]
    assert answer("POST", TRIALS, json={"mode": "ab", "challenger": "none"}).status_code == 201


def test_trials_from_the_command_line(run, monkeypatch, tmp_path, new):
    monkeypatch.setenv("SCANTRAIL_DATABASE_URL", f"sqlite:///{tmp_path / 'scantrail.sqlite'}")
    assert run("trial", "list")[1].startswith("nothing was tried yet; 'scantrail trial start")
    code, told, _ = run("trial", "start", new, "--mode", "ab", "--share", "0.25", "--reason", "x")
    assert (code, told) == (0, f"trial 1: {new} judges 25% of the items, against {DEMO}\n")
    shown = run("trial", "show", 1)[1]
    assert f"Trial 1, A/B, running: {new} against {DEMO}" in shown
    assert "Split: 25.00% meant, no items yet" in shown
    assert run("trial", "stop", 1)[1] == f"trial 1 is stopped; {DEMO} judges all\n"
    assert run("trial", "start", new)[1] == (
        f"trial 2: {new} judges all in the shadow, against {DEMO}\n"
    )
    assert "The shadow judged 0 of 0 scans" in run("trial", "show", 2)[1]
    assert run("trial", "abort", 2, "--reason", "odd")[0] == 0
    run("trial", "start", new, "--mode", "canary")
    assert run("trial", "promote", 3)[1] == f"trial 3 is over; {new} judges\n"
    listed = run("trial", "list")[1]
    assert [word for word in ("promoted", "aborted", "stopped") if word in listed] == [
        "promoted", "aborted", "stopped",
    ]  # fmt: skip
    assert run("trial", "promote", 3)[2] == "error: trial 3 is promoted already\n"


def test_another_salt_draws_anew():
    items = codes(500)
    one, other = (
        {item for item in items if Assignment(0.3, salt).challenger(item)} for salt in "ab"
    )
    assert 0.15 < len(one & other) / len(one) < 0.45


def test_settings_of_trials_come_from_the_environment():
    told = read_settings({"SCANTRAIL_TRIALS__STEPS": "0.1, 0.4", "SCANTRAIL_TRIALS__WAITING": "7"})
    assert (told.trials.steps, told.trials.waiting) == ((0.1, 0.4), 7)
    assert msgspec.json.decode(msgspec.json.encode(told), type=type(told)) == told
