"""Scans as small whole numbers: what learned detectors count and embed; 0 is "unknown"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from scantrail.features.companions import Companions, companions
from scantrail.ingest.epc import Code, decompose, decompose_one
from scantrail.vocabulary.chain import STAGES
from scantrail.vocabulary.protocols import Journeys

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

#: What an event does: unknown, the ten stages, a return, the same read again.
STEPS: Final = ("unknown", *STAGES, "Return", "read again")
RETURN: Final = len(STAGES) + 1
AGAIN: Final = len(STAGES) + 2
CLOCKS: Final = 72  # hours of the day, of a weekday, a Saturday, a Sunday
_FEW: Final = 256  # codes; so few are read sooner one by one
_LEAST_ITEMS: Final = 5  # a product or maker of fewer items is none that history vouches for


class Vocabulary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The sites (location ids), products ("company.product") and makers (companies) of history.

    A value's code is its place plus one; anything else is 0, unknown.
    """

    sites: tuple[int, ...]
    products: tuple[str, ...]
    makers: tuple[str, ...]

    @classmethod
    def learn(cls, journeys: Journeys) -> Vocabulary:
        """The sites that were scanned at, and products and makers of at least five items."""
        ids = journeys.names["location_id"].to_numpy()
        seen = np.unique(journeys.columns["site"])
        parts = _parts(journeys.codes)
        products, makers = (
            counted.filter(pl.col("count") >= _LEAST_ITEMS).to_series(0).sort().to_list()
            for counted in (
                parts["product"].drop_nulls().value_counts(name="count"),
                parts["company"].drop_nulls().value_counts(name="count"),
            )
        )
        return cls(tuple(int(i) for i in ids[seen[seen >= 0]]), tuple(products), tuple(makers))


@dataclass(frozen=True)
class Coded:
    """Linked events as numbers, (n,) each, in journey order.

    `clock` is the local hour (0-23), plus 24 on a Saturday and 48 on a Sunday. `position` counts
    the item's events from 0. `item` is its place in `journeys.codes`. `second` and `local` count
    seconds since 1970-01-01 00:00, of UTC and of the site's wall clock.
    """

    site: Ints
    step: Ints
    product: Ints
    maker: Ints
    clock: Ints
    position: Ints
    item: Ints
    second: Ints
    local: Ints
    with_whom: Companions

    def __len__(self) -> int:
        return len(self.site)

    @cached_property
    def came_from(self) -> Ints:
        """Step of the previous move, (n,); 0 at the start of a journey."""
        before = self.with_whom.before
        return np.where(before >= 0, self.step[before], 0)


def code(journeys: Journeys, known: Vocabulary) -> Coded:
    """Code linked events; computed once for all detectors that share a vocabulary."""
    return journeys.once(("coded", known), lambda: _code(journeys, known))


def _code(journeys: Journeys, known: Vocabulary) -> Coded:
    linked = journeys.columns
    item = linked["epc"].astype(np.int64)
    products, makers = _products_and_makers(journeys.codes, known)
    product = products[item]
    with_whom = companions(linked, product)
    step = linked["stage"].astype(np.int64) + 1
    step[linked["is_return"]] = RETURN
    step[with_whom.again] = AGAIN
    local = linked["local"].view(np.int64) // 1_000_000
    weekday = (local // 86_400 + 3) % 7  # 1970-01-01 was a Thursday
    return Coded(
        site=_sites(journeys, known.sites),
        step=step,
        product=product,
        maker=makers[item],
        clock=local % 86_400 // 3600 + 24 * np.maximum(weekday - 4, 0),
        position=linked["position"].astype(np.int64),
        item=item,
        second=linked["time"].view(np.int64) // 1_000_000,
        local=local,
        with_whom=with_whom,
    )


def _parts(codes: pl.Series) -> pl.DataFrame:
    """Maker and product ("company.product") of each EPC; null where the code tells none."""
    maker = pl.when("company_ok").then("company")
    product = pl.when("product_ok").then("product")
    return decompose(codes).select(maker, product=pl.concat_str(maker, product, separator="."))


def _products_and_makers(codes: pl.Series, known: Vocabulary) -> tuple[Ints, Ints]:
    """Product and maker code of each EPC."""
    tables = _tables(known)
    if len(codes) > _FEW:
        parts = _parts(codes)
        return _codes_of(parts["product"], tables[0]), _codes_of(parts["company"], tables[1])
    pairs = [_of_one(code, *tables) for code in map(decompose_one, codes.to_list())]
    both = np.array(pairs, np.int64).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def _of_one(code: Code, products: dict[str, int], makers: dict[str, int]) -> tuple[int, int]:
    if not code.company_ok or code.company is None:
        return 0, 0
    product = f"{code.company}.{code.product}" if code.product_ok else ""
    return products.get(product, 0), makers.get(code.company, 0)


@lru_cache(maxsize=8)
def _tables(known: Vocabulary) -> tuple[dict[str, int], dict[str, int]]:
    """Codes of products and of makers."""
    return _numbered(known.products), _numbered(known.makers)


def _numbered(values: Sequence[str]) -> dict[str, int]:
    return dict(zip(values, range(1, len(values) + 1), strict=True))


def _codes_of(values: pl.Series, table: dict[str, int]) -> Ints:
    coded = values.replace_strict(table, default=0, return_dtype=pl.Int64)
    return coded.fill_null(0).to_numpy()


def _sites(journeys: Journeys, known: tuple[int, ...]) -> Ints:
    """Site codes; the last entry of the table is for places that are not listed."""
    table = _site_table(known, tuple(journeys.names["location_id"].to_list()))
    return table[journeys.columns["site"]]


@lru_cache(maxsize=8)
def _site_table(known: tuple[int, ...], listed: tuple[int, ...]) -> Ints:
    place = {location: code for code, location in enumerate(known, start=1)}
    return np.array([*(place.get(location, 0) for location in listed), 0], np.int64)
