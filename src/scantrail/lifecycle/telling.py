"""The page that the demo prints: chapters, what was seen in them, and how to ask for it oneself."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

_INDENT: Final = 11  # letters: the longest label, and two


class Page:
    """Tells the story, and keeps what did not come out as it should (`faults`)."""

    def __init__(self, console: Console) -> None:
        """Tell it on a console."""
        self.console, self.faults = console, list[str]()
        self._chapters = 0

    def chapter(self, day: dt.datetime, title: str) -> None:
        """Begin a chapter, on a day of the simulated year."""
        self._chapters += 1
        self.console.print()
        self.console.print(
            f"[bold cyan]{self._chapters:>2}[/]  [bold]{escape(title)}[/]  "
            f"[dim]{day.day} {day:%B %Y}[/]"
        )

    def row(self, label: str, *texts: str, style: str = "dim") -> None:
        """A line or more beside a label; texts may hold Rich markup."""
        lines = [
            line
            for text in texts
            for line in Text.from_markup(text).wrap(self.console, self.console.width - _INDENT)
        ]
        for number, line in enumerate(lines):
            line.rstrip()
            begin = Text("" if number else label, style)
            begin.pad_right(_INDENT - len(begin))
            self.console.print(begin + line, no_wrap=True, crop=False, overflow="ignore")

    def table(self, label: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Figures beside a label: the first column is words, the others numbers."""
        table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
        for number, name in enumerate(head):
            table.add_column(name, justify="right" if number else "left")
        for row in rows:
            table.add_row(*row)
        options = self.console.options.update_width(self.console.width - _INDENT)
        for number, line in enumerate(self.console.render_lines(table, options, pad=False)):
            begin = Text("" if number else label, "dim")
            begin.pad_right(_INDENT - len(begin))
            words = Text.assemble(*((one.text, one.style or "") for one in line))
            words.rstrip()
            self.console.print(begin + words, no_wrap=True, crop=False, overflow="ignore")

    def ways(self, *pairs: tuple[str, str]) -> None:
        """How to do or see it oneself: commands, and the endpoints that do the same."""
        for command, endpoint in pairs:
            line = f"$ scantrail {command}"
            fits = len(line) + len(endpoint) + 3 + _INDENT <= self.console.width
            said = f"[green]{escape(line)}[/]"
            if fits:
                self.row("", f"{said}   [dim]{escape(endpoint)}[/]")
            else:
                self.row("", said, f"  [dim]{escape(endpoint)}[/]")

    def expect(self, *, holds: bool, fault: str) -> bool:
        """Note, and say at once, where something did not come out as the story has it."""
        if not holds:
            self.faults.append(fault)
            self.row("but", f"[red]{escape(fault)}[/]", style="red")
        return holds
