"""Whether batches have become smaller, or larger, step by step at every site.

A reader that loses reads, or a partner that ships half pallets, changes how many codes are read at
one moment. Batches count one each, however large: few of them say it surely.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import numpy as np
import polars as pl

from scantrail.monitoring.observe import ARROW
from scantrail.monitoring.ranks import (
    LEAST,
    Move,
    Sample,
    Usual,
    designs,
    learn_usual,
    move,
    numbered,
)
from scantrail.monitoring.signals import Signal, onset

_FARTHEST: Final = math.log(100)  # that batches grow or shrink
_LEAST_CODES: Final = 2  # at one moment: strays are no batch
_KEY: Final = "{} at {}"


class Batches(msgspec.Struct, frozen=True):
    """Usual sizes of batches: logarithms, by step and site, and design effects likewise."""

    sizes: dict[str, dict[str, Usual]] = {}
    design: dict[str, dict[str, float]] = {}


def learn_batches(read: pl.DataFrame, days: list[Any]) -> Batches:
    """Learn from scans that were read on these days."""
    found = _found(read, days)
    sizes = {key: learn_usual(rows["size"].to_numpy()) for key, rows in found.items()
             if len(rows) >= LEAST}  # fmt: skip
    samples = {key: _sample(found[key], usual) for key, usual in sizes.items()}
    names = {_KEY.format(*key): key for key in sizes}
    design = designs({name: samples[key] for name, key in names.items()}, len(days))
    learned = Batches()
    for name, (step, site) in names.items():
        learned.sizes.setdefault(step, {})[site] = sizes[step, site]
        learned.design.setdefault(step, {})[site] = design[name]
    return learned


def batch_signals(
    batches: Batches, read: pl.DataFrame, days: list[Any], bearable: tuple[float, float]
) -> Iterator[Signal]:
    """Whether batches are larger or smaller than usual, step by step at every site.

    Args:
        batches: What is usual.
        read: Scans that were read.
        days: On which days.
        bearable: Factor on the size, either way, and shift in standard deviations.
    """
    for (step, site), rows in _found(read, days).items():
        usual = batches.sizes.get(step, {}).get(site)
        if usual:
            moved = move(_sample(rows, usual), batches.design[step][site], len(days))
            if moved:
                yield _signal((step, site), moved, days[onset(moved.evidence)], bearable)


def _signal(
    where: tuple[str, str], moved: Move, since: Any, bearable: tuple[float, float]
) -> Signal:
    factor = math.exp(moved.shift(_FARTHEST))
    usual = math.exp(moved.rest.usual[0].quantiles[20])
    return Signal(
        check="batches",
        view=where[0],
        place=where[1],
        since=since,
        p=moved.p,
        effect={"ratio": factor, "score": moved.score},
        strength=min(abs(math.log(factor)) / math.log(bearable[0]), abs(moved.score) / bearable[1]),
        what=f"codes read at one moment, {where[0]}: {usual:.0f} → {usual * factor:.0f}",
    )


def _found(read: pl.DataFrame, days: list[Any]) -> dict[tuple[str, str], pl.DataFrame]:
    """Batches by step and site: the day of each, an index, and the logarithm of its size."""
    step = pl.col("step").str.split(ARROW).list.last()
    table = (
        read.drop_nulls(["step", "scanned"])
        .group_by("site", "scanned", step=step)
        .agg(pl.len(), pl.col("day").first())
        .filter(pl.col("len") >= _LEAST_CODES)
        .join(numbered(days), on="day")
        .sort("step", "site", "scanned")
        .select("step", "site", "at", size=pl.col("len").log())
    )
    return {
        (str(step), str(site)): rows
        for (step, site), rows in table.group_by("step", "site", maintain_order=True)
    }


def _sample(rows: pl.DataFrame, usual: Usual) -> Sample:
    one = np.ones(1)
    return Sample(rows["size"].to_numpy(), rows["at"].to_numpy(), np.zeros(len(rows), np.int64),
                  one, one, [usual])  # fmt: skip
