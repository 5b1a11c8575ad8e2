"""The measurement on public one-class sets runs on a folder of sets and writes its table."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

if not os.environ.get("CI"):  # there it must be present
    pytest.importorskip("sklearn", reason="needs scikit-learn: pip install 'scantrail[train]'")

SCRIPT = Path(__file__).resolve().parents[2] / "experiments" / "one_class" / "run.py"


def run(*arguments):
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_every_set_has_a_row_and_the_table_ends_in_the_mean(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("10_easy", "2_easy"):
        usual, strange = rng.normal(size=(190, 4)), rng.normal(6, 1, (10, 4))
        label = np.repeat([0, 1], (190, 10))
        np.savez(tmp_path / f"{name}.npz", X=np.concatenate([usual, strange]), y=label)
    out = tmp_path / "table.md"
    done = run("--data", tmp_path, "--out", out, "--seeds", 1)
    assert done.returncode == 0, done.stderr
    lines = out.read_text(encoding="utf-8").splitlines()
    assert lines[0] == (
        "| set | rows | features | anomalies | SVM, default | SVM, dirty | isolation forest |"
    )
    assert [line.split("|")[1].strip() for line in lines[2:]] == [
        "2_easy",
        "10_easy",
        "*mean of 2*",
    ]
    assert lines[2].startswith("| 2_easy | 200 | 4 | 5.0% | ")
    means = [float(mark.split("/")[0].strip(" *")) for mark in lines[-1].split("|")[5:-1]]
    assert min(means) > 0.95


def test_an_empty_folder_is_refused(tmp_path):
    done = run("--data", tmp_path, "--out", tmp_path / "table.md")
    assert done.returncode == 2
    assert f"no .npz files in {tmp_path}; fetch ADBench's classical sets into it" in done.stderr
