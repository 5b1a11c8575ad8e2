"""Retraining beside a service: how long it takes, and what callers wait meanwhile.

`python experiments/lifecycle/beside.py --work DIR --out FILE [--epcs 20000]`

A service on SQLite answers single scans, one caller at a time; then it is asked to retrain on a
simulated log, and answers on. Goals: at most 10 minutes on two cores for 100,000 EPCs (`--epcs
100000`), and at most 1.5 times the usual latency meanwhile, in the same run.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from scantrail.simulate import SimulationConfig, simulate, write

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts" / "operations"))
from service import DETECT, Service, records, scan

ADMIN: Final = "/api/admin/ml"
_PAUSE: Final = 0.05  # seconds between two requests
_USUAL: Final = 20.0  # seconds of load before the retraining, and after it


def main() -> None:
    """Measure, and write a Markdown fragment."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--work", type=Path, required=True)
    asked.add_argument("--out", type=Path, required=True)
    asked.add_argument("--epcs", type=int, default=20_000)
    asked.add_argument("--epochs", type=int, default=4)
    given = asked.parse_args()
    log = given.work / f"log-{given.epcs}"
    if not (log / "scans.tsv").is_file():
        write(simulate(SimulationConfig(given.epcs, seed=971, anomaly_rate=0.01)), log)
    database = given.work / f"beside-{os.getpid()}.sqlite"
    service = Service(
        f"sqlite:///{database}",
        SCANTRAIL_DATASETS=str(given.work), SCANTRAIL_MODELS=str(given.work / "models"),
    )  # fmt: skip
    service.start()
    try:
        told = measured(service, log.name, given.epochs)
    finally:
        service.stop()
    given.out.write_text(page(told, given.epcs), encoding="utf-8")
    print(given.out.read_text(encoding="utf-8"))


def measured(service: Service, dataset: str, epochs: int) -> dict[str, Any]:
    """Latency before, during and after a retraining (seconds), and the job."""
    numbers = iter(range(1, 10**9))
    loaded(service, numbers, lambda: False, 5.0)  # to warm up
    before = loaded(service, numbers, lambda: False, _USUAL)
    body = json.dumps({"dataset": dataset, "epochs": epochs}).encode()
    status, answer = service.call("POST", f"{ADMIN}/retrain", body)
    if status != 202:
        raise RuntimeError(f"{status} {answer!r}")
    number = json.loads(answer)["id"]

    def over() -> bool:
        job = json.loads(service.call("GET", f"{ADMIN}/jobs/{number}")[1])
        return job["state"] not in {"queued", "running"}

    during = loaded(service, numbers, over, float("inf"))
    after = loaded(service, numbers, lambda: False, _USUAL)
    job = json.loads(service.call("GET", f"{ADMIN}/jobs/{number}")[1])
    return {"usual": before + after, "during": during, "job": job}


def loaded(service: Service, numbers: Any, over: Callable[[], bool], seconds: float) -> list[float]:
    """Seconds of each answer; until it is over, which is looked at now and then."""
    took: list[float] = []
    begun = looked = time.perf_counter()
    while time.perf_counter() - begun < seconds:
        number = next(numbers)
        sent = time.perf_counter()
        status, answer = service.call("POST", DETECT, records([scan(number, number)]))
        took.append(time.perf_counter() - sent)
        if status != 200:
            raise RuntimeError(f"{status} {answer!r}")
        if time.perf_counter() - looked > 1.0:
            looked = time.perf_counter()
            if over():
                break
        time.sleep(_PAUSE)
    return took


def page(told: dict[str, Any], epcs: int) -> str:
    """What was measured, as Markdown."""
    job = told["job"]
    begun, ended = (dt.datetime.fromisoformat(job[name]) for name in ("startedAt", "endedAt"))
    medians = {name: 1000 * statistics.median(told[name]) for name in ("usual", "during")}
    tails = {name: 1000 * statistics.quantiles(told[name], n=100)[98] for name in medians}
    return "\n".join([
        f"Retraining on {epcs:,} simulated EPCs ({job['state']}: {job['message'] or ''}): "
        f"**{(ended - begun).total_seconds() / 60:.1f} minutes** on {os.cpu_count()} cores.",
        "",
        "| single scans | usual | during the retraining | ratio |",
        "|---|---|---|---|",
        *(f"| {name} | {each['usual']:.1f} ms | {each['during']:.1f} ms "
          f"| {each['during'] / each['usual']:.2f} |"
          for name, each in (("median", medians), ("99 %", tails))),
        "",
    ])  # fmt: skip


if __name__ == "__main__":
    main()
