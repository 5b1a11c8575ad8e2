"""The commands for what people say of alerts: confirm, dismiss, withdraw, list."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from scantrail.cli_parts import me, stored
from scantrail.settings import read_settings

if TYPE_CHECKING:
    from scantrail.stores.feedback import Group

feedback_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="What people say of alerts. It is kept in the database (SCANTRAIL_DATABASE_URL); services "
    "on it follow within a second.\n\n[bold]Example:[/] scantrail feedback dismiss --kind jump "
    '--site 1031 --days 7 --reason "the reader\'s clock was slow"',
)
Epc = Annotated[str | None, typer.Option(help="The item's EPC, however spelled.")]
Event = Annotated[str | None, typer.Option(help="One scan of it: its event id as it was sent.")]
Kind = Annotated[str | None, typer.Option(help="A group: alerts of this kind.")]
Product = Annotated[str | None, typer.Option(help="A group: alerts of this company.product.")]
Site = Annotated[str | None, typer.Option(help="A group: alerts at this site, by id or name.")]
Lane = Annotated[str | None, typer.Option(help="A group: alerts on the way FROM,TO.")]
Week = Annotated[
    str | None, typer.Option(help="The item was drawn for this week's sample, e.g. 2025-W36.")
]
Reason = Annotated[str, typer.Option(help="Why; it is kept.")]
SitesOption = Annotated[
    Path | None, typer.Option("--sites", help="As for [bold]scantrail serve[/].")
]


@feedback_app.command()
def confirm(
    reason: Reason,
    epc: Epc = None,
    event: Event = None,
    kind: Kind = None,
    product: Product = None,
    site: Site = None,
    lane: Lane = None,
    week: Week = None,
    sites: SitesOption = None,
) -> None:
    """Say that what was suspect is anomalous indeed.

    [bold]Example:[/] scantrail feedback confirm --epc 001.8804823.1293291.… --reason "a clone"
    """
    group = _group(kind, product, site, lane)
    _say("confirm", reason, (epc, event, week), group, None, sites)


@feedback_app.command()
def dismiss(
    reason: Reason,
    epc: Epc = None,
    event: Event = None,
    kind: Kind = None,
    product: Product = None,
    site: Site = None,
    lane: Lane = None,
    days: Annotated[
        int | None,
        typer.Option(help="For so long it speaks of what comes, too. Default: 30."),
    ] = None,
    week: Week = None,
    sites: SitesOption = None,
) -> None:
    """Say that what was suspect is in order; of an item or group, of what comes too, for a while.

    [bold]Example:[/] scantrail feedback dismiss --kind jump --lane 1001,1031 --reason "new road"
    """
    group = _group(kind, product, site, lane)
    _say("dismiss", reason, (epc, event, week), group, days, sites)


@feedback_app.command()
def withdraw(
    number: Annotated[int, typer.Argument(help="From [bold]scantrail feedback list[/].")],
    reason: Reason,
) -> None:
    """Take feedback back: from now on it is as if it had not been given.

    [bold]Example:[/] scantrail feedback withdraw 12 --reason "the wrong site"
    """
    with stored(read_settings()) as stores:
        given = stores.feedback.withdraw(number, me(), reason)
    typer.echo(f"feedback {number} is withdrawn, by feedback {given.id}")


@feedback_app.command("list")
def listed(
    most: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
) -> None:
    """List feedback, the newest first.

    [bold]Example:[/] scantrail feedback list
    """
    from scantrail.summary_of_feedback import show_feedback

    with stored(read_settings()) as stores:
        show_feedback(stores.feedback.all(most))


def _group(kind: str | None, product: str | None, site: str | None, lane: str | None) -> Group:
    from scantrail.errors import InputError
    from scantrail.stores.feedback import Group

    way = None
    if lane is not None:
        parts = [part.strip() for part in lane.split(",")]
        if len(parts) != 2 or not all(parts):
            raise InputError(f"--lane: '{lane}' is no lane; expected FROM,TO, e.g. 1001,1031")
        way = (parts[0], parts[1])
    return Group(kind=kind, product=product, site=site, lane=way)


def _say(
    verdict: Literal["confirm", "dismiss"],
    reason: str,
    one: tuple[str | None, str | None, str | None],
    group: Group,
    days: int | None,
    sites: Path | None,
) -> None:
    from scantrail import wiring
    from scantrail.summary_of_feedback import show_given
    from scantrail.work.reviewing import Saying, take

    epc, event, week = one
    settings = read_settings(sites=str(sites) if sites else None)
    network = wiring.engine(settings, learned=False).network
    saying = Saying(verdict=verdict, reason=reason, epc_code=epc, event_id=event, group=group,
                    week=week, days=days)  # fmt: skip
    with stored(settings) as stores:
        show_given(*take(stores, network, saying, me()))
