"""Kill the service again and again while it is written to: is anything lost, or judged twice?

Callers send scans, some one by one, some in files, each under an idempotency key, and send again
what was not acknowledged. At a random moment the process gets SIGKILL; it is started again with
nothing mended by hand. At the end every acknowledged scan must be there, judged, once.

    python scripts/operations/kills.py --kills 100            # both databases
"""

from __future__ import annotations

import argparse
import random
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from service import DETECT, Service, TemporaryPostgres, records, scan

_CALLERS: Final = 4
_FILE: Final = 40  # scans in a file
_RUN: Final = 7


@dataclass
class Ledger:
    """What callers were told: event ids acknowledged, sent at all, and refused."""

    acknowledged: set[int] = field(default_factory=set)
    sent: set[int] = field(default_factory=set)
    odd: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


def caller(service: Service, number: int, ledger: Ledger, stop: threading.Event) -> None:
    """Send scans until told to stop; what fails is sent again, under the same key."""
    chance = random.Random(number)
    at = number * 10_000_000
    while not stop.is_set():
        size = 1 if chance.random() < 0.7 else _FILE
        ids = range(at, at + size)
        at += size
        body = records(scan(each, each // 2, each % 2, _RUN) for each in ids)
        with ledger.lock:
            ledger.sent.update(ids)
        while True:
            try:
                status, answer = service.call(
                    "POST", DETECT, body, timeout=20, Idempotency_Key=f"{number}-{ids[0]}"
                )
            except OSError:
                if stop.is_set():
                    return
                time.sleep(0.02)
                continue
            with ledger.lock:
                if status == 200:
                    ledger.acknowledged.update(ids)
                else:
                    ledger.odd.append(f"{status}: {answer[:200]!r}")
            break


def torment(url: str, kills: int, seed: int) -> tuple[Ledger, float]:
    """Kill the service so many times while callers go on; the ledger, and the mean start."""
    chance = random.Random(seed)
    service, ledger, stop = Service(url), Ledger(), threading.Event()
    starts = [service.start()]
    threads = [
        threading.Thread(target=caller, args=(service, number, ledger, stop))
        for number in range(1, _CALLERS + 1)
    ]
    for thread in threads:
        thread.start()
    for killed in range(1, kills + 1):
        time.sleep(chance.uniform(0.05, 1.0))
        service.kill()
        starts.append(service.start())
        print(f"\r  killed {killed} times, {len(ledger.acknowledged)} scans acknowledged", end="")
    time.sleep(1)
    stop.set()
    for thread in threads:
        thread.join()
    service.stop()
    print()
    return ledger, sum(starts) / len(starts)


def audit(url: str, ledger: Ledger) -> dict[str, int]:
    """What the database holds, against what was acknowledged."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        stored = [int(row[0]) for row in connection.execute(sa.text("SELECT event_id FROM events"))]
        judged = [
            int(row[0])
            for row in connection.execute(
                sa.text(
                    "SELECT e.event_id FROM events e JOIN verdicts v ON v.event = e.digest "
                    "WHERE v.revision = 0"
                )
            )
        ]
    engine.dispose()
    return {
        "scans acknowledged": len(ledger.acknowledged),
        "acknowledged, not stored": len(ledger.acknowledged - set(stored)),
        "acknowledged, not judged": len(ledger.acknowledged - set(judged)),
        "stored twice": len(stored) - len(set(stored)),
        "judged twice": len(judged) - len(set(judged)),
        "stored, not judged": len(set(stored) - set(judged)),
        "stored, never sent": len(set(stored) - ledger.sent),
        "answers other than 200": len(ledger.odd),
    }


@contextmanager
def databases(kind: str) -> Iterator[str]:
    """The URL of an empty database of that kind."""
    if kind == "postgresql":
        with TemporaryPostgres() as url:
            yield url
        return
    with tempfile.TemporaryDirectory() as folder:
        yield f"sqlite:///{Path(folder) / 'kills.sqlite'}"


def main() -> None:
    """Torment both databases and print what was lost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100, help="how often, on each database")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    asked = parser.parse_args()
    lost = 0
    for kind in [asked.only] if asked.only else ["sqlite", "postgresql"]:
        print(f"{kind}: {asked.kills} kills")
        with databases(kind) as url:
            ledger, start = torment(url, asked.kills, asked.seed)
            found = audit(url, ledger)
        print(f"  mean start {start:.2f} s")
        for name, count in found.items():
            print(f"  {name:28} {count}")
        print(*(f"  {odd}" for odd in ledger.odd[:5]), sep="\n")
        lost += sum(count for name, count in found.items() if name != "scans acknowledged")
    raise SystemExit(1 if lost else 0)


if __name__ == "__main__":
    main()
