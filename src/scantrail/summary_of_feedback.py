"""What the command line tells of feedback."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from scantrail.stores.feedback import Feedback, Group
from scantrail.vocabulary.times import in_table


def show_given(given: Feedback, events: int) -> None:
    """Print what feedback was given, and of what it speaks."""
    scans = f"{events:,} suspect scan{'' if events == 1 else 's'}"
    until = (
        f", and of what comes until {in_table(given.expires_at)} UTC" if given.expires_at else ""
    )
    told = f"of {given.week}'s sample" if given.week else f"it speaks of {scans} so far{until}"
    Console(highlight=False).print(
        f"feedback {given.id}: {given.verdict} {escape(_about(given))}; {told}", soft_wrap=True
    )


def show_feedback(given: Sequence[Feedback]) -> None:
    """Print feedback, one a line."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("id", "at (UTC)", "actor", "verdict", "about", "until (UTC)", "reason"):
        table.add_column(column, no_wrap=column in {"id", "at (UTC)", "verdict"}, overflow="fold")
    for one in given:
        until = (
            "withdrawn" if one.withdrawn else in_table(one.expires_at) if one.expires_at else "-"
        )
        told = f"feedback {one.withdraws}" if one.withdraws else _about(one)
        table.add_row(
            str(one.id), in_table(one.at), escape(one.actor), one.verdict, escape(told), until,
            escape(one.reason), style="dim" if one.withdrawn else None,
        )  # fmt: skip
    console = Console(highlight=False)
    console.print(table if given else "nobody has said anything yet")


def _about(one: Feedback) -> str:
    if one.target != "group":
        return f"{'a scan of ' if one.target == 'event' else ''}{one.epc_code}"
    return group_text(one.group)


def group_text(group: Group) -> str:
    """A group in words.

    >>> group_text(Group(kind="jump", lane=("1001", "1031")))
    'jump, on the way 1001 → 1031'
    """
    parts = [group.kind or "all kinds"]
    parts += [f"of product {group.product}"] if group.product else []
    parts += [f"at {group.site}"] if group.site else []
    parts += [f"on the way {group.lane[0]} → {group.lane[1]}"] if group.lane else []
    return ", ".join(parts)
