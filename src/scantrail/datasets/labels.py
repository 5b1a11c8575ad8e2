"""Which events are known to be odd, or known to be honest; labels that fit no event are refused."""

from __future__ import annotations

from typing import Final

import polars as pl

from scantrail.errors import DatasetError

#: The kind of events that somebody has looked at and found in order.
HONEST: Final = "honest"
#: Other words for it in files of labels.
_IN_ORDER: Final = ("", "normal", "none", "dismissed")
#: A label: the event's place in the dataset, and what it is.
LABELS: Final = pl.Schema({"event": pl.UInt32(), "kind": pl.String(), "rule_visible": pl.Boolean()})
_KEY: Final = ["event_id", "epc_code"]
_FACTS: Final = ["kind", "rule_visible"]


def labelled(
    frame: pl.DataFrame, labels: pl.DataFrame | None, rejects: pl.DataFrame
) -> tuple[pl.DataFrame, int]:
    """Events with their label's `kind` and `rule_visible`, null where there is none.

    A label of a row that could not be read is left out and counted.

    Args:
        frame: Events; `kind` and `rule_visible` may be there already, and yield to new labels.
        labels: `event_id`, `epc_code`, `kind`, maybe `rule_visible`. None: there are none.
        rejects: Rows that could not be read.

    Returns:
        The same rows in the same order, and how many labels are of rejected rows.

    Raises:
        DatasetError: A label fits no event, or several, or two labels contradict each other.
    """
    if labels is None:
        return frame, 0
    told = _told(labels)
    key = frame.select(pl.col("event_id").cast(pl.String), "epc_code")
    lost = told.join(key, on=_KEY, how="anti")
    unread = lost.join(rejects.select("event_id"), on="event_id", how="semi")
    if len(lost) > len(unread):
        _refuse_unknown(lost.join(unread, on="event_id", how="anti"), len(frame))
    _refuse_ambiguous(frame, key, told)
    joined = key.join(told, on=_KEY, how="left", maintain_order="left")
    return frame.with_columns(
        pl.coalesce(joined["kind"], "kind").alias("kind"),
        pl.when(joined["kind"].is_null())
        .then("rule_visible")
        .otherwise(joined["rule_visible"])
        .alias("rule_visible"),
    ), len(unread)


def _told(labels: pl.DataFrame) -> pl.DataFrame:
    """Labels in one form, one per event."""
    kind = pl.col("kind").cast(pl.String).fill_null("").str.strip_chars()
    visible = pl.col("rule_visible") if "rule_visible" in labels.columns else pl.lit(None)
    told = labels.select(
        pl.col("event_id").cast(pl.String),
        "epc_code",
        kind=pl.when(kind.is_in(_IN_ORDER)).then(pl.lit(HONEST)).otherwise(kind),
        rule_visible=visible.cast(pl.Boolean),
    ).unique(maintain_order=True)
    if told.select(pl.struct(_KEY).is_duplicated().any()).item():
        first = told.filter(pl.struct(_KEY).is_duplicated()).sort(_KEY)
        raise DatasetError(
            f"event {first['event_id'][0]!r} of {first['epc_code'][0]} is labelled both "
            f"{first['kind'][0]!r} and {first['kind'][1]!r}; keep one label an event"
        )
    return told


def _refuse_unknown(lost: pl.DataFrame, events: int) -> None:
    raise DatasetError(
        f"{len(lost):,} labels are about events that are none of these {events:,}, the first about "
        f"event {lost['event_id'][0]!r} of {lost['epc_code'][0]}; are they labels of another log?"
    )


def _refuse_ambiguous(frame: pl.DataFrame, key: pl.DataFrame, told: pl.DataFrame) -> None:
    """One label, several different scans: each log that counts its events from 1 does that."""
    scans = frame.select(pl.struct("time", "location_id", "event_type")).to_series()
    hits = key.with_columns(scan=scans).join(told, on=_KEY, how="semi")
    several = hits.group_by(_KEY, maintain_order=True).agg(pl.col("scan").n_unique())
    odd = several.filter(pl.col("scan") > 1)
    if len(odd):
        raise DatasetError(
            f"the label of event {odd['event_id'][0]!r} fits {odd['scan'][0]} different scans of "
            f"{odd['epc_code'][0]}; build a dataset of each log with its own labels, then one of "
            "these datasets"
        )
