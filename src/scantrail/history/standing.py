"""Where each item stands: what its journey adds up to, for key figures and stock."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from scantrail.ingest.gs1 import item_of
from scantrail.vocabulary.chain import SALE_STAGE, STAGES
from scantrail.vocabulary.frames import picked, rows
from scantrail.vocabulary.protocols import Journeys

_DISPATCHED: Final = STAGES.index("WMS_Outbound")
_PRODUCT: Final = re.compile(r"^[^.]*\.([^.]*\.[^.]*)\.")


def items_of(
    journeys: Journeys,
    anomaly: pl.Series,
    wanted: Collection[str],
) -> Iterator[tuple[Any, ...]]:
    """One tuple per wanted item, in the order of `stores.tables.ITEMS`.

    Args:
        journeys: The items' whole journeys.
        anomaly: Whether each event is suspect, by its row.
        wanted: Items (see `ingest.gs1.item_of`).
    """
    linked = journeys.columns
    if not len(linked):
        return
    epc, place, stage = linked["epc"], linked["place"], linked["stage"]
    starts = np.flatnonzero(linked["position"] == 0)
    ends = np.append(starts[1:], len(epc))
    time = linked["time"].view(np.int64)
    moved = (place != np.roll(place, 1)) & (linked["position"] > 0)
    suspect = anomaly.to_numpy()[linked["row"]]
    moves, suspects, furthest = (
        np.add.reduceat(moved, starts, dtype=np.int64),
        np.add.reduceat(suspect, starts, dtype=np.int64),
        np.maximum.reduceat(stage, starts),
    )
    sales = np.where(linked["is_sale"], time, np.iinfo("i8").max)
    sold = np.minimum.reduceat(sales, starts)
    last = ends - 1
    places, steps = _where(journeys, last)
    codes = journeys.codes.to_list()
    for at, code in enumerate(codes[number] for number in epc[starts].tolist()):
        item = item_of(code or "")
        if item not in wanted:
            continue
        product = _PRODUCT.match(code or "")
        yield (
            item, int(ends[at] - starts[at]), int(moves[at]), int(suspects[at]),
            int(time[starts[at]]), int(time[last[at]]), places[at], steps[at],
            bool(stage[last[at]] != SALE_STAGE), bool(furthest[at] >= _DISPATCHED),
            int(sold[at]) if sold[at] != np.iinfo("i8").max else None,
            product.group(1) if product else None,
        )  # fmt: skip


def _where(journeys: Journeys, at: npt.NDArray[np.int64]) -> tuple[list[Any], list[Any]]:
    """Names of the places, and the steps, of the events at these places of `columns`."""
    names = journeys.names["scan_location"]
    sites = journeys.columns["site"][at].tolist()
    events = picked(journeys.events, journeys.columns["row"][at].tolist())
    told = rows(events, "scan_location", "location_id", "event_type", "business_step")
    places, steps = [], []
    for site, (name, number, event, step) in zip(sites, told, strict=True):
        listed = names[site] if site >= 0 else None
        places.append(listed or name or (None if number is None else f"location {number}"))
        steps.append(event or step)
    return places, steps
