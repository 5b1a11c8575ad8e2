"""What is found in known journeys; records it anew, with the reason for it.

A change of code may find more, or less on purpose; then its figures are recorded anew, and the
reason stands beside them for whoever wonders. The tests compare with what is recorded.

    python scripts/known_journeys.py                         # what is found, beside what was
    python scripts/known_journeys.py --record "why it changed"
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from scantrail import wiring
from scantrail.gating.known import demo_journeys, found_in
from scantrail.settings import read_settings
from scantrail.simulate import SimulationConfig, simulate, write
from scantrail.wiring import Engine

RECORDED: Final = Path(__file__).parents[1] / "tests" / "regression" / "recorded.json"
PER_10K: Final = 3.0
GROUPS: Final = ("all", "rule-visible", "rule-invisible")
#: What is trained anew learns from so many items, and only a little: it is no good model, but
#: always the same one.
LEARNED: Final = SimulationConfig(epcs=3_000, seed=20251202, anomaly_rate=0.01)

Figures = dict[str, dict[str, float]]


def bundled() -> Figures:
    """What the bundled artifact finds: changes of rules, features, detectors and ensemble show."""
    return found(wiring.engine(read_settings({})))


def trained() -> Figures:
    """What an artifact finds that is trained now: changes of training show too."""
    engine = wiring.engine(read_settings({}), learned=False)
    with tempfile.TemporaryDirectory() as scratch:
        log, artifact = Path(scratch) / "log", Path(scratch) / "artifact"
        write(simulate(LEARNED), log)
        events = wiring.read_events(log / "scans.tsv", engine.settings, engine.network.sites)
        wiring.train(engine, events, artifact, lambda _what, _share: None, seed=0, epochs=1)
        return found(engine.with_artifact(wiring.read_artifact(artifact)))


def found(engine: Engine) -> Figures:
    """Recall around the budget, by judge and group."""
    told = found_in(demo_journeys(engine), engine, PER_10K)
    return {
        judge: {group: round(figures[group], 4) for group in GROUPS}
        for judge, figures in told.items()
    }


def falls(recorded: Figures, now: Figures, tolerance: float) -> list[str]:
    """Figures that fell by more than the tolerance, in words."""
    return [
        f"{judge}, {group}: {now.get(judge, {}).get(group, 0.0):.1%} are found around "
        f"{PER_10K:g} false alerts per 10,000 scans, recorded are {was:.1%}"
        for judge, groups in recorded.items()
        for group, was in groups.items()
        if now.get(judge, {}).get(group, 0.0) < was - tolerance
    ]


def main() -> None:
    """Tell, or record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--record", metavar="REASON", help="record what is found now, and why")
    reason = parser.parse_args().record
    kept: dict[str, Any] = json.loads(RECORDED.read_text("utf-8")) if RECORDED.exists() else {}
    now = {"bundled": bundled(), "trained": trained()}
    for name, figures in now.items():
        for judge, groups in figures.items():
            was = kept.get(name, {}).get("found", {}).get(judge, {})
            told = "  ".join(f"{g} {v:.3f} (was {was.get(g, 0):.3f})" for g, v in groups.items())
            print(f"{name:8} {judge:18} {told}")
    if not reason:
        print('nothing is recorded; --record "why" does it')
        sys.exit()
    tolerances = {"bundled": 0.02, "trained": 0.08}
    kept = {"reasons": [*kept.get("reasons", []), reason]} | {
        name: {"tolerance": tolerances[name], "found": figures} for name, figures in now.items()
    }
    RECORDED.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    print(f"recorded in {RECORDED}")


if __name__ == "__main__":
    main()
