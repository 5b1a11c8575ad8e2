"""Every feature by name, the frame of them all, and the fingerprint that ties models to them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import polars as pl

from scantrail.features import cohort, identity, sequence, temporal, travel
from scantrail.sites import Sites


@dataclass(frozen=True, slots=True)
class Feature:
    """A named expression. `revision` rises whenever its values change for the same events."""

    make: Callable[[], pl.Expr]
    revision: int = 1
    looks_back: bool = False  # uses later events: not for judging live scans

    @property
    def name(self) -> str:
        """The function's name."""
        return self.make.__name__

    @property
    def about(self) -> str:
        """The first line of the function's docstring."""
        return (self.make.__doc__ or "").split("\n", 1)[0]


_LIVE: Final = (
    temporal.hour,
    temporal.weekday,
    temporal.month,
    temporal.is_business_hours,
    temporal.is_weekend,
    temporal.hours_since_previous,
    temporal.is_site_open,
    identity.header,
    identity.company,
    identity.product,
    identity.lot,
    identity.manufacture_day,
    identity.serial,
    identity.header_valid,
    identity.company_valid,
    identity.product_valid,
    identity.lot_valid,
    identity.manufacture_valid,
    identity.serial_valid,
    identity.age_days,
    travel.kilometres,
    travel.hours_travelled,
    travel.lane_trips,
    travel.lane_z,
    travel.location_hierarchy,
    sequence.position,
    sequence.length_so_far,
    sequence.previous_site,
    sequence.previous_stage,
    sequence.previous_direction,
    sequence.previous_tier,
    sequence.transition_share,
    sequence.stage_advance,
    cohort.cohort_seen,
    cohort.cohort_lag_hours,
    cohort.cohort_share_here,
)

_LOOKBACK: Final = (cohort.cohort_lag_hours_lookback, cohort.cohort_share_here_lookback)

#: Features whose values once were others.
_REVISIONS: Final = {
    **dict.fromkeys((identity.header, identity.company, identity.product), 2),
    **dict.fromkeys((identity.lot, identity.serial), 2),
    **dict.fromkeys((cohort.cohort_seen, cohort.cohort_share_here), 2),
    cohort.cohort_lag_hours: 3,
    **dict.fromkeys(_LOOKBACK, 2),
}

FEATURES: Final = tuple(
    Feature(make, _REVISIONS.get(make, 1), looks_back=make in _LOOKBACK)
    for make in (*_LIVE, *_LOOKBACK)
)

#: Features that know nothing of the future: what live scans are judged by.
LIVE: Final = tuple(feature for feature in FEATURES if not feature.looks_back)


def fingerprint(features: Iterable[Feature] = FEATURES) -> str:
    """Sixteen hex digits that change with the set, order or revision of features."""
    text = "\n".join(f"{feature.name} {feature.revision}" for feature in features)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def feature_frame(
    linked: pl.DataFrame,
    codes: pl.DataFrame,
    sites: Sites,
    transitions: pl.DataFrame,
    features: Iterable[Feature] = FEATURES,
) -> pl.DataFrame:
    """Compute features for every event of linked journeys of any length.

    Args:
        linked: `journeys.LINKED`, journey order.
        codes: `epc.DECOMPOSED`, one row per EPC code of `linked`, in code order.
        sites: The site list that `site` indexes.
        transitions: `lanes.TRANSITIONS`, learned from history; may be empty.
        features: Which ones, in which order.

    Returns:
        `row` UInt32 and one Float32 column per feature (booleans as 0 and 1, null = cannot say),
        in the order of `linked`.
    """
    hours = sites.table.select("opens", "closes").with_row_index("site")
    share = transitions.select(
        "prev_stage",
        "stage",
        transition_share=pl.col("count") / pl.col("count").sum().over("prev_stage"),
    )
    known = (
        linked.lazy()
        .join(codes.with_row_index("epc").lazy(), on="epc", how="left", maintain_order="left")
        .with_columns(pl.col("site").cast(pl.UInt32))
        .join(hours.lazy(), on="site", how="left", maintain_order="left")
        .join(share.lazy(), on=["prev_stage", "stage"], how="left", maintain_order="left")
    )
    columns = [feature.make().cast(pl.Float32).alias(feature.name) for feature in features]
    return known.select("row", *columns).collect()
