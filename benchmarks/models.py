"""What learned detectors cost; prints one JSON line. Usage: models.py (nothing to give).

Milliseconds of one journey of ten scans in process, with rules alone and with all detectors; the
network's scans per CPU second, and its share of what this CPU's own matrix product reaches; memory
of a process that serves, with and without models; seconds from start to the first verdict.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl

from scantrail import wiring
from scantrail.detectors.lstm.encoding import encode
from scantrail.detectors.lstm.spec import NetworkSpec
from scantrail.features.coding import code
from scantrail.pipeline import see
from scantrail.settings import Settings
from scantrail.simulate import SimulationConfig, simulate, write
from scantrail.vocabulary.events import Events

OUT = Path("out/bench/models")
ROUNDS = 400

MEMORY = """
import sys, time
begun = time.perf_counter()
from pathlib import Path
from scantrail import wiring
from scantrail.serve.api import create_app
from scantrail.settings import Settings
engine = wiring.engine(Settings(artifacts=sys.argv[1]))
create_app(engine, insecure_local=True)
events = wiring.read_events(Path("src/scantrail/data/demo/sample.json"), engine.settings)
engine.judge(events)
seconds = time.perf_counter() - begun
status = Path("/proc/self/status").read_text()
print(int(status.split("VmRSS:")[1].split()[0]) / 1024, seconds)
"""


def main() -> None:
    """Measure."""
    write(simulate(SimulationConfig(20_000, seed=3)), OUT)
    engine = wiring.engine(Settings())
    events = wiring.read_events(OUT / "scans.tsv", engine.settings, engine.network.sites)
    rate, share = network_rate(engine, events)
    memory = {name: process(name) for name in ("none", "demo")}
    print(
        json.dumps(
            {
                "journey_ms": journeys(engine, events),
                "scans_per_cpu_s": rate,
                "share_of_product": share,
                "rss_mb": {name: rss for name, (rss, _) in memory.items()},
                "start_s": {name: seconds for name, (_, seconds) in memory.items()},
            }
        )
    )


def journeys(engine: wiring.Engine, events: Events) -> dict[str, float]:
    """Median milliseconds of one journey of ten scans; a different one each time."""
    table = events.frame.with_columns(n=pl.len().over("epc_code")).filter(pl.col("n") == 10)
    items = table["epc_code"].unique(maintain_order=True).head(ROUNDS)
    each = [
        Events(part.drop("n").with_columns(row=pl.int_range(10, dtype=pl.UInt32)))
        for part in table.filter(pl.col("epc_code").is_in(items.implode())).partition_by("epc_code")
    ]
    times: dict[str, list[float]] = {"rules": [], "all": []}
    for one in each:
        for name, taken in times.items():
            begun = time.perf_counter()
            engine.judge(one, ml=name == "all")
            taken.append((time.perf_counter() - begun) * 1e3)
    return {name: statistics.median(values[20:]) for name, values in times.items()}


def network_rate(engine: wiring.Engine, events: Events) -> tuple[float, float]:
    """Scans that the network scores per CPU second, and its share of a matrix product's rate."""
    assert engine.artifact is not None
    lstm = engine.artifact.lstm
    journeys = see(events.frame, engine.network)
    sequences = encode(code(journeys, lstm.known))
    lstm.runtime.scores(sequences)
    begun = time.process_time()
    lstm.runtime.scores(sequences)
    rate = sequences.events / (time.process_time() - begun)
    return rate, rate * operations(lstm.spec) / product_rate()


def operations(spec: NetworkSpec) -> float:
    """Floating-point operations per scan in the network's products: two per weight."""
    widths = {f.name: f.width for f in spec.fields} | dict.fromkeys(spec.numerics, 1)
    inputs = sum(widths.values())
    state = spec.hidden * (2 if spec.attention else 1)
    weights = 4 * spec.hidden * (inputs + spec.hidden)
    for head in spec.heads:
        seen = sum(widths[name] for name in head.conditions)
        field = getattr(head, "field", None)
        out = spec.fields[spec.position(field)].size if field else 3 * head.components
        weights += spec.hidden * (state + seen) + spec.hidden * out
    return 2.0 * weights


def product_rate() -> float:
    """Floating-point operations per CPU second of a float32 matrix product on this machine."""
    left, right = (np.random.default_rng(s).random((1024, 1024), np.float32) for s in (0, 1))
    left @ right
    begun = time.process_time()
    for _ in range(20):
        left @ right
    return 20 * 2 * 1024**3 / (time.process_time() - begun)


def process(artifacts: str) -> tuple[float, float]:
    """Resident MB of a serving process after its first verdict, and the seconds to it."""
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, artifacts], capture_output=True, check=True, text=True
    )
    rss, seconds = done.stdout.split()
    return float(rss), float(seconds)


if __name__ == "__main__":
    main()
