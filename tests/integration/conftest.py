"""Commands in process, artifacts for tests that swap them, and streams as services store them."""

import datetime as dt
import json
import os
import shutil
import sys

import polars as pl
import pytest

from scantrail import cli, wiring
from scantrail.history.posts import Post
from scantrail.history.taking import take
from scantrail.wiring import DEMO_ARTIFACT

SINCE_1970 = dt.datetime.fromisoformat("1970-01-01T09:00:00")  # in Korea
EVENTS = ("file_id", "location_id", "scan_location", "business_step", "event_type", "epc_code")


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs a command in process; gives its exit code, output and error output."""

    def command(*words):
        monkeypatch.setattr(sys, "argv", ["scantrail", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        told = capsys.readouterr()
        return ended.value.code or 0, told.out, told.err

    return command


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """Stores what a stream uploads, as a service would have, half a day after the other."""
    opened = []

    def store(settings, scans):
        engine, stores = wiring.engine(settings), wiring.stores(settings)
        opened.append(stores)
        file = tmp_path_factory.mktemp("stream") / "scans.tsv"
        half = scans.sort("uploaded").with_columns(half=pl.col("uploaded").dt.truncate("12h"))
        for _, part in half.group_by("half", maintain_order=True):
            part.select(*EVENTS, event_time="at", event_id=pl.int_range(pl.len())).write_csv(
                file, separator="\t", datetime_format="%Y-%m-%d %H:%M:%S"
            )
            events = wiring.read_events(file, settings, engine.network.sites)
            now = (part["uploaded"].max() - SINCE_1970) // dt.timedelta(microseconds=1)
            post = Post(events, "file", os.urandom(16), lambda _report, _amended: b"{}")
            take(stores.trails, [post], engine.judge_journeys, now)
        return stores

    yield store
    for stores in opened:
        stores.close()


@pytest.fixture
def another(tmp_path):
    """A fit artifact of another version: the bundled one, its card saying something else."""
    folder = shutil.copytree(DEMO_ARTIFACT, tmp_path / "another")
    card = json.loads((folder / "card.json").read_text("utf-8"))
    card["about"]["seed"] = 1
    (folder / "card.json").write_text(json.dumps(card), "utf-8")
    return folder


@pytest.fixture
def blind(tmp_path):
    """An artifact that is whole, and whose SVM says the same of everything."""
    folder = shutil.copytree(DEMO_ARTIFACT, tmp_path / "blind")
    card = json.loads((folder / "card.json").read_text("utf-8"))
    card["svm"]["offset"] = 1e6
    (folder / "card.json").write_text(json.dumps(card), "utf-8")
    return folder
