"""What a scan knows once it is linked to the one before it: one array per column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy.typing as npt
import polars as pl

Array = npt.NDArray[Any]

#: What a linked event knows, in journey order. `epc` is a dense code of the EPC within this frame.
#: `time` is the instant, `local` what the wall clock at the site showed.
#: `place` identifies the location within this frame, known or not (null: none was named); `site`
#: is its index in the site list (null: not listed). `tier` is the site's, else the step's;
#: `step_fits` is false where the words name other tiers than the listed site's. `stage` indexes
#: `STAGES`; `direction` is a `Direction`. `prev_*` is null on a journey's first event. `position`
#: counts from 0. `hours` is the time since the previous event, `km` the way from its site (null:
#: unknown), `lane_*` see `lanes.Network.between`. `max_in_stage` is the furthest inbound stage
#: before this event (-1: none). `sold` says that the item was sold before and not returned since.
#: `second_places` is the number of places that scanned this EPC in this very second, 0 where this
#: is its only scan then; `second_steps` that its only place named different steps for it, and
#: `own_plant` that the places are a plant and its own warehouse.
LINKED: Final = pl.Schema(
    {
        "row": pl.UInt32(),
        "epc": pl.UInt32(),
        "time": pl.Datetime("us", "UTC"),
        "local": pl.Datetime("us"),
        "site": pl.Int32(),
        "place": pl.Int32(),
        "tier": pl.Int8(),
        "step_fits": pl.Boolean(),
        "stage": pl.Int8(),
        "direction": pl.Int8(),
        "is_sale": pl.Boolean(),
        "is_return": pl.Boolean(),
        "words": pl.UInt32(),
        "position": pl.UInt32(),
        "prev_time": pl.Datetime("us", "UTC"),
        "prev_site": pl.Int32(),
        "prev_place": pl.Int32(),
        "prev_tier": pl.Int8(),
        "prev_stage": pl.Int8(),
        "prev_direction": pl.Int8(),
        "prev_words": pl.UInt32(),
        "prev_is_return": pl.Boolean(),
        "hours": pl.Float64(),
        "max_in_stage": pl.Int8(),
        "sold": pl.Boolean(),
        "second_places": pl.UInt8(),
        "second_steps": pl.Boolean(),
        "own_plant": pl.Boolean(),
        "km": pl.Float32(),
        "lane_trips": pl.Float32(),
        "lane_batches": pl.Float32(),
        "lane_hours": pl.Float32(),
        "lane_log_spread": pl.Float32(),
    }
)

#: Columns of whole numbers in which -1 stands for null.
NULLABLE: Final = frozenset({"site", "place", "tier", "stage"})
_BEFORE: Final = "prev_"
_NULL: Final = {name: pl.Series([None], dtype=dtype) for name, dtype in LINKED.items()}


@dataclass(frozen=True, eq=False)
class Linked:
    """n linked events, in journey order.

    `arrays`: the columns of `LINKED` but `prev_…`, which repeat others; (n,) each. Null is NaN in
    floats, NaT in times (datetime64[us]), -1 in the whole numbers of `NULLABLE`.
    """

    arrays: Mapping[str, Array]

    def __len__(self) -> int:
        return len(self.arrays["row"])

    def __getitem__(self, name: str) -> Array:
        """A column, (n,); none that is named `prev_…`."""
        return self.arrays[name]

    def part(self, start: int, end: int) -> Linked:
        """The events from `start` to `end`: some whole journeys."""
        return Linked({name: values[start:end] for name, values in self.arrays.items()})

    def series(self, name: str) -> pl.Series:
        """A column of `LINKED`, any of them."""
        if name.startswith(_BEFORE):
            shifted = self.series(name.removeprefix(_BEFORE)).shift(1)
            goes_on = pl.Series(self["position"] > 0)
            return shifted.zip_with(goes_on, _NULL[name]).alias(name)
        values = self[name]
        series = pl.Series(name, values, nan_to_null=values.dtype.kind == "f")
        if name in NULLABLE and (unknown := values < 0).any():
            series = series.zip_with(pl.Series(~unknown), _NULL[name])
        return series.cast(LINKED[name])

    @cached_property
    def frame(self) -> pl.DataFrame:
        """All columns, `LINKED`; made when first asked for: scoring goes without."""
        return pl.DataFrame([self.series(name) for name in LINKED])
