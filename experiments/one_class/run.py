"""How well the one-class SVM ranks anomalies of public data sets, an isolation forest beside it.

The data are the classical sets of ADBench (Han et al., NeurIPS 2022; `adbench/datasets/Classical`
of its repository), one .npz file each with rows X and labels y. They are fetched by hand and never
committed. Protocol: unsupervised, training rows contaminated as they are; labels are only looked at
to measure. Training draws at most 2,000 rows, anew for each seed; all rows are scored. Each method
has one setting for all sets: the package's default, and one for dirty data (these sets hold up to
40 % anomalies).

    python experiments/one_class/run.py --data FOLDER --out table.md
"""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, roc_auc_score

from scantrail.training.svm import SvmSettings, fit_svm

TRAINED_ON = 2_000

#: The package's default, and what suits data of which a tenth and more is wrong.
SETTINGS = {
    "default": SvmSettings(),
    "dirty": SvmSettings(dirty=0.2, limit=3.0, nu=0.8),
}


@dataclass(frozen=True, slots=True)
class Measured:
    """One row of the table: means over seeds; `marks` are AUC and AP of each method."""

    name: str
    rows: int
    features: int
    anomalies: float
    marks: dict[str, tuple[float, float]]


def measure(path: Path, seeds: int) -> Measured:
    """Fit and measure all methods on one set."""
    with np.load(path) as stored:
        matrix, label = stored["X"].astype(np.float32), stored["y"].ravel().astype(int)
    marks: dict[str, list[tuple[float, float]]] = {}
    for seed in range(seeds):
        for method, scores in scored(matrix, seed).items():
            mark = roc_auc_score(label, scores), average_precision_score(label, scores)
            marks.setdefault(method, []).append(mark)
    means = {method: tuple(np.mean(values, axis=0)) for method, values in marks.items()}
    return Measured(path.stem, *matrix.shape, label.mean(), means)


def scored(matrix: NDArray[np.float32], seed: int) -> dict[str, NDArray[np.floating]]:
    """Scores of all rows by every method, each fitted to the same draw of them."""
    rng = np.random.default_rng(seed)
    size = min(TRAINED_ON, len(matrix))
    drawn = matrix[np.sort(rng.choice(len(matrix), size, replace=False))]
    names = [f"feature {number}" for number in range(matrix.shape[1])]
    scores: dict[str, NDArray[np.floating]] = {
        f"SVM, {name}": fit_svm(drawn, names, seed=seed, settings=settings).model.score(matrix)
        for name, settings in SETTINGS.items()
    }
    forest = IsolationForest(n_estimators=100, random_state=seed).fit(drawn)
    return {**scores, "isolation forest": -forest.score_samples(matrix)}


def table(measured: list[Measured]) -> str:
    """All sets and their mean as a Markdown table, AUC / AP."""
    methods = list(measured[0].marks)
    lines = [
        f"| set | rows | features | anomalies | {' | '.join(methods)} |",
        "|---|---|---|---|" + "---|" * len(methods),
    ]
    for one in measured:
        marks = " | ".join(f"{auc:.3f} / {ap:.3f}" for auc, ap in one.marks.values())
        lines.append(
            f"| {one.name} | {one.rows} | {one.features} | {one.anomalies:.1%} | {marks} |"
        )
    means = [np.mean([one.marks[method] for one in measured], axis=0) for method in methods]
    marks = " | ".join(f"**{auc:.3f} / {ap:.3f}**" for auc, ap in means)
    lines.append(f"| *mean of {len(measured)}* | | | | {marks} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure every set of a folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of .npz files")
    parser.add_argument("--out", type=Path, required=True, help="the table, Markdown")
    parser.add_argument("--seeds", type=int, default=3)
    asked = parser.parse_args()
    paths = sorted(
        asked.data.glob("*.npz"), key=lambda path: int((re.match(r"\d+", path.stem) or "0")[0])
    )
    if not paths:
        parser.error(f"no .npz files in {asked.data}; fetch ADBench's classical sets into it")
    measured = []
    for path in paths:
        measured.append(measure(path, asked.seeds))
        print(table(measured[-1:]).splitlines()[2], flush=True)
    asked.out.write_text(table(measured), encoding="utf-8")
    print(table(measured).splitlines()[-1])


if __name__ == "__main__":
    main()
