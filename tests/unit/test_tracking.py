"""Artifacts told to MLflow, in a tracking store of its own."""

import builtins
import json
import shutil

import msgspec
import pytest

from scantrail import wiring
from scantrail.artifact import read_card
from scantrail.errors import ArtifactError, ExportError
from scantrail.gate import Check, Gated
from scantrail.tracking import Tracker, facts_of, facts_of_gate
from scantrail.wiring import DEMO_ARTIFACT

VERSION = wiring.version_of(DEMO_ARTIFACT)
GATED = Gated(
    version=VERSION, champion="none", at="2026-11-30T09:00:00+00:00", actor="cli:kim",
    checks=[
        Check(name="fit", passed=True, reason="fit: whole"),
        Check(name="later scans", passed=False, reason="too few", champion=0.5, candidate=0.25),
    ],
    data={"items": 7},
)  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """An empty database of MLflow: making one takes seconds."""
    pytest.importorskip("mlflow", reason="needs the extra: pip install 'scantrail[mlflow]'")
    file = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    Tracker(f"sqlite:///{file}", "theirs")
    return file


@pytest.fixture
def uri(made, tmp_path):
    return f"sqlite:///{shutil.copy(made, tmp_path)}"


@pytest.fixture
def runs(uri):
    """All runs of the experiment, as MLflow gives them."""
    from mlflow import MlflowClient

    def read():
        client = MlflowClient(tracking_uri=uri)
        number = client.get_experiment_by_name("ours").experiment_id
        return client, client.search_runs([number])

    return read


def test_a_card_becomes_parameters_metrics_tags_and_a_dataset():
    card, version = read_card(DEMO_ARTIFACT)
    data = {**card.about["data"], "dataset": "075a1b", "parents": ["1f2e3d"],
            "sources": [{"name": "log.tsv", "kind": "log", "digest": "ab"}]}  # fmt: skip
    about = {**card.about, "data": data, "parent": "e0f23490406c"}
    facts = facts_of(msgspec.structs.replace(card, about=about), version)
    assert facts.params["seed"] == "0"
    assert facts.params["fit.epochs"] == "4"
    assert facts.tags["scantrail.parent"] == "e0f23490406c"
    assert facts.tags["scantrail.dataset"] == facts.digest == "075a1b"
    assert facts.source["sources"][0]["digest"] == "ab"
    assert facts.source["parents"] == ["1f2e3d"]
    metrics = {(name, step): value for name, value, step in facts.metrics}
    assert metrics["seen_rates.ml.0.01", 0] == card.about["seen_rates"]["ml"]["0.01"]
    assert metrics["epoch.train_loss", 1] == card.about["history"][0]["train_loss"]
    assert len({key for key in metrics if key[0] == "epoch.train_loss"}) == len(
        card.about["history"]
    )


def test_a_card_that_says_little_is_told_all_the_same():
    card, version = read_card(DEMO_ARTIFACT)
    facts = facts_of(msgspec.structs.replace(card, about={}), version)
    assert (facts.params, facts.metrics, facts.digest) == ({}, [], "unknown")


def test_the_gate_becomes_metrics_and_tags():
    metrics, tags = facts_of_gate(GATED)
    assert dict(metrics) == {
        "gate.passed": 0.0, "gate.fit.passed": 1.0, "gate.later_scans.passed": 0.0,
        "gate.later_scans.champion": 0.5, "gate.later_scans.candidate": 0.25,
    }  # fmt: skip
    assert tags["scantrail.gate"] == "refused by the gate: too few"


@pytest.mark.slow
def test_an_artifact_is_told_once_with_its_files_and_its_gate(uri, runs, tmp_path):
    assert Tracker(uri, "ours").tell(DEMO_ARTIFACT) == (VERSION, "exported")
    client, [run] = runs()
    assert run.info.status == "FINISHED"
    assert run.data.tags["scantrail.version"] == VERSION
    assert run.data.params["fit.epochs"] == "4"
    assert run.data.metrics["data.events"] == 458191
    [given] = run.inputs.dataset_inputs
    assert given.dataset.digest == read_card(DEMO_ARTIFACT)[0].about["data"]["digest"]
    files = client.download_artifacts(run.info.run_id, "artifact", str(tmp_path))
    assert wiring.version_of(tmp_path / "artifact") == VERSION
    assert files == str(tmp_path / "artifact")

    assert Tracker(uri, "ours").tell(DEMO_ARTIFACT) == (VERSION, "there")
    assert Tracker(uri, "ours").tell(DEMO_ARTIFACT, GATED) == (VERSION, "gate")
    assert Tracker(uri, "ours").tell(DEMO_ARTIFACT, GATED) == (VERSION, "there")
    _, [same] = runs()
    assert same.info.run_id == run.info.run_id
    assert same.data.metrics["gate.later_scans.candidate"] == 0.25
    assert len(client.get_metric_history(run.info.run_id, "data.events")) == 1
    client.download_artifacts(run.info.run_id, "gate.json", str(tmp_path))
    assert json.loads((tmp_path / "gate.json").read_text("utf-8"))["passed"] is False


@pytest.mark.slow
def test_what_was_told_by_halves_is_told_anew(uri, runs, monkeypatch):
    tracker = Tracker(uri, "ours")

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(tracker._client, "log_artifact", full)
        with pytest.raises(
            ExportError, match=r"MLflow at sqlite:///.* can't be used: \[Errno 28\] No"
        ):
            tracker.tell(DEMO_ARTIFACT)
    assert [run.info.status for run in runs()[1]] == ["RUNNING"]
    assert tracker.tell(DEMO_ARTIFACT, GATED) == (VERSION, "exported")
    assert [run.info.status for run in runs()[1]] == ["FINISHED"]


def test_a_changed_artifact_is_not_told(uri, tmp_path):
    folder = shutil.copytree(DEMO_ARTIFACT, tmp_path / "artifact")
    (folder / "arrays.npz").write_bytes(b"")
    with pytest.raises(ArtifactError, match="it was cut short or changed"):
        Tracker(uri, "ours").tell(folder)


@pytest.mark.parametrize("place", ["mlruns", "file:///tmp/mlruns"])
def test_folders_are_refused(place):
    with pytest.raises(ExportError, match="MLflow no longer keeps runs in folders like .*; name a"):
        Tracker(place, "ours")


def test_a_place_that_can_not_be_used_is_named_without_its_password(uri, tmp_path, monkeypatch):
    with pytest.raises(
        ExportError, match=r"MLflow at http://127.0.0.1:9 can't be used: API request"
    ):
        Tracker("http://127.0.0.1:9", "ours")
    with pytest.raises(ExportError, match=r"MLflow at nope://kim:\*\*\*@host/x can't be used: "):
        Tracker("nope://kim:secret@host/x", "ours")
    client = Tracker(uri, "ours")._client
    client.delete_experiment(client.get_experiment_by_name("ours").experiment_id)
    with pytest.raises(
        ExportError, match="the experiment 'ours' was deleted in MLflow; restore it"
    ):
        Tracker(uri, "ours")


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def missing(name, *more):
        if name == "mlflow":
            raise ImportError(name="mlflow")
        return real(name, *more)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(
        ExportError, match=r"\(mlflow is missing\): pip install 'scantrail\[mlflow\]'"
    ):
        Tracker("sqlite:///x.db", "ours")
