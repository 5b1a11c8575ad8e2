"""Change the model while the service runs: does any request fail, and how soon is it in effect?

Two services on one database are called all the time. Versions are promoted and rolled back; two are
promoted at once, one at each service; then the artifact that is to be promoted is cut short, or
changed in one byte. No request may fail, no answer may mix versions, and a damaged version must
leave the good one serving.

    python scripts/operations/models.py                # both databases
    python scripts/operations/models.py --swaps 50 --only sqlite
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from kills import databases
from service import DETECT, Service, records, scan

from scantrail.registry import Registry
from scantrail.wiring import DEMO_ARTIFACT

_ADMIN: Final = "/api/admin/ml"
_CALLERS: Final = 2  # of each service
_PATIENCE: Final = 10.0  # seconds
_RUN: Final = 13


@dataclass
class Seen:
    """What callers saw: how many answers, by which versions, and which were wrong."""

    answers: int = 0
    mixed: int = 0
    slowest: float = 0.0
    versions: set[str] = field(default_factory=set)
    failed: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


def caller(service: Service, number: int, seen: Seen, stop: threading.Event) -> None:
    """Send scans until told to stop."""
    at = number * 1_000_000
    while not stop.is_set():
        at += 1
        begin = time.perf_counter()
        try:
            status, answer = service.call("POST", DETECT, records([scan(at, at, 0, _RUN)]))
        except OSError as error:
            status, answer = 0, repr(error).encode()
        took = time.perf_counter() - begin
        with seen.lock:
            seen.answers += 1
            seen.slowest = max(seen.slowest, took)
            if status != 200:
                seen.failed.append(f"{status} {answer[:200]!r}")
                continue
            told = json.loads(answer)
            judged = {told["modelVersions"].get(name, "none") for name in ("lstm", "svm")}
            seen.mixed += len(judged) > 1
            seen.versions |= judged
        time.sleep(0.01)


@contextmanager
def callers(services: list[Service]) -> Iterator[Seen]:
    """Callers of each service, who ask all the time; what they saw."""
    seen, stop = Seen(), threading.Event()
    threads = [
        threading.Thread(target=caller, args=(service, 10 * number + each, seen, stop))
        for number, service in enumerate(services, 1)
        for each in range(_CALLERS)
    ]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        stop.set()
        for thread in threads:
            thread.join()


class Pair:
    """Two services on one database, with two versions that they can judge by."""

    def __init__(self, url: str, folder: Path) -> None:
        self.registry = Registry(folder / "models")
        self.old = self.registry.add(DEMO_ARTIFACT)
        self.new = self.registry.add(changed(folder / "new", 1))
        settings = {"SCANTRAIL_MODELS": str(folder / "models")}
        self.services = [Service(url, **settings) for _ in range(2)]
        for service in self.services:
            service.start()

    def ask(self, at: int, action: str) -> tuple[int, Any]:
        """Ask one of the services to do something; status and answer."""
        status, answer = self.services[at].call("POST", f"{_ADMIN}/models/{action}", b"{}")
        return status, json.loads(answer)

    def serving(self, at: int) -> str:
        """The version by which one of them judges."""
        return str(json.loads(self.services[at].call("GET", f"{_ADMIN}/health")[1])["serving"])

    def until(self, version: str) -> float:
        """Seconds until both judge by a version."""
        begin = time.perf_counter()
        while any(self.serving(at) != version for at in range(2)):
            if time.perf_counter() - begin > _PATIENCE:
                raise RuntimeError(f"{version} is not in effect after {_PATIENCE} s")
            time.sleep(0.02)
        return time.perf_counter() - begin

    def close(self) -> None:
        """Stop both."""
        for service in self.services:
            service.stop()


def changed(folder: Path, seed: int) -> Path:
    """A fit artifact of another version: the bundled one, its card saying something else."""
    shutil.copytree(DEMO_ARTIFACT, folder)
    card = json.loads((folder / "card.json").read_text("utf-8"))
    card["about"]["seed"] = seed
    (folder / "card.json").write_text(json.dumps(card), "utf-8")
    return folder


def swaps(pair: Pair, count: int) -> list[float]:
    """Promote and roll back by turns, at either service; seconds until each is in effect."""
    took = []
    for turn in range(count):
        to, action = (pair.new, "promote") if turn % 2 == 0 else (pair.old, "rollback")
        begin = time.perf_counter()
        status, told = pair.ask(turn // 2 % 2, f"{pair.new}/{action}")
        if status != 200:
            raise RuntimeError(f"{action}: {status} {told}")
        pair.until(to)
        took.append(time.perf_counter() - begin)
    return took


def at_once(pair: Pair, times: int) -> dict[str, int]:
    """Promote another version at each service at the same moment; how it went."""
    went = {"one won, one was refused": 0, "one after the other": 0, "otherwise": 0}
    for _ in range(times):
        barrier, answers = threading.Barrier(2), dict[int, int]()

        def promote(
            at: int,
            version: str,
            barrier: threading.Barrier = barrier,
            answers: dict[int, int] = answers,
        ) -> None:
            barrier.wait()
            answers[at] = pair.ask(at, f"{version}/promote")[0]

        threads = [
            threading.Thread(target=promote, args=pick) for pick in enumerate((pair.new, "none"))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        codes = sorted(answers.values())
        which = {(200, 409): 0, (200, 200): 1}.get((codes[0], codes[-1]), 2)
        went[list(went)[which]] += 1
        deployments = json.loads(pair.services[0].call("GET", f"{_ADMIN}/deployments")[1])
        pair.until(deployments[0]["version"])
    return went


def damaged(pair: Pair, folder: Path) -> list[str]:
    """Promote versions that were cut short or changed after they were registered."""
    told = []
    serving = pair.serving(0)
    for number, (how, file) in enumerate(
        (("cut short", "network.onnx"), ("changed", "arrays.npz"))
    ):
        version = pair.registry.add(changed(folder / f"bad{number}", 100 + number))
        path = folder / "models" / version / file
        data = bytearray(path.read_bytes())
        if how == "cut short":
            data = data[: len(data) // 2]
        else:
            data[len(data) // 2] ^= 1
        path.chmod(0o644)
        path.write_bytes(data)
        status, answer = pair.ask(0, f"{version}/promote")
        still = "serves on" if pair.serving(0) == serving == pair.serving(1) else "NO LONGER SERVES"
        told.append(f"{file} {how}: {status}, {answer['detail'][0]['msg']} - the old one {still}")
    return told


def trial(url: str, folder: Path, count: int) -> bool:
    """All of it on one database; whether all was well."""
    pair = Pair(url, folder)
    try:
        with callers(pair.services) as seen:
            took = sorted(swaps(pair, count))
            went = at_once(pair, 10)
            bad = damaged(pair, folder)
    finally:
        pair.close()
    print(
        f"  {count} promotions and rollbacks: in effect at both services after "
        f"{took[len(took) // 2]:.2f} s (median), {took[-1]:.2f} s (slowest)"
    )
    print(f"  two promotions at once, 10 times: {went}")
    print(*(f"  {line}" for line in bad), sep="\n")
    print(
        f"  {seen.answers} answers meanwhile, slowest {seen.slowest:.2f} s, by versions "
        f"{sorted(seen.versions)}: {len(seen.failed)} failed, {seen.mixed} mixed versions"
    )
    print(*(f"    {line}" for line in seen.failed[:5]), sep="\n")
    well = all("serves on" in line for line in bad) and not went["otherwise"]
    return well and not seen.failed and not seen.mixed


def main() -> None:
    """Try both databases."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--swaps", type=int, default=20, help="promotions and rollbacks")
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    asked = parser.parse_args()
    well = True
    for kind in [asked.only] if asked.only else ["sqlite", "postgresql"]:
        print(kind)
        with databases(kind) as url, tempfile.TemporaryDirectory() as folder:
            well &= trial(url, Path(folder), asked.swaps)
    raise SystemExit(0 if well else 1)


if __name__ == "__main__":
    main()
