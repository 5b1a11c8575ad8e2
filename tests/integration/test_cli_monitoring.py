"""`scantrail drift` on a steady stream, changed and unchanged."""

import datetime as dt
import json
import re
import sys

import numpy as np
import polars as pl
import pytest

from scantrail import cli
from scantrail.simulate.changes import CHANGES
from scantrail.simulate.stream import StreamConfig, steady

SINCE = dt.datetime.fromisoformat("2025-03-31")


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    """Four usual weeks, and three weeks of which the last two lack a hub."""
    folder = tmp_path_factory.mktemp("drift")
    stream = steady(StreamConfig(weeks=6, items=600, seed=4, warm_up=8, batch=20))
    stream = stream.filter(pl.col("uploaded") >= dt.datetime.fromisoformat("2025-03-03"))
    scans, place = CHANGES["silent site"].make(stream, SINCE, np.random.default_rng(11))
    for name, frame in {
        "usual": stream.filter(pl.col("uploaded") < SINCE),
        "same": stream.filter(pl.col("uploaded") >= SINCE),
        "changed": scans.filter(pl.col("uploaded") >= SINCE),
    }.items():
        time = pl.col("at").dt.strftime("%Y-%m-%d %H:%M:%S").alias("event_time")
        frame.select(time, pl.exclude("at", "uploaded")).write_csv(folder / f"{name}.csv")
    return folder, str(place)


@pytest.fixture
def drift(monkeypatch, capsys, logs):
    folder, _ = logs

    def command(baseline, log, *words):
        paths = [str(folder / name) for name in (baseline, log)]
        argv = ["scantrail", "drift", *paths, "--artifacts", "none", *map(str, words)]
        monkeypatch.setattr(sys, "argv", argv)
        with pytest.raises(SystemExit) as ended:
            cli.main()
        told = capsys.readouterr()
        return ended.value.code or 0, told.out, told.err

    return command


def test_usual_days_are_as_usual(drift):
    code, told, _ = drift("usual.csv", "same.csv", "--fail-on", "1")
    assert "All as usual." in told
    assert "against 28 usual days from 2025-03-03 on" in re.sub(r"\s+", " ", told)
    assert code == 0


def test_a_change_is_named_in_words_and_in_json(drift, logs, tmp_path):
    saved = tmp_path / "usual.json"
    code, told, _ = drift("usual.csv", "changed.csv", "--fail-on", "1", "--save", saved)
    assert code == 3
    assert "silent: nothing since 2025-03-" in re.sub(r"\s+", " ", told)
    code, told, _ = drift(saved, "changed.csv", "--json")
    assert code == 0
    document = json.loads(told)
    assert logs[1] in {place for alert in document["alerts"] for place in alert["places"]}
    assert document["baseline"]["digest"] == json.loads(drift(saved, "changed.csv", "--json")[1])[
        "baseline"]["digest"]  # fmt: skip
    assert len(document["evaluated"]) == 8
    assert {one["what"] for one in document["notices"]} >= {"start"}


def test_bad_input_is_told_in_a_sentence(drift, logs, tmp_path):
    folder, _ = logs
    few = tmp_path / "few.csv"
    pl.read_csv(folder / "usual.csv").filter(
        pl.col("event_time") < "2025-03-10"
    ).write_csv(few)  # fmt: skip
    code, _, said = drift(few, "same.csv")
    assert code == 1
    assert "a baseline needs 14 days at least" in said
    assert "can't be read" in drift("none.csv", "same.csv")[2]
    assert "expected days as 2025-12-25,2026-01-01" in drift(
        "usual.csv", "same.csv", "--closed", "May")[2]  # fmt: skip
    damaged = tmp_path / "damaged.json"
    damaged.write_text('{"format": 1}', encoding="utf-8")
    assert (
        "is damaged" in drift(damaged, "same.csv")[2] or "format" in drift(damaged, "same.csv")[2]
    )
    assert "can't be written" in drift("usual.csv", "same.csv", "--save", tmp_path / "no" / "x")[2]
