"""Try a challenger while the service runs: does any request fail, how soon is it in effect?

Two services on one database are called all the time. Trials of half of the items are started at one
of them and ended at the other, by a stop or a promotion. Then the shadow: what callers wait without
it and with it, in turns, and which share of the scans it judged.

    python scripts/operations/trials.py                # both databases
    python scripts/operations/trials.py --rounds 3 --only sqlite
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from itertools import count
from pathlib import Path
from typing import Any, Final

from kills import databases
from models import Pair, callers
from service import DETECT, Service, records, scan

_TRIALS: Final = "/api/admin/ml/trials"
_PATIENCE: Final = 10.0  # seconds
_LOADED: Final = 4.0  # seconds until a shadow has loaded its version
_ITEMS: Final = count(5_000_000)


def ask(service: Service, method: str, path: str = "", **body: Any) -> dict[str, Any]:
    """One call about trials; what was told."""
    content = json.dumps(body).encode() if method == "POST" else None
    status, answer = service.call(method, _TRIALS + path, content)
    told: dict[str, Any] = json.loads(answer)
    if status >= 300:
        raise RuntimeError(f"{method} {path}: {status} {told}")
    return told


def judged(service: Service) -> dict[str, Any]:
    """What a service answers about a new item."""
    number = next(_ITEMS)
    answer = service.call("POST", DETECT, records([scan(number, number)]))[1]
    told: dict[str, Any] = json.loads(answer)
    return told


def changes(pair: Pair, rounds: int) -> dict[str, list[float]]:
    """Start and end trials; seconds from asking until both services judge so."""
    took: dict[str, list[float]] = {"start": [], "stop": [], "promote": []}
    one, other = pair.services
    for turn in range(rounds):
        end = "promote" if turn % 2 else "stop"
        begin = time.perf_counter()
        number = ask(one, "POST", mode="ab", challenger=pair.new, share=0.5)["id"]
        took["start"].append(until(pair, begin, on_trial=True))
        begin = time.perf_counter()
        ask(other, "POST", f"/{number}/{end}")
        took[end].append(until(pair, begin, on_trial=False))
        if end == "promote":
            pair.until(pair.new)
            pair.ask(0, f"{pair.new}/rollback")
            pair.until(pair.old)
    return took


def until(pair: Pair, begin: float, *, on_trial: bool) -> float:
    """Seconds since `begin` until both services answer as on a trial, or as on none."""
    for service in pair.services:
        while ("trial" in judged(service)) is not on_trial:
            if time.perf_counter() - begin > _PATIENCE:
                raise RuntimeError(f"the trial is not followed after {_PATIENCE} s")
    return time.perf_counter() - begin


def shadow(pair: Pair, rounds: int, seconds: float) -> dict[str, float]:
    """What callers of one service wait without a shadow and with one; the share it judged."""
    waits: dict[str, list[float]] = {"without": [], "with": []}
    shares = []
    service = pair.services[0]
    for _ in range(rounds):
        waits["without"] += waited(service, seconds)
        number = ask(service, "POST", mode="shadow", challenger=pair.new)["id"]
        waited(service, _LOADED)
        waits["with"] += waited(service, seconds)
        limit = time.perf_counter() + _PATIENCE
        while ask(service, "GET")["shadow"]["waiting"] and time.perf_counter() < limit:
            time.sleep(0.2)
        shares.append(ask(service, "GET", f"/{number}")["scored"])
        ask(service, "POST", f"/{number}/stop")
    told = {f"median, {name} (ms)": 1000 * statistics.median(each) for name, each in waits.items()}
    told |= {
        f"99 %, {name} (ms)": 1000 * statistics.quantiles(each, n=100)[98]
        for name, each in waits.items()
    }
    ratio = statistics.median(waits["with"]) / statistics.median(waits["without"])
    return told | {"ratio of medians": ratio, "share judged": statistics.mean(shares)}


def waited(service: Service, seconds: float) -> list[float]:
    """Seconds of each answer to one caller who asks for so long."""
    took, begin = [], time.perf_counter()
    while time.perf_counter() - begin < seconds:
        sent = time.perf_counter()
        judged(service)
        took.append(time.perf_counter() - sent)
        time.sleep(0.01)
    return took


def trial(url: str, folder: Path, rounds: int, seconds: float) -> bool:
    """All of it on one database; whether all was well."""
    pair = Pair(url, folder)
    try:
        pair.ask(0, f"{pair.old}/promote")
        pair.until(pair.old)
        with callers(pair.services) as seen:
            took = changes(pair, rounds)
        quiet = shadow(pair, rounds, seconds)
    finally:
        pair.close()
    for name, each in took.items():
        if each:
            print(f"  {name:8} in effect at both services after {statistics.median(each):.2f} s "
                  f"(median), {max(each):.2f} s (slowest)")  # fmt: skip
    print(f"  {seen.answers} answers meanwhile, slowest {seen.slowest:.2f} s: "
          f"{len(seen.failed)} failed, {seen.mixed} mixed versions")  # fmt: skip
    print(*(f"    {line}" for line in seen.failed[:5]), sep="\n")
    print("  the shadow: " + ", ".join(f"{name} {value:.2f}" for name, value in quiet.items()))
    return not seen.failed and not seen.mixed


def main() -> None:
    """Try both databases."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=6, help="trials, and shadows")
    parser.add_argument("--seconds", type=float, default=5.0, help="of load with a shadow")
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    asked = parser.parse_args()
    well = True
    for kind in [asked.only] if asked.only else ["sqlite", "postgresql"]:
        print(kind)
        with databases(kind) as url, tempfile.TemporaryDirectory() as folder:
            well &= trial(url, Path(folder), asked.rounds, asked.seconds)
    raise SystemExit(0 if well else 1)


if __name__ == "__main__":
    main()
