"""Starting the service, and telling a person what to do with it."""

from __future__ import annotations

import os
import socket
from functools import partial

import uvicorn
from rich.console import Console

from scantrail.errors import SettingsError
from scantrail.serve.api import create_app
from scantrail.wiring import DEMO, Engine, artifact_of


def serve(engine: Engine, host: str, port: int) -> None:
    """Serve until interrupted.

    Args:
        engine: Who judges; which artifact it judges by, deployments and settings say.
        host: Address to listen on.
        port: Port; 0 picks a free one.

    Raises:
        SettingsError: Nobody can listen there.
    """
    with _listening(host, port) as bound:
        app = create_app(engine, configured=partial(artifact_of, engine.settings))
        _Server(uvicorn.Config(app, log_level="warning")).run(sockets=[bound])


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        raise SettingsError(
            f"port {port} of {host} can't be used: {why}; choose another with --port"
        ) from error


class _Server(uvicorn.Server):
    """Says where it listens once it does."""

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        await super().startup(sockets)  # type: ignore[arg-type]
        if self.started:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            _banner(f"http://{f'[{host}]' if ':' in host else host}:{port}")


def _banner(url: str) -> None:
    console = Console(highlight=False)
    sample = DEMO / "sample.json"
    console.print(
        f"[bold]scantrail[/] listens on [bold]{url}[/]  (Ctrl-C stops it)", soft_wrap=True
    )
    console.print(f"API documentation: {url}/docs", soft_wrap=True)
    console.print("Score the bundled sample log:")
    console.print(
        f"  curl -s {url}/api/v1/barcode-anomaly-detect -H 'Content-Type: application/json' "
        f"--data-binary '@{sample}'",
        soft_wrap=True,
        markup=False,
    )
