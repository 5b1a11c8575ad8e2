"""What is learned from: presumed-normal items, in parts that share neither item nor lot."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from scantrail.errors import TrainingError
from scantrail.ingest.lots import lots
from scantrail.vocabulary.protocols import Journeys

Ints = npt.NDArray[np.int64]

#: Names of the parts, and how many of twenty lots in a row each gets: 70, 15 and 15 %.
PARTS: Final = {"train": 14, "valid": 3, "test": 3}
#: Items on which a rule fires with this score or more are not presumed normal.
NORMAL_BELOW: Final = 40.0
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
    part = np.digitize(dealt(journeys, _ROUND, seed), np.cumsum(list(PARTS.values())))
    return Split(*(np.flatnonzero(part == number) for number in range(len(PARTS))))


def dealt(journeys: Journeys, hands: int, seed: int) -> Ints:
    """Deal whole lots, in the order of their first scan, to so many hands in turn.

    Returns:
        The hand of each item, (items,), 0 to `hands` - 1; each round's order is drawn by the seed.
    """
    lot = lots(journeys.codes)
    first = np.full(len(lot), np.iinfo(np.int64).max)
    np.minimum.at(first, journeys.columns["epc"], journeys.columns["time"].view(np.int64))
    begun = np.full(int(lot.max()) + 1, np.iinfo(np.int64).max)
    np.minimum.at(begun, lot, first)
    order = np.argsort(begun, kind="stable")
    rng = np.random.default_rng(seed)
    places = np.concatenate([rng.permutation(hands) for _ in range(-(-len(order) // hands))])
    hand = np.empty(len(order), np.int64)
    hand[order] = places[: len(order)]
    return hand[lot]


def presumed_normal(
    journeys: Journeys,
    rule_scores: pl.Series,
    high: float,
    known: Mapping[str, bool] = MappingProxyType({}),
) -> Ints:
    """Items on which no rule fired with confidence; places in `Journeys.codes`, ascending.

    Args:
        journeys: The events.
        rule_scores: The highest rule score per event, in the order of `columns`.
        high: From this score on an item is left out.
        known: EPCs of which people know whether they are anomalous; they know better than rules.
    """
    odd = np.zeros(len(journeys.codes), bool)
    fired = (rule_scores >= high).fill_null(value=False).to_numpy()
    odd[journeys.columns["epc"][fired]] = True
    if known:
        told = journeys.codes.replace_strict(dict(known), default=None, return_dtype=pl.Boolean)
        odd = np.where(told.is_null(), odd, told.fill_null(value=False))
    return np.flatnonzero(~odd)


def newest(journeys: Journeys) -> str:
    """When the newest scan was made, ISO 8601 in UTC: what is later was not learned from."""
    newest = journeys.events["time"].max()
    assert isinstance(newest, dt.datetime)
    return newest.astimezone(dt.UTC).isoformat()
