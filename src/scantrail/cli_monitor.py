"""The commands that monitor what is stored: run, show, sample, baseline, recalibrate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from scantrail.cli_parts import me, shares, stored
from scantrail.errors import MonitoringError
from scantrail.settings import read_settings

monitor_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Monitor what the service stored: drift, alert rates, feeds, and how good alerts are. A "
    "worker does so by itself every midnight.\n\n"
    "[bold]Example:[/] scantrail monitor run, then scantrail monitor show",
)
SitesOption = Annotated[
    Path | None, typer.Option("--sites", help="As for [bold]scantrail serve[/].")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@monitor_app.command()
def run(
    until: Annotated[
        str | None,
        typer.Option(help="The midnight that begins this day. Default: the latest that passed."),
    ] = None,
    sites: SitesOption = None,
) -> None:
    """Look now at all midnights that have passed since the last look.

    [bold]Example:[/] scantrail monitor run
    """
    _job({"until": until and _day(until)}, sites)


@monitor_app.command()
def baseline(
    first: Annotated[str, typer.Argument(help="The first day, e.g. 2025-09-01.")],
    last: Annotated[str, typer.Argument(help="The last day; 14 at least, better four weeks.")],
    sites: SitesOption = None,
) -> None:
    """Take days as usual from now on, e.g. after a change that was wanted.

    [bold]Example:[/] scantrail monitor baseline 2025-09-01 2025-09-28
    """
    _job({"baseline": [_day(first), _day(last)]}, sites)


@monitor_app.command()
def show(as_json: Json = False, sites: SitesOption = None) -> None:
    """Show what the last look found, and how good alerts are.

    [bold]Example:[/] scantrail monitor show
    """
    from scantrail import wiring
    from scantrail.summary_of_watch import document, show_watch

    settings = read_settings(sites=str(sites) if sites else None)
    with stored(settings) as stores:
        found = document(settings, stores)
    if as_json:
        _print(found)
    else:
        show_watch(found, wiring.engine(settings, learned=False).network.sites.called)


@monitor_app.command()
def sample(
    week: Annotated[
        str | None, typer.Argument(help="As 2025-W36. Default: the last that is over.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the items without an alert that were drawn for people to look at in a week.

    Say what you find with [bold]scantrail feedback confirm|dismiss --epc … --week …[/].

    [bold]Example:[/] scantrail monitor sample 2025-W36
    """
    from scantrail.summary_of_watch import sample_document, show_sample
    from scantrail.work.sampling import sample_of

    settings = read_settings()
    with stored(settings) as stores:
        found = sample_document(stores, sample_of(settings, stores, week))
    _print(found) if as_json else show_sample(found)


@monitor_app.command()
def recalibrate(
    budget: Annotated[
        float | None,
        typer.Option(min=0.01, help="False alerts per 10,000 scans that are borne. Default: 3."),
    ] = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Register a version with the recommended score.")
    ] = False,
    reason: Annotated[str, typer.Option(help="Why; it is kept with the version.")] = "",
) -> None:
    """Say which alert score keeps a budget of false alerts, by what people said of alerts.

    [bold]Example:[/] scantrail monitor recalibrate --budget 3 --apply
    """
    from scantrail.summary_of_watch import show_recommendation
    from scantrail.work.performance import recommendation
    from scantrail.work.recalibrating import recalibrate as register

    settings = read_settings()
    with stored(settings) as stores:
        found = recommendation(settings, stores, budget)
        show_recommendation(found)
        if not apply:
            return
        score = found.recommended.alert_score
        version = register(settings, stores, score, me(), reason or found.why)
        typer.echo(f"registered {version}; 'scantrail models promote {version}' lets it judge")


def _job(asked: dict[str, Any], sites: Path | None) -> None:
    """Do a monitoring job here, on record like those of workers."""
    from scantrail.work.process import run_job

    settings = read_settings(sites=str(sites) if sites else None)
    with stored(settings) as stores:
        job = stores.jobs.add("monitor", asked, me())
        with shares() as progress:
            run_job(settings, stores, job.id, progress)
        done = stores.jobs.get(job.id)
    if done.state != "done":
        raise MonitoringError(done.message or f"job {done.id} is {done.state}")
    typer.echo(done.message)


def _day(text: str) -> str:
    import datetime as dt

    from scantrail.errors import InputError

    try:
        return dt.date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise InputError(f"'{text}' is no day; expected one as 2025-09-08") from error


def _print(found: Any) -> None:
    import msgspec

    typer.echo(msgspec.json.format(msgspec.json.encode(found)).decode())
