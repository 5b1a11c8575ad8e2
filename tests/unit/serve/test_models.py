"""What serves, in one process: swaps, refusals, lazy loading, unloading, and damage at the start."""

import json
import logging
import shutil
from functools import partial

import pytest

from scantrail import wiring
from scantrail.errors import ArtifactError, ConflictError, NotFoundError
from scantrail.serve.models import Models
from scantrail.settings import read_settings

DEMO = wiring.version_of(wiring.DEMO_ARTIFACT)


@pytest.fixture
def make(tmp_path):
    """Makes what serves on one database, as another process would."""
    opened = []

    def made(**given):
        settings = read_settings(
            {}, database_url=f"sqlite:///{tmp_path / 'scantrail.sqlite'}", **given
        )
        engine = wiring.engine(settings, learned=False)
        stores = wiring.stores(settings)
        opened.append(stores)
        configured = partial(wiring.artifact_of, settings)
        return Models(engine, wiring.rollout(engine, stores), configured)

    yield made
    for stores in opened:
        stores.close()


@pytest.fixture
def another(tmp_path):
    folder = shutil.copytree(wiring.DEMO_ARTIFACT, tmp_path / "another")
    card = json.loads((folder / "card.json").read_text("utf-8"))
    card["about"]["seed"] = 1
    (folder / "card.json").write_text(json.dumps(card), "utf-8")
    return folder


def version(models):
    artifact = models.engine().artifact
    return artifact and artifact.version


def test_the_settings_decide_until_something_is_deployed(make, another):
    models = make()
    assert (version(models), models.learned, models.state().wanted) == (DEMO, True, DEMO)
    new = models.rollout.registry.add(another)
    models.promote(new, "kim", "newer")
    assert version(models) == new
    assert version(make()) == new  # a process that starts now
    chain = models.rollout.deployments.all()
    assert [(one.action, one.version) for one in chain] == [("start", DEMO), ("promote", new)]


def test_what_runs_keeps_its_engine(make, another):
    models = make()
    running = models.engine()
    models.promote(models.rollout.registry.add(another), "kim", "")
    assert running.artifact.version == DEMO
    now, before = models.engine().artifact.lstm, running.artifact.lstm
    assert now.runtime is not before.runtime
    assert now.cache is before.cache is models.cache  # its keys name the version


def test_another_process_follows(make, another):
    one, other = make(), make()
    new = one.rollout.registry.add(another)
    one.promote(new, "kim", "")
    assert version(other) == DEMO
    other.look()
    assert version(other) == new
    other.roll_back("lee", "too many alerts")
    assert version(other) == DEMO
    one.look()
    assert (version(one), one.state().deployed.reason) == (DEMO, "too many alerts")
    with pytest.raises(ConflictError, match="there is no deployment before this one"):
        one.roll_back("lee", "")


def test_a_bad_version_leaves_the_good_one_serving(make, another):
    models = make()
    new = models.rollout.registry.add(another)
    path = models.rollout.registry.folder / new / "network.onnx"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ArtifactError, match="it was cut short or changed"):
        models.promote(new, "kim", "")
    with pytest.raises(NotFoundError):
        models.promote("../another", "kim", "")
    assert version(models) == DEMO
    assert models.rollout.deployments.all() == []


def test_a_version_that_is_damaged_elsewhere_leaves_what_serves_there(make, another, caplog):
    one, other = make(), make()
    new = one.rollout.registry.add(another)
    one.promote(new, "kim", "")
    path = one.rollout.registry.folder / new / "arrays.npz"
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    other.look()
    state = other.state()
    assert (version(other), state.wanted) == (DEMO, new)
    assert "arrays.npz is not the file that the artifact's card names" in state.fault
    assert f"version {new} should serve but can't be used, {DEMO} serves on" in caplog.text
    path.write_bytes(whole)
    other.look()
    assert version(other) == DEMO  # not tried at every look
    other._tried -= 60
    other.look()
    assert (version(other), other.state().fault) == (new, None)


def test_damage_at_the_start_leaves_rules_alone_and_every_answer_says_so(make, another, caplog):
    models = make()
    new = models.rollout.registry.add(another)
    models.promote(new, "kim", "")
    (models.rollout.registry.folder / new / "network.onnx").write_bytes(b"")
    started = make()
    engine = started.engine()
    assert (engine.artifact, engine.missing, started.learned) == (None, ("lstm", "svm"), True)
    assert "rules alone judge" in caplog.text
    raw = wiring.read_events(wiring.DEMO / "sample.json", engine.settings, engine.network.sites)
    report, _ = engine.judge_journeys(raw.frame)
    assert report.degraded == ("lstm", "svm")
    assert engine.judge_journeys(raw.frame, ml=False)[0].degraded == ()
    assert engine.judge_journeys(raw.frame, "source")[0].degraded == ()


def test_a_configured_artifact_that_is_damaged_stops_the_start(make, tmp_path):
    with pytest.raises(ArtifactError, match="is no artifact"):
        make(artifacts=str(tmp_path / "nothing"))
    lazy = make(artifacts=str(tmp_path / "nothing"), load_models="first_use")
    assert lazy.engine().missing == ("lstm", "svm")
    assert "is no artifact" in lazy.state().fault


def test_rules_alone_can_be_deployed_and_taken_back(make):
    models = make()
    models.promote("none", "kim", "models look odd")
    assert (version(models), models.learned) == (None, False)
    models.roll_back("kim", "")
    assert version(models) == DEMO


def test_a_pinned_version_stays(make, another):
    models = make()
    new = models.rollout.registry.add(another)
    models.promote(new, "kim", "audit", pin=True)
    refused = rf"version {new} is pinned by kim since .* \(audit\); unpin it first"
    with pytest.raises(ConflictError, match=refused):
        models.promote("none", "lee", "")
    with pytest.raises(ConflictError, match=refused):
        models.roll_back("lee", "")
    models.rollout.unpin("kim", "over")
    with pytest.raises(ConflictError, match="no version is pinned"):
        models.rollout.unpin("kim", "over")
    models.roll_back("lee", "")
    assert version(models) == DEMO


def test_two_promotions_at_once(make, another, monkeypatch):
    """While one is being probed, the other is deployed."""
    slow, quick = make(), make()
    new = slow.rollout.registry.add(another)
    probing = type(slow.rollout.registry).load

    def load(registry, name):
        monkeypatch.setattr(type(slow.rollout.registry), "load", probing)
        quick.promote("none", "lee", "")
        return probing(registry, name)

    monkeypatch.setattr(type(slow.rollout.registry), "load", load)
    with pytest.raises(ConflictError, match="meanwhile: lee has made promote none at "):
        slow.promote(new, "kim", "")
    assert version(slow) == DEMO
    slow.look()
    assert version(slow) is None


def test_promoting_what_serves_changes_nothing(make):
    models = make()
    models.rollout.registry.add(wiring.DEMO_ARTIFACT)
    first = models.promote(DEMO, "kim", "")
    assert models.promote(DEMO, "lee", "") == first


def test_lazy_loading_waits_for_the_first_use(make, monkeypatch):
    held = iter([20_000_000, 30_000_000])
    monkeypatch.setattr("scantrail.serve.models.resident", lambda: next(held))
    models = make(load_models="first_use")
    assert (models.state().loaded, models.learned) == ((), True)
    models.look()
    assert models.state().loaded == ()
    assert version(models) == DEMO
    [loaded] = models.state().loaded
    assert loaded.rss == (20_000_000, 30_000_000)


def test_old_versions_are_unloaded_after_a_while_and_idle_ones_too(make, another, caplog):
    caplog.set_level(logging.INFO)
    models = make(keep_models_seconds=100.0, unload_idle_minutes=10.0)
    new = models.rollout.registry.add(another)
    models.promote(new, "kim", "")
    models.look()
    assert {one.version for one in models.state().loaded} == {DEMO, new}
    models._loaded[DEMO].used -= 101
    models.look()
    assert [one.version for one in models.state().loaded] == [new]
    models._serving.used -= 601
    models.look()
    assert (models.state().loaded, models.learned) == ((), True)
    assert f"version {new} is unloaded, nobody used it" in caplog.text
    assert version(models) == new


def test_no_more_than_two_versions_are_loaded(make, another, tmp_path):
    models = make()
    models.promote(models.rollout.registry.add(another), "kim", "")
    models.promote("none", "kim", "")
    card = json.loads((another / "card.json").read_text("utf-8"))
    card["about"]["seed"] = 2
    (another / "card.json").write_text(json.dumps(card), "utf-8")
    third = models.rollout.registry.add(another)
    models.promote(third, "kim", "")
    models.look()
    assert len(models._loaded) == 2
    assert version(models) == third
