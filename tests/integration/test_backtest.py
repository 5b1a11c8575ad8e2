"""Backtests of what the service stored, by command and by endpoint."""

import os

import polars as pl
import pytest

from scantrail import wiring
from scantrail.history.posts import Post
from scantrail.history.taking import take
from scantrail.ingest.lots import lots
from scantrail.serve.api import create_app
from scantrail.settings import read_settings
from scantrail.vocabulary.events import Events
from scantrail.work.process import run_job

PATH = "/api/monitoring/backtests"
DEMO = wiring.version_of(wiring.DEMO_ARTIFACT)


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("service")
    return read_settings({}, database_url=f"sqlite:///{folder / 'scantrail.sqlite'}")


@pytest.fixture(scope="module")
def stores(settings, simulated):
    engine, opened = wiring.engine(settings), wiring.stores(settings)
    every = wiring.read_events(simulated / "scans.tsv", settings, engine.network.sites).frame
    mine = every.filter(pl.Series(lots(every["epc_code"]) % 4 == 0))
    mine = mine.with_columns(row=pl.int_range(pl.len(), dtype=pl.UInt32))
    post = Post(Events(mine), "file", os.urandom(16), lambda _report, _amended: b"{}")
    take(opened.trails, [post], engine.judge_journeys, 1_760_000_000_000_000)
    yield opened
    opened.close()


@pytest.fixture
def send(call, settings, stores):
    return call(create_app(wiring.engine(settings), stores, insecure_local=True))


@pytest.fixture
def backtest(run, settings, stores, monkeypatch):
    """Runs the command on the stored scans."""
    monkeypatch.setenv("SCANTRAIL_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("COLUMNS", "80")
    return lambda *words: run("backtest", *words)


def test_a_backtest_is_asked_for_and_read(send, settings, stores):
    told = send("POST", PATH, json={"without": ["epcFake"], "since": "2025-07-01"})
    assert told.status_code == 202
    job = told.json()["id"]
    assert told.headers["location"] == f"{PATH}/{job}"
    assert (told.json()["kind"], told.json()["without"]) == ("backtest", ["epcFake"])
    waiting = send("GET", f"{PATH}/{job}").json()
    assert (waiting["state"], waiting["result"]) == ("queued", None)
    again = send("POST", PATH, json={})
    assert again.status_code == 409
    assert again.json()["detail"] == (
        f"job {job} (backtest) is queued, and one at a time may; wait for it, or cancel it"
    )
    run_job(settings, stores, job)
    done = send("GET", f"{PATH}/{job}").json()
    assert done["state"] == "done"
    result = done["result"]
    assert (result["present"]["version"], result["tried"]["version"]) == (DEMO, DEMO)
    assert result["present"]["alerts"] - result["tried"]["alerts"] == result["lost"]["alerts"] > 0
    assert {row["kind"] for row in result["byKind"]} >= {"epcFake", "model"}
    assert send("GET", f"{PATH}/{job + 1}").status_code == 404
    assert send("GET", f"/api/monitoring/jobs/{job}").status_code == 404  # no look
    assert send("GET", f"/api/admin/ml/jobs/{job}").json()["kind"] == "backtest"


@pytest.mark.parametrize(
    ("asked", "status", "message"),
    [
        ({"artifact": "0" * 12}, 404, "no version '000000000000' is registered; there are: none"),
        ({"without": ["nope"]}, 422, "there is no rule or detector 'nope' to switch off"),
        ({"weights": {"lstm": 0}}, 422, "'lstm' can't have the weight 0; give lstm or svm a number"),
        ({"settings": {"database_url": "sqlite://"}}, 422, "'database_url' can't be tried on what"),
        ({"settings": {"thresholds.jump_score": "high"}}, 422, "a setting can't be used: "),
        ({"since": "soon"}, 422, "'soon' is no time; expected ISO 8601"),
        ({"threshold": 5, "alertsPerDay": 5}, 422, "give a threshold, or alerts a day; not both"),
        ({"threshold": 500}, 422, "Input should be less than or equal to 100"),
        ({"artefact": "none"}, 422, "Extra inputs are not permitted"),
    ],
)  # fmt: skip
def test_what_can_not_be_tried_is_refused_at_once(send, asked, status, message):
    told = send("POST", PATH, json=asked)
    assert (told.status_code, message in told.text) == (status, True), told.text
    assert [
        one for one in send("GET", "/api/admin/ml/jobs").json() if one["state"] == "queued"
    ] == []


def test_what_is_stored_is_tried_by_command(backtest, stores, tmp_path):
    jobs = stores.jobs.all(100)
    cases = tmp_path / "cases.csv"
    code, told, _ = backtest("--artifacts", "none", "--alerts-per-day", 5, "--out", cases)
    assert code == 0
    for words in (f"{DEMO} judges at present, and is tried against rules alone.", "stored scans of",
                  "Nobody has said yet which alerts are real.", "found besides",
                  "No setting, artifact or stored verdict was touched."):  # fmt: skip
        assert words in told
    assert cases.read_text("utf-8").startswith("change,epc_code,day,site,kind,score\n")
    told = told.replace(str(cases), cases.name)  # may be long
    assert max(map(len, told.splitlines())) <= 80
    assert stores.jobs.all(100) == jobs


def test_artifacts_are_named_by_version_or_folder(backtest, settings, another):
    version = wiring.registry(settings).add(another)
    code, told, _ = backtest("--artifacts", version)
    assert (code, f"and is tried against {version}." in told) == (0, True)
    assert f"and is tried against {version}." in backtest("--artifacts", another)[1]
    assert f"{DEMO} judges at present, and is tried as well." in backtest("--artifacts", "demo")[1]


def test_a_version_is_tried_on_a_log_too(backtest, settings, simulated, another):
    version = wiring.registry(settings).add(another)
    code, told, _ = backtest(simulated / "scans.tsv", "--artifacts", version)
    assert (code, "On a log of " in told) == (0, True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--artifacts", "nope"], "--artifacts: there is no folder 'nope', and no version of that "),
        (["--labels", "labels.csv"], "--labels goes with a log: name one, or leave it out"),
        (["--history", "x.tsv"], "--history goes with a log: name one, or leave it out"),
        (["log.tsv", "--since", "2025-01-01"], "--since goes with stored scans: name no log, or"),
        (["--until", "2001-01-01"], "the stretch ends at 2000-12-31T15:00:00+00:00, and begins at"),
        (["--set", "sites=x.csv"], "'sites' can't be tried on what is stored; there can be"),
    ],
)  # fmt: skip
def test_what_can_not_be_done_is_told_in_a_sentence(backtest, words, message):
    code, _, error = backtest(*words)
    assert (code, message in error) == (1, True), error
