"""What was told for what: kinds labelled against kinds told, and the worst errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from scantrail.evaluation.items import MAIN, NO_SCORE, Judged

SILENT: Final = "no alert"
UNNAMED: Final = "no kind"  # above the threshold, but below what makes a verdict name a kind
HONEST: Final = "not labelled"
_SHOWN_SCANS: Final = 30  # of one journey


@dataclass(frozen=True, slots=True)
class Mistake:
    """An item that was missed, or alerted without a label.

    `scans`, `more`: see `journey_of`.
    """

    epc_code: str
    missed: bool
    kind: str | None
    told: str | None
    score: float
    scans: pl.DataFrame
    more: int


def _told(given: Judged) -> pl.DataFrame:
    """Per item the kind that its highest scan's verdict tells: `item`, `told`."""
    top = given.scans.sort(MAIN, descending=True, nulls_last=True, maintain_order=True)
    return top.unique("item", keep="first", maintain_order=True).select("item", "told")


def confusion(given: Judged, threshold: float) -> pl.DataFrame:
    """Per kind labelled, how many items were told to be of which kind.

    An item is told to be what the verdict on its highest scan says, if that scan is above the
    threshold.

    Returns:
        `kind` ("not labelled" last), then a UInt32 column per kind told, "no alert" last.
    """
    items = given.items.join(_told(given), on="item", how="left", maintain_order="left")
    told = pl.col("told").cast(pl.String).fill_null(UNNAMED)
    table = items.select(
        kind=pl.col("kind").fill_null(HONEST),
        told=pl.when(pl.col(MAIN) > threshold).then(told).otherwise(pl.lit(SILENT)),
    )
    kinds = [*sorted(set(table["kind"]) - {HONEST}), HONEST]
    columns = [*sorted(set(table["told"]) - {SILENT, UNNAMED})]
    columns += [name for name in (UNNAMED, SILENT) if name in set(table["told"])]
    wide = table.group_by("kind").agg(
        (pl.col("told") == name).sum().cast(pl.UInt32).alias(name) for name in columns
    )
    order = pl.DataFrame({"kind": [kind for kind in kinds if kind in set(table["kind"])]})
    return order.join(wide, on="kind", maintain_order="left")


def worst(given: Judged, threshold: float, most: int = 6, per_kind: int = 2) -> list[Mistake]:
    """The worst errors: labelled items that scored lowest, others that scored highest.

    Args:
        given: Verdicts beside labels.
        threshold: What alerts must pass.
        most: How many misses, and how many false alarms.
        per_kind: At most so many of a kind (labelled, or told), so that one doesn't fill the list.
    """
    items = given.items.join(_told(given), on="item", how="left", maintain_order="left")
    missed = items.filter(pl.col("kind").is_not_null() & (pl.col(MAIN) <= threshold))
    false = items.filter(pl.col("kind").is_null() & (pl.col(MAIN) > threshold))
    found = [
        *_few(missed.sort(MAIN, maintain_order=True), "kind", most, per_kind),
        *_few(false.sort(MAIN, descending=True, maintain_order=True), "told", most, per_kind),
    ]
    return [_mistake(given, row) for row in found]


def _few(items: pl.DataFrame, by: str, most: int, per_kind: int) -> list[dict[str, Any]]:
    few = items.filter(pl.int_range(pl.len()).over(by) < per_kind)
    return few.head(most).to_dicts()


def journey_of(given: Judged, epc_code: str | None) -> tuple[pl.DataFrame, int]:
    """An item's scans in order of time (of the verdicts, if no log is known), 30 at most.

    They are those around its first labelled, or else its highest scan.

    Returns:
        The scans, and how many more there are.
    """
    scans = given.scans.filter(pl.col("epc_code").eq_missing(pl.lit(epc_code)))
    if given.timed:
        scans = scans.sort("time", maintain_order=True)
    labelled = scans["kind"].is_not_null()
    centre = labelled.arg_max() if labelled.any() else scans[MAIN].fill_null(NO_SCORE).arg_max()
    begin = max(0, min((centre or 0) - _SHOWN_SCANS // 2, len(scans) - _SHOWN_SCANS))
    return scans[begin : begin + _SHOWN_SCANS], max(0, len(scans) - _SHOWN_SCANS)


def _mistake(given: Judged, item: dict[str, Any]) -> Mistake:
    scans, more = journey_of(given, item["epc_code"])
    return Mistake(
        epc_code=item["epc_code"] or "",
        missed=item["kind"] is not None,
        kind=item["kind"],
        told=item["told"],
        score=item[MAIN],
        scans=scans,
        more=more,
    )
