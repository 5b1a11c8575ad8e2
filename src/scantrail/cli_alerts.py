"""The commands for alerts of monitoring, and for notices of them that could not be delivered."""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path
from typing import Annotated

import typer

from scantrail.cli_parts import me, stored
from scantrail.settings import read_settings

alerts_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Alerts of monitoring: what is not as it was.\n\n[bold]Example:[/] scantrail alerts list",
)
SitesOption = Annotated[
    Path | None, typer.Option("--sites", help="As for [bold]scantrail serve[/].")
]
Id = Annotated[str, typer.Argument(help="From [bold]scantrail alerts list[/].")]
Why = Annotated[str, typer.Option(help="Why; it is kept.")]


@alerts_app.command("list")
def listed(
    every: Annotated[
        bool, typer.Option("--all", help="Those that are pending or over, too.")
    ] = False,
    sites: SitesOption = None,
) -> None:
    """List open alerts, the latest change first.

    [bold]Example:[/] scantrail alerts list --all
    """
    from scantrail.stores.alerts import PHASES
    from scantrail.summary_of_alerts import show_alerts

    with stored(read_settings()) as stores:
        found = stores.alerts.newest(PHASES if every else ("open",), 1000)
    show_alerts(found, _names(sites))


@alerts_app.command()
def show(alert: Id, sites: SitesOption = None) -> None:
    """Show an alert: its symptoms, and all that happened to it.

    [bold]Example:[/] scantrail alerts show 5b0f9c2e7a11
    """
    from scantrail.summary_of_alerts import show_alert

    with stored(read_settings()) as stores:
        found = stores.alerts.history(alert)
    show_alert(found, _names(sites))


@alerts_app.command()
def snooze(
    alert: Id,
    hours: Annotated[float, typer.Option(min=0.1, max=24 * 366, help="For so long.")] = 24.0,
    reason: Why = "",
) -> None:
    """Send nothing of an alert for a while; it lives on.

    [bold]Example:[/] scantrail alerts snooze 5b0f9c2e7a11 --hours 48 --reason "road works"
    """
    from scantrail.work import alerting
    from scantrail.work.observing import local

    settings = read_settings()
    until = local(time.time_ns() // 1000, settings.zone) + dt.timedelta(hours=hours)
    with stored(settings) as stores:
        alerting.snooze(stores, alert, until, me(), reason)
    typer.echo(f"nothing is sent of {alert} until {until:%Y-%m-%d %H:%M} ({settings.zone})")


@alerts_app.command()
def acknowledge(alert: Id, reason: Why = "") -> None:
    """Say that you look after an alert: from now on only its end is sent.

    [bold]Example:[/] scantrail alerts acknowledge 5b0f9c2e7a11 --reason "ticket 4711"
    """
    from scantrail.work import alerting

    with stored(read_settings()) as stores:
        alerting.acknowledge(stores, alert, me(), reason)
    typer.echo(f"{me()} looks after {alert}")


@alerts_app.command("dead-letters")
def dead_letters() -> None:
    """List notices that the webhook did not take, and that were given up.

    [bold]Example:[/] scantrail alerts dead-letters
    """
    from scantrail.summary_of_alerts import show_dead

    with stored(read_settings()) as stores:
        show_dead(stores.outbox.dead(), stores.outbox.counts()["waiting"])


@alerts_app.command()
def resend(
    number: Annotated[
        int | None,
        typer.Argument(help="From [bold]scantrail alerts dead-letters[/]. Default: all."),
    ] = None,
) -> None:
    """Try notices again that were given up; a worker does so within a minute.

    [bold]Example:[/] scantrail alerts resend
    """
    with stored(read_settings()) as stores:
        count = stores.outbox.resend(number)
    typer.echo(f"{count} notice{'' if count == 1 else 's'} will be tried again")


def _names(sites: Path | None) -> dict[str, str]:
    """What sites are called, by location id."""
    from scantrail import wiring

    settings = read_settings(sites=str(sites) if sites else None)
    return wiring.engine(settings, learned=False).network.sites.called
