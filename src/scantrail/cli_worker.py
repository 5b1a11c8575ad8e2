"""The command that works in the background."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scantrail.cli_parts import stored
from scantrail.settings import read_settings


def worker(
    sites: Annotated[
        Path | None, typer.Option("--sites", help="As for [bold]scantrail serve[/].")
    ] = None,
) -> None:
    """Retrain, monitor and deliver notices beside services on the same database.

    A service starts one for itself unless SCANTRAIL_WORKER=none. Ctrl-C stops it; what it works
    on is told to be interrupted.

    [bold]Example:[/] SCANTRAIL_WORKER=none scantrail serve & scantrail worker
    """
    from scantrail.logs import configure
    from scantrail.work.queue import place
    from scantrail.work.worker import Worker

    settings = read_settings(sites=str(sites) if sites else None)
    configure(settings.log_format, settings.log_level)
    with stored(settings) as stores:
        works = Worker(settings, stores)
        works.run(
            lambda: typer.echo(f"works on {stores.database.engine.url}, woken by {place(settings)}")
        )
