"""Candidates at the gate: what is as good passes, what is worse in any respect is refused."""

import datetime as dt
import json
import shutil

import pytest

from scantrail import wiring
from scantrail.errors import NotFoundError, SettingsError
from scantrail.gate import told_of
from scantrail.gating import gate_on, known
from scantrail.serve.api import create_app
from scantrail.settings import read_settings
from scantrail.simulate import SimulationConfig, simulate, write
from scantrail.stores.feedback import NewFeedback

ADMIN = "/api/admin/ml"
#: After all that the bundled artifact learned from.
LATER = SimulationConfig(1_500, seed=99, anomaly_rate=0.01, start=dt.date(2026, 7, 1))


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """A log of the demo chain that nothing learned from."""
    folder = tmp_path_factory.mktemp("later")
    write(simulate(LATER), folder)
    return folder / "scans.tsv"


@pytest.fixture(scope="module")
def events(log):
    return wiring.read_events(log, read_settings({})).frame


@pytest.fixture
def settings(tmp_path):
    return read_settings({}, database_url=f"sqlite:///{tmp_path / 'scantrail.sqlite'}")


@pytest.fixture
def variant(settings, tmp_path):
    """Registers the bundled artifact with another card."""
    registry = wiring.registry(settings)

    def made(change, name="variant"):
        folder = shutil.copytree(wiring.DEMO_ARTIFACT, tmp_path / name)
        card = json.loads((folder / "card.json").read_text("utf-8"))
        change(card)
        (folder / "card.json").write_text(json.dumps(card), "utf-8")
        return registry.add(folder)

    return made


def checks(told):
    return {check.name: check.passed for check in told.checks}


def test_what_is_as_good_passes_and_it_is_kept(settings, stores, variant, events):
    version = variant(lambda card: card["about"].update(seed=1))
    stages = []
    told = gate_on(settings, stores, version, events, "kim", lambda stage, _: stages.append(stage))
    checked = dict.fromkeys(["fit", "later scans", "known journeys", "size"], True)
    assert {name: passed for name, passed in checks(told).items() if name != "latency"} == checked
    assert (told.champion, told.data["known"]) == (
        wiring.version_of(wiring.DEMO_ARTIFACT), "simulated, seed 20251201",
    )  # fmt: skip
    assert told.data["labelled"] > 50
    assert told_of(wiring.registry(settings).folder, version) == told
    assert (stages[0], stages[-1]) == ("loading", "done")


def test_one_that_finds_less_is_refused(settings, stores, variant, events):
    version = variant(lambda card: card["weights"].update(svm=1e-6))
    told = gate_on(settings, stores, version, events, "kim")
    assert not checks(told)["known journeys"]
    [reason] = [check.reason for check in told.checks if check.name == "known journeys"]
    assert reason.endswith("; at most 5.0 points may be lost")
    assert told.words.startswith("refused by the gate: ")


def test_garbage_tampered_and_foreign_versions_are_refused(settings, stores, variant, events):
    registry = wiring.registry(settings)
    told = gate_on(settings, stores, variant(_blind), events, "kim")
    assert checks(told) == {"fit": False}
    assert "doesn't tell ordinary journeys from odd ones" in told.words
    good = variant(lambda card: card["about"].update(seed=2), "good")
    path = registry.folder / good / "network.onnx"
    path.write_bytes(path.read_bytes()[:-1])
    told = gate_on(settings, stores, good, events, "kim")
    assert "fit: " in told.words
    assert "it was cut short or changed" in told.words
    card = registry.folder / good / "card.json"
    changed = json.loads(card.read_text("utf-8")) | {"features": "0" * 16}
    card.write_text(json.dumps(changed), "utf-8")
    assert "was trained on other features" in gate_on(settings, stores, good, events, "x").words
    with pytest.raises(NotFoundError, match="no version '000000000000' is registered"):
        gate_on(settings, stores, "0" * 12, events, "kim")


def _blind(card):
    card["svm"]["offset"] = 1e6


def test_scans_that_a_version_has_learned_from_tell_nothing(settings, stores, variant, events):
    version = variant(lambda card: card["about"]["data"].update(until="2099-01-01T00:00:00+00:00"))
    told = gate_on(settings, stores, version, events, "kim")
    [later] = [check for check in told.checks if check.name == "later scans"]
    assert later.reason == (
        "later scans: there are 0 items with scans that neither version learned from, at least 300 "
        "are needed: give a later log"
    )
    middle = events["time"].median().isoformat()
    version = variant(lambda card: card["about"]["data"].update(until=middle), "half")
    told = gate_on(settings, stores, version, events, "kim")
    assert told.data["since"] == middle
    assert told.data["events"] < 0.6 * len(events)


def test_rules_alone_are_worse_and_can_be_the_champion(settings, stores, events):
    told = gate_on(settings, stores, "none", events, "kim")
    assert not told.passed
    engine = wiring.engine(settings)
    rollout = wiring.rollout(engine, stores)
    rollout.promote("none", "kim", "")
    demo = rollout.registry.add(wiring.DEMO_ARTIFACT)
    told = gate_on(settings, stores, demo, events, "kim")
    assert checks(told)["later scans"]
    assert checks(told)["known journeys"]
    [size] = [check.reason for check in told.checks if check.name == "size"]
    assert size.endswith("MB; rules alone, which judge now, have none")


def test_a_company_keeps_known_journeys_of_its_own(settings, tmp_path, log):
    engine = wiring.engine(settings)
    own = read_settings({"SCANTRAIL_GATE__KNOWN_JOURNEYS": str(log.parent)})
    mine = known.known_journeys(own, engine)
    assert mine.source == str(log.parent)
    assert known.found_in(mine, engine, 3.0)["finalConfidence"]["all"] > 0.3
    with pytest.raises(SettingsError, match=r"has no known journeys: expected a log \(scans.tsv, "):
        known.known_journeys(
            read_settings({"SCANTRAIL_GATE__KNOWN_JOURNEYS": str(tmp_path)}), engine
        )
    foreign = read_settings({}, sites=str(log.parent / "sites.csv"))
    assert known.known_journeys(foreign, engine) is None
    check = known.check_of(None, engine, engine, settings.gate)
    assert check.reason == (
        "known journeys: none are kept; SCANTRAIL_GATE__KNOWN_JOURNEYS names their folder"
    )


def test_of_a_long_log_some_lots_are_drawn(settings, stores, variant, events):
    version = variant(lambda card: card["about"].update(seed=3))
    few = read_settings({"SCANTRAIL_GATE__MOST_ITEMS": "700"}, database_url=settings.database_url)
    told = gate_on(few, stores, version, events, "kim")
    assert 400 < told.data["items"] <= 700


def test_the_command_tells_every_reason(run, monkeypatch, settings, variant, log):
    monkeypatch.setenv("SCANTRAIL_DATABASE_URL", settings.database_url)
    version = variant(lambda card: card["weights"].update(svm=1e-6))
    code, told, _ = run("models", "gate", version, "--log", log)
    assert code == 4
    assert f"{version} against {wiring.version_of(wiring.DEMO_ARTIFACT)}: refused" in told
    assert "✗ known journeys: " in told
    assert "✓ fit: its files are whole, and it tells ordinary journeys from odd ones" in told
    assert "which neither learned from." in told


def test_a_gate_can_be_required(run, monkeypatch, settings, variant, log):
    monkeypatch.setenv("SCANTRAIL_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("SCANTRAIL_GATE__REQUIRED", "true")
    monkeypatch.setenv("SCANTRAIL_GATE__LATENCY", "9")
    version = variant(lambda card: card["about"].update(seed=4))
    code, _, told = run("models", "promote", version)
    assert (code, told[:40]) == (1, f"error: version {version} has not been")
    assert run("models", "gate", version, "--log", log)[0] == 0
    assert run("models", "promote", version)[0] == 0
    assert run("models", "rollback")[0] == 0  # there is always a way back


def test_the_endpoint_tells_what_was_decided(call, settings, stores, variant, events):
    version = variant(lambda card: card["about"].update(seed=5))
    send = call(create_app(wiring.engine(settings), stores, insecure_local=True))
    answer = send("GET", f"{ADMIN}/models/{version}/gate")
    assert (answer.status_code, answer.json()["detail"]) == (
        404, f"version '{version}' has not been at the gate; POST there to judge it",
    )  # fmt: skip
    assert send("POST", f"{ADMIN}/models/{'0' * 12}/gate").status_code == 404
    gate_on(settings, stores, version, events, "kim")
    told = send("GET", f"{ADMIN}/models/{version}/gate").json()
    assert [check["name"] for check in told["checks"]] == [
        "fit", "later scans", "known journeys", "latency", "size",
    ]  # fmt: skip
    assert told["actor"] == "kim"


def test_what_people_said_counts(settings, stores, variant, events):
    """Items that people confirmed are to be found."""
    version = variant(lambda card: card["about"].update(seed=6))
    before = gate_on(settings, stores, version, events, "kim").data["labelled"]
    codes = events["epc_code"].unique(maintain_order=True).head(5)
    for number, code in enumerate(codes):
        stores.feedback.add(NewFeedback(
            actor="kim", verdict="confirm" if number else "dismiss", reason="", target="item",
            item=code, epc_code=code,
        ))  # fmt: skip
    after = gate_on(settings, stores, version, events, "kim").data["labelled"]
    assert before - 5 <= after - 4 <= before


def test_a_log_that_ends_with_what_its_beginning_lacks_is_told(settings, stores, variant, events):
    until = events["time"].sort()[int(0.9 * len(events))].isoformat()

    champion = variant(lambda card: card["about"]["data"].update(until=until))
    wiring.rollout(wiring.engine(settings), stores).promote(champion, "kim", "")
    few = read_settings({"SCANTRAIL_GATE__LEAST_ITEMS": "100"}, database_url=settings.database_url)
    told = gate_on(few, stores, "none", events, "kim")
    [later] = [check for check in told.checks if check.name == "later scans"]
    assert not later.passed
    assert "; the log ends with other scans than it begins with (" in later.reason
    assert later.reason.endswith(
        "which nothing that learned from its beginning can know: give one in which goods of all "
        "ages are on their way at all times"
    )
