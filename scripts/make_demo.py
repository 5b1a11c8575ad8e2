"""Make the bundled demo data again: the network, a sample log, and what was learned from the chain.

Needs what training needs (`make train`), and some minutes. Run from the project's root:
`.venv/bin/python scripts/make_demo.py`.
"""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl

from scantrail import lanes, wiring
from scantrail.settings import Settings
from scantrail.simulate import SimulationConfig, simulate, write
from scantrail.wiring import DEMO, DEMO_ARTIFACT, Engine, network_at, read_events

HISTORY = SimulationConfig(epcs=50_000, seed=20250701, anomaly_rate=0.01)
LEARNED = SimulationConfig(epcs=100_000, seed=20250703, anomaly_rate=0.01)
SAMPLE = SimulationConfig(epcs=4_000, seed=20250702)
SHOWN = ("epcFake", "epcDup", "jump", "evtOrderErr", "locErr", "afterSale")


def main() -> None:
    """Write everything into the package's demo folder."""
    folder = Path("out/demo")
    write(simulate(HISTORY), folder)
    settings = Settings(artifacts="none")
    engine = Engine(settings, network_at(folder / "sites.csv"))
    events = read_events(folder / "scans.tsv", settings, engine.network.sites)
    lanes.write_network(engine.learned_from(events).network, DEMO)
    (DEMO / "sample.json").write_text(sample(), encoding="utf-8")
    learn(settings)


def learn(settings: Settings) -> None:
    """Train the bundled artifact."""
    folder = Path("out/demo-learned")
    write(simulate(LEARNED), folder)
    engine = wiring.engine(settings)
    events = read_events(folder / "scans.tsv", settings, engine.network.sites)
    wiring.train(engine, events, DEMO_ARTIFACT, _progress, seed=0, epochs=4)


def _progress(what: str, share: float) -> None:
    print(f"{share:4.0%} {what}", flush=True)


def sample() -> str:
    """A request of a dozen items: one for each kind that rules see, the rest in order."""
    made = simulate(SAMPLE)
    labels = made.labels
    suspects = [labels.filter(pl.col("kind") == kind)["epc_code"][0] for kind in SHOWN]
    clean = made.scans.filter(~pl.col("epc_code").is_in(labels["epc_code"].implode()))
    complete = clean.group_by("epc_code").len().filter(pl.col("len") == 10)["epc_code"].sort()[:4]
    items = [*suspects, *complete]
    scans = made.scans.filter(pl.col("epc_code").is_in(items)).sort("event_id")
    fields = ("event_id", "epc_code", "location_id", "business_step", "event_type", "event_time")
    records = [row | {"file_id": 1} for row in scans.select(fields).to_dicts()]
    lines = ",\n".join(json.dumps(record, ensure_ascii=False) for record in records)
    return f'{{"data": [\n{lines}\n]}}\n'


if __name__ == "__main__":
    main()
