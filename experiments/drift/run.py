"""Writes the tables of docs/monitoring.md: `python experiments/drift/run.py --work DIR --out FILE`.

Streams are simulated from seeds that nothing was tuned on (961 and up), judged by rules and the
bundled artifact, and watched day by day. Judged weeks and what was found in them are kept in the
work folder, so that a run that was stopped goes on. About 35 s of processor time per seed.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
from pathlib import Path
from statistics import median
from typing import Any

import polars as pl
from worlds import HOLIDAYS, ITEMS, KINDS, UNREADABLE, World, Worlds

from scantrail.monitoring.baseline import Baseline, learn_baseline
from scantrail.monitoring.drift import DriftSettings
from scantrail.monitoring.watch import WatchSettings, neighbours, play
from scantrail.simulate.changes import CHANGES, NEW_PRODUCT

SEEDS = range(961, 986)
CHANGED = 971  # seeds below are watched with every change, too
SETTINGS = WatchSettings(drift=DriftSettings(closed=HOLIDAYS))
#: Harder ones, for which nothing is promised.
HARD = ("clock an hour fast",)
ABOUT = {kind: change.about for kind, change in CHANGES.items()}
ABOUT[UNREADABLE] = "one row in twenty of a feed has a time that is none"


def main() -> None:
    """Watch all worlds and write a Markdown fragment."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--work", type=Path, required=True, help="folder for judged weeks")
    asked.add_argument("--out", type=Path, required=True, help="Markdown file to write")
    asked.add_argument("--seeds", type=int, nargs=2, default=(SEEDS.start, SEEDS.stop))
    asked.add_argument("--changed", type=int, default=CHANGED, help="seeds below have changes, too")
    given = asked.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    found = {}
    for seed in range(*given.seeds):
        kinds = (None, *KINDS) if seed < given.changed else (None,)
        found[seed] = watched(Worlds(given.work, seed), kinds, given.work)
    given.out.write_text(page(found), encoding="utf-8")


def watched(worlds: Worlds, kinds: tuple[str | None, ...], work: Path) -> dict[str, Any]:
    """What was found in each world of a seed."""
    found, baseline = {}, None
    for kind in kinds:
        name = (kind or "stationary").replace(" ", "-")
        kept = work / f"{worlds.seed}-{name}.json"
        if not kept.is_file():
            world = worlds.get(kind)
            baseline = baseline or _baseline(world)
            kept.write_text(json.dumps(_watch(baseline, world, worlds)), encoding="utf-8")
        found[kind or "stationary"] = json.loads(kept.read_text(encoding="utf-8"))
        print(worlds.seed, name, found[kind or "stationary"]["starts"], flush=True)
    return found


def _baseline(world: World) -> Baseline:
    """Eight weeks; the ninth, just before the change, is only watched."""
    before = world.since - dt.timedelta(weeks=1)
    return learn_baseline(world.observed.filter(pl.col("seen") < before))


def _watch(baseline: Baseline, world: World, worlds: Worlds) -> dict[str, Any]:
    """Signals and starts of alerts by day; day 0 is the one before the change."""
    times = [world.since + dt.timedelta(days=day) for day in range(8)]
    place = f"feed {world.place}" if world.place in {"1", "2", "3", "4"} else world.place
    signals, starts, named = [], [], None
    near = neighbours(worlds.engine.network)
    recent = world.observed.filter(pl.col("seen") >= world.since - dt.timedelta(weeks=3))
    for day, evaluation in enumerate(play(baseline, recent, times, SETTINGS, near)):
        signals += [(day, one.key, round(one.strength, 2)) for one in evaluation.signals]
        starts += [(day, one.alert.key) for one in evaluation.notices if one.what == "start"]
        places = {key.split("/")[-1] for one in evaluation.book.open for key in one.symptoms}
        if named is None and place in places:
            named = day
    return {"place": place, "signals": signals, "starts": starts, "named": named}


def page(found: dict[int, dict[str, Any]]) -> str:
    """The tables as Markdown."""
    calm = [one["stationary"] for one in found.values()]
    alarms = sum(len(one["starts"]) for one in calm)
    single = sum(len(one["signals"]) for one in calm)
    lines = [
        f"Stationary: **{alarms} alarm{'s' if alarms != 1 else ''} in {len(calm)} runs** of eight "
        f"evaluations each, {single} signal{'s' if single != 1 else ''}.",
        "",
        f"Changes, about {ITEMS:,} items made a week:",
        "",
        "| change | what is planted | named within a week | any alert | median day |",
        "|---|---|---|---|---|",
    ]
    for kind in KINDS:
        runs = [one[kind] for one in found.values() if kind in one]
        if runs:
            lines.append(_row(kind, runs))
    return "\n".join([*lines, ""])


def _row(kind: str, runs: list[dict[str, Any]]) -> str:
    named = [day for day in map(_named, runs) if day is not None]
    noticed = sum(any(day for day, _ in run["starts"]) for run in runs)
    middle = f"{median(named):g}" if named else "-"
    label = f"*{kind}*" if kind in HARD else kind
    return (
        f"| {label} | {ABOUT[kind]} | {len(named)} of {len(runs)} | {noticed} of {len(runs)} "
        f"| {middle} |"
    )


def _named(run: dict[str, Any]) -> int | None:
    """The day from which an open alert names the place, or what is new; None: never."""
    new = [day for day, key in run["starts"] if NEW_PRODUCT in key]
    days: list[int] = [day for day in (*new, run["named"]) if day is not None]
    return min(days, default=None)


if __name__ == "__main__":
    main()
