"""A chain in a steady state: every week as many items are made as in the week before.

`simulate` makes a log that swells and fades, as one campaign does. A stream overlaps one such
campaign a week, so that what is scanned in one week is, but for chance, what is scanned in any.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from scantrail.errors import SettingsError
from scantrail.simulate.config import DEFAULT_MIX, Noise, SimulationConfig
from scantrail.simulate.making import simulate

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Anomalies of single items; faults of a whole site are changes, see `simulate.changes`.
ITEM_MIX: Final[Mapping[str, float]] = MappingProxyType(
    {kind: n for kind, n in DEFAULT_MIX.items() if kind not in {"readRateDrop", "clockSkew"}}
)
#: Columns of a stream: the raw ones, the local time of the scan and of its arrival in the file, and
#: what is odd about it (as `simulate` labels it; null where nothing is).
STREAM: Final = pl.Schema(
    {
        "file_id": pl.Int64(),
        "location_id": pl.Int64(),
        "scan_location": pl.String(),
        "business_step": pl.String(),
        "event_type": pl.String(),
        "epc_code": pl.String(),
        "at": pl.Datetime("us"),
        "uploaded": pl.Datetime("us"),
        "kind": pl.String(),
    }
)
_FOLLOWED: Final = 7 * 26  # days, in which nearly all goods are sold
_CODE: Final = r"^(001)\.([0-9]{7}\.[0-9]{7})(\..*)$"


@dataclass(frozen=True, slots=True)
class StreamConfig:
    """Everything that a stream depends on.

    Attributes:
        weeks: How many whole weeks are in the stream.
        items: Items made a week, give or take `swing`.
        seed: Any whole number from 0.
        start: Its first day, a Monday, local to the sites.
        warm_up: Weeks that the chain has run before; younger goods than that are missing.
        chain: Which supply chain.
        anomaly_rate: Share of the items that get an anomaly.
        batch: Items that are shipped together.
        swing: Spread of a week's production, as a share.
        noise: Ordinary noise.
    """

    weeks: int
    items: int = 3_000
    seed: int = 0
    start: dt.date = dt.date(2025, 3, 3)
    warm_up: int = 20
    chain: str = "demo"
    anomaly_rate: float = 0.02
    batch: int = 25
    swing: float = 0.1
    noise: Noise = field(default_factory=Noise)

    def __post_init__(self) -> None:
        if self.start.weekday() != 0:
            raise SettingsError(f"start is {self.start}, a {self.start:%A}; a stream starts on a "
                                "Monday")  # fmt: skip
        for name, least in (("weeks", 1), ("items", 100), ("warm_up", 0)):
            if getattr(self, name) < least:
                raise SettingsError(f"{name} is {getattr(self, name)}; it must be {least} or more")


def steady(config: StreamConfig) -> pl.DataFrame:
    """Make a stream, warm-up included.

    Returns:
        `STREAM`, file by file in the order of upload, up to the stream's end.

    >>> steady(StreamConfig(weeks=1, items=100, warm_up=0)).schema == STREAM
    True
    """
    rng = np.random.default_rng([config.seed, 77])
    cohorts = [_cohort(config, week, rng) for week in range(-config.warm_up, config.weeks)]
    end = dt.datetime.combine(config.start, dt.time()) + dt.timedelta(weeks=config.weeks)
    return in_upload_order(pl.concat(cohorts).filter(pl.col("at") < end))


def in_upload_order(scans: pl.DataFrame) -> pl.DataFrame:
    """File by file, as they came in."""
    return scans.select(STREAM.names()).sort("file_id", "uploaded", "at", maintain_order=True)


def _cohort(config: StreamConfig, week: int, rng: np.random.Generator) -> pl.DataFrame:
    """What one week's production leads to.

    It is followed for as long, however soon the stream ends: anomalies are drawn among the scans
    that a log has, and would crowd into the few scans of the youngest goods.
    """
    epcs = max(100, round(config.items * float(np.exp(config.swing * rng.standard_normal()))))
    made = simulate(
        SimulationConfig(
            epcs=epcs,
            seed=config.seed * 1_000 + week + config.warm_up,
            chain=config.chain,
            anomaly_rate=config.anomaly_rate,
            mix=ITEM_MIX,
            noise=config.noise,
            start=config.start + dt.timedelta(weeks=week),
            days=_FOLLOWED,
            production_days=5,
            batch=config.batch,
        )
    )
    at = pl.col("event_time").str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us")
    odd = made.labels.select("event_id", "kind")
    scans = made.scans.join(odd, on="event_id", how="left", maintain_order="left")
    scans = scans.with_columns(at=at)
    uploaded = pl.col("at").cum_max().over("file_id")  # rows are in the order of upload
    return _own_products(scans.with_columns(uploaded=uploaded), rng).select(STREAM.names())


def _own_products(scans: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Let each plant make its products in an order of this week's own.

    Lots take the plant's products in turn, and the first lots are sold first: without this, the
    same products would be sold out every week.
    """
    code = pl.col("epc_code")
    parts = scans.with_columns(goods=code.str.extract(_CODE, 2))
    usual = parts.filter(pl.col("event_type") == "Aggregation").drop_nulls("goods")
    seen = usual.group_by("file_id", "goods").len().filter(pl.col("len") > 25)
    names, others, files = [], [], []
    for (file,), group in sorted(seen.group_by("file_id"), key=lambda pair: pair[0]):
        goods = sorted(group["goods"])
        names += goods
        others += [goods[i] for i in rng.permutation(len(goods))]
        files += [file] * len(goods)
    schema = {"file_id": pl.Int64, "goods": pl.String, "other": pl.String}
    swap = pl.DataFrame({"file_id": files, "goods": names, "other": others}, schema)
    moved = parts.join(swap, on=["file_id", "goods"], how="left", maintain_order="left")
    swapped = pl.concat_str(
        pl.lit("001."), pl.coalesce("other", "goods"), code.str.extract(_CODE, 3)
    )
    return moved.with_columns(
        epc_code=pl.when(pl.col("goods").is_null()).then(code).otherwise(swapped)
    )
