"""Starting the service, and telling a person what to do with it."""

from __future__ import annotations

import uvicorn
from rich.console import Console

from scantrail.serve.api import create_app
from scantrail.wiring import DEMO, Engine


def serve(engine: Engine, host: str, port: int) -> None:
    """Serve until interrupted."""
    _Server(uvicorn.Config(create_app(engine), host=host, port=port, log_level="warning")).run()


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
    console.print(f"[bold]scantrail[/] listens on [bold]{url}[/]  (Ctrl-C stops it)")
    console.print(f"API documentation: {url}/docs")
    console.print("Score the bundled sample log:")
    console.print(
        f"  curl -s {url}/api/v1/barcode-anomaly-detect -H 'Content-Type: application/json' "
        f"--data-binary '@{sample}'",
        soft_wrap=True,
        markup=False,
    )
