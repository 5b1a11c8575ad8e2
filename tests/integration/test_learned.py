"""Learned detectors from end to end: by the bundled artifact, and by one trained here."""

import json
import os
import subprocess
import sys

import numpy as np
import polars as pl
import pytest

from scantrail import wiring
from scantrail.settings import Settings, read_settings
from scantrail.simulate import SimulationConfig, simulate, write
from scantrail.vocabulary.events import Events

ML = ("lstmSequenceScore", "svmOutlierScore", "mlCombinedScore")


@pytest.fixture(scope="module")
def engine():
    return wiring.engine(Settings())


@pytest.fixture(scope="module")
def events(simulated, engine):
    return wiring.read_events(simulated / "scans.tsv", engine.settings, engine.network.sites)


@pytest.fixture(scope="module")
def report(engine, events):
    return engine.judge(events)


def scores(verdicts):
    return verdicts.sort("row").select(ML)


def same(ours, theirs):
    for name in ML:
        np.testing.assert_allclose(ours[name].to_numpy(), theirs[name].to_numpy(), atol=0.05)


def shuffled(events, seed=0):
    order = np.random.default_rng(seed).permutation(len(events.frame))
    return Events(
        events.frame[order].with_columns(row=pl.int_range(pl.len(), dtype=pl.UInt32))
    ), order


def test_every_scan_has_scores_from_0_to_100(report):
    for name in ML:
        column = report.verdicts[name]
        assert column.drop_nulls().is_between(0, 100).all()
        assert column.null_count() < 0.01 * len(column)


def test_models_find_what_rules_cannot_see(simulated, engine, events, report):
    labels = pl.read_csv(simulated / "labels.csv").filter(~pl.col("rule_visible"))
    hidden = report.verdicts.filter(pl.col("epc_code").is_in(labels["epc_code"].implode()))
    by_models = hidden.filter("anomaly")["epc_code"].n_unique()
    alone = engine.judge(events, ml=False).verdicts
    by_rules = alone.filter(pl.col("epc_code").is_in(labels["epc_code"].implode()))
    assert by_models > 2 * by_rules.filter("anomaly")["epc_code"].n_unique()
    assert by_models > 0.5 * hidden["epc_code"].n_unique()


def test_the_order_of_the_rows_changes_no_score(engine, events, report):
    mixed, order = shuffled(events)
    again = engine.judge(mixed).verdicts
    back = again.with_columns(row=pl.Series(order.astype(np.uint32)))
    same(scores(back), scores(report.verdicts))


def test_later_scans_change_no_earlier_score(engine, events, report):
    until = events.frame["time"].quantile(0.5)
    early = Events(events.frame.filter(pl.col("time") <= until))
    seen = engine.judge(early).verdicts
    whole = report.verdicts.filter(pl.col("row").is_in(early.frame["row"].implode()))
    same(scores(seen), scores(whole))


def test_history_gives_a_journey_its_beginning(engine, events, report):
    until = events.frame["time"].quantile(0.5)
    first = Events(events.frame.filter(pl.col("time") <= until))
    rest = events.frame.filter(pl.col("time") > until)
    rows = rest["row"]
    second = Events(rest.with_columns(row=pl.int_range(pl.len(), dtype=pl.UInt32)))
    told = engine.judge(second, history=first).verdicts
    assert told["row"].to_list() == list(range(len(rest)))
    whole = report.verdicts.filter(pl.col("row").is_in(rows.implode()))
    same(scores(told), scores(whole))


def test_history_that_holds_the_log_itself_counts_once(engine, events, report):
    again = engine.judge(events, history=events).verdicts
    same(scores(again), scores(report.verdicts))


def test_a_suspect_scan_is_explained(report):
    found = report.verdicts.filter(pl.col("kind") == "model")
    assert len(found)
    for explanation, expected in found.select("explanation", "expected").iter_rows():
        assert explanation.startswith("unusual: ")
        assert "usual next: " in expected
        assert "it would be ordinary" in expected


def test_rules_alone_on_request(engine, events):
    assert not set(ML) & set(engine.judge(events, ml=False).verdicts.columns)


def test_an_unknown_place_says_nothing_and_an_unknown_step_silences_the_network(engine, events):
    foreign = events.frame.head(50).with_columns(location_id=pl.lit(999_999))
    nameless = foreign.with_columns(event_type=pl.lit("?"), business_step=pl.lit("?"))
    for frame, silent in ((foreign, 0), (nameless, 50)):
        verdicts = engine.judge(Events(frame)).verdicts
        assert verdicts["lstmSequenceScore"].null_count() == silent
        assert verdicts["svmOutlierScore"].null_count() == 0


def test_one_journey_of_ten_thousand_scans(engine, events):
    one = events.frame.head(1)
    many = pl.concat([one] * 10_000).with_columns(
        row=pl.int_range(pl.len(), dtype=pl.UInt32),
        event_id=pl.int_range(pl.len()),
        time=pl.col("time") + pl.duration(hours=pl.int_range(pl.len())),
    )
    verdicts = engine.judge(Events(many)).verdicts
    assert len(verdicts) == 10_000
    assert verdicts["mlCombinedScore"].null_count() == 0


def test_nothing_to_judge(engine, events):
    assert len(engine.judge(Events(events.frame.head(0))).verdicts) == 0


def test_a_detector_that_fails_degrades_the_answer(engine, events, monkeypatch):
    def fail(*_):
        raise RuntimeError("no memory")

    monkeypatch.setattr("scantrail.detectors.lstm.detector.encode", fail)
    report = engine.judge(events)
    assert report.degraded == ("lstm",)
    assert report.verdicts["lstmSequenceScore"].null_count() == len(events.frame)
    assert report.verdicts["mlCombinedScore"].null_count() == 0


def run(*arguments, folder):
    command = [sys.executable, "-c", "from scantrail.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)


@pytest.mark.slow
def test_train_detect_evaluate(tmp_path, simulated):
    if not os.environ.get("CI"):
        pytest.importorskip("torch", reason="needs torch: pip install 'scantrail[train]'")
    out, sites = tmp_path / "artifact", simulated / "sites.csv"
    log = simulated / "scans.tsv"
    trained = run("train", log, "--sites", sites, "--out", out, "--epochs", 1, folder=tmp_path)
    assert trained.returncode == 0, trained.stderr
    assert "wrote artifact" in trained.stdout
    card = json.loads((out / "card.json").read_text())
    assert card["about"]["data"]["items"] > 2_900
    assert sorted(path.name for path in out.iterdir()) == [
        "arrays.npz",
        "card.json",
        "network.onnx",
        "svm_state.npz",
    ]

    verdicts = tmp_path / "verdicts.parquet"
    found = run("detect", log, "--sites", sites, "--artifacts", out, "--out", verdicts,
                folder=tmp_path)  # fmt: skip
    assert found.returncode == 0, found.stderr
    assert set(ML) <= set(pl.read_parquet_schema(verdicts))

    told = run("evaluate", verdicts, simulated / "labels.csv", folder=tmp_path)
    assert told.returncode == 0, told.stderr
    assert "Found at 3 false alerts per 10,000 scans" in told.stdout
    assert "Together they find" in told.stdout


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.filter(pl.col("location_id") == 1001), "all scans are at one site"),
        (lambda frame: frame.head(900), "at least 600 are needed to learn what is normal"),
    ],
)
def test_logs_that_teach_nothing_are_refused(simulated, tmp_path, change, message):
    pytest.importorskip("torch", reason="needs torch: pip install 'scantrail[train]'")
    from scantrail.errors import TrainingError

    settings = read_settings({}, sites=str(simulated / "sites.csv"), artifacts="none")
    engine = wiring.engine(settings)
    events = wiring.read_events(simulated / "scans.tsv", settings, engine.network.sites)
    few = Events(change(events.frame))
    with pytest.raises(TrainingError, match=message):
        wiring.train(engine, few, tmp_path, lambda *_: None, seed=0, epochs=1)


def test_a_log_that_is_mostly_suspect_is_refused(tmp_path):
    pytest.importorskip("torch", reason="needs torch: pip install 'scantrail[train]'")
    from scantrail.errors import TrainingError

    mix = {"epcDup": 1.0, "afterSale": 1.0, "evtOrderErr": 1.0}
    write(simulate(SimulationConfig(2_000, seed=2, anomaly_rate=0.4, mix=mix)), tmp_path)
    settings = read_settings({}, sites=str(tmp_path / "sites.csv"), artifacts="none")
    engine = wiring.engine(settings)
    events = wiring.read_events(tmp_path / "scans.tsv", settings, engine.network.sites)
    with pytest.raises(
        TrainingError, match="of the items suspect; what is normal can't be learned"
    ):
        wiring.train(
            engine.learned_from(events), events, tmp_path, lambda *_: None, seed=0, epochs=1
        )
