"""The page that the demo prints: chapters, what was seen in them, and how to ask for it oneself."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

_LABEL: Final = 9  # letters of the longest label


class Page:
    """Tells the story, and keeps what did not come out as it should."""

    def __init__(self, console: Console) -> None:
        """Tell it on a console."""
        self.console, self.faults = console, list[str]()
        self._chapters = 0

    def chapter(self, day: dt.datetime, title: str) -> None:
        """Begin a chapter, on a day of the simulated year."""
        self._chapters += 1
        self.console.print()
        self.console.print(
            f"[bold cyan]{self._chapters}[/]  [bold]{title}[/]  [dim]{day:%-d %B %Y}[/]"
        )

    def say(self, label: str, *texts: str) -> None:
        """A line or more beside a label; texts may hold Rich markup."""
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(width=_LABEL, style="dim", no_wrap=True)
        grid.add_column(overflow="fold")
        for number, text in enumerate(texts):
            grid.add_row("" if number else label, text)
        self.console.print(grid)

    def table(self, label: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Figures beside a label: the first column is words, the others numbers."""
        table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
        for number, name in enumerate(head):
            table.add_column(name, justify="right" if number else "left")
        for row in rows:
            table.add_row(*row)
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(width=_LABEL, style="dim", no_wrap=True)
        grid.add_column()
        grid.add_row(label, table)
        self.console.print(grid)

    def ways(self, *pairs: tuple[str, str]) -> None:
        """How to do or see it oneself: commands, and the endpoints that do the same."""
        for command, endpoint in pairs:
            self.say("", f"[green]$ scantrail {escape(command)}[/]  [dim]{escape(endpoint)}[/]")

    def expect(self, holds: bool, fault: str) -> bool:  # noqa: FBT001 - the statement itself
        """Note, and say at once, where something did not come out as the story has it."""
        if not holds:
            self.faults.append(fault)
            self.say("[red]but[/]", f"[red]{escape(fault)}[/]")
        return holds
