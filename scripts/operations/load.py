"""Load on the service at a steady rate, every answer checked, beside the same server's echo.

Open loop: requests are sent when their time has come, whether or not others are answered, so that
a slow answer makes later ones wait, as it does for real callers. Latency is counted from when a
request was due. Every request brings new items.

    python scripts/operations/load.py                          # SQLite and PostgreSQL
    python scripts/operations/load.py --rate 200 --seconds 20 --only sqlite
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import polars as pl
import psutil
from kills import databases
from service import DETECT, Service, records, scan

from scantrail.simulate import SimulationConfig, simulate

_SERVER: Final = Path(__file__).parents[2] / "benchmarks" / "server.py"
_CONNECTIONS: Final = 32
_IDLE_SECONDS: Final = 3  # the service closes what is idle for longer than 5
_WARM: Final = 20  # requests that are not counted
_FIRST_SEED, _SEED = 10, 50  # of logs
_BEGIN: Final = dt.date(2025, 3, 3)
_ITEMS: Final = 1_000  # of a log, at least
_SUSPECT: Final = 0.01  # share of items with something wrong
_SENT: Final = ("event_id", "location_id", "business_step", "event_type", "event_time")


@dataclass
class Run:
    """What one run saw: milliseconds of each answer, and what was wrong."""

    took: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    cores: float = 0.0  # of CPU that the server took

    def at(self, share: float) -> float:
        """The latency that this share of requests stays below."""
        return sorted(self.took)[min(len(self.took) - 1, int(share * len(self.took)))]


class Caller:
    """A kept-alive connection."""

    def __init__(self, port: int) -> None:
        """Remember where to."""
        self.port = port
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.used = 0.0

    async def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """One request; status and body."""
        if self.streams is None or time.perf_counter() - self.used > _IDLE_SECONDS:
            self.streams = await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = self.streams
        writer.write(
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        self.used = time.perf_counter()
        length = int(head.split("content-length: ")[1].split("\r\n")[0])
        return int(head.split(" ")[1]), await reader.readexactly(length)


async def load(
    port: int, path: str, bodies: list[bytes], rate: float, check: Callable[[bytes], bool]
) -> Run:
    """Send the bodies at a rate (per second) and look at every answer."""
    run = Run()
    free: asyncio.Queue[Caller] = asyncio.Queue()
    for _ in range(_CONNECTIONS):
        free.put_nowait(Caller(port))
    begin = time.perf_counter() + 0.1

    async def one(number: int, body: bytes) -> None:
        due = begin + number / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        caller = await free.get()
        try:
            status, answer = await caller.post(path, body)
        except (OSError, asyncio.IncompleteReadError) as error:
            run.wrong.append(repr(error))
            caller = Caller(port)
        else:
            took = (time.perf_counter() - due) * 1000
            if number >= _WARM:
                run.took.append(took)
            if status != 200 or not check(answer):
                run.wrong.append(f"{status} {answer[:200]!r}")
        free.put_nowait(caller)

    await asyncio.gather(*(one(number, body) for number, body in enumerate(bodies)))
    return run


def fine(answer: bytes) -> bool:
    """Whether this is an answer of all detectors on one honest file."""
    told = json.loads(answer)
    return told["degraded"] == [] and set(told["modelVersions"]) == {"rules", "lstm", "svm"}


class Bodies:
    """Requests of scans that the service has never seen: a simulated log, in order of time.

    A log ends with its items' journeys; the next begins a day later with items of its own. `first`
    takes the first scan of each item only, so that every scan is of an item that nobody has seen
    yet.
    """

    def __init__(self, *, first: bool = False) -> None:
        """Begin with the first log."""
        self.seed, self.first = _FIRST_SEED if first else _SEED, first
        self.left: list[dict[str, Any]] = []

    def make(self, count: int, size: int) -> list[bytes]:
        """So many requests of so many records."""
        made = []
        for _ in range(count):
            while len(self.left) < size:
                self.left += self._log(max(_ITEMS, size))
            made.append(records(self.left[:size]))
            del self.left[:size]
        return made

    def _log(self, items: int) -> list[dict[str, Any]]:
        self.seed += 1
        start = _BEGIN + dt.timedelta(days=self.seed)  # a chain's life goes on
        log = simulate(SimulationConfig(items, self.seed, "demo", _SUSPECT, start=start)).scans
        if self.first:
            log = log.sort("event_time").unique("epc_code", keep="first", maintain_order=True)
        # lots of its own, so that no item is one of the logs of the weeks before
        epc = pl.col("epc_code").str.replace(r"\.\d\d(\d{4})\.", f".{self.seed % 90 + 10}${{1}}.")
        return log.sort("event_time").select(*_SENT, epc, file_id=1).to_dicts()


def memory_mb(pid: int) -> float:
    """Resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def cpu_seconds(pid: int) -> float:
    """CPU time of a process so far."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def measure(url: str, rate: float, seconds: float) -> dict[str, Any]:
    """One database: single records at a rate, files of 1,000 one by one, each beside the echo."""
    environment = os.environ | {"SCANTRAIL_DATABASE_URL": url}
    found: dict[str, Any] = {}
    with subprocess.Popen(
        [sys.executable, str(_SERVER)], env=environment, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        try:
            port = int(server.stdout.readline())
            bodies = Bodies()
            for name, source, size, pace in (
                ("1 record, new items", Bodies(first=True), 1, rate),
                ("1 record, a log replayed", bodies, 1, rate),
                ("1,000 records, replayed", bodies, 1000, 4.0),
            ):
                made = source.make(int(pace * seconds) + _WARM, size)
                echo = asyncio.run(load(port, "/echo", made, pace, lambda _: True))
                began, used = time.perf_counter(), cpu_seconds(server.pid)
                run = asyncio.run(load(port, DETECT, made, pace, fine))
                run.cores = (cpu_seconds(server.pid) - used) / (time.perf_counter() - began)
                found[name] = (echo, run)
            made = bodies.make(int(5 * seconds), 1000)
            begin = time.perf_counter()
            flood = asyncio.run(load(port, DETECT, made, 1000.0, fine))
            found["events/s"] = 1000 * len(made) / (time.perf_counter() - begin)
            found["wrong"] = len(flood.wrong)
            found["memory MB"] = memory_mb(server.pid)
        finally:
            server.terminate()
            server.wait(timeout=60)
    return found


def cold(url: str, artifacts: str) -> tuple[float, float]:
    """A start: seconds from the command to the first verdict, and megabytes then."""
    service = Service(url, SCANTRAIL_ARTIFACTS=artifacts)
    begin = time.perf_counter()
    service.start()
    try:
        status, answer = service.call("POST", DETECT, records([scan(1, 1)]))
        took = time.perf_counter() - begin
        if status != 200:
            raise RuntimeError(f"{status} {answer[:200]!r}")
        return took, memory_mb(service.pid)
    finally:
        service.stop()


def tell(kind: str, found: dict[str, Any]) -> None:
    """Print a table."""
    print(f"\n{kind}")
    for name, one in found.items():
        if not isinstance(one, tuple):
            print(f"  {name:24} {one:,.0f}")
            continue
        echo, run = one
        print(
            f"  {name:24} p50 {run.at(0.5):7.1f} ms   p99 {run.at(0.99):7.1f} ms   "
            f"echo p50 {echo.at(0.5):5.2f} ms   ratio {run.at(0.5) / echo.at(0.5):5.1f}   "
            f"mean {statistics.mean(run.took):6.1f} ms   {run.cores:.2f} cores   "
            f"{len(run.took)} answers, {len(run.wrong)} wrong"
        )
        for wrong in run.wrong[:3]:
            print(f"    {wrong}")


def main() -> None:
    """Measure both databases."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rate", type=float, default=200, help="single records per second")
    parser.add_argument("--seconds", type=float, default=10, help="of each kind of load")
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    asked = parser.parse_args()
    for kind in [asked.only] if asked.only else ["sqlite", "postgresql"]:
        with databases(kind) as url:
            tell(kind, measure(url, asked.rate, asked.seconds))
        for name, artifacts in (("with", "demo"), ("without", "none")):
            with databases(kind) as url:
                starts = [cold(url, artifacts) for _ in range(3)]
            took, held = (statistics.median(column) for column in zip(*starts, strict=True))
            print(f"  {name} models: first verdict {took:.2f} s after the start, {held:.0f} MB")


if __name__ == "__main__":
    main()
