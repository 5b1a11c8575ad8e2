"""What is learned from: presumed-normal items, in parts that share neither item nor lot."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from scantrail.errors import TrainingError
from scantrail.ingest.epc import decompose
from scantrail.vocabulary.protocols import Journeys

Ints = npt.NDArray[np.int64]

#: Names of the parts, and how many of twenty lots in a row each gets: 70, 15 and 15 %.
PARTS: Final = {"train": 14, "valid": 3, "test": 3}
_ROUND: Final = sum(PARTS.values())
_LEAST: Final = 600  # items; below, the parts are too small to calibrate on


@dataclass(frozen=True, slots=True)
class Split:
    """Which items belong to which part, by place in `Journeys.codes`, ascending."""

    train: Ints
    valid: Ints
    test: Ints

    def sizes(self) -> dict[str, int]:
        """Items per part."""
        return {name: len(getattr(self, name)) for name in PARTS}


def split(journeys: Journeys, seed: int) -> Split:
    """Split items 70/15/15, whole lots at a time, every stretch of time in every part alike.

    Lots are put in the order of their first scan; of each twenty in a row, drawn by the seed, 14 go
    to the first part, 3 each to the others. A single cut in time would not do: goods that were made
    first go first, so late lots have not left the plant when the log ends.

    Raises:
        TrainingError: Too few items to learn from.
    """
    items = len(journeys.codes)
    if items < _LEAST:
        raise TrainingError(
            f"the log has {items} items; at least {_LEAST} are needed to learn what is normal and "
            "how rare the rest is: give a longer log"
        )
    lot = _lots(journeys.codes)
    first = np.full(items, np.iinfo(np.int64).max)
    np.minimum.at(first, journeys.columns["epc"], journeys.columns["time"].view(np.int64))
    begun = np.full(int(lot.max()) + 1, np.iinfo(np.int64).max)
    np.minimum.at(begun, lot, first)
    order = np.argsort(begun, kind="stable")
    rng = np.random.default_rng(seed)
    places = np.concatenate([rng.permutation(_ROUND) for _ in range(-(-len(order) // _ROUND))])
    part_of_lot = np.empty(len(order), np.int64)
    part_of_lot[order] = np.digitize(places[: len(order)], np.cumsum(list(PARTS.values())))
    part = part_of_lot[lot]
    return Split(*(np.flatnonzero(part == number) for number in range(len(PARTS))))


def _lots(codes: pl.Series) -> Ints:
    """A number for each item's lot; items that tell none are bunched by their code's hash."""
    parts = decompose(codes).select("epc_code", "company", "product", "lot")
    bunch = pl.col("epc_code").fill_null("").hash(seed=0) % 1000
    keyed = parts.select(
        pl.when(pl.col("lot").is_not_null())
        .then(pl.concat_str("company", "product", "lot", separator=".", ignore_nulls=True))
        .otherwise(pl.format("?{}", bunch))
        .rank("dense")
    )
    return keyed.to_series().to_numpy().astype(np.int64) - 1


def presumed_normal(journeys: Journeys, rule_scores: pl.Series, high: float) -> Ints:
    """Items on which no rule fired with confidence; places in `Journeys.codes`, ascending.

    Args:
        journeys: The events.
        rule_scores: The highest rule score per event, in the order of `columns`.
        high: From this score on an item is left out.
    """
    odd = np.zeros(len(journeys.codes), bool)
    fired = (rule_scores >= high).fill_null(value=False).to_numpy()
    odd[journeys.columns["epc"][fired]] = True
    return np.flatnonzero(~odd)


def digest(events: pl.DataFrame) -> str:
    """A digest of events that depends on their values alone, in their order."""
    named = events.drop("row", "flags")
    state = hashlib.sha256(",".join(named.columns).encode())
    state.update(named.hash_rows(seed=0).to_numpy().tobytes())
    return state.hexdigest()[:16]
