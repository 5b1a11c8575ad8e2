"""An hour of scans in a few minutes: does the service's memory stay flat?

Simulated logs, hour after hour of a chain's life, are sent as fast as they are taken, in requests
of mixed sizes, some of them again. Resident memory is looked at all the while; what counts is
whether it still grows once everything is warm.

    python scripts/operations/soak.py                  # 720,000 scans: an hour at 200 a second
    python scripts/operations/soak.py --scans 100000 --only sqlite
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from typing import Final

import numpy as np
from kills import databases
from load import Bodies, fine, load, memory_mb
from service import DETECT, Service

_SIZES: Final = (1, 1, 1, 10, 10, 100, 1000)  # records of a request, in turns
_ROUND: Final = 20_000  # scans between two looks
_AGAIN: Final = 0.1  # share of requests that are sent a second time
_AT_ONCE: Final = 1e6  # requests per second: all are due at once, as many as connections wait
_WARM: Final = 0.3  # share of the run that is warming up
_FLAT: Final = 0.05  # growth over the rest that still counts as flat


def soak(url: str, scans: int) -> tuple[list[tuple[int, float]], float, int]:
    """Send so many scans; scans and megabytes at each look, scans per second, and wrong answers."""
    chance, bodies = random.Random(1), Bodies()
    service = Service(url)
    service.start()
    looks, wrong, sent, busy = [(0, memory_mb(service.pid))], 0, 0, 0.0
    try:
        while sent < scans:
            made, size = [], 0
            while size < _ROUND:
                many = chance.choice(_SIZES)
                [body] = bodies.make(1, many)
                made += [body] * (1 + (chance.random() < _AGAIN))
                size += many
            begin = time.perf_counter()
            wrong += len(asyncio.run(load(service.port, DETECT, made, _AT_ONCE, fine)).wrong)
            busy += time.perf_counter() - begin
            sent += size
            looks.append((sent, memory_mb(service.pid)))
            print(f"\r  {sent:,} scans, {looks[-1][1]:.0f} MB", end="", flush=True)
    finally:
        service.stop()
    print()
    return looks, sent / busy, wrong


def growth(looks: list[tuple[int, float]]) -> float:
    """How much memory grows over the run once it is warm, as a share: of a line laid through it."""
    at, held = np.array(looks).T
    warm = at >= _WARM * at[-1]
    slope, start = np.polyfit(at[warm], held[warm], 1)
    first, last = (start + slope * place for place in (at[warm][0], at[-1]))
    return float(last / first - 1)


def main() -> None:
    """Soak both databases."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scans", type=int, default=720_000)
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    asked = parser.parse_args()
    well = True
    for kind in [asked.only] if asked.only else ["sqlite", "postgresql"]:
        print(kind)
        with databases(kind) as url:
            looks, rate, wrong = soak(url, asked.scans)
        grown = growth(looks)
        every = max(1, len(looks) // 10)
        print("  MB:", ", ".join(f"{held:.0f} at {at:,}" for at, held in looks[::every]))
        print(
            f"  {rate:,.0f} scans a second, {wrong} wrong answers; grown by {grown:+.1%} once warm"
        )
        well &= not wrong and grown < _FLAT
    raise SystemExit(0 if well else 1)


if __name__ == "__main__":
    main()
