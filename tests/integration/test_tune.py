"""Tuning from end to end: killed and resumed, within its budget, by one process at a time."""

import json
import signal
import sqlite3
import subprocess
import sys
import time

import polars as pl
import pytest

from scantrail import wiring
from scantrail.errors import TrainingError
from scantrail.settings import read_settings
from scantrail.simulate import SimulationConfig, simulate, write

torch = pytest.importorskip("torch", reason="needs the extra `train`")

from scantrail.training.space import GRIDS  # noqa: E402
from scantrail.training.study import opened  # noqa: E402

RUN = [sys.executable, "-c", "from scantrail.cli import main; main()"]
SVM = {"models": ("svm",), "folds": 2, "minutes": 5.0}


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tuned")
    write(simulate(SimulationConfig(1_100, seed=5, anomaly_rate=0.01)), folder)
    return folder


@pytest.fixture(scope="module")
def settings(log):
    return read_settings({}, sites=str(log / "sites.csv"), artifacts="none")


@pytest.fixture(scope="module")
def dataset(log, settings):
    return wiring.dataset_at(log / "scans.tsv", settings)


@pytest.fixture(scope="module")
def engine(dataset, settings):
    return wiring.engine(settings).knowing(dataset.events)


def tuned(engine, dataset, folder, **how):
    [one] = wiring.tune(engine, dataset, folder, lambda *_: None, **{**SVM, **how})
    return one


def what(one):
    """What must not depend on how often a study was stopped."""
    return [(trial.state, trial.folds, trial.parameters) for trial in one.trials]


@pytest.fixture(scope="module")
def whole(engine, dataset, tmp_path_factory):
    """A study that nobody stopped."""
    return tuned(engine, dataset, tmp_path_factory.mktemp("whole"), trials=4)


def test_the_first_trial_is_the_usual_one_and_the_best_is_no_worse(whole):
    assert whole.usual is whole.trials[0]
    assert whole.usual.parameters["svm.unit"] == 10.0
    assert whole.best.recall >= whole.usual.recall
    assert len({str(trial.parameters) for trial in whole.trials}) == 4
    complete = [trial for trial in whole.trials if trial.state == "complete"]
    assert all(len(trial.folds) == 2 for trial in complete)


def ended(folder):
    """Trials of a study that came to an end, as another process sees it."""
    try:
        with sqlite3.connect(f"file:{folder / 'study.db'}?mode=ro", uri=True) as file:
            query = "SELECT count(*) FROM trials WHERE state IN ('COMPLETE', 'PRUNED')"
            return file.execute(query).fetchone()[0]
    except sqlite3.OperationalError:
        return 0


def test_a_study_that_was_killed_goes_on_as_if_it_had_not_been(
    log, engine, dataset, whole, tmp_path
):
    out = tmp_path / "study"
    command = [*RUN, "tune", str(log / "scans.tsv"), "--sites", str(log / "sites.csv"), "--out",
               str(out), "--model", "svm", "--folds", "2", "--trials", "50"]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as running:
        until = time.monotonic() + 400
        while not ended(out) and running.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
        running.send_signal(signal.SIGKILL)
    assert running.returncode == -signal.SIGKILL
    before = ended(out)
    assert before
    resumed = tuned(engine, dataset, out, trials=max(4, before))
    assert what(resumed)[:4] == what(whole)


def test_time_that_is_spent_ends_it_and_more_goes_on(engine, dataset, whole, tmp_path):
    with pytest.raises(
        TrainingError, match="no trial of the svm came to its end in the time given"
    ):
        tuned(engine, dataset, tmp_path, minutes=1e-9)
    assert what(tuned(engine, dataset, tmp_path, trials=1)) == what(whole)[:1]
    assert what(tuned(engine, dataset, tmp_path, trials=2)) == what(whole)[:2]


def test_a_grid_is_gone_through_once(engine, dataset, tmp_path, monkeypatch):
    grid = {"svm.nu": (0.3, 0.5), "svm.unit": (10.0, 20.0)}
    monkeypatch.setitem(GRIDS, "svm", grid)
    first = tuned(engine, dataset, tmp_path, sampler="grid", trials=3)
    assert len(first.trials) == 3
    one = tuned(engine, dataset, tmp_path, sampler="grid")
    tried = {(t.parameters["svm.nu"], t.parameters["svm.unit"]) for t in one.trials}
    assert tried == {(nu, unit) for nu in grid["svm.nu"] for unit in grid["svm.unit"]}
    assert len(one.trials) == 4
    assert one.usual is None


def test_the_network_is_tuned_likewise(engine, dataset, tmp_path, monkeypatch):
    monkeypatch.setitem(GRIDS, "lstm", {"hidden": (16, 32), "fit.epochs": (1,)})
    one = tuned(engine, dataset, tmp_path, models=("lstm",), sampler="grid")
    assert [trial.state for trial in one.trials] == ["complete", "complete"]
    assert {trial.parameters["hidden"] for trial in one.trials} == {16, 32}


def test_a_study_of_other_data_or_made_otherwise_is_refused(
    engine, dataset, settings, log, tmp_path
):
    tuned(engine, dataset, tmp_path, trials=1)
    message = (
        "the study of the svm there has seed 0, now it is 7; name another folder, or delete "
        "study.db to start afresh"
    )
    with pytest.raises(TrainingError) as caught:
        tuned(engine, dataset, tmp_path, trials=1, seed=7)
    assert str(caught.value) == message
    from scantrail.datasets.manifest import Recipe

    other = wiring.dataset_of([log / "scans.tsv"], settings, Recipe(keep_repeats=True))
    with pytest.raises(TrainingError, match="the study of the svm there has data"):
        tuned(engine, other, tmp_path, trials=1)


def test_one_process_at_a_time(engine, dataset, tmp_path):
    message = "another process tunes in .*; wait for its end, or name another folder"
    with opened(tmp_path), pytest.raises(TrainingError, match=message):
        tuned(engine, dataset, tmp_path, trials=1)


def test_a_damaged_study_is_refused(engine, dataset, tmp_path):
    (tmp_path / "study.db").write_bytes(b"no database at all, " * 100)
    with pytest.raises(TrainingError, match="study.db can't be used: it is damaged"):
        tuned(engine, dataset, tmp_path, trials=1)


def test_the_command_tells_and_writes_what_it_found(log, tmp_path, monkeypatch, capsys):
    from scantrail import cli

    out = tmp_path / "tuned"
    words = ["tune", log / "scans.tsv", "--sites", log / "sites.csv", "--out", out, "--model", "svm",
             "--folds", 2, "--trials", 1]  # fmt: skip
    monkeypatch.setattr(sys, "argv", ["scantrail", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    told = capsys.readouterr()
    assert (ended.value.code or 0) == 0, told.err
    assert "Nothing was better than the usual parameters" in told.out
    assert json.loads((out / "parameters.json").read_text())["svm"]["unit"] == 10.0


@pytest.mark.slow
def test_tune_then_train_then_trace_it_back(log, tmp_path):
    """The whole way by commands: dataset, tune, train with what was found, lineage."""

    def run(*words):
        done = subprocess.run([*RUN, *map(str, words)], capture_output=True, text=True,
                              cwd=tmp_path, check=False)  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    sites = log / "sites.csv"
    run("dataset", "build", log / "scans.tsv", "--sites", sites)
    [folder] = (tmp_path / "datasets").iterdir()
    out = tmp_path / "tuned"
    told = run(
        "tune",
        folder,
        "--sites",
        sites,
        "--out",
        out,
        "--folds",
        2,
        "--trials",
        1,
        "--model",
        "svm",
    )
    assert "Share of planted anomalies found at 3 false alerts per 10,000 scans" in told
    assert "trial 1, as usual" in told
    assert set(json.loads((out / "parameters.json").read_text())) == {"svm"}
    assert pl.read_csv(out / "trials.csv")["model"].to_list() == ["svm"]

    found = {"hidden": 16, "least_steps": 0, "fit": {"epochs": 1}, "svm": {"nu": 0.3}}
    (out / "small.json").write_text(json.dumps(found))
    artifact = tmp_path / "artifact"
    run(
        "train",
        folder,
        "--sites",
        sites,
        "--params",
        out / "small.json",
        "--out",
        artifact,
        "--seed",
        3,
    )
    about = json.loads((artifact / "card.json").read_text())["about"]
    assert about["data"]["dataset"] == folder.name
    assert about["data"]["sources"][0]["name"] == "scans.tsv"
    assert (about["seed"], about["settings"]["hidden"], about["settings"]["svm"]["nu"]) == (
        3,
        16,
        0.3,
    )
    traced = run("dataset", "lineage", artifact)
    for word in (f"dataset {folder.name}", "log scans.tsv", "seed 3", "nu 0.3", about["code"]):
        assert word in traced
