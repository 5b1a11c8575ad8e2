"""A service of one's own with a worker, on a loopback port, asked over HTTP as anybody would."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Self

import msgspec
import polars as pl

from scantrail.errors import ScantrailError
from scantrail.lifecycle.world import records
from scantrail.settings import PREFIX

ADMIN: Final = "/api/admin/ml"
MONITORING: Final = "/api/monitoring"
_DETECT: Final = "/api/v1/barcode-anomaly-detect"
_SCANS: Final = 5_000  # a request
_START_SECONDS: Final = 120.0
_ANSWER_SECONDS: Final = 300.0
_JOB_SECONDS: Final = 1_800.0
_OVER: Final = {"done", "failed", "cancelled", "interrupted"}
#: Runs the command line in this Python, however scantrail was installed.
_COMMAND: Final = "from scantrail.cli import main; main()"
Progress = Callable[[str, float], None]


class PlaceError(ScantrailError):
    """The demo's service does not do what it was asked."""


class Place:
    """A folder with a database and models, and the service on it.

    As a context it is started, and stopped at the end whatever happens.
    """

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        """Start nothing yet.

        Args:
            folder: Where all is kept.
            settings: By their names without `SCANTRAIL_`; no others hold.
        """
        self.folder, self.log = folder, folder / "service.log"
        others = {k: v for k, v in os.environ.items() if not k.startswith(PREFIX)}
        own = {"DATABASE_URL": f"sqlite:///{folder / 'scantrail.sqlite'}", **settings}
        self.settings = {PREFIX + name: value for name, value in own.items()}
        self.environment = others | self.settings
        self.port, self._sent = _free_port(), 0
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start the service, and wait until it answers."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own words
                [sys.executable, "-c", _COMMAND, "serve", "--insecure-local", "--port",
                 str(self.port)],
                env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until and self._process.poll() is None:
            try:
                self.get("/health/ready")
            except PlaceError:
                time.sleep(0.05)
            else:
                return self
        self.__exit__()
        raise PlaceError(f"the service does not start; {self.log} says why")

    def __exit__(self, *_: object) -> None:
        """Stop it as an operator would."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()

    def get(self, path: str) -> Any:
        """What an endpoint tells.

        Raises:
            PlaceError: It refuses, or doesn't answer.
        """
        return self._asked("GET", path, None)

    def post(self, path: str, **body: Any) -> Any:
        """What comes of a request; see `get`."""
        return self._asked("POST", path, body)

    def send(self, scans: pl.DataFrame) -> list[dict[str, Any]]:
        """Hand in scans; suspect ones, as the answers tell them."""
        found: list[dict[str, Any]] = []
        for part in scans.iter_slices(_SCANS):
            answer = self.post(_DETECT, data=records(part, self._sent + 1))
            self._sent += len(part)
            of_files = answer if isinstance(answer, list) else [answer]
            found += [one for each in of_files for one in each["EventHistory"]]
        return found

    def wait(self, job: Mapping[str, Any], told: Progress = lambda _what, _share: None) -> Any:
        """Wait until the worker has done a job; what became of it.

        Raises:
            PlaceError: It failed, or takes too long.
        """
        until = time.monotonic() + _JOB_SECONDS
        while (now := self.get(f"{ADMIN}/jobs/{job['id']}"))["state"] not in _OVER:
            told(now["stage"], now["progress"])
            if time.monotonic() > until:
                raise PlaceError(f"job {job['id']} takes more than {_JOB_SECONDS:.0f} seconds")
            time.sleep(0.1)
        if now["state"] != "done":
            raise PlaceError(f"job {job['id']} ({job['kind']}) {now['state']}: {now['message']}")
        return now

    def command(self, *words: str, **settings: str) -> str:
        """What a command says, given in a shell of its own with settings of its own.

        Raises:
            PlaceError: It fails; the message is the command's.
        """
        own = {PREFIX + name: value for name, value in settings.items()}
        done = subprocess.run(  # noqa: S603 - our own words
            [sys.executable, "-c", _COMMAND, *words], env=self.environment | own,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise PlaceError(done.stderr.strip().removeprefix("error: "))
        return done.stdout.strip()

    def _asked(self, method: str, path: str, body: Any) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_ANSWER_SECONDS)
        try:
            content = None if body is None else msgspec.json.encode(body)
            connection.request(method, path, content, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            told = msgspec.json.decode(answer.read() or b"null")
        except (http.client.HTTPException, OSError) as error:
            raise PlaceError(
                f"the service doesn't answer {method} {path} ({type(error).__name__}); {self.log} "
                "may say why"
            ) from error
        finally:
            connection.close()
        if answer.status >= 400:
            why = told.get("detail") if isinstance(told, dict) else told
            raise PlaceError(str(why or answer.status))
        return told


def _free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
