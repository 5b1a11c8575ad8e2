"""Starting the service, and telling a person what to do with it."""

from __future__ import annotations

import ipaddress
import logging
import os
import socket
from functools import partial

import anyio.to_thread
import msgspec
import uvicorn
from rich.console import Console

from scantrail.errors import SettingsError
from scantrail.logs import configure
from scantrail.serve.api import create_app
from scantrail.serve.gate import now
from scantrail.settings import Settings
from scantrail.stores.audit import Act, Outcome
from scantrail.wiring import DEMO, Engine, Stores, artifact_of, stores
from scantrail.work.child import Child

_log = logging.getLogger(__name__)
_FIRST = "first administrator"


def serve(engine: Engine, host: str, port: int, *, insecure_local: bool = False) -> None:
    """Serve until interrupted.

    Args:
        engine: Who judges; which artifact it judges by, deployments and settings say.
        host: Address to listen on.
        port: Port; 0 picks a free one.
        insecure_local: No keys are asked for; only this machine is answered.

    Raises:
        SettingsError: Nobody can listen there, or everybody could.
        StoreError: The database can't be used.
    """
    if insecure_local:
        check_local(host)
    proxies = list(engine.settings.trusted_proxies)
    configure(engine.settings.log_format, engine.settings.log_level)
    with _listening(host, port) as bound:
        opened = stores(engine.settings)
        configured = partial(artifact_of, engine.settings)
        try:
            config = uvicorn.Config(
                create_app(engine, opened, configured, insecure_local=insecure_local),
                log_config=None,  # it logs as all else does
                access_log=False,
                server_header=False,
                proxy_headers=bool(proxies),
                forwarded_allow_ips=proxies,
            )
            server = _Server(config, opened, insecure_local=insecure_local)
            server.child = _child(engine.settings, opened)
            server.run(sockets=[bound])
        finally:
            opened.close()


def check_local(host: str) -> None:
    """Check that an address is this machine's own.

    Raises:
        SettingsError: Others could reach it.
    """
    try:
        local = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = False
    if not local:
        raise SettingsError(
            f"'{host}' is refused: with --insecure-local the service listens on 127.0.0.1 only; "
            "leave --insecure-local out, and callers need keys"
        )


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

    def __init__(self, config: uvicorn.Config, opened: Stores, *, insecure_local: bool) -> None:
        super().__init__(config)
        self._stores, self._insecure_local = opened, insecure_local
        self.child: Child | None = None  #: a worker that begins and ends with the service

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        await super().startup(sockets)  # type: ignore[arg-type]
        if self.started:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            if self._insecure_local:
                _banner(host, port, None)
            else:
                _banner(host, port, _first_key(self._stores) or "$KEY")
            known = {"happened": "service_started", "host": host, "port": port}
            _log.info("the service listens", extra=known)
            if self.child is not None:
                self.child.open()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish what was accepted."""
        _log.info("the service stops", extra={"happened": "service_stopping"})
        await super().shutdown(sockets)
        if self.child is not None:  # here: after this, the signal that stopped it ends the process
            await anyio.to_thread.run_sync(self.child.close)
        _log.info("the service has stopped", extra={"happened": "service_stopped"})


def _child(settings: Settings, opened: Stores) -> Child | None:
    """A worker beside the service, if there shall be one; a database in memory is seen by none."""
    if settings.worker == "none" or opened.url is None:
        return None
    return Child(msgspec.structs.replace(settings, database_url=opened.url))


def _first_key(opened: Stores) -> str | None:
    """What the first administrator sends, made unless there ever was a key."""
    made = opened.keys.create_first(_FIRST, now())
    if made is None:
        return None
    act = Act("the first start", "create the first key", f"key {made.key.id}")
    opened.audit.add(act, Outcome.DONE, now())
    Console(highlight=False).print(
        f"The first administrator's key, shown this once: [bold]{made.text}[/]", soft_wrap=True
    )
    return made.text


def _banner(host: str, port: int, key: str | None) -> None:
    """Say where it listens, and how to try it.

    Args:
        host: The address.
        port: The port.
        key: What a caller sends; None where no key is asked for.
    """
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    console = Console(highlight=False)
    console.print(
        f"[bold]scantrail[/] listens on [bold]{url}[/]  (Ctrl-C stops it)", soft_wrap=True
    )
    if key is None:
        console.print("No keys are asked for, and only this machine is answered.", soft_wrap=True)
    elif not ipaddress.ip_address(host).is_loopback:
        console.print(
            "Keys travel as they are: put a proxy that speaks TLS in front.", soft_wrap=True
        )
    console.print(f"API documentation: {url}/docs", soft_wrap=True)
    console.print("Score the bundled sample log:")
    shown = f'-H "Authorization: Bearer {key}" ' if key else ""
    console.print(
        f"  curl -s {url}/api/v1/barcode-anomaly-detect {shown}-H 'Content-Type: application/json' "
        f"--data-binary '@{DEMO / 'sample.json'}'",
        soft_wrap=True,
        markup=False,
    )
