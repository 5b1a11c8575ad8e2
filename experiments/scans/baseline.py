"""A plain baseline: frequency tables and robust z-scores per scan, as anyone would write first."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from scantrail.vocabulary.protocols import Journeys

Floats = npt.NDArray[np.float64]


class Baseline:
    """Learns counts and medians; a scan's score is its rarest aspect."""

    def __init__(self, journeys: Journeys) -> None:
        table = _facts(journeys)
        self.counts = {keys: table.group_by(keys).agg(n=pl.len()) for keys in _TABLES}
        hours = table.filter(pl.col("log_hours").is_not_null())
        middle = pl.col("log_hours").median()
        self.times = hours.group_by("prev_stage", "stage").agg(
            middle=middle, spread=1.4826 * (pl.col("log_hours") - middle).abs().median()
        )

    def score(self, journeys: Journeys) -> Floats:
        """The highest of -log frequency and |z|, (n,) in the order of `linked`."""
        table = _facts(journeys)
        aspects = []
        for (given, value), counted in self.counts.items():
            totals = counted.group_by(given).agg(total=pl.col("n").sum(), kinds=pl.len())
            found = table.join(counted, on=[given, value], how="left", maintain_order="left").join(
                totals, on=given, how="left", maintain_order="left"
            )
            share = (pl.col("n").fill_null(0) + 0.5) / (pl.col("total").fill_null(0) + 0.5 * 10)
            aspects.append(found.select(-share.log())[:, 0].to_numpy())
        timed = table.join(
            self.times, on=["prev_stage", "stage"], how="left", maintain_order="left"
        )
        spread = pl.max_horizontal("spread", 0.1)
        z = ((pl.col("log_hours") - pl.col("middle")) / spread).abs()
        aspects.append(timed.select(z.fill_null(0.0))[:, 0].to_numpy())
        score: Floats = np.max(np.stack(aspects), axis=0)
        return score


_TABLES = (
    ("prev_stage", "stage"),
    ("prev_place", "place"),
    ("place", "hour"),
    ("place", "weekday"),
)


def _facts(journeys: Journeys) -> pl.DataFrame:
    none = {"prev_stage": -1, "stage": -1, "prev_place": -1, "place": -1}
    return journeys.linked.select(
        *(pl.col(name).fill_null(value).cast(pl.Int32) for name, value in none.items()),
        hour=pl.col("local").dt.hour(),
        weekday=pl.col("local").dt.weekday(),
        log_hours=pl.when(pl.col("hours") > 0).then(pl.col("hours").log()),
    )
