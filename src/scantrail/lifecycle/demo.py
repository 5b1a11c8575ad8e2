"""The whole demo: a world, a service on it, the chapters, and what is left at the end."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from scantrail.lifecycle.chapters import CHAPTERS, DRIFT_DAYS, Chapter
from scantrail.lifecycle.place import ADMIN, Place
from scantrail.lifecycle.telling import Page
from scantrail.lifecycle.world import HISTORY, make_world
from scantrail.lifecycle.year import Progress, Year
from scantrail.settings import PREFIX

#: Settings of the service, by their names without `SCANTRAIL_`. What goes by the wall clock in a
#: real year, and would take as long, is shorter here.
SETTINGS: Final = {
    "ARTIFACTS": "none",
    "MONITORING__CLOCK": "scan",
    "MONITORING__EVERY_MINUTES": "0",  # looks are asked for, week by week
    "MONITORING__BASELINE_DAYS": "49",
    "RETRAINING__ON": "drift",
    "RETRAINING__DRIFT_DAYS": str(DRIFT_DAYS),
    "GATE__REQUIRED": "true",
    "GATE__LATENCY": "1",  # what else the machine does must not decide
    "AFTERCARE__CHECK_SECONDS": "1",
    "TRIALS__CHECK_SECONDS": "1",
    "TRIALS__WAITING": "100000",  # a week's scans come in at once
    "LOG_FORMAT": "text",
}


class Played(NamedTuple):
    """How the year is played: items made a week, the seed, passes of trainings over long logs.

    `kept`: whether the folder stays, so that one can look further in it.
    """

    items: int
    seed: int
    epochs: int
    kept: bool = False


def play(
    console: Console,
    folder: Path,
    progress: Progress,
    how: Played,
    chapters: Sequence[Chapter] = CHAPTERS,
) -> list[str]:
    """Play the year; what did not come out as the story has it.

    Args:
        console: Where the story is told.
        folder: Where the service keeps its database, models, and log.
        progress: Told what is being done, and which share of the year is over.
        how: How large it is.
        chapters: Which part of it, from its beginning on.

    Raises:
        PlaceError: The service can't go on.
        SettingsError: Too few items.
    """
    begun = time.monotonic()
    page = Page(console)
    progress("the year is made up", 0.0)
    world = make_world(how.items, how.seed)
    own = {"RETRAINING__EPOCHS": str(how.epochs), "DATASETS": str(folder / "logs"),
           "MODELS": str(folder / "models")}  # fmt: skip
    with Place(folder, SETTINGS | own) as place:
        _opening(page, place, how)
        year = Year(world, place, page, progress, how.seed, how.epochs)
        for chapter in chapters:
            chapter(year)
        _closing(year, time.monotonic() - begun)
        _further(page, place, kept=how.kept)
    return page.faults


def _opening(page: Page, place: Place, how: Played) -> None:
    page.console.print("[bold]A year in the life of a model[/]")
    page.console.print(
        f"[dim]An invented chain of {how.items:,} items a week (seed {how.seed}). A service with a "
        f"worker judges it on 127.0.0.1:{place.port}, on SQLite, in {place.folder}. All figures "
        "are what it answered.[/]"
    )


def _closing(year: Year, seconds: float) -> None:
    """Who judged when, and where to look further."""
    page, place = year.page, year.place
    chain = place.get(f"{ADMIN}/deployments")[::-1]
    page.console.print()
    page.console.print("[bold]Who judged, from when on, and why[/]")
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for name in ("id", "", "version", "by", "reason"):
        table.add_column(name, overflow="fold", no_wrap=name in {"id", "", "version"})
    for one in chain:
        table.add_row(str(one["id"]), one["action"], one["version"], one["actor"],
                      escape(one["reason"]))  # fmt: skip
    page.console.print(table)
    page.console.print(
        f"[dim]{HISTORY + year.week} weeks in {seconds / 60:.1f} minutes; 'scantrail models at "
        "TIME' tells who judged at any moment.[/]"
    )


def _further(page: Page, place: Place, *, kept: bool) -> None:
    """How to look at what is left."""
    if not kept:
        page.console.print("[dim]--out FOLDER keeps the database, the models and the log.[/]")
        return
    page.console.print("\n[bold]To look further[/]")
    for name in ("DATABASE_URL", "MODELS", "ARTIFACTS", "MONITORING__CLOCK"):
        setting = f"{PREFIX}{name}"
        page.console.print(f"$ export {setting}={place.settings[setting]}", soft_wrap=True)
    for command in ("trial list", "alerts list --all", "feedback list", "serve --insecure-local"):
        page.console.print(f"$ scantrail {command}", style="green")
