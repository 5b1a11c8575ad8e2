"""What differs between two versions: events, labels, sources, what was asked for, quality."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import polars as pl

from scantrail.datasets.canonical import CONTENT
from scantrail.datasets.folder import Dataset

_NUMBERS: Final = ("events", "items", "unknown_events", "rejected")


class Sides(msgspec.Struct, frozen=True):
    """How many are in the first only, in both, and in the second only."""

    first: int
    both: int
    second: int


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """The first version against the second.

    `relabelled`: events in both whose label differs. `recipe`, `quality`: what differs, both
    values. `sources`: names of what only the one or only the other was built from.
    """

    first: str
    second: str
    events: Sides
    items: Sides
    labels: Sides
    relabelled: int
    recipe: dict[str, tuple[Any, Any]]
    quality: dict[str, tuple[Any, Any]]
    sources: tuple[tuple[str, ...], tuple[str, ...]]


def difference(first: Dataset, second: Dataset) -> Difference:
    """Compare two versions by their content, wherever their rows were read."""
    frames = [_scans(one) for one in (first, second)]
    known = [frame.filter(pl.col("kind").is_not_null()) for frame in frames]
    keys = list(CONTENT)
    both = frames[0].join(frames[1], on=keys, how="inner", nulls_equal=True, suffix="_second")
    return Difference(
        first=first.version,
        second=second.version,
        events=_sides(frames, keys),
        items=_sides([frame.select("epc_code").unique() for frame in frames], ["epc_code"]),
        labels=_sides(known, [*keys, "kind"]),
        relabelled=len(both.filter(~pl.col("kind").eq_missing(pl.col("kind_second")))),
        recipe=_changes(*(msgspec.to_builtins(one.manifest.recipe) for one in (first, second))),
        quality=_changes(*(_told(one) for one in (first, second))),
        sources=_apart(first, second),
    )


def _scans(dataset: Dataset) -> pl.DataFrame:
    events = dataset.tables["events"].with_row_index("event")
    kinds = dataset.tables["labels"].select("event", "kind")
    joined = events.join(kinds, on="event", how="left")
    return joined.select(*CONTENT, "kind").with_columns(pl.col("event_id").cast(pl.String)).unique()


def _sides(frames: list[pl.DataFrame], keys: list[str]) -> Sides:
    first, second = frames
    alone = [
        len(one.join(other, on=keys, how="anti", nulls_equal=True))
        for one, other in ((first, second), (second, first))
    ]
    return Sides(alone[0], len(first) - alone[0], alone[1])


def _told(dataset: Dataset) -> dict[str, Any]:
    quality = msgspec.to_builtins(dataset.manifest.quality)
    numbers = {name: quality[name] for name in _NUMBERS}
    missing = {f"missing {name}": count for name, count in quality["missing"].items()}
    return numbers | missing | {"repeats": quality["repeats"]["scans"]}


def _changes(first: dict[str, Any], second: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    names = [name for name in first if first[name] != second.get(name)]
    return {name: (first[name], second.get(name)) for name in names}


def _apart(first: Dataset, second: Dataset) -> tuple[tuple[str, ...], tuple[str, ...]]:
    named = [{one.digest: one.name for one in each.manifest.sources} for each in (first, second)]
    return (
        tuple(name for digest, name in named[0].items() if digest not in named[1]),
        tuple(name for digest, name in named[1].items() if digest not in named[0]),
    )
