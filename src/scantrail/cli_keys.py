"""Commands for who may call: keys create, list, rotate, revoke; audit."""

from __future__ import annotations

import getpass
import time
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from scantrail.errors import SettingsError
from scantrail.vocabulary.access import Scope
from scantrail.vocabulary.times import in_table

if TYPE_CHECKING:
    from scantrail.wiring import Stores

keys_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Keys of those who call the service. They are in its database (SCANTRAIL_DATABASE_URL)."
    "\n\n"
    "[bold]Example:[/] scantrail keys create gateway --scope detect --days 365",
)
_HOUR: Final = 3_600_000_000  # microseconds
_DAY: Final = 24 * _HOUR


KeyId = Annotated[str, typer.Argument(help="From [bold]scantrail keys list[/].")]


@keys_app.command()
def create(
    name: Annotated[str, typer.Argument(help="Who holds it.")],
    scope: Annotated[list[Scope], typer.Option(help="May be given several times.")],
    days: Annotated[
        int | None, typer.Option(min=1, max=36_500, help="Its life. Default: for ever.")
    ] = None,
) -> None:
    """Make a key and print it, this once: alone on stdout, all else on stderr.

    [bold]Example:[/] scantrail keys create gateway --scope detect --days 365
    """
    if not name.strip() or len(name) > 100 or not name.isprintable():
        raise SettingsError(f"{name[:100]!r} is no name; expected 1 to 100 printable characters")
    stores, now = _open(), _now()
    life = None if days is None else now + days * _DAY
    made = stores.keys.create(name, scope, now, life)
    detail = {"name": name, "scopes": sorted(made.key.scopes)}
    _note(stores, "keys create", made.key.id, detail)
    _hand_over(made.key.id, made.text)


@keys_app.command("list")
def listed() -> None:
    """Show all keys that ever were; what their holders send is kept nowhere.

    [bold]Example:[/] scantrail keys list
    """
    now = _now()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("id", "name", "scopes", "state", "created", "expires", "last used"):
        table.add_column(column, no_wrap=column != "name", overflow="fold")
    for key in _open().keys.all():
        times = (key.created_at, key.expires_at, key.last_used_at)
        shown = ["-" if at is None else in_table(at) for at in times]
        table.add_row(
            key.id, escape(key.name), " ".join(sorted(key.scopes)), key.state(now), *shown
        )
    _print(table, "no key was ever made; 'scantrail keys create' makes one")


@keys_app.command()
def rotate(
    key_id: KeyId,
    hours: Annotated[
        int, typer.Option(min=0, max=8_760, help="For how long the old one still opens.")
    ] = 24,
) -> None:
    """Make a key like an old one, which still opens for a while.

    [bold]Example:[/] scantrail keys rotate 4f6d1c0a9b2e --hours 48
    """
    stores = _open()
    made = stores.keys.rotate(key_id, _now(), hours * _HOUR)
    _note(stores, "keys rotate", key_id, {"new": made.key.id, "hours": hours})
    _hand_over(made.key.id, made.text)


@keys_app.command()
def revoke(key_id: KeyId) -> None:
    """End a key: services notice within seconds.

    [bold]Example:[/] scantrail keys revoke 4f6d1c0a9b2e
    """
    stores = _open()
    key = stores.keys.revoke(key_id, _now())
    _note(stores, "keys revoke", key_id, {"name": key.name})
    Console(stderr=True).print(f"the key {key_id} ({escape(key.name)}) opens nothing any more")


def audit(
    most: Annotated[int, typer.Option(min=1, help="At most so many lines.")] = 50,
) -> None:
    """Show what administrators did and what was refused to whom, the newest first.

    [bold]Example:[/] scantrail audit --most 20
    """
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("at (UTC)", "actor", "action", "subject", "outcome", "detail", "request"):
        table.add_column(column, overflow="fold")
    for line in _open().audit.lines(most):
        at = in_table(line.at, "seconds")
        detail = " ".join(f"{name}={_plain(value)}" for name, value in line.detail.items())
        words = (line.actor, line.action, line.subject, line.outcome, detail, line.request_id or "")
        table.add_row(at, *(escape(word) for word in words))
    _print(table, "nothing was done yet")


def _plain(value: Any) -> str:
    return ",".join(str(one) for one in value) if isinstance(value, list) else str(value)


def _print(table: Table, otherwise: str) -> None:
    """On a terminal as wide as it is; elsewhere one line a row."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=250)
    console.print(table if table.row_count else otherwise)


def _open() -> Stores:
    from scantrail import wiring
    from scantrail.settings import read_settings

    return wiring.stores(read_settings())


def _note(stores: Stores, action: str, key_id: str, detail: dict[str, Any]) -> None:
    from scantrail.stores.audit import Act, Outcome

    act = Act(f"cli {_user()}", action, f"key {key_id}")
    stores.audit.add(act, Outcome.DONE, _now(), detail)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name
        return "unknown"


def _now() -> int:
    return time.time_ns() // 1000


def _hand_over(key_id: str, text: str) -> None:
    note = f"the key {key_id}; it is shown this once, keep it well:"
    Console(stderr=True, highlight=False).print(note)
    typer.echo(text)
