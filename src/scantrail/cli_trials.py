"""The commands that try a challenger in the running service."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from scantrail.cli_models import SitesOption, Why
from scantrail.cli_parts import me
from scantrail.settings import read_settings

if TYPE_CHECKING:
    from scantrail.trialing import Trialing

trials_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Try a challenger against the version that judges: in the shadow, on a share of the "
    "items, or on a share that grows.\n\nServices on the same database follow within a second."
    "\n\n[bold]Example:[/] scantrail trial start e0f23490406c --mode ab --share 0.1",
)
Number = Annotated[int, typer.Argument(min=1, help="As [bold]scantrail trial list[/] tells it.")]


class ModeOption(StrEnum):
    """How a challenger is tried."""

    SHADOW = "shadow"
    AB = "ab"
    CANARY = "canary"


@trials_app.command()
def start(
    challenger: Annotated[str, typer.Argument(help="A registered version, or none: rules alone.")],
    mode: Annotated[
        ModeOption,
        typer.Option(
            help="shadow: judges all, without effect; ab: judges a share of the items; canary: a "
            "share that grows in steps."
        ),
    ] = ModeOption.SHADOW,
    share: Annotated[
        float | None, typer.Option(help="Of the items. Default: 0.1, or a canary's first step.")
    ] = None,
    reason: Why = "",
    sites: SitesOption = None,
) -> None:
    """Begin a trial, once the challenger has passed the probe. One at a time runs.

    [bold]Example:[/] scantrail trial start e0f23490406c --mode canary --reason "new hub"
    """
    moved = _open(sites).start(mode.value, challenger, me(), reason, share)
    how = "judges all in the shadow" if mode is ModeOption.SHADOW else (
        f"judges {moved.share:.0%} of the items")  # fmt: skip
    typer.echo(f"trial {moved.trial}: {challenger} {how}, against {moved.champion}")


@trials_app.command()
def show(trial: Number) -> None:
    """Say what a trial has taught so far; look as often as you like.

    [bold]Example:[/] scantrail trial show 1
    """
    from scantrail import summary_of_trials

    trialing = _open()
    reading = trialing.read(trial)
    summary_of_trials.show_reading(reading, trialing.todo(reading))


@trials_app.command("list")
def list_trials() -> None:
    """List all trials, the newest first.

    [bold]Example:[/] scantrail trial list
    """
    from scantrail import summary_of_trials

    summary_of_trials.show_trials(_open().trials.trials()[::-1])


@trials_app.command()
def stop(trial: Number, reason: Why = "") -> None:
    """End a trial: the champion judges all again.

    [bold]Example:[/] scantrail trial stop 1 --reason "seen enough"
    """
    moved = _open().stop(trial, me(), reason)
    typer.echo(f"trial {trial} is stopped; {moved.champion} judges all")


@trials_app.command()
def abort(trial: Number, reason: Why = "") -> None:
    """End a trial because something is wrong with its challenger.

    [bold]Example:[/] scantrail trial abort 1 --reason "alerts on every pallet"
    """
    moved = _open().abort(trial, me(), reason)
    typer.echo(f"trial {trial} is aborted; {moved.champion} judges all")


@trials_app.command()
def promote(trial: Number, reason: Why = "", sites: SitesOption = None) -> None:
    """Let the challenger judge all from now on; the trial ends.

    [bold]Example:[/] scantrail trial promote 1 --reason "as precise, finds more"
    """
    moved = _open(sites).promote(trial, me(), reason)
    typer.echo(f"trial {trial} is over; {moved.challenger} judges")


def _open(sites: SitesOption = None) -> Trialing:
    from scantrail import wiring

    settings = read_settings(sites=str(sites) if sites else None)
    engine = wiring.engine(settings, learned=False)
    return wiring.trialing(engine, wiring.stores(settings))
