"""What tuning works on: a log, what is presumed normal in it, and what is known to be odd."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from scantrail.datasets.labels import HONEST
from scantrail.lanes import Network
from scantrail.training.dataset import NORMAL_BELOW, presumed_normal
from scantrail.vocabulary.protocols import Journeys

Flags = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Ground:
    """A log to tune on.

    Attributes:
        journeys: The log.
        network: Sites (and lanes) that it is linked against.
        normal: (items,) items that are presumed normal.
        odd: (n,) scans, in the order of `journeys.columns`, that are labelled; None: no labels.
        aside: (items,) items that are neither to be found nor honest.
    """

    journeys: Journeys
    network: Network
    normal: Flags
    odd: Flags | None
    aside: Flags


def ground_of(
    journeys: Journeys, network: Network, rule_scores: pl.DataFrame, labels: pl.DataFrame
) -> Ground:
    """Put a log, its rules' scores and its labels together.

    Labelled items that rules see are set aside: rules find them, whatever the models do.

    Args:
        journeys: The log, its rows those of a dataset.
        network: What it is linked against.
        rule_scores: The rules' score columns, in the order of `journeys.columns`.
        labels: `datasets.labels.LABELS`; may be empty.
    """
    items = len(journeys.codes)
    normal = np.zeros(items, bool)
    normal[presumed_normal(journeys, rule_scores.max_horizontal(), NORMAL_BELOW)] = True
    anomalous = labels.filter(pl.col("kind") != HONEST)
    if not len(anomalous):
        return Ground(journeys, network, normal, None, np.zeros(items, bool))
    told = journeys.linked.select(event="row").join(
        anomalous, on="event", how="left", maintain_order="left"
    )
    item = journeys.columns["epc"]
    seen = told["rule_visible"].fill_null(value=False).to_numpy()
    aside = items_of(seen, item, items)
    odd = told["kind"].is_not_null().to_numpy() & ~aside[item]
    return Ground(journeys, network, normal, odd, aside)


def items_of(scans: Flags, item: npt.NDArray[np.integer], count: int) -> Flags:
    """(count,) whether an item has any of the scans; `item` is the item of each scan."""
    marked = np.zeros(count, bool)
    marked[item[scans]] = True
    return marked
