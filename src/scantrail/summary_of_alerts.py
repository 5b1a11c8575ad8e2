"""What the command line tells of alerts of monitoring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from scantrail.stores.alerts import StoredChange
from scantrail.stores.outbox import Parcel
from scantrail.vocabulary.times import in_table
from scantrail.work.alerting import alert_of

_SHOWN: Final = 8  # symptoms of an alert


def show_alerts(changes: Sequence[StoredChange], names: Mapping[str, str]) -> None:
    """Print how alerts stand; `names`: what sites are called, by location id."""
    console = Console(highlight=False)
    if not changes:
        console.print("[green]no such alerts[/]")
        return
    for change in changes:
        alert = alert_of(change)
        lead = alert.lead
        notes = [f"snoozed until {alert.snoozed:%Y-%m-%d %H:%M}"] if alert.snoozed else []
        notes += [f"{alert.acknowledged} looks after it"] if alert.acknowledged else []
        more = f" [dim]({'; '.join(map(escape, notes))})[/]" if notes else ""
        place = escape(names.get(lead.place, lead.place) or "the whole chain")
        console.print(
            f"[bold]{change.alert}[/]  {change.phase}, since {alert.since}: {place}  "
            f"[dim]strength {lead.strength:.1f}[/]{more}",
            soft_wrap=True,
        )
        text = Padding(f"{lead.check}: {escape(lead.what)}", (0, 0, 0, 14), expand=False)
        console.print(text)


def show_alert(changes: Sequence[StoredChange], names: Mapping[str, str]) -> None:
    """Print an alert: its symptoms, the strongest first, and what happened to it."""
    console = Console(highlight=False)
    last = changes[-1]
    alert = alert_of(last)
    console.print(f"[bold]{last.alert}[/] {last.phase}, since {alert.since}")
    symptoms = sorted(alert.symptoms.values(), key=lambda one: (-one.strength, one.key))
    for one in symptoms[:_SHOWN]:
        place = escape(names.get(one.place, one.place) or "the whole chain")
        console.print(f"  {place}  {one.check}: {escape(one.what)} [dim]({one.strength:.1f})[/]")
    if len(symptoms) > _SHOWN:
        console.print(f"  [dim]and {len(symptoms) - _SHOWN} more[/]")
    for change in changes:
        why = f" ({escape(change.reason)})" if change.reason else ""
        console.print(f"  {in_table(change.at)} UTC  {change.what} by {escape(change.actor)}{why}")


def show_dead(dead: Sequence[Parcel], waiting: int) -> None:
    """Print notices that were given up."""
    console = Console(highlight=False)
    if dead:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in ("id", "given up (UTC)", "tries", "notice", "why"):
            table.add_column(column, overflow="fold")
        for one in dead:
            table.add_row(str(one.id), in_table(one.ended_at or one.created_at), str(one.tries),
                          escape(one.notice), escape(one.error))  # fmt: skip
        console.print(table)
    console.print(f"{len(dead)} given up, {waiting} waiting")
