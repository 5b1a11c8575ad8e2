"""What people read of tuning: the best trials, the usual one, what was gained."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the extra `train`")

from scantrail.summary_of_tuning import show_tuning, trial_table  # noqa: E402
from scantrail.training.tune import Tried, Tuned, best_parameters  # noqa: E402


def tried(number, recall, state="complete", note=""):
    values = {"svm.nu": 0.1 * number, "svm.landmarks": 50 * number}
    return Tried(number, state, recall, (recall, recall), 2.0, values, note)


@pytest.fixture
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "140")


def study(*trials, usual=True):
    complete = [trial for trial in trials if trial.state == "complete"]
    best = max(complete, key=lambda trial: trial.recall)
    return Tuned("svm", trials, best, trials[0] if usual else None)


def test_the_best_come_first_and_the_usual_one_is_never_missing(capsys, wide):
    trials = [tried(n, r) for n, r in enumerate((0.1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4), start=1)]
    trials += [tried(8, 0.95, "pruned"), tried(9, 0.0, "failed", "training diverged")]
    show_tuning([study(*trials)], 3.0, Path("parameters.json"), labelled=True)
    told = capsys.readouterr().out
    places = [
        told.index(name) for name in ("trial 2 ", "trial 3 ", "trial 6 ", "trial 1, as usual")
    ]
    assert places == sorted(places)
    assert "trial 7 " not in told
    assert "9 trials, 1 of them cut short, 1 failed" in told
    assert "best: 0.90, with the usual parameters 0.10" in told
    assert "labelled items that rules don't see found at 3 false alerts" in told
    assert "svm.nu 0.2, svm.landmarks 100" in told


def test_nothing_gained_is_said(capsys, wide):
    show_tuning([study(tried(1, 0.5), tried(2, 0.4))], 3.0, Path("p.json"), labelled=False)
    told = capsys.readouterr().out
    assert "Nothing was better than the usual parameters (0.50)." in told
    assert "planted anomalies" in told


def test_a_grid_has_no_usual_trial(capsys, wide):
    show_tuning([study(tried(1, 0.5), usual=False)], 3.0, Path("p.json"), labelled=False)
    assert "best: 0.50" in capsys.readouterr().out


def test_all_trials_are_rows_of_a_table():
    table = trial_table([study(tried(1, 0.5), tried(2, 0.0, "failed", "training diverged"))])
    assert table.columns == ["model", "trial", "state", "recall", "fold_1", "fold_2", "seconds",
                             "note", "svm.nu", "svm.landmarks"]  # fmt: skip
    assert table["note"].to_list() == ["", "training diverged"]


def test_the_best_of_all_models_become_one_file():
    assert best_parameters([study(tried(1, 0.5), tried(2, 0.4))]) == {
        "svm": {"nu": 0.1, "landmarks": 50}
    }
