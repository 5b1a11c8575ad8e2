"""The commands that manage models."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from scantrail.cli_parts import me, shares
from scantrail.errors import InputError
from scantrail.settings import Settings, read_settings
from scantrail.vocabulary.times import microseconds

if TYPE_CHECKING:
    from scantrail.rollout import Rollout
    from scantrail.vocabulary.events import Events
    from scantrail.wiring import Stores

_REFUSED: Final = 4  # exit code of a version that the gate refuses

models_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Artifact versions: register, promote, roll back, and who judged when.\n\nServices on "
    "the same database follow within a second.\n\n[bold]Example:[/] scantrail models add "
    "artifact/, then scantrail models promote 8bb2db7e7584",
)
Why = Annotated[str, typer.Option(help="Why; it is kept with the deployment.")]
Version = Annotated[str, typer.Argument(help="A registered version, or none: rules alone.")]
LaterLog = Annotated[
    Path | None,
    typer.Option(
        "--log", help="A log that ends later than what was learned from. Default: all stored scans."
    ),
]
SitesOption = Annotated[
    Path | None, typer.Option("--sites", help="As for [bold]scantrail serve[/].")
]


@models_app.command("list")
def list_versions() -> None:
    """List the registered versions, and say which one is deployed.

    [bold]Example:[/] scantrail models list
    """
    from scantrail import summary_of_models, wiring

    rollout, stores = opened()
    last, reports = stores.deployments.last(), wiring.artifact_folder(read_settings())
    summary_of_models.show_versions(rollout.registry.entries(), last, reports)


@models_app.command()
def add(
    artifact: Annotated[Path, typer.Argument(help="Folder written by 'scantrail train'.")],
) -> None:
    """Register an artifact: it is checked, copied, and checked again.

    [bold]Example:[/] scantrail models add artifact/
    """
    rollout, _ = opened()
    version = rollout.registry.add(artifact)
    typer.echo(f"registered {version}; 'scantrail models promote {version}' lets it judge")


@models_app.command()
def promote(version: Version, reason: Why = "", sites: SitesOption = None) -> None:
    """Let a version judge from now on, once it has passed the probe.

    [bold]Example:[/] scantrail models promote 8bb2db7e7584 --reason "trained on the summer"
    """
    rollout, _ = opened(sites)
    done, _ = rollout.promote(version, me(), reason)
    typer.echo(f"{done.version} judges: deployment {done.id}")


@models_app.command()
def rollback(reason: Why = "", sites: SitesOption = None) -> None:
    """Let the version before the deployed one judge again.

    [bold]Example:[/] scantrail models rollback --reason "too many alerts"
    """
    rollout, _ = opened(sites)
    done, _ = rollout.roll_back(me(), reason)
    typer.echo(f"{done.version} judges again: deployment {done.id}")


@models_app.command()
def pin(version: Version, reason: Why = "", sites: SitesOption = None) -> None:
    """Let a version judge, and no other until it is unpinned.

    [bold]Example:[/] scantrail models pin 8bb2db7e7584 --reason "until the audit is over"
    """
    rollout, _ = opened(sites)
    done, _ = rollout.promote(version, me(), reason, pin=True)
    typer.echo(f"{done.version} judges and is pinned: deployment {done.id}")


@models_app.command()
def unpin(reason: Why = "") -> None:
    """Let other versions be deployed again.

    [bold]Example:[/] scantrail models unpin
    """
    rollout, _ = opened()
    done = rollout.unpin(me(), reason)
    typer.echo(f"{done.version} judges on and is no longer pinned: deployment {done.id}")


@models_app.command()
def gate(
    version: Version,
    log: LaterLog = None,
    sites: SitesOption = None,
) -> None:
    """Measure a version against the one that judges, on later scans; exit with 4 if it is refused.

    [bold]Example:[/] scantrail models gate 8bb2db7e7584
    """
    from scantrail import summary_of_models, wiring
    from scantrail.gating import gate_on

    settings, stores = _settings(sites)
    with shares() as progress:
        events = _events_of(log, settings, stores)
        told = gate_on(settings, stores, version, events.frame, me(), progress)
    summary_of_models.show_gated(told, wiring.registry(settings).folder)
    if not told.passed:
        raise typer.Exit(_REFUSED)


@models_app.command("update-svm")
def update(
    version: Annotated[
        str | None, typer.Argument(help="A registered version. Default: the one that judges.")
    ] = None,
    log: LaterLog = None,
    sites: SitesOption = None,
) -> None:
    """Update a version's one-class SVM by newer scans, register the result, and gate it.

    [bold]Example:[/] scantrail models update-svm --log august.tsv
    """
    from scantrail import candidates, wiring

    settings, stores = _settings(sites)
    parent = version or wiring.rollout(wiring.engine(settings, learned=False), stores).serving()
    with shares() as progress:
        events = _events_of(log, settings, stores)
        made = candidates.update_svm(settings, stores, parent, events, progress)
        told = candidates.through_the_gate(settings, stores, made, events)
    typer.echo(f"registered {made}, updated from {parent}; {told['message']}")


@models_app.command()
def history() -> None:
    """List all deployments, the newest first.

    [bold]Example:[/] scantrail models history
    """
    from scantrail import summary_of_models

    _, stores = opened()
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
    _, stores = opened()
    when = microseconds(moment)
    deployed = stores.deployments.at(when)
    summary_of_models.show_moment(moment, deployed, stores.reports.judged_at(when))


@models_app.command()
def export(
    versions: Annotated[
        list[str] | None,
        typer.Argument(help="Registered versions, or folders of artifacts. Default: all versions."),
    ] = None,
    to: Annotated[
        str,
        typer.Option(
            envvar="MLFLOW_TRACKING_URI", help="Of MLflow's tracking: http://…, or sqlite:///FILE."
        ),
    ] = "sqlite:///mlflow.db",
    experiment: Annotated[str, typer.Option(help="Made, if it is not there.")] = "scantrail",
) -> None:
    r"""Tell MLflow of versions: parameters, metrics, the gate, the dataset, the files.

    Told twice, nothing doubles; a gate that was passed since is added. Needs the extra
    [bold]mlflow[/]: pip install 'scantrail\[mlflow]'.

    [bold]Example:[/] scantrail models export 8bb2db7e7584 --to http://mlflow:5000
    """
    from scantrail import wiring
    from scantrail.gate import told_of
    from scantrail.tracking import Tracker

    registry = wiring.registry(read_settings())
    named = versions or registry.versions()
    if not named:
        raise InputError(
            f"no version is registered in {registry.folder}; 'scantrail models add FOLDER' "
            "registers one, or name an artifact's folder"
        )
    for name in named:
        if not Path(name).is_dir():
            registry.check(name)
    tracker = Tracker(to, experiment)
    said = {"exported": "is told", "gate": "was told before; its gate is added",
            "there": "was told before; nothing is new"}  # fmt: skip
    for name in named:
        folder = Path(name) if Path(name).is_dir() else registry.folder / name
        told = told_of(registry.folder, wiring.version_of(folder))
        version, became = tracker.tell(folder, told)
        typer.echo(f"{version} {said[became]}")


def _settings(sites: Path | None) -> tuple[Settings, Stores]:
    from scantrail import wiring

    settings = read_settings(sites=str(sites) if sites else None)
    return settings, wiring.stores(settings)


def _events_of(log: Path | None, settings: Settings, stores: Stores) -> Events:
    from scantrail import wiring
    from scantrail.vocabulary.events import Events

    if log is None:
        return Events(stores.reports.all_events(), source="stored scans")
    return wiring.read_events(log, settings, wiring.engine(settings, learned=False).network.sites)


def opened(sites: Path | None = None) -> tuple[Rollout, Stores]:
    """The rollout and the stores of the settings."""
    from scantrail import wiring

    settings = read_settings(sites=str(sites) if sites else None)
    stores = wiring.stores(settings)
    return wiring.rollout(wiring.engine(settings, learned=False), stores), stores
