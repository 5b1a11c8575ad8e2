"""One way of going through a whole log, in a process of its own; prints one JSON line.

Usage: whole_log.py TASK SCANS NETWORK, where TASK is `floor`, `five-rules`,
`everything` or `models`.
The CPU time counted starts after the imports and ends with the task; peak memory is the process's.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import polars as pl

from scantrail import output, report, wiring
from scantrail.detectors.catalog import RULES
from scantrail.detectors.rule_set import RuleSet
from scantrail.pipeline import judge
from scantrail.settings import Settings


def cpu() -> float:
    """CPU seconds of this process so far, user and system."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def peak_mb() -> float:
    """Peak resident memory of this process in MB (the parent's counts in getrusage)."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


class Stages:
    """CPU seconds by stage."""

    def __init__(self) -> None:
        self.begun = cpu()
        self.name = ""
        self.spent: dict[str, float] = {}

    def __call__(self, name: str) -> None:
        """End the stage before and begin the next."""
        now = cpu()
        if self.name:
            self.spent[self.name] = self.spent.get(self.name, 0) + now - self.begun
        self.name, self.begun = name, now


def floor(scans: Path, _network: Path, stage: Stages) -> int:
    """What Polars alone needs to read the file with all its columns."""
    stage("read")
    return len(pl.read_csv(scans, separator="\t"))


def five_rules(scans: Path, network: Path, stage: Stages) -> int:
    """Read, understand and judge by the five rules that there always were."""
    stage("read")
    engine = wiring.Engine(Settings(sites=str(network)), wiring.network_at(network))
    raw = wiring.read_log(scans)
    stage("understand")
    events = engine.understand(raw)
    rules = RuleSet(RULES[:5], engine.settings.thresholds, engine.network)
    verdicts = judge(events, engine.network, [rules], stage).verdicts
    return len(verdicts)


def models(scans: Path, network: Path, stage: Stages) -> int:
    """Everything, with what was learned from the demo chain."""
    return everything(scans, network, stage, artifacts="demo")


def everything(scans: Path, network: Path, stage: Stages, artifacts: str = "none") -> int:
    """All rules, statistics per EPC, file, site and lane, and the verdict file."""
    stage("read")
    settings = Settings(sites=str(network), artifacts=artifacts)
    learned = wiring.artifact_of(settings)
    engine = wiring.Engine(settings, wiring.network_at(network), learned)
    raw = wiring.read_log(scans)
    stage("understand")
    events = engine.understand(raw)
    told = engine.judge(events, progress=stage)
    stage("statistics")
    report.epc_statistics(told)
    report.file_statistics(told)
    report.kinds(told)
    report.worst(told, events.frame.select("scan_location"), ["scan_location"])
    stage("output file")
    with tempfile.TemporaryDirectory() as folder:
        output.write(told, Path(folder) / "verdicts.parquet", None)
    return len(told.verdicts)


TASKS = {"floor": floor, "five-rules": five_rules, "everything": everything, "models": models}


def main() -> None:
    """Run one task."""
    task, scans, network = sys.argv[1:4]
    stage = Stages()
    started, wall = cpu(), time.perf_counter()
    rows = TASKS[task](Path(scans), Path(network), stage)
    stage("end")
    print(
        json.dumps(
            {
                "rows": rows,
                "cpu_s": cpu() - started,
                "wall_s": time.perf_counter() - wall,
                "peak_mb": peak_mb(),
                "stages": stage.spent,
                "threads": os.cpu_count(),
            }
        )
    )


if __name__ == "__main__":
    main()
