"""Average precision on event logs with injected anomalies; see README.md beside this file."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # two threads are slower

import numpy as np
import repairs
from logs import Log, read
from models import (
    Counts,
    Floats,
    fused,
    network_log_likelihood,
    network_of,
    network_surprise,
    trace_score,
)
from sklearn.metrics import average_precision_score
from tables import table

Result = dict[str, dict[str, float]]


def measure(path: Path, seeds: int, cache: Path | None) -> dict[str, object]:
    """Every method's average precision on one log, overall and by kind, mean over the seeds."""
    begun = time.process_time()
    log = read(path)
    counts, found = Counts.fit(log), repairs.variants(log)
    proposed = repairs.propose(log, found, counts.log_likelihood)
    ngram = trace_score(counts.surprise(log), log)
    runs = [_scores(log, found, proposed, ngram, seed, cache) for seed in range(seeds)]
    results = [{name: _precision(log, score) for name, score in run.items()} for run in runs]
    mean = {
        name: {kind: float(np.mean([r[name][kind] for r in results])) for kind in results[0][name]}
        for name in results[0]
    }
    ensemble = {name: np.mean([fused(run[name]) for run in runs], axis=0) for name in runs[0]}
    return {
        "log": log.name,
        "traces": len(log.sequences),
        "events": log.sequences.events - len(log.sequences),
        "suspect": float(log.suspect.mean()),
        "mean": mean,
        "spread": {n: float(np.std([r[n]["all"] for r in results])) for n in mean},
        "ensemble": {name: _precision(log, score) for name, score in ensemble.items()},
        "cpu": time.process_time() - begun,
    }


def _scores(
    log: Log,
    found: repairs.Variants,
    proposed: repairs.Repairs,
    ngram: Floats,
    seed: int,
    cache: Path | None,
) -> dict[str, Floats]:
    """Scores of every trace by every method."""
    network = network_of(log, seed, cache)
    lstm = trace_score(network_surprise(network, log), log)
    repaired = repairs.gains(
        log, found, proposed, lambda sequences: network_log_likelihood(network, sequences)
    )
    return {
        "n-gram": ngram,
        "LSTM": lstm,
        "LSTM + n-gram": fused(lstm, ngram),
        "repair": repaired,
        "all three": fused(lstm, ngram, repaired),
    }


def _precision(log: Log, score: Floats) -> dict[str, float]:
    """Average precision over all traces, and per kind among the normal ones."""
    result = {"all": float(average_precision_score(log.suspect, score))}
    for kind in sorted(set(log.kinds[log.suspect])):
        some = (log.kinds == kind) | ~log.suspect
        result[str(kind)] = float(average_precision_score(log.suspect[some], score[some]))
    return result


def main() -> None:
    """Measure all logs of a folder and write a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of NAME-RATIO.json.gz")
    parser.add_argument("--out", type=Path, required=True, help="Markdown file to write")
    parser.add_argument("--cache", type=Path, help="folder for trained networks and results")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=1, help="logs measured side by side")
    parser.add_argument("--only", default="*", help="pattern of names, such as 'BPIC20*'")
    options = parser.parse_args()
    paths = sorted(options.data.glob(f"{options.only}.json.gz"))
    if not paths:
        sys.exit(f"there is no {options.only}.json.gz in {options.data}")
    with ProcessPoolExecutor(options.jobs) as workers:
        tasks = [workers.submit(measure, path, options.seeds, options.cache) for path in paths]
        results = []
        for task in tasks:
            results.append(task.result())
            print(json.dumps(results[-1]), flush=True)
    options.out.write_text(table(results, options.seeds), encoding="utf-8")


if __name__ == "__main__":
    main()
