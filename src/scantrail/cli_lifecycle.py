"""The command that plays a year in the life of a model."""

from __future__ import annotations

import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer

from scantrail.cli_parts import STDERR, shares

_WIDEST: Final = 100  # letters; longer lines are hard to read

lifecycle_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="The life of models.\n\n[bold]Example:[/] scantrail lifecycle demo",
)


@lifecycle_app.callback()
def _group() -> None:
    """Keep `demo` a command of its own."""


@lifecycle_app.command()
def demo(
    out: Annotated[
        Path | None,
        typer.Option(
            help="New or empty folder to keep the database, the models and the log in. Default: "
            "a temporary one, gone at the end."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the chain and of trainings.")] = 7,
    items: Annotated[
        int,
        typer.Option(min=200, max=20_000, help="Made a week; fewer are quicker, and tell less."),
    ] = 600,
    epochs: Annotated[int, typer.Option(min=1, max=200, help="Of trainings.")] = 4,
) -> None:
    r"""Play a year in minutes, on a service of its own, and tell what is seen.

    A version learns and serves; the chain changes, and monitoring says how;
    a candidate is trained, compared, shadowed, A/B-ed, and promoted;
    a bad one is refused, gets through all the same, and is rolled back.

    Exits with 1 if anything comes out otherwise; the page says what.

    Needs the extra [bold]train[/]: pip install 'scantrail\[train]'.

    [bold]Example:[/] scantrail lifecycle demo --out year/
    """
    from rich.console import Console

    from scantrail import output, wiring
    from scantrail.lifecycle.demo import Played, play

    wiring.check_extra()
    if out is not None:
        output.check_folder(out)
        if out.is_dir() and any(out.iterdir()):
            raise output.OutputError(f"{out} is not empty; name a new folder, or an empty one")
    console = Console(file=sys.stdout, highlight=False)
    console.width = min(console.width, _WIDEST)
    shown = console if console.is_terminal else STDERR
    with _stoppable(), _folder(out) as folder, shares(shown) as progress:
        faults = play(console, folder, progress, Played(items, seed, epochs, kept=out is not None))
    if faults:
        raise typer.Exit(1)


@contextmanager
def _stoppable() -> Iterator[None]:
    """Let SIGTERM stop it as Ctrl-C does, so that the service doesn't outlive it."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _folder(out: Path | None) -> Iterator[Path]:
    """The folder that is asked for, or one that is gone at the end."""
    from scantrail import output

    if out is None:
        with tempfile.TemporaryDirectory(prefix="scantrail-lifecycle-") as scratch:
            yield Path(scratch)
        return
    with output.folder_at(out):
        out.mkdir(parents=True, exist_ok=True)
    yield out.resolve()
