"""Backtests of what a service stored, on both databases: the same as on the log, and no trace."""

import json
import os
import re
import shutil

import msgspec
import polars as pl
import pytest
import sqlalchemy as sa

from scantrail import wiring
from scantrail.errors import InputError, NotFoundError, SettingsError
from scantrail.evaluation import stored
from scantrail.evaluation.backtest import alerts
from scantrail.evaluation.items import beside
from scantrail.history.posts import Post
from scantrail.history.taking import take, take_apart
from scantrail.ingest.lots import lots
from scantrail.settings import read_settings
from scantrail.stores.feedback import NewFeedback
from scantrail.stores.tables import METADATA
from scantrail.vocabulary.events import Events
from scantrail.work.backtesting import Asked, check, document, run
from scantrail.work.process import run_job

NOW = 1_760_000_000_000_000
MONTH = {"since": "2025-08-01", "until": "2025-09-01"}


@pytest.fixture(scope="module")
def settings(shared_database_url, tmp_path_factory):
    models = tmp_path_factory.mktemp("models")
    return read_settings({}, database_url=shared_database_url, models=str(models))


@pytest.fixture(scope="module")
def events(simulated, settings):
    """Some lots of the simulated log."""
    sites = wiring.network_at(wiring.DEMO).sites
    every = wiring.read_events(simulated / "scans.tsv", settings, sites).frame
    mine = every.filter(pl.Series(lots(every["epc_code"]) % 4 == 0))
    return mine.with_columns(row=pl.int_range(pl.len(), dtype=pl.UInt32))


@pytest.fixture(scope="module")
def stores(settings, events):
    engine, opened = wiring.engine(settings), wiring.stores(settings)
    for number, part in enumerate(events.iter_slices(1_000)):
        rows = part.with_columns(row=pl.int_range(pl.len(), dtype=pl.UInt32))
        post = Post(Events(rows), "file", os.urandom(16), lambda _report, _amended: b"{}")
        take(opened.trails, [post], engine.judge_journeys, NOW + number)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def blind_version(settings, tmp_path_factory):
    """A registered version whose SVM says the same of everything."""
    folder = shutil.copytree(wiring.DEMO_ARTIFACT, tmp_path_factory.mktemp("blind") / "artifact")
    card = json.loads((folder / "card.json").read_text("utf-8"))
    card["svm"]["offset"] = 1e6
    (folder / "card.json").write_text(json.dumps(card), "utf-8")
    return wiring.registry(settings).add(folder)


@pytest.fixture
def trace(stores):
    """How many rows each table has; after the test, still the same."""

    def count():
        with stores.database.reading() as connection:
            return {
                table.name: connection.execute(
                    sa.select(sa.func.count()).select_from(table)
                ).scalar_one()
                for table in METADATA.tables.values()
            }

    before = count()
    yield before
    assert count() == before


def test_what_is_stored_is_judged_as_the_log_is(settings, events, stores, trace, monkeypatch):
    monkeypatch.setattr(stored, "_ITEMS", 50)  # pages that cut lots
    done = run(settings, stores, Asked())
    report = wiring.engine(settings).judge(Events(events))
    whole = alerts(beside(report.verdicts, events)).sort("epc_code")
    assert len(whole) > 5
    present = done.told.present.alerts.alerts.sort("epc_code")
    assert present.drop("score").equals(whole.drop("score"))
    assert (present["score"] - whole["score"]).abs().max() < 1e-6
    assert (done.scans, done.degraded) == (len(events), ())
    assert (len(done.told.found), len(done.told.lost), done.told.labelled) == (0, 0, None)


def test_a_stretch_sees_nothing_later_and_counts_nothing_earlier(settings, events, stores, trace):
    done = run(settings, stores, Asked(**MONTH))
    local = pl.col("time").dt.convert_time_zone("Asia/Seoul").dt.date()
    until = events.filter(local < pl.date(2025, 9, 1))
    until = until.with_columns(row=pl.int_range(pl.len(), dtype=pl.UInt32))
    report = wiring.engine(settings).judge(Events(until))
    since = beside(report.verdicts, until).filter(local >= pl.date(2025, 8, 1))
    assert done.scans == len(since)
    assert set(done.told.present.alerts.alerts["epc_code"]) == set(alerts(since)["epc_code"])
    assert done.told.days <= 31


def test_a_budget_a_day_becomes_a_threshold(settings, stores, trace):
    done = run(settings, stores, Asked(alerts_per_day=0.05))
    assert done.told.tried.per_day <= 0.05 < done.told.present.per_day
    assert done.threshold > 50
    none = run(settings, stores, Asked(alerts_per_day=1e6, every_day=True))
    assert document(none)["threshold"] == -1.0


def test_rules_weights_settings_and_versions_are_tried(settings, stores, trace, blind_version):
    fakes = run(settings, stores, Asked(without=["epcFake"])).told
    kinds = {row["kind"]: row for row in fakes.by_kind.iter_rows(named=True)}
    assert kinds["epcFake"]["present"] > kinds["epcFake"]["tried"] == 0
    higher = run(settings, stores, Asked(settings={"ensemble.alert_score": "99.9"}))
    assert 0 < len(higher.told.tried.alerts) < len(higher.told.present.alerts)
    weighed = run(settings, stores, Asked(weights={"lstm": 9.0}))
    assert weighed.told.tried.alerts.alerts["score"].sum() != (
        weighed.told.present.alerts.alerts["score"].sum()
    )
    alone = run(settings, stores, Asked(artifact="none"))
    assert alone.versions[1] == "none"
    assert len(alone.told.tried.alerts) < len(alone.told.present.alerts)
    other = run(settings, stores, Asked(artifact=blind_version))
    assert other.versions == (wiring.version_of(wiring.DEMO_ARTIFACT), blind_version)


def test_an_artifact_that_is_not_registered_can_be_given(settings, stores, trace):
    given = wiring.artifact_of(read_settings({}, artifacts="demo"))
    done = run(settings, stores, Asked(), artifact=given)
    assert done.versions == (given.version, given.version)


def test_feedback_says_which_cases_are_real(settings, stores):
    present = run(settings, stores, Asked()).told.present.alerts.alerts["epc_code"].to_list()
    added = [
        stores.feedback.add(
            NewFeedback(actor="kim", verdict=verdict, reason="seen", target="item",
                        item=code, epc_code=code)
        )
        for verdict, code in (("confirm", present[0]), ("dismiss", present[1]))
    ]  # fmt: skip
    told = run(settings, stores, Asked(threshold=100.0)).told
    assert told.labelled == 1
    assert (told.present.alerts.real, told.present.alerts.false) == (1, 1)
    assert told.present.alerts.precision == 0.5
    assert (told.lost.real, told.lost.false, told.tried.alerts.precision) == (1, 1, None)
    for one in added:
        stores.feedback.withdraw(one.id, "kim", "a test")
    assert run(settings, stores, Asked()).told.labelled is None


def test_a_job_keeps_its_result_and_nothing_else(settings, stores):
    asked = msgspec.to_builtins(Asked(without=["epcFake"], **MONTH))
    job = stores.jobs.add("backtest", asked, "kim")
    assert stores.jobs.result(job.id) is None
    told = []
    run_job(settings, stores, job.id, lambda stage, share: told.append((stage, share)))
    done = stores.jobs.get(job.id, "monitor", "backtest")
    assert (done.state, done.version) == ("done", None)
    assert re.fullmatch(
        r"\d\.\d alerts a day instead of \d\.\d: 0 found besides, \d lost", done.message
    )
    result = stores.jobs.result(job.id)
    assert result["until"] == "2025-08-31T15:00:00+00:00"
    assert result["lost"]["alerts"] == len(result["cases"]) > 0
    assert {case["change"] for case in result["cases"]} == {"lost"}
    assert result["casesLeftOut"] == 0
    assert [stage for stage, _ in told][:2] == ["looking", "judging"]
    with pytest.raises(NotFoundError, match=f"there is no job {job.id};"):
        stores.jobs.get(job.id, "retrain")


@pytest.mark.parametrize(
    ("asked", "error", "message"),
    [
        ({"artifact": "0" * 12}, NotFoundError, "no version '000000000000' is registered; there"),
        ({"artifact": "../etc"}, NotFoundError, "no version '../etc' is registered"),
        ({"without": ["nope"]}, SettingsError, "there is no rule or detector 'nope' to switch off"),
        ({"weights": {"lstm": -1}}, SettingsError, "'lstm' can't have the weight -1; give lstm or"),
        ({"weights": {"lstm": 2}, "artifact": "none"}, SettingsError, "weights need learned detec"),
        ({"settings": {"sites": "/etc"}}, SettingsError,
         "'sites' can't be tried on what is stored; there can be thresholds.… and ensemble.…"),
        ({"settings": {"thresholds.nope": "1"}}, SettingsError, "a setting can't be used: "),
        ({"settings": {"thresholds.jump_score": "high"}}, SettingsError, "a setting can't be used"),
        ({"settings": {"thresholds": "1"}}, SettingsError, "a setting can't be used: "),
        ({"since": "soon"}, InputError, "'soon' is no time; expected ISO 8601, e.g. 2025-09-01"),
        ({"threshold": 1, "alerts_per_day": 1}, InputError, "give a threshold, or alerts a day;"),
        ({"alerts_per_day": -1}, InputError, "-1 alerts a day can't be; give a number from 0"),
        ({"since": "2025-09-01", "until": "2025-08-01"}, InputError,
         "the stretch ends at 2025-07-31T15:00:00.00:00, and begins at 2025-08-31T15:00:00"),
        ({"since": "2031-01-01T00:00Z"}, InputError,
         "no scan is stored from 2031-01-01T00:00:00.00:00 to .*; the stored ones were made from"),
    ],
)  # fmt: skip
def test_what_can_not_be_tried_is_told_in_a_sentence(
    settings, stores, trace, asked, error, message
):
    with pytest.raises(error, match=message):
        run(settings, stores, Asked(**asked))


def test_a_stretch_that_is_too_long_is_refused(settings, stores, trace):
    few = msgspec.structs.replace(settings, backtest_most_scans=100)
    with pytest.raises(
        InputError, match="scans are stored from .*, and 100 may be tried at a time"
    ):
        run(few, stores, Asked())


def test_a_damaged_version_is_told_at_once_or_in_the_job(settings, stores, blind_version):
    path = wiring.registry(settings).folder / blind_version / "network.onnx"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    asked = Asked(artifact=blind_version)
    check(asked, settings)  # as far as names go
    job = stores.jobs.add("backtest", msgspec.to_builtins(asked), "kim")
    run_job(settings, stores, job.id)
    path.write_bytes(whole)
    assert stores.jobs.get(job.id).state == "failed"
    assert "it was cut short or changed" in stores.jobs.get(job.id).message


def test_nothing_can_be_tried_where_nothing_is_stored(tmp_path):
    empty = read_settings({}, database_url=f"sqlite:///{tmp_path / 'x.sqlite'}", artifacts="none")
    opened = wiring.stores(empty)
    with pytest.raises(InputError, match="no scan is stored; there is nothing to try anything on"):
        run(empty, opened, Asked())
    opened.close()


def test_scans_that_were_judged_apart_are_in_no_journey(settings, simulated, tmp_path):
    alone = read_settings({}, database_url=f"sqlite:///{tmp_path / 'x.sqlite'}", artifacts="none")
    opened, engine = wiring.stores(alone), wiring.engine(alone)
    every = wiring.read_events(simulated / "scans.tsv", alone, engine.network.sites).frame.head(9)
    post = Post(Events(every), "file", os.urandom(16), lambda _report, _amended: b"{}")
    take_apart(opened.trails, post, engine.judge_journeys, NOW)
    with pytest.raises(InputError, match="belongs to a journey: all were judged apart"):
        run(alone, opened, Asked())
    opened.close()
