"""What may change in a chain from one day on: planted into a stream, for demos and tests.

Each change takes scans (`stream.STREAM`), the local moment from which it holds, and a source of
chance that draws where it strikes; it gives the changed scans and the location id of the place.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

import polars as pl

from scantrail.simulate.stream import in_upload_order

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

NEW_HUB: Final = (1950, "Seohae Logistics Hub")
NEW_PRODUCT: Final = "8804823.4555102"
_BUSY: Final = {"Logistics_HUB", "WMS"}
_GOODS: Final = r"^(001\.)[0-9]{7}\.[0-9]{7}"


class Changed(NamedTuple):
    """Scans after a change, in upload order, and where it struck: a location id."""

    scans: pl.DataFrame
    place: int


Make = Callable[[pl.DataFrame, dt.datetime, "np.random.Generator"], Changed]


class Change(NamedTuple):
    """A change by what people call it."""

    about: str
    make: Make


def _site(scans: pl.DataFrame, steps: set[str], rng: np.random.Generator) -> int:
    """A place at which one of these business steps is usual."""
    counted = scans.filter(pl.col("business_step").is_in(steps)).group_by("location_id").len()
    usual = counted.filter(pl.col("len") > 0.02 * pl.col("len").sum()).sort("location_id")
    return int(rng.choice(usual["location_id"].to_numpy()))


def _share(scans: pl.DataFrame, by: list[str], share: float, rng: np.random.Generator) -> pl.Series:
    """True for the rows of a random share of the groups."""
    groups = scans.select(by).unique(maintain_order=True)
    groups = groups.with_columns(chosen=pl.Series(rng.random(len(groups)) < share))
    return scans.join(groups, on=by, how="left", nulls_equal=True, maintain_order="left")["chosen"]


def _new_hub(scans: pl.DataFrame, since: dt.datetime, rng: np.random.Generator) -> Changed:
    place = _site(scans, {"Logistics_HUB"}, rng)
    here = (pl.col("location_id") == place) & (pl.col("at") >= since)
    arrivals = scans.filter(here & (pl.col("event_type") == "HUB_Inbound"))
    moved = arrivals.filter(_share(arrivals, ["at"], 0.5, rng))["epc_code"].unique()
    there = here & pl.col("epc_code").is_in(moved.implode())
    changed = scans.with_columns(
        location_id=pl.when(there).then(NEW_HUB[0]).otherwise("location_id"),
        scan_location=pl.when(there).then(pl.lit(NEW_HUB[1])).otherwise("scan_location"),
    )
    return Changed(changed, NEW_HUB[0])


def _slower_lanes(scans: pl.DataFrame, since: dt.datetime, rng: np.random.Generator) -> Changed:
    place = _site(scans, {"Logistics_HUB"}, rng)
    here = (pl.col("location_id") == place) & (pl.col("event_type") == "HUB_Inbound")
    return Changed(_moved(scans, here & (pl.col("at") >= since), pl.duration(hours=10)), place)


def _moved(scans: pl.DataFrame, which: pl.Expr, by: pl.Expr) -> pl.DataFrame:
    """Scans at other times; they are uploaded as much later, or earlier."""
    return in_upload_order(
        scans.with_columns(pl.when(which).then(pl.col("at", "uploaded") + by)
                           .otherwise(pl.col("at", "uploaded")))
    )  # fmt: skip


def _new_product(scans: pl.DataFrame, since: dt.datetime, rng: np.random.Generator) -> Changed:
    place = _site(scans, {"Factory"}, rng)
    made = scans.filter(
        (pl.col("event_type") == "Aggregation")
        & (pl.col("location_id") == place)
        & (pl.col("at") >= since)
    )
    lots = made.select(pl.col("epc_code").str.extract(r"([0-9]{6}\.[0-9]{8})")).to_series()
    every_third = lots.rle_id() % 3 == int(rng.integers(3))
    codes = made.filter(every_third)["epc_code"].unique()
    is_new = pl.col("epc_code").is_in(codes.implode())
    other = pl.col("epc_code").str.replace(_GOODS, f"${{1}}{NEW_PRODUCT}")
    return Changed(
        scans.with_columns(epc_code=pl.when(is_new).then(other).otherwise("epc_code")), place
    )


def _garbling_scanner(scans: pl.DataFrame, since: dt.datetime, rng: np.random.Generator) -> Changed:
    place = _site(scans, _BUSY, rng)
    here = (scans["location_id"] == place) & (scans["at"] >= since)
    struck = here & pl.Series(rng.random(len(scans)) < 0.2)
    garbled = pl.col("epc_code").str.replace_all(".", "", literal=True)
    return Changed(
        scans.with_columns(
            epc_code=pl.when(struck).then(garbled).otherwise("epc_code"),
            kind=pl.when(struck).then(pl.lit("scanCorruption")).otherwise("kind"),
        ),
        place,
    )


def _lost_reads(scans: pl.DataFrame, since: dt.datetime, rng: np.random.Generator) -> Changed:
    place = _site(scans, _BUSY, rng)
    inbound = scans["event_type"].str.ends_with("Inbound")
    here = (scans["location_id"] == place) & (scans["at"] >= since) & inbound
    return Changed(scans.filter(~(here & pl.Series(rng.random(len(scans)) < 0.5))), place)


def _silent_site(scans: pl.DataFrame, since: dt.datetime, rng: np.random.Generator) -> Changed:
    place = _site(scans, _BUSY | {"Factory", "W_Stock_Inbound"}, rng)
    return Changed(scans.filter((pl.col("location_id") != place) | (pl.col("at") < since)), place)


def _more_clones(scans: pl.DataFrame, since: dt.datetime, rng: np.random.Generator) -> Changed:
    place = _site(scans, {"Logistics_HUB"}, rng)
    hubs = scans.filter(pl.col("business_step") == "Logistics_HUB")
    other = _site(hubs.filter(pl.col("location_id") != place), {"Logistics_HUB"}, rng)
    name = hubs.filter(pl.col("location_id") == other)["scan_location"][0]
    here = scans.filter((pl.col("location_id") == place) & (pl.col("at") >= since))
    twins = here.filter(pl.Series(rng.random(len(here)) < 0.05)).with_columns(
        location_id=pl.lit(other, pl.Int64),
        scan_location=pl.lit(name),
        kind=pl.lit("rareClone"),
    )
    return Changed(in_upload_order(pl.concat([scans, twins])), place)


def _late_data(scans: pl.DataFrame, since: dt.datetime, rng: np.random.Generator) -> Changed:
    place = _site(scans, _BUSY, rng)
    here = (pl.col("location_id") == place) & (pl.col("at") >= since)
    struck = here & pl.Series(rng.random(len(scans)) < 0.4)
    seconds = pl.Series(rng.integers(6 * 3600, 36 * 3600, len(scans)))
    late = pl.col("uploaded") + pl.duration(seconds=pl.lit(seconds))
    uploaded = pl.when(struck).then(late).otherwise("uploaded")
    return Changed(in_upload_order(scans.with_columns(uploaded=uploaded)), place)


def _clock(hours: int) -> Make:
    def change(scans: pl.DataFrame, since: dt.datetime, rng: np.random.Generator) -> Changed:
        place = _site(scans, _BUSY, rng)
        here = (pl.col("location_id") == place) & (pl.col("at") >= since)
        at = pl.when(here).then(pl.col("at") + pl.duration(hours=hours)).otherwise("at")
        return Changed(scans.with_columns(at=at), place)

    return change


def _more_of_one(scans: pl.DataFrame, since: dt.datetime, rng: np.random.Generator) -> Changed:
    """Half of what a plant makes is made at another instead; what it shipped before goes on."""
    place = _site(scans, {"Factory"}, rng)
    made = scans.filter(pl.col("event_type") == "Aggregation", pl.col("at") >= since)
    here = made.filter(pl.col("location_id") == place)
    gone = here.filter(_share(here, ["at"], 0.7, rng))["epc_code"].unique()
    return Changed(scans.filter(~pl.col("epc_code").is_in(gone.implode())), place)


#: Every change by a short name. Unreadable rows are planted in the raw text, see the experiments.
CHANGES: Final[Mapping[str, Change]] = MappingProxyType(
    {
        "new hub": Change("a hub that no list names takes half of another's goods", _new_hub),
        "slower lanes": Change("all roads to a hub take ten hours longer", _slower_lanes),
        "new product": Change("every third lot of a plant is of a new product", _new_product),
        "garbling scanner": Change(
            "a hub or warehouse reads one code in five without its dots", _garbling_scanner
        ),
        "lost reads": Change("a hub or warehouse loses half of its inbound reads", _lost_reads),
        "silent site": Change("a site sends nothing any more", _silent_site),
        "more clones": Change("one in twenty codes at a hub is seen at another too", _more_clones),
        "late data": Change(
            "two in five scans of a hub or warehouse come 6 to 36 hours late", _late_data
        ),
        "clock in UTC": Change("a hub's or warehouse's clock goes nine hours slow", _clock(-9)),
        "clock an hour fast": Change("a hub's or warehouse's clock goes an hour fast", _clock(1)),
        "plant cut back": Change("a plant makes three in ten of what it made", _more_of_one),
    }
)
