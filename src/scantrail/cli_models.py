"""The commands that manage models."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scantrail.cli_parts import me
from scantrail.errors import InputError
from scantrail.settings import read_settings

if TYPE_CHECKING:
    from scantrail.rollout import Rollout
    from scantrail.wiring import Stores

models_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Artifact versions: register, promote, roll back, and who judged when.\n\nServices on "
    "the same database follow within a second.\n\n[bold]Example:[/] scantrail models add "
    "artifact/, then scantrail models promote 8bb2db7e7584",
)
Why = Annotated[str, typer.Option(help="Why; it is kept with the deployment.")]
Version = Annotated[str, typer.Argument(help="A registered version, or none: rules alone.")]
SitesOption = Annotated[
    Path | None, typer.Option("--sites", help="As for [bold]scantrail serve[/].")
]


@models_app.command("list")
def list_versions() -> None:
    """List the registered versions, and say which one is deployed.

    [bold]Example:[/] scantrail models list
    """
    from scantrail import summary_of_models, wiring

    rollout, stores = _open()
    last, reports = stores.deployments.last(), wiring.artifact_folder(read_settings())
    summary_of_models.show_versions(rollout.registry.entries(), last, reports)


@models_app.command()
def add(
    artifact: Annotated[Path, typer.Argument(help="Folder written by 'scantrail train'.")],
) -> None:
    """Register an artifact: it is checked, copied, and checked again.

    [bold]Example:[/] scantrail models add artifact/
    """
    rollout, _ = _open()
    version = rollout.registry.add(artifact)
    typer.echo(f"registered {version}; 'scantrail models promote {version}' lets it judge")


@models_app.command()
def promote(version: Version, reason: Why = "", sites: SitesOption = None) -> None:
    """Let a version judge from now on, once it has passed the probe.

    [bold]Example:[/] scantrail models promote 8bb2db7e7584 --reason "trained on the summer"
    """
    rollout, _ = _open(sites)
    done, _ = rollout.promote(version, me(), reason)
    typer.echo(f"{done.version} judges: deployment {done.id}")


@models_app.command()
def rollback(reason: Why = "", sites: SitesOption = None) -> None:
    """Let the version before the deployed one judge again.

    [bold]Example:[/] scantrail models rollback --reason "too many alerts"
    """
    rollout, _ = _open(sites)
    done, _ = rollout.roll_back(me(), reason)
    typer.echo(f"{done.version} judges again: deployment {done.id}")


@models_app.command()
def pin(version: Version, reason: Why = "", sites: SitesOption = None) -> None:
    """Let a version judge, and no other until it is unpinned.

    [bold]Example:[/] scantrail models pin 8bb2db7e7584 --reason "until the audit is over"
    """
    rollout, _ = _open(sites)
    done, _ = rollout.promote(version, me(), reason, pin=True)
    typer.echo(f"{done.version} judges and is pinned: deployment {done.id}")


@models_app.command()
def unpin(reason: Why = "") -> None:
    """Let other versions be deployed again.

    [bold]Example:[/] scantrail models unpin
    """
    rollout, _ = _open()
    done = rollout.unpin(me(), reason)
    typer.echo(f"{done.version} judges on and is no longer pinned: deployment {done.id}")


@models_app.command()
def history() -> None:
    """List all deployments, the newest first.

    [bold]Example:[/] scantrail models history
    """
    from scantrail import summary_of_models

    _, stores = _open()
    summary_of_models.show_history(stores.deployments.all()[::-1])


@models_app.command()
def at(
    time: Annotated[str, typer.Argument(help="ISO 8601; without an offset, UTC.")],
) -> None:
    """Say which version judged at a moment.

    [bold]Example:[/] scantrail models at 2025-08-17T09:00
    """
    from scantrail import summary_of_models

    try:
        moment = dt.datetime.fromisoformat(time)
    except ValueError as error:
        raise InputError(
            f"'{time}' is no time; expected ISO 8601, e.g. 2025-08-17T09:00+09:00"
        ) from error
    moment = moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment
    _, stores = _open()
    microseconds = round(moment.timestamp() * 1_000_000)
    deployed = stores.deployments.at(microseconds)
    summary_of_models.show_moment(moment, deployed, stores.reports.judged_at(microseconds))


def _open(sites: Path | None = None) -> tuple[Rollout, Stores]:
    from scantrail import wiring

    settings = read_settings(sites=str(sites) if sites else None)
    stores = wiring.stores(settings)
    return wiring.rollout(wiring.engine(settings, learned=False), stores), stores
