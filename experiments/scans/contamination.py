"""How dirty may the log be that is learned from? `python experiments/scans/contamination.py`.

Trains on logs of the demo chain that differ in the share of anomalous items alone, and measures on
the first test logs of `run.py`. The last row is the worst case: nothing in it that a rule sees.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from run import PREVALENCE, TEST_ITEMS, TEST_SEEDS, TRAIN_SEED, judged, log, made, trained_on

from scantrail.errors import TrainingError
from scantrail.evaluation import Evaluation, evaluate
from scantrail.simulate import SimulationConfig
from scantrail.simulate.anomalies.catalog import KINDS

TRAIN_ITEMS: Final = 30_000
TESTS: Final = TEST_SEEDS[:2]
SHARES: Final = (0.0, 0.01, 0.02, 0.05, 0.3)
#: Anomalies of which rules see nothing.
INVISIBLE: Final = {name: 1 for name, kind in KINDS.items() if not kind.rule_visible}
GROUPS: Final = ("all", "rule-visible", "rule-invisible")


@dataclass(frozen=True, slots=True)
class Row:
    """What came of one training log: evaluations of the test logs, or why it was refused."""

    name: str
    runs: list[Evaluation]
    left_out: str
    told: str


def main() -> None:
    """Measure and write a Markdown fragment."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--work", type=Path, required=True, help="folder for logs and artifacts")
    asked.add_argument("--out", type=Path, required=True, help="Markdown file to write")
    given = asked.parse_args()
    rows = [measured(given.work, f"{share:.0%}", config(share)) for share in SHARES]
    dirty = SimulationConfig(TRAIN_ITEMS, TRAIN_SEED, "demo", SHARES[-1], mix=INVISIBLE)
    rows.append(measured(given.work, f"{SHARES[-1]:.0%}, none that rules see", dirty))
    given.out.write_text(page(rows), encoding="utf-8")


def config(share: float) -> SimulationConfig:
    """A training log in which so many items are anomalous."""
    return SimulationConfig(TRAIN_ITEMS, TRAIN_SEED, "demo", share)


def measured(work: Path, name: str, dirty: SimulationConfig) -> Row:
    """Train, judge the test logs, and compare with their labels."""
    place = work / f"contamination-{name.replace(', ', '-').replace(' ', '-')}"
    folder = made(place / "log", dirty)
    try:
        engine, _ = trained_on(folder, place / "network", place / "artifact")
    except TrainingError as error:
        return Row(name, [], "", str(error))
    assert engine.artifact is not None
    data = engine.artifact.card.about["data"]
    runs = []
    for seed in TESTS:
        test = log(work, "demo", seed, TEST_ITEMS, PREVALENCE)
        runs.append(evaluate(judged(engine, test), pl.read_csv(test / "labels.csv"), 3.0))
        print(name, seed, flush=True)
    shares = (f"{data[why] / data['items']:.1%}" for why in ("left_out", "strange"))
    return Row(name, runs, " | ".join(shares), "")


def page(rows: list[Row]) -> str:
    """The table as Markdown."""
    lines = ["| anomalous items in the log learned from | left out by rules | as strange | "
             + " | ".join(GROUPS) + " | models alone, rule-invisible | ROC-AUC |",
             "|---|---|---|" + "---|" * (len(GROUPS) + 2)]  # fmt: skip
    for row in rows:
        if not row.runs:
            lines.append(f"| {row.name} | refused | " + "-- | " * (len(GROUPS) + 3))
            continue
        final = [run.found["finalConfidence"] for run in row.runs]
        cells = [f"{np.mean([one.recall[group] for one in final]):.3f}" for group in GROUPS]
        models = [run.found["mlCombinedScore"].recall["rule-invisible"] for run in row.runs]
        cells += [f"{np.mean(models):.3f}", f"{np.mean([one.roc_auc for one in final]):.3f}"]
        lines.append(f"| {row.name} | {row.left_out} | " + " | ".join(cells) + " |")
    lines += ["", *(f'With {row.name}: "{row.told}"' for row in rows if row.told)]
    return "\n".join(lines).strip() + "\n"


if __name__ == "__main__":
    main()
