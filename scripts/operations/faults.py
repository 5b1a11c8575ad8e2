"""Break what the service depends on, one thing at a time, while it is called: what do callers see?

Each fault has a service of its own, with servers of its own where it needs some. Callers send scans
all the time and send again what was not acknowledged; for a while something is broken, then it is
mended. Counted are the answers before, during and after, how soon all was well again, and, at the
end, what was acknowledged and is not in the database.

    python scripts/operations/faults.py                # all of them, as root (mounts a small disk)
    python scripts/operations/faults.py --only disk-full
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from kills import audit
from service import DETECT, Service, free_port, records, scan

_CALLERS: Final = 3
_CALM: Final = 3.0  # seconds before, and after all is well again
_FAULT: Final = 6.0  # seconds of fault
_PG_BIN: Final = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1:]
_FAKETIME: Final = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")


@dataclass
class Seen:
    """What callers saw: by phase, how often each status, and the slowest answer."""

    acknowledged: set[int] = field(default_factory=set)
    sent: set[int] = field(default_factory=set)
    odd: list[str] = field(default_factory=list)
    phase: str = "before"
    status: dict[str, Counter[str]] = field(default_factory=dict)
    slowest: dict[str, float] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    last_bad: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, phase: str, status: str, took: float, answer: bytes) -> None:
        """One answer, or none."""
        with self.lock:
            self.status.setdefault(phase, Counter())[status] += 1
            self.slowest[phase] = max(self.slowest.get(phase, 0.0), took)
            if status != "200":
                self.last_bad = time.monotonic()
                self.said.setdefault(status, answer[:160].decode(errors="replace"))
            elif b'"degraded":[]' not in answer:
                self.status[phase]["degraded"] += 1


def caller(service: Service, number: int, seen: Seen, stop: threading.Event) -> None:
    """Send scans until told to stop; what is not acknowledged is sent again."""
    at = number * 10_000_000
    while not stop.is_set():
        at += 1
        body = records([scan(at, at // 2, at % 2, 11)])
        seen.sent.add(at)
        while True:
            begin, phase = time.perf_counter(), seen.phase
            try:
                status, answer = service.call("POST", DETECT, body, timeout=30)
            except OSError as error:
                status, answer = 0, repr(error).encode()
            seen.note(phase, str(status or "none"), time.perf_counter() - begin, answer)
            if status == 200:
                seen.acknowledged.add(at)
                break
            if stop.is_set():
                return
            time.sleep(0.1)


def story(service: Service, fault: Callable[[], None], mend: Callable[[], None]) -> Seen:
    """Calm, fault, calm again."""
    seen, stop = Seen(), threading.Event()
    threads = [
        threading.Thread(target=caller, args=(service, number, seen, stop))
        for number in range(1, _CALLERS + 1)
    ]
    for thread in threads:
        thread.start()
    time.sleep(_CALM)
    seen.phase = "during"
    fault()
    time.sleep(_FAULT)
    mend()
    mended = time.monotonic()
    seen.phase = "after"
    time.sleep(_CALM)
    while time.monotonic() - max(mended, seen.last_bad) < _CALM:
        time.sleep(0.1)
        if time.monotonic() - mended > 60:
            break
    seen.said["healed after s"] = f"{max(0.0, seen.last_bad - mended):.1f}"
    stop.set()
    for thread in threads:
        thread.join()
    return seen


@contextmanager
def postgresql() -> Iterator[tuple[str, Callable[[str], None]]]:
    """A PostgreSQL of one's own: its URL, and `pg_ctl` to start, stop or restart it."""
    (binaries,) = _PG_BIN
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    shutil.chown(folder, "postgres")
    port = free_port()

    def as_postgres(*command: str) -> None:
        subprocess.run(
            ["runuser", "-u", "postgres", "--", *command],
            check=True,
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def control(action: str) -> None:
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1"
        log = str(folder / "log")
        more = ["-o", options, "-l", log] if action != "stop" else ["-m", "fast"]
        as_postgres(str(binaries / "pg_ctl"), "-D", str(folder / "data"), "-w", *more, action)

    as_postgres(str(binaries / "initdb"), "-D", str(folder / "data"), "--auth=trust")
    control("start")
    try:
        yield f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres", control
    finally:
        control("stop")
        shutil.rmtree(folder)


def postgresql_restarted() -> tuple[Seen, dict[str, int]]:
    """PostgreSQL is stopped for some seconds, then started again."""
    with postgresql() as (url, control):
        service = Service(url)
        service.start()
        seen = story(service, lambda: control("stop"), lambda: control("start"))
        service.stop()
        return seen, audit(url, seen)


def disk_full() -> tuple[Seen, dict[str, int]]:
    """The disk of the SQLite file fills up; later something is deleted."""
    folder = Path(tempfile.mkdtemp(prefix="disk"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)], check=True)
    try:
        url = f"sqlite:///{folder / 'scans.sqlite'}"
        service = Service(url)
        service.start()
        ballast = folder / "ballast"

        def fill() -> None:
            with ballast.open("wb", buffering=0) as file:
                try:
                    while True:
                        file.write(b"\0" * 4096)
                except OSError:
                    return

        seen = story(service, fill, ballast.unlink)
        service.stop()
        return seen, audit(url, seen)
    finally:
        subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()


def clock_steps_back() -> tuple[Seen, dict[str, int]]:
    """The machine's clock steps back by a day, and later forward again."""
    with tempfile.TemporaryDirectory() as folder:
        clock = Path(folder) / "clock"
        clock.write_text("+0", encoding="utf-8")
        url = f"sqlite:///{folder}/scans.sqlite"
        service = Service(
            url,
            LD_PRELOAD=str(_FAKETIME),
            FAKETIME_TIMESTAMP_FILE=str(clock),
            FAKETIME_CACHE_DURATION="1",
            FAKETIME_DONT_FAKE_MONOTONIC="1",
        )
        service.start()
        back = lambda: clock.write_text("-1d", encoding="utf-8")  # noqa: E731
        forth = lambda: clock.write_text("+0", encoding="utf-8")  # noqa: E731
        seen = story(service, back, forth)
        service.stop()
        return seen, audit(url, seen)


@contextmanager
def redis() -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A Redis of one's own."""
    port = free_port()
    command = ["redis-server", "--port", str(port), "--save", "", "--bind", "127.0.0.1"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        try:
            yield f"redis://127.0.0.1:{port}/0", server
        finally:
            if server.poll() is None:
                server.send_signal(signal.SIGCONT)
                server.terminate()


def redis_stopped() -> tuple[Seen, dict[str, int]]:
    """Redis ends and does not come back."""
    return _with_redis(lambda server: server.terminate(), lambda _: None)


def redis_hangs() -> tuple[Seen, dict[str, int]]:
    """Redis accepts connections and never answers; later it does again."""
    return _with_redis(
        lambda server: server.send_signal(signal.SIGSTOP),
        lambda server: server.send_signal(signal.SIGCONT),
    )


def _with_redis(
    fault: Callable[[subprocess.Popen[bytes]], None],
    mend: Callable[[subprocess.Popen[bytes]], None],
) -> tuple[Seen, dict[str, int]]:
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        url, server = stack.enter_context(redis())
        database = f"sqlite:///{folder}/scans.sqlite"
        service = Service(database, SCANTRAIL_REDIS_URL=url)
        service.start()
        seen = story(service, lambda: fault(server), lambda: mend(server))
        service.stop()
        return seen, audit(database, seen)


FAULTS: Final = {
    "postgresql-restarted": postgresql_restarted,
    "disk-full": disk_full,
    "clock-steps-back": clock_steps_back,
    "redis-stopped": redis_stopped,
    "redis-hangs": redis_hangs,
}


def tell(name: str, seen: Seen, found: dict[str, int]) -> bool:
    """Print what was seen; whether nothing was lost."""
    print(f"\n{name}: {FAULTS[name].__doc__}")
    for phase, counts in seen.status.items():
        answers = ", ".join(f"{count} x {status}" for status, count in sorted(counts.items()))
        print(f"  {phase:7} {answers}; slowest {seen.slowest[phase]:.2f} s")
    for status, said in seen.said.items():
        print(f"  {status}: {said}")
    lost = {key: count for key, count in found.items() if key != "scans acknowledged" and count}
    print(f"  {found['scans acknowledged']} scans acknowledged; amiss: {lost or 'nothing'}")
    return not lost


def main() -> None:
    """Go through all faults."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=FAULTS)
    asked = parser.parse_args()
    if os.geteuid():
        parser.error("this needs root: it mounts a small disk and starts servers as postgres")
    well = [tell(name, *FAULTS[name]()) for name in ([asked.only] if asked.only else FAULTS)]
    raise SystemExit(0 if all(well) else 1)


if __name__ == "__main__":
    main()
