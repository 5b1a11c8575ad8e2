"""A service of one's own to try things on: started as a user would, called over HTTP."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import sqlalchemy as sa

DETECT: Final = "/api/v1/barcode-anomaly-detect"
POSTGRESQL: Final = os.environ.get(
    "TEST_POSTGRESQL_URL", "postgresql+psycopg://postgres@127.0.0.1/postgres"
)
_START_SECONDS: Final = 60


class Service:
    """A `scantrail serve` on 127.0.0.1 that can be killed and started again."""

    def __init__(self, database_url: str, **settings: str) -> None:
        """Choose a port; `start` starts it. Settings are named as in the environment."""
        self.environment = os.environ | {"SCANTRAIL_DATABASE_URL": database_url} | settings
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self.process is not None
        return self.process.pid

    def start(self) -> float:
        """Start it and wait until it answers; seconds that this took."""
        begin = time.perf_counter()
        command = [Path(sys.executable).parent / "scantrail", "serve", "--port", str(self.port)]
        self.process = subprocess.Popen(
            [*map(str, command)],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while time.perf_counter() - begin < _START_SECONDS:
            if self.process.poll() is not None:
                raise RuntimeError(f"the service ended at once with {self.process.returncode}")
            try:
                if self.call("GET", "/health", timeout=2)[0] == 200:
                    return time.perf_counter() - begin
            except OSError:
                time.sleep(0.02)
        raise RuntimeError("the service doesn't answer")

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """End it as an operator would; its exit status."""
        return self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> int:
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(how)
        status = self.process.wait(timeout=60)
        self.process = None
        return status

    def call(
        self, method: str, path: str, body: bytes | None = None, timeout: float = 30, **headers: str
    ) -> tuple[int, bytes]:
        """One request on a connection of its own: status and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, {"Content-Type": "application/json"} | named)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except http.client.HTTPException as error:
            raise ConnectionError(str(error)) from error
        finally:
            connection.close()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def records(scans: Iterable[Mapping[str, Any]]) -> bytes:
    """A request's body."""
    return json.dumps({"data": list(scans)}).encode()


def scan(number: int, item: int, step: int = 0, run: int = 0) -> dict[str, Any]:
    """A scan of the demo chain: of the item of that number, at that step of an honest journey."""
    place, words, day = _JOURNEY[step]
    clock = f"{9 + item // 3600 % 9:02d}:{item // 60 % 60:02d}:{item % 60:02d}"
    return {
        "event_id": number,
        "epc_code": f"001.8804823.1293291.{run % 1_000_000:06d}.20250701.{item:09d}",
        "location_id": place,
        "business_step": words,
        "event_type": words,
        "event_time": f"2025-08-{day:02d} {clock}",
        "file_id": 1,
    }


_JOURNEY: Final = (
    (1001, "Aggregation", 1),
    (1005, "WMS_Inbound", 2),
    (1005, "WMS_Outbound", 3),
    (1009, "HUB_Inbound", 4),
)


class TemporaryPostgres:
    """A database of one's own, dropped at the end."""

    def __enter__(self) -> str:
        """Create it."""
        self.control = sa.create_engine(POSTGRESQL, isolation_level="AUTOCOMMIT")
        self.name = f"scantrail_try_{uuid4().hex[:12]}"
        with self.control.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {self.name}")
        return sa.make_url(POSTGRESQL).set(database=self.name).render_as_string(hide_password=False)

    def __exit__(self, *_: object) -> None:
        """Drop it."""
        with self.control.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {self.name} WITH (FORCE)")
        self.control.dispose()
