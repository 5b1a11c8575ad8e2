"""Commands in process, and artifacts for tests that swap them."""

import json
import shutil
import sys

import pytest

from scantrail import cli
from scantrail.wiring import DEMO_ARTIFACT


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
