"""Jobs as a person reads them in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from scantrail.stores.jobs import Job
from scantrail.vocabulary.times import in_table

_COLOURS: Final = {"done": "green", "failed": "red", "interrupted": "red"}


def show_jobs(jobs: Sequence[Job]) -> None:
    """Jobs, in the order given."""
    console = Console(highlight=False)
    if not jobs:
        console.print("no job was asked for yet; 'scantrail models retrain' asks for one")
        return
    table = Table("id", "asked for (UTC)", "kind", "state", "by", "what came of it", box=None)
    for job in jobs:
        told = job.message or ""
        if job.active:
            told = _far(job)
        table.add_row(
            str(job.id), in_table(job.created_at), job.kind, _state(job), escape(job.actor),
            escape(told),
        )  # fmt: skip
    console.print(table)


def show_job(job: Job) -> None:
    """A job: what was asked for, how far it is, what came of it."""
    console = Console(highlight=False)
    console.print(
        f"job {job.id}, {job.kind}: {_state(job)}{', ' + _far(job) if job.active else ''}"
    )
    lines = [
        ("asked for", f"{in_table(job.created_at)} UTC by {job.actor}"),
        ("with", ", ".join(f"{name} {_word(value)}" for name, value in job.asked.items() if value)),
        ("started", f"{in_table(job.started_at)} UTC" if job.started_at else ""),
        ("ended", f"{in_table(job.ended_at)} UTC" if job.ended_at else ""),
        ("version", job.version or ""),
        ("told", job.message or ""),
    ]
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 1))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in lines:
        if text:
            table.add_row(name, escape(text))
    console.print(table)


def _state(job: Job) -> str:
    colour = _COLOURS.get(job.state, "default")
    return f"[{colour}]{job.state}[/]"


def _far(job: Job) -> str:
    return "waits for a worker" if job.state == "queued" else f"{job.stage} ({job.progress:.0%})"


def _word(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
