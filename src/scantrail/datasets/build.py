"""From logs and earlier datasets to a new version."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

import polars as pl

from scantrail.datasets.balance import SETS, balanced
from scantrail.datasets.canonical import CONTENT, digest, file_digest, ordered
from scantrail.datasets.cleaning import Cleaned, clean
from scantrail.datasets.folder import Dataset, read
from scantrail.datasets.labels import LABELS, labelled
from scantrail.datasets.manifest import (
    NAME,
    Manifest,
    Recipe,
    Source,
    Step,
    TableInfo,
    code_version,
)
from scantrail.datasets.quality import measure
from scantrail.errors import DatasetError, InputError
from scantrail.sites import Sites
from scantrail.vocabulary.events import EVENTS, Events, empty_rejects

_DAY: Final = 10  # letters of a date
_PLACE: Final = ("source", "source_row")
_ORDER: Final = (*CONTENT, "flags", *_PLACE)
_EVENT: Final = ("event_id", "file_id", "epc_code", "location_id", "scan_location",
                 "business_step", "event_type", "time", "offset", "flags", *_PLACE)  # fmt: skip


class Input(NamedTuple):
    """Something to build from; `labels` (`labels.LABELS`) is what a dataset brings along."""

    source: Source
    events: Events
    labels: pl.DataFrame | None = None


def take(path: Path, read_log: Callable[[Path], Events]) -> Input:
    """A log file, or the folder of a dataset, as an input.

    Raises:
        InputError: The log can't be read.
        DatasetError: The dataset was changed or damaged.
    """
    if (path / NAME).is_file():
        dataset = read(path)
        events = dataset.events
        source = Source(path.name, "dataset", dataset.version, len(events.frame), 0)
        return Input(source, Events(events.frame), dataset.tables["labels"])
    events = read_log(path)
    rejected = len(events.rejects)
    try:
        file = file_digest(path)
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}") from error
    source = Source(path.name, "log", file, len(events.frame) + rejected, rejected)
    return Input(source, events)


def build(
    inputs: Sequence[Input],
    recipe: Recipe,
    sites: Sites,
    labels: pl.DataFrame | None = None,
) -> Dataset:
    """Put a dataset together: the same inputs and recipe always give the same version.

    Args:
        inputs: What to build from, in any order.
        recipe: What to do.
        sites: The site list that quality is measured against; it does not change the content.
        labels: `event_id`, `epc_code`, `kind` and maybe `rule_visible` of known events.

    Raises:
        DatasetError: No event is left, an input is given twice, or labels fit no event.
    """
    inputs = sorted(inputs, key=lambda one: one.source.digest)
    _refuse_twice(inputs)
    frame, rejects, notes = _joined(inputs)
    frame, unread = labelled(frame, labels, rejects)
    cleaned = clean(ordered(frame, _ORDER), recipe)
    if not len(cleaned.kept):
        raise DatasetError(
            f"no event is left of {len(frame):,} that were read; widen --since, --until and "
            "--without-site, or give a log that has some"
        )
    tables = _tables(cleaned, rejects, recipe)
    manifest = Manifest(
        version="",
        created=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        code=code_version(),
        recipe=recipe,
        sources=tuple(one.source for one in inputs),
        parents=tuple(one.source.digest for one in inputs if one.source.kind == "dataset"),
        tables={name: TableInfo(len(table), digest(table)) for name, table in tables.items()},
        cleaning=(*notes, *_unread(unread), *cleaned.steps),
        quality=measure(_as_read(frame), rejects, sites),
        items=cleaned.kept["epc_code"].n_unique(),
        begin=str(cleaned.kept["time"].min())[:_DAY],
        end=str(cleaned.kept["time"].max())[:_DAY],
    )
    return Dataset(manifest.sealed(), tables)


def _refuse_twice(inputs: Sequence[Input]) -> None:
    for one, other in pairwise(inputs):
        if one.source.digest == other.source.digest:
            raise DatasetError(
                f"{one.source.name} and {other.source.name} are the same; give each log once"
            )


def _joined(inputs: Sequence[Input]) -> tuple[pl.DataFrame, pl.DataFrame, list[Step]]:
    """All events with origin and with labels that datasets bring; all rejects; what changed."""
    frames, rejects = [], [empty_rejects().with_columns(source=pl.lit(0, pl.UInt16))]
    for number, one in enumerate(inputs):
        at = pl.lit(number, pl.UInt16)
        frame = one.events.frame.rename({"row": "source_row"}).with_columns(source=at)
        known = pl.DataFrame(schema=LABELS) if one.labels is None else one.labels
        frames.append(
            frame.join(
                known, left_on="source_row", right_on="event", how="left", maintain_order="left"
            )
        )
        rejects.append(one.events.rejects.with_columns(source=at))
    notes = []
    if len({frame.schema["event_id"] for frame in frames}) > 1:
        frames = [frame.with_columns(pl.col("event_id").cast(pl.String)) for frame in frames]
        why = "event ids are kept as text, since not all of them are whole numbers"
        notes.append(Step("event ids", why, changed=sum(map(len, frames))))
    return pl.concat(frames), pl.concat(rejects), notes


def _tables(cleaned: Cleaned, rejects: pl.DataFrame, recipe: Recipe) -> dict[str, pl.DataFrame]:
    events = cleaned.kept.select(_EVENT)
    known = cleaned.kept.with_row_index("event").filter(pl.col("kind").is_not_null())
    labels = known.select(LABELS.names()).cast(LABELS)
    sets = pl.DataFrame(schema=SETS)
    return {
        "events": events,
        "labels": labels,
        "sets": balanced(events, labels, recipe.balance) if recipe.balance else sets,
        "removed": cleaned.removed.select(*_EVENT, "why"),
        "rejects": rejects.drop("file"),
    }


def _as_read(frame: pl.DataFrame) -> pl.DataFrame:
    """Events in the order of their files, for `quality.measure`."""
    return frame.with_row_index("row").select(*EVENTS.names(), "source")


def _unread(labels: int) -> list[Step]:
    if not labels:
        return []
    return [Step("label", "its row could not be read, so it has no event", labels=labels)]
