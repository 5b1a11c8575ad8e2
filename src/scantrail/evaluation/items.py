"""Verdicts and labels side by side: a row a scan, and a row an item, told apart by its code."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from scantrail.errors import InputError
from scantrail.ingest.lots import lots

#: Scores that verdicts may have, and what people call the judge behind each.
JUDGES: Final = {
    "finalConfidence": "all together",
    "rules": "rules",
    "mlCombinedScore": "models",
    "lstmSequenceScore": "LSTM",
    "svmOutlierScore": "one-class SVM",
}
MAIN: Final = "finalConfidence"
RULES: Final = "rules"
#: Groups of labelled items that sum up several kinds.
SUMS: Final = ("all", "rule-visible", "rule-invisible")
NO_SCORE: Final = -1.0  # of an item that a judge couldn't say anything of: below all that has one
_LEARNED: Final = ("lstmSequenceScore", "svmOutlierScore", "mlCombinedScore")
#: What a log tells of a scan.
SEEN: Final = ("time", "offset", "location_id", "scan_location", "business_step", "event_type")
_SAID: Final = ("explanation", "expected", "cause")


@dataclass(frozen=True, slots=True)
class Judged:
    """Verdicts and labels of one log.

    Attributes:
        scans: A row a scan, in the order of the verdicts: `item` (its row in `items`), `event_id`,
            `epc_code`, a Float64 column per judge, `kind` (as labelled, else null), `told` (the
            verdict's kind), `anomaly`, the verdict's words, and of the log, if given, `time` (UTC),
            `offset` (minutes), place and step.
        items: A row an item, by first scan: `epc_code`, each judge's highest score (-1: none),
            `kind` (null: not labelled), `rule_visible` if known, `scans`, `lot`, and with the log
            `day` (of its first labelled, else of its last scan, by the clock at the site).
        judges: The judges there are.
    """

    scans: pl.DataFrame
    items: pl.DataFrame
    judges: tuple[str, ...]

    @property
    def timed(self) -> bool:
        """Whether the log is known."""
        return "time" in self.scans.columns

    @property
    def labelled(self) -> npt.NDArray[np.bool_]:
        """Per item, whether it is labelled."""
        return self.items["kind"].is_not_null().to_numpy()

    def scores(self, judge: str = MAIN) -> npt.NDArray[np.float64]:
        """Per item, a judge's highest score."""
        return self.items[judge].to_numpy()

    def groups(self) -> dict[str, npt.NDArray[np.bool_]]:
        """Per item, whether it belongs to a group: all that are labelled, sums, kinds."""
        kind = self.items["kind"]
        members = {"all": self.labelled}
        if "rule_visible" in self.items.columns:
            visible = self.items["rule_visible"]
            members["rule-visible"] = visible.fill_null(value=False).to_numpy()
            members["rule-invisible"] = (~visible).fill_null(value=False).to_numpy()
        for name in sorted(kind.drop_nulls().unique().to_list()):
            members[name] = (kind == name).fill_null(value=False).to_numpy()
        return members

    def only(self, codes: pl.Series) -> Judged:
        """The same of some items."""
        scans = self.scans.filter(pl.col("epc_code").is_in(codes.implode())).drop("item")
        return _judged(scans, self.judges)

    def check(self) -> None:
        """Refuse items that nothing can be measured by.

        Raises:
            InputError: None of them is labelled, or all are.
        """
        labelled = int(self.labelled.sum())
        if labelled in {0, len(self.items)}:
            missing = "false alerts" if labelled else "what is found"
            raise InputError(
                f"{labelled:,} of the {len(self.items):,} items are labelled, so {missing} can't "
                "be counted; measure by both"
            )


def judged(
    verdicts: pl.DataFrame,
    labels: pl.DataFrame,
    events: pl.DataFrame | None = None,
    also: Collection[str] = (),
) -> Judged:
    """Put verdicts and labels side by side.

    Args:
        verdicts: As `read_verdicts` gives them, or `Report.verdicts`.
        labels: As `read_labels` gives them.
        events: The log that was judged (`vocabulary.events.EVENTS`), if times and places matter.
        also: Further columns of scores.

    Raises:
        InputError: Labels name events that no verdict is about, or there are none; or the verdicts
            are of another log.
    """
    known = pl.col("event_id").cast(pl.String)
    told = labels.select(known, "kind", *(["rule_visible"] if "rule_visible" in labels else []))
    _refuse(verdicts.select(known), told)
    told = told.unique("event_id", keep="first", maintain_order=True)
    scans = beside(verdicts, events) if events is not None else verdicts
    rules = [name for name in verdicts.columns if name.endswith("Score") and name not in _LEARNED]
    if rules:
        scans = scans.with_columns(pl.max_horizontal(rules).alias(RULES))
    judges = tuple(name for name in (*JUDGES, *also) if name in scans.columns)
    words = [name for name in _SAID if name in scans.columns]
    said = pl.col("kind").alias("told") if "kind" in scans.columns else pl.lit(None).alias("told")
    seen = SEEN if events is not None else ()
    flag = pl.col("anomaly") if "anomaly" in scans.columns else pl.lit(None, pl.Boolean)
    scans = scans.select(
        known, pl.col("epc_code").cast(pl.String), pl.col(judges).cast(pl.Float64), said,
        flag.alias("anomaly"), *words, *seen,
    ).join(told, on="event_id", how="left", maintain_order="left")  # fmt: skip
    return _judged(scans, judges)


def beside(verdicts: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """Verdicts with what the log tells of each scan (`SEEN`).

    Raises:
        InputError: They are of another log.
    """
    codes = events["epc_code"]
    if not verdicts["epc_code"].cast(pl.String).equals(codes, null_equal=True):
        raise InputError(
            f"the {len(verdicts):,} verdicts are not of this log, which has {len(events):,} "
            "readable events; name the log that detect judged, whole and in the same order"
        )
    # columns in pieces that differ make Polars 2.1 panic once rows of them are filtered
    return verdicts.hstack(events.select(SEEN)).rechunk()


def _judged(scans: pl.DataFrame, judges: tuple[str, ...]) -> Judged:
    facts = [name for name in ("kind", "rule_visible") if name in scans.columns]
    days = [_day_of_item()] if "time" in scans.columns else []
    items = scans.group_by("epc_code", maintain_order=True).agg(
        pl.col(judges).fill_nan(None).max().fill_null(NO_SCORE),
        *(pl.col(name).drop_nulls().first() for name in facts),
        pl.len().alias("scans"),
        *days,
    )
    items = items.with_columns(lot=pl.Series(lots(items["epc_code"]))).with_row_index("item")
    scans = scans.join(
        items.select("item", "epc_code"), on="epc_code", how="left", nulls_equal=True,
        maintain_order="left",
    )  # fmt: skip
    return Judged(scans, items, judges)


def local_day() -> pl.Expr:
    """The date of a scan by the clock at its site."""
    return (pl.col("time") + pl.duration(minutes=pl.col("offset").cast(pl.Int64))).dt.date()


def _day_of_item() -> pl.Expr:
    """The day of an item's first labelled scan; of its last, if none is."""
    labelled = local_day().filter(pl.col("kind").is_not_null()).min()
    return labelled.fill_null(local_day().max()).alias("day")


def _refuse(scans: pl.DataFrame, told: pl.DataFrame) -> None:
    """What nothing can be measured by."""
    unknown = told.join(scans, on="event_id", how="anti")
    if len(unknown):
        raise InputError(
            f"{len(unknown)} labelled events have no verdict, the first has the event_id "
            f"{unknown['event_id'][0]!r}; are these labels of another log?"
        )
    if not len(told):
        raise InputError("there are no labels; without any, nothing can be measured")
