"""Known journeys, labelled: what was found in them once has to be found for ever.

A company keeps its own in a folder; for the demo chain they are simulated, always the same ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from scantrail.errors import SettingsError
from scantrail.evaluation.files import read_labels
from scantrail.evaluation.items import judged
from scantrail.evaluation.measuring import measure
from scantrail.gate import Check, GateSettings, at_least
from scantrail.settings import Settings
from scantrail.simulate import SimulationConfig, simulate
from scantrail.vocabulary.events import RAW, Events, RawLog
from scantrail.wiring import Engine, read_events

_LOGS: Final = ("scans.tsv", "scans.csv", "scans.parquet", "scans.tsv.gz", "scans.csv.gz")
_DEMO: Final = SimulationConfig(epcs=6_000, seed=20251201, anomaly_rate=0.04)
_NAME: Final = "known journeys"
_BUDGETS: Final = (1 / 3, 1 / 2, 1.0, 2.0, 3.0)  # times the one that is asked for


@dataclass(frozen=True, slots=True)
class Known:
    """Journeys, what is odd in them (as `simulate` labels it), and where they are from."""

    events: Events
    labels: pl.DataFrame
    source: str


def known_journeys(settings: Settings, engine: Engine) -> Known | None:
    """The known journeys of the settings; None where there are none.

    Raises:
        SettingsError: The folder has no log.
        InputError: The log or its labels can't be read.
    """
    folder = settings.gate.known_journeys
    if folder:
        return _of_folder(Path(folder), settings, engine)
    return None if settings.sites else demo_journeys(engine)


def demo_journeys(engine: Engine) -> Known:
    """Those of the demo chain."""
    made = simulate(_DEMO)
    names = [name for name in RAW if name in made.scans.columns]
    raw = made.scans.select(pl.col(names).cast(pl.String)).with_row_index("line", offset=2)
    return Known(engine.understand(RawLog(raw)), made.labels, f"simulated, seed {_DEMO.seed}")


def found_in(known: Known, engine: Engine, per_10k: float) -> dict[str, dict[str, float]]:
    """What an engine finds in them: by judge and group of labels, shares of the items.

    They are the mean over budgets from a third of `per_10k` false alerts per 10,000 scans to three
    times as many: at a single one, a batch that ties at the threshold could decide all.
    """
    both = judged(engine.judge(known.events).verdicts, known.labels)
    each = [measure(both, per_10k * times).found for times in _BUDGETS]
    return {
        judge: {
            group: sum(found[judge].recall[group] for found in each) / len(each)
            for group in figures.recall
        }
        for judge, figures in each[0].items()
    }


def check_of(
    known: Known | None, champion: Engine, candidate: Engine, settings: GateSettings
) -> Check:
    """Whether the candidate finds as much in the known journeys as the champion."""
    if known is None:
        said = f"{_NAME}: none are kept; SCANTRAIL_GATE__KNOWN_JOURNEYS names their folder"
        return Check(name=_NAME, passed=True, reason=said)
    one, other = (
        found_in(known, engine, settings.per_10k)["finalConfidence"]["all"]
        for engine in (champion, candidate)
    )
    return at_least(_NAME, one, other, settings.known, "are found")


def _of_folder(folder: Path, settings: Settings, engine: Engine) -> Known:
    logs = [folder / name for name in _LOGS if (folder / name).is_file()]
    if not logs:
        raise SettingsError(
            f"{folder} has no known journeys: expected a log ({', '.join(_LOGS[:3])}) and "
            "labels.csv; or unset SCANTRAIL_GATE__KNOWN_JOURNEYS"
        )
    events = read_events(logs[0], settings, engine.network.sites)
    return Known(events, read_labels(folder / "labels.csv"), str(folder))
