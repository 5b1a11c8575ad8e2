"""The life of a model on a real service: the demo's chapters, and what no other test goes through."""

import datetime as dt
import io
import json
import shutil

import pytest
from rich.console import Console

from scantrail import wiring
from scantrail.gating import gate_on
from scantrail.lifecycle import chapters
from scantrail.lifecycle.demo import SETTINGS, Played, play
from scantrail.lifecycle.place import ADMIN, Place, PlaceError
from scantrail.lifecycle.telling import Page
from scantrail.lifecycle.world import make_world
from scantrail.lifecycle.year import Year
from scantrail.serve.api import create_app
from scantrail.settings import read_settings
from scantrail.simulate import SimulationConfig, simulate, write

DEMO = wiring.version_of(wiring.DEMO_ARTIFACT)


def quiet(_what, _share):
    pass


def variant(folder, **about):
    """The bundled artifact with more in its card."""
    shutil.copytree(wiring.DEMO_ARTIFACT, folder)
    card = json.loads((folder / "card.json").read_text("utf-8"))
    card["about"] |= about
    (folder / "card.json").write_text(json.dumps(card), "utf-8")
    return folder


@pytest.mark.slow
def test_the_demo_tells_what_it_sees(tmp_path):
    """The first chapters of a small year: a version is trained, serves, and a hub opens."""
    pytest.importorskip("torch", reason="needs the extra `train`")
    console = Console(file=io.StringIO(), width=80, highlight=False)
    faults = play(console, tmp_path, quiet, Played(200, 7, 1), chapters.CHAPTERS[:3])
    told = console.file.getvalue()
    assert " 1  A first version learns, passes the gate, and serves  30 September 2024" in told
    assert "✓ fit: its files are whole" in told
    assert "judges: deployment 2" in told
    assert " 3  A new hub opens: Seohae Logistics Hub (1950)  17 March 2025" in told
    assert "POST /api/admin/ml/retrain" in told
    assert "Who judged, from when on, and why" in told
    for fault in faults:  # a world as small as this may hide what happens in it
        assert f"but        {fault}"[:60] in told
    assert (tmp_path / "scantrail.sqlite").is_file()
    assert len(list((tmp_path / "models").glob("[0-9a-f]*"))) == 1


@pytest.mark.slow
def test_a_version_that_got_past_the_gate_is_rolled_back(tmp_path):
    """On a running service: refused by the endpoint, forced from a shell, taken back by itself."""
    world = make_world(300, 5)
    loud = wiring.registry(read_settings({}, models=str(tmp_path / "models"))).add(
        variant(tmp_path / "loud", alert_score=12.0)
    )
    settings = SETTINGS | {"ARTIFACTS": "demo", "MODELS": str(tmp_path / "models")}
    page = Page(Console(file=io.StringIO(), width=90, highlight=False))
    with Place(tmp_path, settings) as place:
        year = Year(world, place, page, quiet, 5, 1, week=3, versions={"bad": loud})
        place.send(world.came(-42, 3))
        with pytest.raises(PlaceError, match=f"^version {loud} has not been at the gate against"):
            place.post(f"{ADMIN}/models/{loud}/promote", reason="no time")
        chapters.is_rolled_back(year)
        chain = place.get(f"{ADMIN}/deployments")
    assert page.faults == []
    assert [(one["action"], one["version"]) for one in chain] == [
        ("rollback", DEMO), ("promote", loud), ("start", DEMO),
    ]  # fmt: skip
    assert chain[0]["actor"] == "automatic"
    told = page.console.file.getvalue()
    assert "learned detectors alert on" in told
    assert f"{DEMO} judges again, by automatic" in told


def test_a_trial_promotes_only_what_passed_the_gate(call, tmp_path):
    later = SimulationConfig(1_500, seed=99, anomaly_rate=0.01, start=dt.date(2026, 7, 1))
    write(simulate(later), tmp_path / "later")
    settings = read_settings(
        {}, database_url=f"sqlite:///{tmp_path / 'x.sqlite'}",
        gate={"required": True, "latency": 9.0},
    )  # fmt: skip
    stores = wiring.stores(settings)
    version = wiring.registry(settings).add(variant(tmp_path / "candidate", seed=1))
    send = call(create_app(wiring.engine(settings), stores, insecure_local=True))
    trial = send("POST", f"{ADMIN}/trials", json={"mode": "ab", "challenger": version}).json()
    refused = send("POST", f"{ADMIN}/trials/{trial['id']}/promote")
    assert refused.status_code == 409
    assert refused.json()["detail"].startswith(f"version {version} has not been at the gate")
    events = wiring.read_events(tmp_path / "later" / "scans.tsv", settings).frame
    assert gate_on(settings, stores, version, events, "kim").passed
    assert send("POST", f"{ADMIN}/trials/{trial['id']}/promote").json()["state"] == "promoted"
    assert send("GET", f"{ADMIN}/models").json()["serving"] == version
    stores.close()


def test_a_folder_with_something_in_it_is_refused(run, tmp_path):
    pytest.importorskip("torch", reason="needs the extra `train`")
    (tmp_path / "mine").write_text("", "utf-8")
    code, _, err = run("lifecycle", "demo", "--out", tmp_path)
    assert (code, err) == (
        1, f"error: {tmp_path} is not empty; name a new folder, or an empty one\n",
    )  # fmt: skip
    code, _, err = run("lifecycle", "demo", "--out", tmp_path / "mine")
    assert (code, err) == (
        1, f"error: {tmp_path / 'mine'} can't be written: it is a file; name a folder\n",
    )  # fmt: skip


def test_without_the_extra_it_says_what_to_install(run, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "scantrail.training.train", None)
    code, _, err = run("lifecycle", "demo")
    assert code == 1
    assert err.startswith("error: training needs more than scoring does (")
    assert err.endswith("is missing): pip install 'scantrail[train]'\n")
