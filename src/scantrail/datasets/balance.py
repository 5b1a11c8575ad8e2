"""Balanced sets to measure the LSTM and the one-class SVM on, drawn from what is labelled.

Half of a set is anomalous, every kind alike as far as there is enough of it; the other half is
honest and matched, so that length, season or step of a journey give nothing away. Sets name items
and events of the dataset and take nothing out of it: a scan is judged in its company, so whoever
measures must score the whole dataset and look at the set's rows.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from scantrail.datasets.labels import HONEST
from scantrail.datasets.manifest import Balance
from scantrail.errors import DatasetError

#: What the LSTM's set holds: items, each by the event that is labelled, or its last.
JOURNEYS: Final = "lstm"
#: What the one-class SVM's set holds: single events.
SCANS: Final = "svm"

#: One row per member: `event` is a place in the dataset; `kind` is null for honest members.
SETS: Final = pl.Schema(
    {
        "set": pl.String(),
        "epc_code": pl.String(),
        "event": pl.UInt32(),
        "kind": pl.String(),
    }
)

_LONGEST: Final = 12  # events; longer journeys are matched as one
_LEAST: Final = 10  # members of a class; fewer measure nothing


def balanced(events: pl.DataFrame, labels: pl.DataFrame, wanted: Balance) -> pl.DataFrame:
    """Draw both sets.

    If any event is labelled as honest, somebody has looked, and only such items count as honest;
    else those without any label do.

    Args:
        events: `epc_code`, `time`, `event_type` of every event, in the dataset's order.
        labels: `labels.LABELS`.
        wanted: How many, and the seed.

    Returns:
        `SETS`, the sets one after the other, each in the dataset's order.

    Raises:
        DatasetError: There are too few labelled or too few honest items.
    """
    table = _table(events, labels)
    rng = np.random.default_rng(wanted.seed)
    sets = []
    for name in (JOURNEYS, SCANS):
        members = _journeys(table) if name == JOURNEYS else _scans(table, rng)
        odd = members.filter(pl.col("kind").is_not_null())
        honest = members.filter(pl.col("kind").is_null())
        _refuse_one_class(odd, honest)
        drawn = _per_kind(odd, wanted.per_kind, rng)
        matched = _matched(drawn, honest, rng)
        both = pl.concat([drawn.head(len(matched)), matched])
        named = both.with_columns(set=pl.lit(name)).select(SETS.names()).cast(SETS)
        sets.append(named.sort("event", "kind"))
    return pl.concat(sets)


def _table(events: pl.DataFrame, labels: pl.DataFrame) -> pl.DataFrame:
    """One row per event: its label, whether its item is honest, length and week of its journey."""
    rows = events.select("epc_code", "time", "event_type").with_row_index("event")
    table = rows.join(labels.select("event", "kind"), on="event", how="left").sort("event")
    looked = (labels["kind"] == HONEST).any()
    item_kind = pl.col("kind").drop_nulls()
    anomalous = (item_kind != HONEST).any()
    vouched = (item_kind == HONEST).any() if looked else pl.lit(value=True)
    return table.with_columns(
        anomalous=anomalous.over("epc_code"),
        honest=(vouched & ~anomalous).over("epc_code"),
        length=pl.len().over("epc_code").clip(upper_bound=_LONGEST),
        week=pl.col("time").min().over("epc_code").dt.truncate("1w"),
    )


def _journeys(table: pl.DataFrame) -> pl.DataFrame:
    """One row per item: an anomalous one by its first labelled event, an honest by its last."""
    odd = table.filter((pl.col("kind") != HONEST).fill_null(value=False))
    first = odd.unique("epc_code", keep="first", maintain_order=True)
    last = table.filter("honest").unique("epc_code", keep="last", maintain_order=True)
    both = pl.concat([first, last.with_columns(kind=pl.lit(None, pl.String))])
    return both.select("event", "epc_code", "kind", like="length", when="week")


def _scans(table: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """One row per labelled event, any one of an item and kind, and per event of honest items."""
    odd = table.filter((pl.col("kind") != HONEST).fill_null(value=False))
    any_one = odd[rng.permutation(len(odd))].unique(
        ["epc_code", "kind"], keep="first", maintain_order=True
    )
    rest = table.filter("honest").with_columns(kind=pl.lit(None, pl.String))
    both = pl.concat([any_one, rest])
    return both.select("event", "epc_code", "kind", like=pl.col("event_type"), when="week")


def _refuse_one_class(odd: pl.DataFrame, honest: pl.DataFrame) -> None:
    for members, what, cure in (
        (odd, "labelled as anomalous", "give --labels with more of them"),
        (honest, "known to be honest", "give --labels of a part of the log only, or a longer log"),
    ):
        if len(members) < _LEAST:
            raise DatasetError(
                f"only {len(members)} are {what}; a balanced set needs at least {_LEAST} of each "
                f"class: {cure}"
            )


def _per_kind(odd: pl.DataFrame, most: int, rng: np.random.Generator) -> pl.DataFrame:
    """At most so many of each kind, in random order."""
    shuffled = odd.sort("event")[rng.permutation(len(odd))]
    nth = pl.int_range(pl.len()).over("kind")
    # kind by kind in turn, so that a set cut short loses all kinds alike
    return shuffled.filter(nth < most).sort(nth, maintain_order=True)


def _matched(drawn: pl.DataFrame, honest: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """As many honest ones: alike and of the same week, else alike, else any."""
    left = honest.sort("event")[rng.permutation(len(honest))]
    needed, chosen = drawn, []
    for keys in (["like", "when"], ["like"], []):
        nth = pl.int_range(pl.len())
        one = pl.lit(0, pl.Int8).alias("one")
        over = [*keys, "one"]
        wanted = needed.with_columns(one).with_columns(nth=nth.over(over))
        offered = left.with_columns(one).with_columns(nth=nth.over(over))
        pair = [*over, "nth"]
        taken = offered.join(wanted, on=pair, how="semi", nulls_equal=True)
        needed = wanted.join(offered, on=pair, how="anti", nulls_equal=True)
        chosen.append(taken.select(honest.columns))
        left = left.join(taken, on="event", how="anti")
        needed = needed.select(drawn.columns)
    return pl.concat(chosen)
