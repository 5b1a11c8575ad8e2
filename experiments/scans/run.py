"""Trains on simulated chains and measures on others: `python experiments/scans/run.py --work DIR`.

Everything is drawn from fixed seeds that nothing was tuned on. Logs and artifacts are kept in the
work folder, so that a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
from baseline import Baseline

from scantrail import output, wiring
from scantrail.evaluation import JUDGES, Evaluation, Found, evaluate
from scantrail.pipeline import see
from scantrail.settings import read_settings
from scantrail.simulate import SimulationConfig, simulate, write
from scantrail.simulate.anomalies.catalog import KINDS
from scantrail.vocabulary.events import Events

CHAINS = ("demo", "second")
TRAIN_SEED, TRAIN_ITEMS, CONTAMINATION = 901, 100_000, 0.01
TEST_SEEDS, TEST_ITEMS, PREVALENCE = (911, 912, 913, 914, 915, 916), 50_000, 0.05
EPOCHS = 4
BUDGETS = (1.0, 3.0, 10.0)
#: Detector switched off to the column of what the others say.
WITHOUT = {"rules": "without rules", "lstm": "without LSTM", "svm": "without SVM"}


def main() -> None:
    """Measure and write a Markdown fragment."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--work", type=Path, required=True, help="folder for logs and artifacts")
    asked.add_argument("--out", type=Path, required=True, help="Markdown file to write")
    given = asked.parse_args()
    measured = {chain: list(measure(chain, given.work)) for chain in CHAINS}
    given.out.write_text(page(measured), encoding="utf-8")


def log(work: Path, chain: str, seed: int, items: int, rate: float) -> Path:
    """A simulated log, made if need be."""
    folder = work / f"{chain}-{seed}-{items}-{rate}"
    if not (folder / "labels.csv").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        write(simulate(SimulationConfig(items, seed, chain, rate)), folder)
    return folder


def trained(work: Path, chain: str) -> tuple[wiring.Engine, Events]:
    """The engine with what was learned from the training log, trained if need be."""
    folder = log(work, chain, TRAIN_SEED, TRAIN_ITEMS, CONTAMINATION)
    network, artifact = work / f"{chain}-network", work / f"{chain}-artifact"
    bare = read_settings({}, sites=str(folder / "sites.csv"), artifacts="none")
    engine = wiring.engine(bare)
    events = wiring.read_events(folder / "scans.tsv", bare, engine.network.sites)
    if not (artifact / "card.json").is_file():
        engine = engine.with_tiers_seen(events).learned_from(events)
        wiring.write_learned(engine, network)
        begun = time.perf_counter()
        wiring.train(engine, events, artifact, _progress, seed=0, epochs=EPOCHS)
        seconds = round(time.perf_counter() - begun)
        (artifact / "seconds.json").write_text(json.dumps(seconds), encoding="utf-8")
    return wiring.engine(read_settings({}, sites=str(network), artifacts=str(artifact))), events


def _progress(what: str, share: float) -> None:
    print(f"{share:4.0%} {what}", flush=True)


def measure(chain: str, work: Path) -> Iterator[dict[float, Evaluation]]:
    """Evaluations of one chain, per test seed and budget."""
    engine, events = trained(work, chain)
    plain = Baseline(see(events.frame, engine.network))
    for seed in TEST_SEEDS:
        folder = log(work, chain, seed, TEST_ITEMS, PREVALENCE)
        test = wiring.read_events(folder / "scans.tsv", engine.settings, engine.network.sites)
        journeys = see(test.frame, engine.network)
        order = np.argsort(journeys.linked["row"].to_numpy(), kind="stable")
        verdicts = output.verdict_table(engine.judge(test)).with_columns(
            pl.Series("baseline", plain.score(journeys)[order]),
            *(_without(name, engine, test).alias(column) for name, column in WITHOUT.items()),
        )
        labels = pl.read_csv(folder / "labels.csv")
        print(chain, seed, flush=True)
        also = ("baseline", *WITHOUT.values())
        yield {budget: evaluate(verdicts, labels, budget, also) for budget in BUDGETS}


def _without(name: str, engine: wiring.Engine, events: Events) -> pl.Series:
    """What all detectors but one say together."""
    others = replace(engine, without=frozenset({name}))
    return others.judge(events).verdicts["finalConfidence"]


def page(measured: dict[str, list[dict[float, Evaluation]]]) -> str:
    """The tables as Markdown."""
    lines: list[str] = []
    for chain, runs in measured.items():
        at_three = [run[3.0] for run in runs]
        shown = list(at_three[0].found)
        lines += [
            f"### The {chain} chain",
            "",
            f"{len(runs)} logs of {TEST_ITEMS:,} items each, "
            f"{np.mean([run.prevalence for run in at_three]):.1%} of them anomalous; mean over the "
            "logs (lowest to highest).",
            "",
            "| found at 3 false alerts per 10,000 scans | items | "
            + " | ".join(JUDGES.get(name, name) for name in shown)
            + " |",
            "|---|" + "---|" * (len(shown) + 1),
        ]
        kinds = ["all", "rule-visible", "rule-invisible", *sorted(KINDS)]
        for kind in kinds:
            items = sum(run.items.get(kind, 0) for run in at_three)
            cells = [_cell([run.found[name].recall[kind] for run in at_three]) for name in shown]
            lines.append(f"| {kind} | {items:,} | " + " | ".join(cells) + " |")
        for label, pick in _AREAS.items():
            cells = [_cell([pick(run.found[name]) for run in at_three], 3) for name in shown]
            lines.append(f"| {label} | | " + " | ".join(cells) + " |")
        gains = [run.gain for run in at_three if run.gain]
        lines += [
            "",
            f"Anomalous items found, against the rules alone at the same budget: "
            f"{np.mean([g[0] for g in gains]):.2f} times (95 % bootstrap interval of the single "
            f"logs from {min(g[1] for g in gains):.2f} to {max(g[2] for g in gains):.2f}).",
            "",
            "| false alerts per 10,000 scans | all | rule-visible | rule-invisible |",
            "|---|---|---|---|",
        ]
        for budget in BUDGETS:
            recalls = [run[budget].found["finalConfidence"].recall for run in runs]
            row = [_cell([r[k] for r in recalls]) for k in kinds[:3]]
            lines.append(f"| {budget:g} | " + " | ".join(row) + " |")
        lines.append("")
    return "\n".join(lines)


def _roc(found: Found) -> float:
    return found.roc_auc


def _pr(found: Found) -> float:
    return found.pr_auc


_AREAS = {"ROC-AUC": _roc, "PR-AUC": _pr}


def _cell(values: list[float], digits: int = 2) -> str:
    low, high, mean = min(values), max(values), float(np.mean(values))
    spread = f" ({low:.{digits}f}-{high:.{digits}f})" if round(low, 2) != round(high, 2) else ""
    return f"{mean:.{digits}f}{spread}"


if __name__ == "__main__":
    main()
