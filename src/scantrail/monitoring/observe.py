"""What monitoring looks at: one row per scan, judged or rejected, with when and where it came in.

All of it can be had from a store of events and verdicts; nothing here scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import polars as pl

from scantrail.features.travel import hours_travelled
from scantrail.ingest.epc import decompose
from scantrail.lanes import Network
from scantrail.pipeline import see
from scantrail.vocabulary.chain import STAGES
from scantrail.vocabulary.events import Events
from scantrail.vocabulary.findings import Report

#: `seen` is when a scan came in, by the site's clock; `day` its date. `site` is the location id as
#: text, or the name where there is none. `delay` counts hours from scan to arrival. Of a rejected
#: row, only `feed`, `seen`, `day` and `rejected` are known. Scores (Float64, 0-100) come on top.
OBSERVED: Final = pl.Schema(
    {
        "seen": pl.Datetime("us"),
        "day": pl.Date(),
        "feed": pl.String(),
        "site": pl.String(),
        "epc_code": pl.String(),
        "rejected": pl.String(),
        "product": pl.String(),
        "step": pl.String(),
        "came_from": pl.String(),
        "hour": pl.Float64(),
        "travel": pl.Float64(),
        "stay": pl.Float64(),
        "distance": pl.Float64(),
        "together": pl.Float64(),
        "delay": pl.Float64(),
        "kind": pl.String(),
        "alert": pl.Boolean(),
        "scanned": pl.Datetime("us"),
    }
)
ARROW: Final = " → "  #: in a step, between the one before and this one
_NO_PLACE: Final = "(no place)"


def observe(
    events: Events,
    report: Report,
    network: Network,
    *,
    received: pl.Series | None = None,
    history: Events | None = None,
) -> pl.DataFrame:
    """Put events beside what was said of them.

    Args:
        events: What was judged.
        report: The verdicts on it, row by row.
        network: What journeys are measured against.
        received: When each event came in (Datetime UTC), in the order of `events`. None: as the
            order of rows tells, since a file grows by what comes in.
        history: Earlier events in which journeys may have begun.

    Returns:
        `OBSERVED` and the report's score columns, in the order of `seen`.
    """
    arrived = _arrival(events.frame) if received is None else received
    earlier = None if history is None else history.frame
    table = scans(events.frame, report.verdicts, network, arrived, earlier)
    return whole([table, _rejected(events, table)])


def scans(
    events: pl.DataFrame,
    verdicts: pl.DataFrame,
    network: Network,
    arrived: pl.Series,
    history: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Some of the rows of an observation; `whole` puts them together.

    Args:
        events: `vocabulary.events.EVENTS`.
        verdicts: On each of them: `anomaly`, `kind`, `finalConfidence` and scores.
        network: What journeys are measured against.
        arrived: When each event came in (Datetime UTC).
        history: Other events in which journeys may have begun, of the same columns.
    """
    said = verdicts.select(
        *_scores_of(verdicts), kind=pl.col("kind").fill_null("none"), alert="anomaly"
    )
    table = pl.concat([_scans(events, arrived), said], how="horizontal")
    table = table.join(_journey(events, network, history), on="row")
    return table.join(_products(events["epc_code"]), on="epc_code", how="left")


def whole(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """The observation that rows, judged or rejected, make together, in the order of `seen`."""
    every = pl.concat(parts, how="diagonal")
    missing = [name for name in OBSERVED if name not in every.columns]
    every = every.with_columns(pl.lit(None, OBSERVED[name]).alias(name) for name in missing)
    together = pl.len().over("site", "step", "scanned").cast(pl.Float64)
    return (
        every.with_columns(together=pl.when(pl.col("rejected") == "read").then(together))
        .select(*(pl.col(name).cast(dtype) for name, dtype in OBSERVED.items()), *_scores_of(every))
        .sort("seen")
    )


def _scores_of(verdicts: pl.DataFrame) -> list[str]:
    return [name for name in verdicts.columns if name.endswith("Score")] + ["finalConfidence"]


def _scans(frame: pl.DataFrame, arrived: pl.Series) -> pl.DataFrame:
    """When and where each event was scanned, and when it came in; by the site's clock."""
    local = pl.duration(minutes="offset")
    return frame.select(
        "row",
        "epc_code",
        site=_site_key(),
        feed=pl.col("file_id").cast(pl.String),
        rejected=pl.lit("read"),
        scanned=(pl.col("time") + local).dt.replace_time_zone(None),
        seen=(arrived + local).dt.replace_time_zone(None),
        delay=(arrived - pl.col("time")).dt.total_seconds() / 3600,
    ).with_columns(day=pl.col("seen").dt.date(), hour=pl.col("scanned").dt.hour())


def _site_key() -> pl.Expr:
    return pl.coalesce(pl.col("location_id").cast(pl.String), "scan_location", pl.lit(_NO_PLACE))


def _arrival(frame: pl.DataFrame) -> pl.Series:
    """Not before any row that stands before it in its file."""
    return frame.select(pl.col("time").cum_max().over("file_id", order_by="row")).to_series()


def _journey(events: pl.DataFrame, network: Network, history: pl.DataFrame | None) -> pl.DataFrame:
    """What each event's step was, where it came from, and how long that took."""
    frame = events.select(pl.exclude("event_id"))
    begin = 0
    if history is not None:
        begin = len(history)
        later = frame.with_columns(row=(pl.col("row") + begin).cast(pl.UInt32))
        first = history.select(frame.columns)
        frame = pl.concat([first.with_columns(row=pl.int_range(begin, dtype=pl.UInt32)), later])
    frame = frame.with_columns(event_id=pl.col("row").cast(pl.Int64))
    journeys = see(frame, network)
    where = journeys.events.select("row", where=_site_key())
    linked = journeys.linked.join(where, on="row", how="left", maintain_order="left")
    names = dict(enumerate(STAGES))
    stage = pl.col("stage").replace_strict(names, default="?", return_dtype=pl.String)
    before = pl.col("prev_stage").replace_strict(names, default="?", return_dtype=pl.String)
    first_one = pl.col("prev_time").is_null()
    moved = hours_travelled()
    told = linked.select(
        "row",
        step=pl.concat_str(pl.when(first_one).then(pl.lit("start")).otherwise(before),
                           pl.lit(ARROW), stage),
        came_from=pl.when(~first_one).then(pl.col("where").shift()),
        travel=moved,
        stay=pl.when(moved.is_null()).then("hours"),
        distance=pl.when(moved.is_not_null()).then(pl.col("km").fill_nan(None)),
    )  # fmt: skip
    row = (pl.col("row").cast(pl.Int64) - begin).cast(pl.UInt32)
    return told.filter(pl.col("row") >= begin).with_columns(row=row)


def _products(codes: pl.Series) -> pl.DataFrame:
    parts = decompose(codes.unique())
    sound = pl.col("company_ok") & pl.col("product_ok")
    name = pl.concat_str("company", "product", separator=".")
    return parts.select(
        "epc_code", product=pl.when(sound).then(name).otherwise(pl.lit("unreadable"))
    )


def _rejected(events: Events, table: pl.DataFrame) -> pl.DataFrame:
    """Rejected rows, as of when the row before them came in."""
    if not len(events.rejects):
        return table.clear()
    rows = events.rejects.select(
        pl.col("row").fill_null(pl.lit(2**32 - 1, pl.UInt32)),
        feed=pl.col("file_id").cast(pl.String),
        rejected=pl.lit("rejected"),
    )
    times = table.select("row", "seen", "day").sort("row")
    return rows.sort("row").join_asof(times, on="row", strategy="nearest")
