"""What a version costs: the time that one journey takes, and its size."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import polars as pl

from scantrail.gate import Check, GateSettings, at_most
from scantrail.wiring import Engine

_JOURNEYS: Final = 60  # that are timed, after as many tenths to warm up
_MB: Final = 1_000_000


def latency(
    champion: Engine, candidate: Engine, events: pl.DataFrame, settings: GateSettings
) -> Check:
    """Whether the candidate judges a journey about as fast as the champion.

    Both judge the same journeys one by one, in turns, so that what else the machine does strikes
    both.
    """
    spent: list[list[float]] = [[], []]
    for journey in _journeys(events):
        for engine, mine in zip((champion, candidate), spent, strict=True):
            begun = time.perf_counter()
            engine.judge_journeys(journey)
            mine.append((time.perf_counter() - begun) * 1000)
    if not spent[0]:
        return Check(name="latency", passed=False, reason="latency: there is no scan to time")
    if champion.artifact is None:
        told = statistics.median(spent[1])
        said = f"latency: {told:.1f} ms a journey; rules alone, which judge now, are no measure"
        return Check(name="latency", passed=True, reason=said, candidate=told)
    warm = max(1, len(spent[0]) // 10)
    one, other = (statistics.median(mine[warm:] or mine) for mine in spent)
    return at_most("latency", one, other, settings.latency, "ms a journey")


def size(champion: Path | None, candidate: Path | None, settings: GateSettings) -> Check:
    """Whether the candidate's files are about as small as the champion's."""
    one, other = (_bytes(folder) / _MB for folder in (champion, candidate))
    if not one:
        said = f"size: {other:.1f} MB; rules alone, which judge now, have none"
        return Check(name="size", passed=True, reason=said, candidate=other)
    return at_most("size", one, other, settings.size, "MB")


def _journeys(events: pl.DataFrame) -> Sequence[pl.DataFrame]:
    codes = events["epc_code"].unique(maintain_order=True).head(_JOURNEYS)
    some = events.filter(pl.col("epc_code").is_in(codes.implode()))
    return [
        part.with_columns(row=pl.int_range(pl.len(), dtype=pl.UInt32))
        for part in some.partition_by("epc_code", maintain_order=True)
    ]


def _bytes(folder: Path | None) -> int:
    if folder is None:
        return 0
    return sum(each.stat().st_size for each in folder.iterdir() if each.is_file())
