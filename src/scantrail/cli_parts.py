"""What commands share: arguments, and progress on stderr."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Protocol

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

if TYPE_CHECKING:
    from scantrail.settings import Settings
    from scantrail.wiring import Stores

#: Where progress and errors go.
STDERR: Final = Console(stderr=True, highlight=False)

Log = Annotated[Path, typer.Argument(help="Scan log: CSV, TSV (also .gz), Parquet, JSON, EPCIS.")]
LogOrDataset = Annotated[
    Path,
    typer.Argument(help="Scan log, or the folder of a dataset ([bold]scantrail dataset build[/])."),
]
SitesOption = Annotated[
    Path | None,
    typer.Option(
        "--sites",
        help="Site list (CSV), or a folder written by [bold]scantrail sites learn[/]. Default: "
        "the bundled demo chain.",
    ),
]
Zone = Annotated[
    str | None,
    typer.Option(help="Time zone of times without an offset, e.g. Asia/Seoul (the default)."),
]


class StageCall(Protocol):
    """Told of each stage's name as it begins."""

    def __call__(self, name: str, /) -> None:
        """Begin a stage."""


@contextmanager
def stages(total: int, *, quiet: bool) -> Iterator[StageCall]:
    """A progress bar over named stages, on stderr, gone when done."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<16}"),
        BarColumn(),
        TimeElapsedColumn(),
    )
    hidden = quiet or not STDERR.is_terminal
    with Progress(*columns, console=STDERR, transient=True, disable=hidden) as progress:
        task = progress.add_task("", total=total)
        begun = 0

        def stage(name: str) -> None:
            nonlocal begun
            progress.update(task, description=name, completed=begun)
            begun += 1

        yield stage


@contextmanager
def shares(console: Console = STDERR) -> Iterator[Callable[[str, float], None]]:
    """A progress bar over shares of the whole, on stderr by default, gone when done."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<24}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task("", total=1.0)
        yield lambda name, share: progress.update(task, description=name, completed=share)


def me() -> str:
    """Who gives the command, as it is kept."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):  # a user without a name
        return "cli"


@contextmanager
def stored(settings: Settings) -> Iterator[Stores]:
    """The configured database, for as long as a command needs it."""
    from scantrail import wiring

    stores = wiring.stores(settings)
    try:
        yield stores
    finally:
        stores.close()


def wrote(path: Path | None) -> None:
    """Say that a file was written, if one was."""
    if path:
        typer.echo(f"wrote {path}")
