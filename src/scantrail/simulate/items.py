"""What is made: serials, lots, products and codes of every item, and when it left the line."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from scantrail.simulate.clock import working_days
from scantrail.simulate.network import DAY, Ints, Network

if TYPE_CHECKING:
    from scantrail.simulate.config import SimulationConfig

_PER_SECOND: Final = 6.2  # items that a line makes
_START: Final = 10 * 3600 + 23 * 60 + 38  # second of the day at which the lines start
_SHELF_DAYS: Final = 183


@dataclass(slots=True)
class Items:
    """One row per item, plants in blocks, serials in order within a plant; all Int64.

    Attributes:
        plant: Index of the plant that made it; the file id is one more.
        serial: From 1 in every plant.
        lot: Lot number within the plant, from 1; the first lot holds one item only.
        product: Index into the chain's products.
        batch: Which items travel together; counts on across plants.
        made: Second at which it was made, local.
        reached: Furthest stage that its journey reaches, 1, 3, 5, 7 or 9.
    """

    plant: Ints
    serial: Ints
    lot: Ints
    product: Ints
    batch: Ints
    made: Ints
    reached: Ints


def _sizes(net: Network, count: int) -> list[int]:
    shares = np.array([p.share for p in net.chain.plants])
    edges = np.rint(np.cumsum(shares / shares.sum()) * count).astype(int)
    return [int(n) for n in np.diff(edges, prepend=0)]


def _line(
    first_day: int, count: int, config: SimulationConfig, rng: np.random.Generator
) -> tuple[Ints, Ints]:
    """Batch within the plant and moment of production of `count` items in serial order."""
    batch = np.arange(count, dtype=np.int64) // config.batch
    days = working_days(dt.date(1970, 1, 1) + dt.timedelta(days=first_day), config.production_days)
    day = days[batch * len(days) // (int(batch[-1]) + 1)]
    passed = np.cumsum(rng.gamma(20, 1 / (20 * _PER_SECOND), count))
    new_day = np.flatnonzero(np.diff(day, prepend=-1))
    base = np.repeat(passed[new_day], np.diff(np.append(new_day, count)))
    return batch, day * DAY + _START + (passed - base).astype(np.int64) % (12 * 3600)


def make_items(net: Network, config: SimulationConfig, rng: np.random.Generator) -> Items:
    """Make all items; who gets how far follows the serial: the first made are the first sold."""
    first_day = (config.start - dt.date(1970, 1, 1)).days
    parts: list[Items] = []
    batches = 0
    for index, (plant, count) in enumerate(
        zip(net.chain.plants, _sizes(net, config.epcs), strict=True)
    ):
        if not count:
            continue
        serial = np.arange(1, count + 1, dtype=np.int64)
        lot = np.where(serial == 1, 1, (serial - 2) // config.items_per_lot + 2)
        products = np.array(plant.products, dtype=np.int64)
        batch, made = _line(first_day, count, config, rng)
        limits = np.rint(np.array(plant.funnel) * count).astype(np.int64)
        reached = 1 + 2 * (serial[:, None] <= limits).sum(axis=1)
        parts.append(
            Items(
                plant=np.full(count, index, dtype=np.int64),
                serial=serial,
                lot=lot,
                product=products[(lot - 1) % len(products)],
                batch=batch + batches,
                made=made,
                reached=reached,
            )
        )
        batches += int(batch[-1]) + 1
    names = Items.__slots__
    return Items(**{name: np.concatenate([getattr(p, name) for p in parts]) for name in names})


def item_table(net: Network, items: Items) -> pl.DataFrame:
    """The written columns that depend on the item alone, one row per item.

    Codes keep their leading zeros; the integer columns lose them, as the written log does.
    """
    chain = net.chain
    company = pl.Series([c for c, _ in chain.products]).gather(items.product)
    product = pl.Series([p for _, p in chain.products]).gather(items.product)
    prefix = pl.Series([p.lots for p in chain.plants]).gather(items.plant)
    names = pl.Series([f"Product {i + 1}" for i in range(len(chain.products))])
    frame = pl.DataFrame(
        {
            "file_id": items.plant + 1,
            "company": company,
            "product": product,
            "lot": prefix + pl.Series(items.lot).cast(pl.String).str.zfill(4),
            "serial": pl.Series(items.serial).cast(pl.String).str.zfill(9),
            "made": pl.from_epoch(pl.Series(items.made), time_unit="s"),
            "product_name": names.gather(items.product),
            "factory": pl.Series([p.prefix.lower() for p in chain.plants]).gather(items.plant),
        }
    )
    day = pl.col("made").dt.strftime("%Y%m%d")
    expiry = (pl.col("made") + pl.duration(days=_SHELF_DAYS)).dt.strftime("%Y%m%d")
    return frame.select(
        "file_id",
        pl.format("001.{}.{}.{}.{}.{}", "company", "product", "lot", day, "serial").alias(
            "epc_code"
        ),
        "product_name",
        pl.col("made").dt.strftime("%Y-%m-%d %H:%M:%S").alias("manufacture_date"),
        expiry.cast(pl.Int64).alias("expiry_date"),
        "factory",
    )
