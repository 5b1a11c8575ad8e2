"""How long after its first anomalous scan an item raises its first alert, in hours and scans."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl

from scantrail.errors import InputError
from scantrail.evaluation.items import MAIN, Judged

#: One row per kind, "all" first: `items` labelled; `found`: with an alert at or after their first
#: anomalous scan; `at_once`: share of those found by that very scan; hours and scans until the
#: alert: median and 90th percentile of those found. `early`: items with an alert before.
DELAYS: Final = pl.Schema(
    {
        "kind": pl.String(),
        "items": pl.UInt32(),
        "found": pl.UInt32(),
        "at_once": pl.Float64(),
        "hours_median": pl.Float64(),
        "hours_90": pl.Float64(),
        "scans_median": pl.Float64(),
        "scans_90": pl.Float64(),
        "early": pl.UInt32(),
    }
)


@dataclass(frozen=True, slots=True)
class Delay:
    """Time to detect.

    `items`: a row per labelled item: `epc_code`, `kind`, `hours` and `scans` from its first
    anomalous scan to its first alert at or after it (null: never), `early`: whether it had an alert
    before. `by_kind`: `DELAYS`.
    """

    items: pl.DataFrame
    by_kind: pl.DataFrame


def delays(given: Judged, threshold: float, judge: str = MAIN) -> Delay:
    """Measure the time to detect at a threshold.

    Raises:
        InputError: The log, which has the times, is not known.
    """
    if not given.timed:
        raise InputError("time to detect needs the log's times; name the log that was judged")
    labelled = given.items.filter(pl.col("kind").is_not_null()).select("item", of="kind")
    ordered = (
        given.scans.lazy()
        .join(labelled.lazy(), on="item", maintain_order="left")
        .sort("item", "time", maintain_order=True)
        .with_columns(place=pl.int_range(pl.len()).over("item"), alert=pl.col(judge) > threshold)
        .with_columns(begun=pl.col("place").filter(pl.col("kind").is_not_null()).min().over("item"))
    )
    after = pl.col("alert") & (pl.col("place") >= pl.col("begun"))
    first = pl.col("time").filter(after).min()
    begin = pl.col("time").filter(pl.col("place") == pl.col("begun")).first()
    items = (
        ordered.group_by("item", maintain_order=True)
        .agg(
            pl.col("epc_code").first(),
            kind=pl.col("of").first(),
            hours=(first - begin).dt.total_seconds() / 3600,
            scans=pl.col("place").filter(after).min() - pl.col("begun").first(),
            early=(pl.col("alert") & (pl.col("place") < pl.col("begun"))).any(),
        )
        .drop("item")
        .collect()
    )
    return Delay(items, _by_kind(items))


def _by_kind(items: pl.DataFrame) -> pl.DataFrame:
    every = items.with_columns(kind=pl.lit("all"))
    table = pl.concat([every, items]).group_by("kind", maintain_order=True).agg(
        items=pl.len(),
        found=pl.col("scans").count(),
        at_once=(pl.col("scans") == 0).mean(),
        hours_median=pl.col("hours").median(),
        hours_90=pl.col("hours").quantile(0.9, "linear"),
        scans_median=pl.col("scans").median(),
        scans_90=pl.col("scans").quantile(0.9, "linear"),
        early=pl.col("early").sum(),
    )  # fmt: skip
    return table.sort(pl.col("kind") != "all", "kind").select(DELAYS.names()).cast(DELAYS)
