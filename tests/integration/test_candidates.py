"""Jobs that make and judge versions: updates, retraining behind the gate, promotion by itself."""

import datetime as dt
import json

import msgspec
import pytest

from scantrail import wiring
from scantrail.candidates import earlier, update_svm
from scantrail.errors import ArtifactError, ConflictError, TrainingError
from scantrail.gate import told_of
from scantrail.serve.api import create_app
from scantrail.settings import read_settings
from scantrail.simulate import SimulationConfig, simulate, write
from scantrail.testing import app_in_memory
from scantrail.work.process import run_job

ADMIN = "/api/admin/ml"


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    """Logs of the demo chain."""
    folder = tmp_path_factory.mktemp("logs")
    for name, seed, year in (("first", 31, 2025), ("later", 32, 2026)):
        start = dt.date(year, 7, 1)
        made = SimulationConfig(2_000, seed=seed, anomaly_rate=0.01, start=start)
        write(simulate(made), folder / name)
    return folder


@pytest.fixture(scope="module")
def teachable(logs, tmp_path_factory):
    """The bundled artifact with an SVM of the first log, that can learn more."""
    pytest.importorskip("sklearn", reason="needs the extra `train`")
    from scantrail import pipeline
    from scantrail.artifact import write_artifact
    from scantrail.detectors.svm.storage import to_arrays
    from scantrail.features.coding import code
    from scantrail.features.tabular import TABULAR, tabular
    from scantrail.features.usual import Usual
    from scantrail.training import svm_state
    from scantrail.training.svm import SvmSettings, fit_svm

    engine = wiring.engine(read_settings({}))
    events = wiring.read_events(logs / "first" / "scans.tsv", engine.settings)
    demo, folder = engine.artifact, tmp_path_factory.mktemp("teachable")
    coded = code(pipeline.see(events.frame, engine.network), demo.card.vocabulary)
    usual = Usual.learn(coded, demo.card.vocabulary)
    fitted = fit_svm(tabular(coded, usual), list(TABULAR), seed=0,
                     settings=SvmSettings(unit=10.0, exact_rows=0, updates=30_000))  # fmt: skip
    arrays, svm = to_arrays(fitted.model)
    kept = {"lstm": demo.lstm.calibration, "svm": demo.svm.calibration,
            "ml": demo.combination.calibration}  # fmt: skip
    card = msgspec.structs.replace(demo.card, svm=svm, digests={})
    state = {svm_state.FILE: svm_state.to_bytes(fitted.state)}
    write_artifact(folder, card, (demo.lstm.network, usual, arrays, kept), state)
    return folder


@pytest.fixture
def place(tmp_path, logs):
    """Settings whose margins let everything pass that works, and their stores."""
    made = []

    def of(**given):
        settings = read_settings(
            {}, database_url=f"sqlite:///{tmp_path / 'scantrail.sqlite'}", datasets=str(logs),
            **given,
        )  # fmt: skip
        made.append(wiring.stores(settings))
        return settings, made[-1]

    yield of
    for stores in made:
        stores.close()


LOOSE = {"recall": 0.9, "known": 0.9, "latency": 9.0, "size": 9.0, "least_items": 50}


def done(settings, stores, kind, **asked):
    job = stores.jobs.add(kind, asked, "kim")
    run_job(settings, stores, job.id)
    return stores.jobs.get(job.id)


def test_an_update_makes_a_version_that_goes_through_the_gate(place, teachable):
    settings, stores = place(gate=LOOSE)
    registry = wiring.registry(settings)
    parent = registry.add(teachable)
    job = done(settings, stores, "update-svm", dataset="later", version=parent)
    assert (job.state, job.progress) == ("done", 1.0)
    assert job.message.startswith("passed the gate: fit: ")
    made = registry.load(job.version)
    assert made.card.about["parent"] == parent
    assert made.card.about["update"]["items"] > 1_500
    assert told_of(registry.folder, job.version).actor == "automatic"
    assert stores.deployments.all() == []  # it waits for approval


def test_what_passed_is_promoted_where_the_settings_say_so(place, teachable):
    settings, stores = place(gate={**LOOSE, "auto_promote": True})
    parent = wiring.registry(settings).add(teachable)
    job = done(settings, stores, "update-svm", dataset="later", version=parent)
    assert job.message.endswith("; promoted")
    last = stores.deployments.last()
    assert (last.version, last.actor, last.reason) == (
        job.version,
        "automatic",
        "it passed the gate",
    )
    [line] = stores.audit.lines(9)
    assert (line.actor, line.action) == ("automatic", "promote")
    engine = wiring.engine(settings, learned=False)
    wiring.rollout(engine, stores).promote(parent, "kim", "", pin=True)
    job = done(settings, stores, "update-svm", dataset="later", version=parent)
    assert "; not promoted: version " in job.message


def test_a_bad_candidate_is_registered_told_and_not_promoted(place, teachable):
    strict = {**LOOSE, "latency": 0.0, "size": 0.0, "recall": 0.0, "auto_promote": True}
    settings, stores = place(gate=strict)
    parent = wiring.registry(settings).add(teachable)
    job = done(settings, stores, "update-svm", dataset="later", version=parent)
    assert job.state == "done"
    assert job.message.startswith("refused by the gate: ")
    assert stores.deployments.all() == []


def test_a_job_judges_a_version(place, teachable):
    settings, stores = place(gate=LOOSE)
    version = wiring.registry(settings).add(teachable)
    job = done(settings, stores, "gate", dataset="later", version=version)
    assert (job.state, job.version) == ("done", version)
    assert told_of(wiring.registry(settings).folder, version).actor == "kim"


def test_what_can_not_be_updated_is_told(place, teachable, logs, another):
    settings, stores = place()
    registry = wiring.registry(settings)
    events = wiring.read_events(logs / "later" / "scans.tsv", settings)
    with pytest.raises(ConflictError, match="rules alone judge, which learn nothing"):
        update_svm(settings, stores, "none", events)
    card = json.loads((another / "card.json").read_text("utf-8"))
    del card["digests"]["svm_state.npz"]
    (another / "card.json").write_text(json.dumps(card), "utf-8")
    with pytest.raises(ArtifactError, match="can't learn more: it keeps no svm_state.npz"):
        update_svm(settings, stores, registry.add(another), events)
    made = update_svm(settings, stores, registry.add(teachable), events)
    with pytest.raises(TrainingError, match=f"up to when version {made} has learned"):
        update_svm(settings, stores, made, events)
    job = done(settings, stores, "update-svm", dataset="nothing", version=made)
    assert (job.state, job.message[:31]) == ("failed", "there is no dataset 'nothing'; ")


def test_the_latest_scans_are_left_for_the_gate(place, logs):
    settings, _ = place()
    events = wiring.read_events(logs / "later" / "scans.tsv", settings)
    kept = earlier(events, 0.1)
    assert len(kept.frame) == pytest.approx(0.9 * len(events.frame), rel=0.01)
    assert kept.frame["row"].to_list() == list(range(len(kept.frame)))
    assert kept.frame["time"].max() < events.frame["time"].max()
    nothing = type(events)(events.frame.clear())
    assert earlier(nothing, 0.1) is nothing


def test_updates_from_the_command_line(run, monkeypatch, place, teachable, logs):
    settings, _ = place()
    monkeypatch.setenv("SCANTRAIL_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("SCANTRAIL_GATE__LATENCY", "9")
    parent = wiring.registry(settings).add(teachable)
    code, told, errors = run("models", "update-svm", parent, "--log", logs / "later" / "scans.tsv")
    assert (code, errors) == (0, "")
    assert f", updated from {parent}; " in told
    assert told.startswith("registered ")


def test_jobs_are_asked_for_by_callers(call, place, teachable):
    settings, stores = place(gate=LOOSE)
    version = wiring.registry(settings).add(teachable)
    send = call(create_app(wiring.engine(settings), stores, insecure_local=True))
    begun = send("POST", f"{ADMIN}/update-svm", json={"version": version, "dataset": "later"})
    assert (begun.status_code, begun.json()["kind"]) == (202, "update-svm")
    run_job(settings, stores, begun.json()["id"])  # as a worker does
    told = send("GET", f"{ADMIN}/jobs/{begun.json()['id']}").json()
    assert told["state"] == "done", told
    gated = send("GET", f"{ADMIN}/models/{told['version']}/gate").json()
    assert gated["passed"]


def test_jobs_need_a_database_that_others_see(call):
    send = call(app_in_memory(wiring.engine(read_settings({}))))
    assert send("POST", f"{ADMIN}/update-svm").status_code == 409
    assert send("POST", f"{ADMIN}/models/none/gate").status_code == 409
