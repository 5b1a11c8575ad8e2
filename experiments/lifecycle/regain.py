"""What a retraining regains after a change of the world.

`python experiments/lifecycle/regain.py --work DIR --out FILE [--items 1000] [--weeks 8]`

A stream runs as before for some weeks, then one thing changes, and it runs on for as many weeks.
Compared are, on the weeks after that and with anomalies planted into them:

- the champion, which learned before the change;
- the champion with its one-class SVM updated by the weeks since the change;
- the candidate, trained anew on all scans so far, as the job does it;
- an artifact trained from scratch on a stream of the new world alone, as long as all scans so far.

All may raise as many alerts on other items. The goal is that the candidate finds at least 95 % of
what the one from scratch finds. Streams are from seeds that nothing was tuned on (951 and up).
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from scantrail import wiring
from scantrail.artifact import Artifact, read_artifact
from scantrail.candidates import earlier
from scantrail.gate import GateSettings
from scantrail.gating.held_out import found, ground_of, scored_by
from scantrail.pipeline import see
from scantrail.settings import read_settings
from scantrail.simulate.changes import CHANGES
from scantrail.simulate.stream import StreamConfig, steady
from scantrail.training.update import update
from scantrail.vocabulary.events import Events, RawLog
from scantrail.wiring import Engine

KINDS: Final = ("new hub", "slower lanes", "new product", "clock an hour fast", "plant cut back")
SENT: Final = ("file_id", "epc_code", "location_id", "scan_location", "business_step", "event_type")
FIRST: Final = dt.date(2025, 3, 3)
TEST_WEEKS: Final = 2
WARM_UP: Final = 12
PER_10K: Final = 3.0  # false alerts
Figures = dict[str, float]


def main() -> None:
    """Measure every kind of change and write a Markdown fragment."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--work", type=Path, required=True, help="folder for artifacts and figures")
    asked.add_argument("--out", type=Path, required=True, help="Markdown file to write")
    asked.add_argument("--items", type=int, default=1_000, help="made a week")
    asked.add_argument("--weeks", type=int, default=8, help="before the change, and after it")
    asked.add_argument("--epochs", type=int, default=4)
    asked.add_argument("--seeds", type=int, nargs=2, default=(951, 953))
    asked.add_argument("--only", choices=KINDS)
    given = asked.parse_args()
    rows: dict[str, list[Figures]] = {}
    for kind in [given.only] if given.only else KINDS:
        for seed in range(*given.seeds):
            name = f"{kind.replace(' ', '-')}-{seed}-{given.items}-{given.weeks}-{given.epochs}"
            kept = given.work / f"{name}.json"
            if not kept.is_file():
                world = World(kind, seed, given.items, given.weeks)
                told = measured(world, given.work / name, given.epochs)
                kept.write_text(json.dumps(told), encoding="utf-8")
            rows.setdefault(kind, []).append(json.loads(kept.read_text(encoding="utf-8")))
            print(kind, seed, rows[kind][-1], flush=True)
    given.out.write_text(page(rows, given), encoding="utf-8")


class World:
    """A stream that changes, and one in which it was always so."""

    def __init__(self, kind: str, seed: int, items: int, weeks: int) -> None:
        """Make both."""
        self.engine = wiring.engine(read_settings({}), learned=False)
        config = StreamConfig(  # nothing odd but what is planted: all other alerts are false
            2 * weeks + TEST_WEEKS,
            items,
            seed,
            start=FIRST,
            warm_up=WARM_UP,
            anomaly_rate=0.0,
            batch=20,
        )
        self.since = dt.datetime.combine(FIRST, dt.time()) + dt.timedelta(weeks=weeks)
        self.test = self.since + dt.timedelta(weeks=weeks)
        scans, change = steady(config), CHANGES[kind].make
        self.scans = change(scans, self.since, np.random.default_rng(seed)).scans
        # the same change to the same place, from the first day on
        always = dt.datetime.combine(FIRST, dt.time()) - dt.timedelta(weeks=2 * WARM_UP)
        self.always = change(scans, always, np.random.default_rng(seed)).scans

    def events(self, scans: pl.DataFrame) -> Events:
        """Scans as the service understands them."""
        when = scans["at"].dt.strftime("%Y-%m-%d %H:%M:%S").alias("event_time")
        raw = scans.select(SENT).with_columns(when).cast(pl.String).with_row_index("line")
        return self.engine.understand(RawLog(raw))


def measured(world: World, folder: Path, epochs: int) -> Figures:
    """What each version finds in the last weeks, and how long the retraining took."""
    scans, test = world.scans, world.test
    before = world.events(scans.filter(pl.col("at") < world.since))
    known = world.events(scans.filter(pl.col("at") < test))
    champion, _ = trained(world.engine, before, folder / "champion", epochs)
    candidate, took = trained(world.engine, known, folder / "candidate", epochs)
    scratch, _ = trained(
        world.engine, world.events(world.always.filter(pl.col("at") < test)), folder / "scratch",
        epochs,
    )  # fmt: skip
    updated = _updated(world, champion, known, folder)
    ground = ground_of(
        world.engine, world.events(scans).frame, test.replace(tzinfo=dt.UTC), {}, GateSettings()
    )
    alerts = round(PER_10K * int(ground.late.sum()) / 10_000)
    told: Figures = {"minutes": took / 60, "items": ground.items}
    for name, artifact in (("champion", champion), ("updated", updated), ("candidate", candidate),
                           ("scratch", scratch)):  # fmt: skip
        items = scored_by(ground, world.engine.with_artifact(artifact))
        told[name] = float(found(items, alerts)["found"].mean())  # type: ignore[arg-type]
    return told


def trained(engine: Engine, events: Events, folder: Path, epochs: int) -> tuple[Artifact, float]:
    """Train on all but the latest scans, as the job does; the artifact, and seconds."""
    begun = time.perf_counter()
    quiet: Callable[[str, float], None] = lambda _what, _share: None  # noqa: E731
    if not (folder / "card.json").is_file():
        held_out = GateSettings().held_out
        wiring.train(engine, earlier(events, held_out), folder, quiet, seed=0, epochs=epochs)
    return read_artifact(folder), time.perf_counter() - begun


def _updated(world: World, champion: Artifact, known: Events, folder: Path) -> Artifact:
    """The champion, its SVM updated by the scans since the change."""
    since = world.since.replace(tzinfo=dt.UTC)
    frame = known.frame.filter(pl.col("time").max().over("epc_code") > since)
    journeys = see(frame.with_columns(row=pl.int_range(pl.len(), dtype=pl.UInt32)),
                   world.engine.network)  # fmt: skip
    (rules,) = world.engine.detectors("default", ml=False)
    scores = rules.judge(journeys).scores
    update((champion, folder / "champion"), journeys, scores, folder / "updated", since=since)
    return read_artifact(folder / "updated")


def page(rows: dict[str, list[Figures]], given: argparse.Namespace) -> str:
    """The table as Markdown."""
    told = [
        f"{given.items:,} items a week, {given.weeks} weeks before the change and {given.weeks} "
        f"after it, {given.seeds[1] - given.seeds[0]} streams each; at {PER_10K:g} false alerts "
        "per 10,000 scans.",
        "",
        "| change | champion | SVM updated | retrained | from scratch | retrained ÷ from scratch |",
        "|---|---|---|---|---|---|",
    ]
    for kind, each in rows.items():
        mean = {name: float(np.mean([row[name] for row in each])) for name in each[0]}
        told.append(
            f"| {kind} | {mean['champion']:.1%} | {mean['updated']:.1%} | {mean['candidate']:.1%} "
            f"| {mean['scratch']:.1%} | {mean['candidate'] / mean['scratch']:.0%} |"
        )
    return "\n".join([*told, ""])


if __name__ == "__main__":
    main()
