"""Lanes: what is known of the way between two sites, learned robustly from history.

A lane is an ordered pair of sites. Its travel time is the time from an outbound scan at the one to
the inbound scan at the other; a site's dwell is the time from inbound to outbound. Times are
skewed and have outliers, so both are described by median and MAD of their logarithm.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from scantrail.errors import SitesError
from scantrail.sites import Sites
from scantrail.vocabulary.chain import Direction

#: One row per lane: travel hours' median, robust spread of their natural logarithm, and count.
#: `trips` counts the items that left the one site and came in at the other; `batches` their
#: distinct travel times, since items that travel together are one observation.
LANES: Final = pl.Schema(
    {
        "from_location_id": pl.Int64(),
        "to_location_id": pl.Int64(),
        "trips": pl.UInt32(),
        "batches": pl.UInt32(),
        "hours_median": pl.Float64(),
        "log_spread": pl.Float64(),
    }
)
#: One row per site: dwell hours from inbound to outbound, likewise.
DWELLS: Final = pl.Schema(
    {
        "location_id": pl.Int64(),
        "stays": pl.UInt32(),
        "hours_median": pl.Float64(),
        "log_spread": pl.Float64(),
    }
)

#: One row per pair of stages that followed each other in history, with how often.
TRANSITIONS: Final = pl.Schema({"prev_stage": pl.Int8(), "stage": pl.Int8(), "count": pl.UInt32()})

_NOWHERE: Final = -1  # the key of a lane whose sites are no longer listed
_DENSE: Final = 1500  # sites; up to here, every pair has its cell in a table
_LEAST_SPREAD: Final = 0.2  # of log hours: no lane is punctual to less than a fifth
_MAD_TO_SIGMA: Final = 1.4826  # of a normal distribution


@dataclass(frozen=True)
class Network:
    """Sites, lanes and what was learned of their speeds: all that a journey is measured against.

    `speed_limit_kmh` is null where history taught none; then the configured vehicle speed holds.
    """

    sites: Sites
    lanes: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=LANES))
    dwells: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=DWELLS))
    transitions: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=TRANSITIONS))
    speed_limit_kmh: float | None = None

    @cached_property
    def knows_lanes(self) -> bool:
        """Whether any lane was learned; without, no lane can be called unknown."""
        return len(self.lanes) > 0

    @cached_property
    def _keys(self) -> npt.NDArray[np.int64]:
        n = len(self.sites) + 1
        none = pl.repeat(None, len(self.lanes), dtype=pl.String, eager=True)
        start = self.sites.index(self.lanes["from_location_id"], none)
        end = self.sites.index(self.lanes["to_location_id"], none)
        listed = (start >= 0) & (start < n - 1) & (end >= 0) & (end < n - 1)
        return np.where(listed, start.astype(np.int64) * n + end, _NOWHERE)

    @cached_property
    def _statistics(self) -> dict[str, npt.NDArray[np.float32]]:
        """Lane columns in the order of their sorted keys, and a last row for "no such lane"."""
        order = np.argsort(self._keys)
        lanes = self.lanes[order]
        columns = {
            "lane_trips": (lanes["trips"], 0.0),
            "lane_batches": (lanes["batches"], 0.0),
            "lane_hours": (lanes["hours_median"], np.nan),
            "lane_log_spread": (lanes["log_spread"], np.nan),
        }
        return {
            name: np.append(values.fill_null(np.nan).to_numpy(), default).astype(np.float32)
            for name, (values, default) in columns.items()
        }

    @cached_property
    def _dense(self) -> dict[str, npt.NDArray[np.float32]] | None:
        """Every pair's values, flattened; None where that would be too large."""
        n = len(self.sites) + 1
        if n > _DENSE:
            return None
        start, end = np.divmod(np.arange(n * n, dtype=np.int32), np.int32(n))
        return self._direct(start, end)

    def between(
        self, start: npt.NDArray[np.int32], end: npt.NDArray[np.int32]
    ) -> dict[str, npt.NDArray[np.float32]]:
        """What is known of the way between sites, by index (any length n).

        Returns:
            `km`, `lane_trips`, `lane_batches`, `lane_hours` (median) and `lane_log_spread`: (n,)
            float32 each; NaN where unknown.
        """
        dense = self._dense
        if dense is None:
            return self._direct(start, end)
        pair = start.astype(np.int64) * (len(self.sites) + 1) + end
        return {name: values[pair] for name, values in dense.items()}

    def _direct(
        self, start: npt.NDArray[np.int32], end: npt.NDArray[np.int32]
    ) -> dict[str, npt.NDArray[np.float32]]:
        n = len(self.sites) + 1
        keys = np.sort(self._keys)
        wanted = start.astype(np.int64) * n + end
        at = np.searchsorted(keys, wanted)
        known = (at < len(keys)) & (np.append(keys, -1)[np.minimum(at, len(keys))] == wanted)
        at = np.where(known, at, len(keys))
        values = {name: column[at] for name, column in self._statistics.items()}
        return {"km": self.sites.kilometres(start, end), **values}


def learn(journeys: pl.DataFrame, sites: Sites) -> Network:
    """Learn lanes, dwells and the speed limit from linked journeys (see `journeys.link`).

    Args:
        journeys: Linked events of a log that is mostly normal; up to a few per cent of it may be
            anomalous, since medians and MADs bear that.
        sites: The site list of those journeys.

    Returns:
        The network. A lane's spread is drawn to the pooled spread of all lanes where few batches
        (distinct travel times) support it. The speed limit is the 99.9 % quantile of the speeds
        of trips that are usual on their lane.
    """
    trips = _trips(journeys)
    lanes = _summary(trips, ["prev_site", "site"])
    dwells = _summary(_stays(journeys), ["site"])
    ids = sites.table["location_id"]
    times = {"hours_median": pl.col("median").exp(), "log_spread": pl.col("spread")}
    return Network(
        sites,
        lanes.select(
            from_location_id=ids.gather(lanes["prev_site"]),
            to_location_id=ids.gather(lanes["site"]),
            trips="count",
            batches="batches",
            **times,
        ).cast(LANES),
        dwells.select(location_id=ids.gather(dwells["site"]), stays="count", **times).cast(DWELLS),
        _transitions(journeys),
        _speed_limit(trips, lanes),
    )


def _trips(journeys: pl.DataFrame) -> pl.DataFrame:
    """Out of one listed site and into another."""
    moved = pl.col("site") != pl.col("prev_site")
    # a plant has no outbound scan: from its making into a warehouse is a trip
    made = (pl.col("prev_stage") == 0) & (pl.col("stage") == 1)
    out = pl.col("prev_direction") == Direction.OUT
    trip = moved & (out | made) & (pl.col("direction") == Direction.IN)
    log_hours = pl.when(pl.col("hours") > 0).then(pl.col("hours").log())
    return journeys.filter(trip).select("prev_site", "site", "km", "hours", log_hours=log_hours)


def _stays(journeys: pl.DataFrame) -> pl.DataFrame:
    """Into a listed site and out of it again."""
    here = pl.col("site") == pl.col("prev_site")
    came = pl.col("prev_direction") == Direction.IN
    left = (pl.col("direction") == Direction.OUT) & (pl.col("hours") > 0)
    return journeys.filter(here & came & left).select("site", log_hours=pl.col("hours").log())


def _transitions(journeys: pl.DataFrame) -> pl.DataFrame:
    pair = ["prev_stage", "stage"]
    counted = journeys.lazy().select(pair).drop_nulls().group_by(pair).agg(count=pl.len())
    return counted.sort(pair).collect().cast(TRANSITIONS)


def _summary(trips: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """Count, median and shrunk robust spread of `log_hours` per key."""
    value = pl.col("log_hours")
    table = trips.group_by(keys).agg(
        count=pl.len(),
        batches=value.drop_nulls().n_unique(),
        median=value.median(),
        mad=(value - value.median()).abs().median(),
    )
    own = pl.col("mad") * _MAD_TO_SIGMA
    pooled = table.filter(pl.col("batches") >= 10).select(own.median()).item() or 0.5
    weight = pl.col("batches") / (pl.col("batches") + 10)
    spread = (weight * own.pow(2) + (1 - weight) * pooled**2).sqrt()
    return table.with_columns(spread=pl.max_horizontal(spread, _LEAST_SPREAD)).sort(keys)


def _speed_limit(trips: pl.DataFrame, lanes: pl.DataFrame) -> float | None:
    usual = (
        trips.filter(pl.col("log_hours").is_not_null() & pl.col("km").is_not_null())
        .join(lanes, on=["prev_site", "site"])
        .filter((pl.col("log_hours") - pl.col("median")).abs() <= 3 * pl.col("spread"))
        .select(kmh=pl.col("km") / pl.col("hours"))
    )
    if len(usual) < 200:  # too few trips to know a 99.9 % quantile
        return None
    limit = usual["kmh"].quantile(0.999)
    return None if limit is None else round(float(limit), 1)


def write_network(network: Network, folder: Path) -> None:
    """Write the site list, `lanes.csv`, `dwells.csv`, `transitions.csv` and `speeds.csv`."""
    folder.mkdir(parents=True, exist_ok=True)
    hhmm = [
        pl.when(pl.col(name).is_not_null())
        .then(
            pl.format(
                "{}:{}",
                (pl.col(name) // 60).cast(pl.String).str.zfill(2),
                (pl.col(name) % 60).cast(pl.String).str.zfill(2),
            )
        )
        .alias(name)
        for name in ("opens", "closes")
    ]
    ids = network.sites.table["location_id"]
    plants = network.sites.table["plant"]
    network.sites.table.select(
        pl.int_range(1, pl.len() + 1).alias("seq"),
        "location_id",
        "scan_location",
        pl.col("latitude").alias("Latitude"),
        pl.col("longitude").alias("Longitude"),
        factory_locations=pl.Series(
            [None if p is None else str(ids[p]) for p in plants], dtype=pl.String
        ),
        tier=pl.col("tier").replace_strict(
            dict(enumerate(("factory", "warehouse", "hub", "wholesaler", "retailer"))),
            default=None,
            return_dtype=pl.String,
        ),
        **dict(zip(("opens", "closes"), hhmm, strict=True)),
        zone="zone",
    ).write_csv(folder / "sites.csv")
    network.lanes.write_csv(folder / "lanes.csv", float_precision=6)
    network.dwells.write_csv(folder / "dwells.csv", float_precision=6)
    network.transitions.write_csv(folder / "transitions.csv")
    limit = pl.DataFrame(
        {"speed_limit_kmh": [network.speed_limit_kmh]}, {"speed_limit_kmh": pl.Float64}
    )
    limit.write_csv(folder / "speeds.csv")


def read_network(folder: Path, sites: Sites) -> Network:
    """Read what `write_network` wrote beside the site list.

    Raises:
        SitesError: A file is missing or damaged.
    """
    speeds = _read(folder / "speeds.csv", pl.Schema({"speed_limit_kmh": pl.Float64()}))
    if len(speeds) != 1:
        raise SitesError(
            f"{folder / 'speeds.csv'} has {len(speeds)} rows, expected one; "
            "write it with 'sites learn'"
        )
    return Network(
        sites,
        _read(folder / "lanes.csv", LANES),
        _read(folder / "dwells.csv", DWELLS),
        _read(folder / "transitions.csv", TRANSITIONS),
        speeds.item(),
    )


def _read(path: Path, schema: pl.Schema) -> pl.DataFrame:
    if not path.is_file():
        raise SitesError(f"{path} is missing; write it with 'sites learn'")
    try:
        table = pl.read_csv(path, infer_schema=False)
        if table.columns != schema.names():
            raise SitesError(
                f"{path} has the columns {', '.join(table.columns)}, expected "
                f"{', '.join(schema)}; write it with 'sites learn'"
            )
        return table.cast(schema)
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = str(error).splitlines()[0]
        raise SitesError(f"{path} can't be used: {reason}; write it with 'sites learn'") from error
