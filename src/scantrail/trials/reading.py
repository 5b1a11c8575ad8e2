"""What a trial teaches so far: how often versions agree, how often they alert, who is right."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

import polars as pl

from scantrail.errors import InputError
from scantrail.trials.assignment import Split, split_of
from scantrail.trials.sequential import Reading, Tally, compare

_UNFAIR: Final = 0.001  # a split less likely than this is no accident


class Outcome(StrEnum):
    """What the precision of both arms allows to say."""

    BETTER = "the challenger is more precise"
    WORSE = "the challenger is less precise"
    OPEN = "cannot tell yet"
    BROKEN = "the split is broken: items are missing from one arm"


class Agreement(NamedTuple):
    """Two versions on the same items: how many are suspect to which.

    `kappa`: Cohen's: agreement beyond what their alert rates alone would give; NaN where both say
    the same of everything.
    """

    both: int
    champion: int
    challenger: int
    neither: int
    kappa: float

    @property
    def agreed(self) -> float:
        """Share of the items on which both say the same."""
        total = sum(self[:4])
        return (self.both + self.neither) / total if total else math.nan


@dataclass(frozen=True, slots=True)
class Arm:
    """One version's part: its scans and items, items alerted, and what people said of these."""

    scans: int
    items: int
    alerts: int
    feedback: Tally

    @property
    def per_10k(self) -> float:
        """Alerts per 10,000 scans; NaN without scans."""
        return self.alerts / self.scans * 10_000 if self.scans else math.nan


@dataclass(frozen=True, slots=True)
class Trial:
    """A trial so far; may be read at any time, as often as one likes.

    `alerts`: share of items alerted, challenger less champion. `precision`: share of alerts that
    people confirmed, likewise.
    """

    split: Split
    champion: Arm
    challenger: Arm
    alerts: Reading
    precision: Reading
    outcome: Outcome


def agreement(champion: pl.DataFrame, challenger: pl.DataFrame) -> Agreement:
    """How far two versions agree on the items of the same scans, as when one is in the shadow.

    Args:
        champion: Verdicts: `epc_code`, `anomaly`.
        challenger: Verdicts on the same scans in the same order.

    Raises:
        InputError: They are about other scans.
    """
    if not champion["epc_code"].equals(challenger["epc_code"], null_equal=True):
        raise InputError(
            f"the versions judged other scans ({len(champion):,} against {len(challenger):,}); in "
            "the shadow both judge all of them"
        )
    items = (
        pl.DataFrame([champion["epc_code"], champion["anomaly"].alias("a"),
                      challenger["anomaly"].alias("b")])
        .group_by("epc_code").agg(pl.col("a").any(), pl.col("b").any())
    )  # fmt: skip
    return agreement_of(items["a"], items["b"])


def agreement_of(a: pl.Series, b: pl.Series) -> Agreement:
    """The same by items: whether each is suspect to the champion (`a`), to the challenger (`b`)."""
    items = pl.DataFrame({"a": a, "b": b})
    both, one, other = (
        int(items.select(each.sum()).item())
        for each in (pl.col("a") & pl.col("b"), pl.col("a") & ~pl.col("b"),
                     ~pl.col("a") & pl.col("b"))
    )  # fmt: skip
    neither = len(items) - both - one - other
    return Agreement(both, one, other, neither, _kappa(both, one, other, neither))


def _kappa(both: int, one: int, other: int, neither: int) -> float:
    total = both + one + other + neither
    if not total:
        return math.nan
    a, b = (both + one) / total, (both + other) / total
    chance = a * b + (1 - a) * (1 - b)
    return ((both + neither) / total - chance) / (1 - chance) if chance < 1 else math.nan


def read_trial(
    verdicts: pl.DataFrame, feedback: pl.DataFrame, share: float, level: float = 0.95
) -> Trial:
    """Read a trial.

    Args:
        verdicts: A row a scan: `epc_code`, `anomaly`, `challenger` (whether it judged).
        feedback: What people said of alerted items: `epc_code`, `confirmed`; of several rows on
            one item the last counts.
        share: The challenger's share of items, as it was meant.
        level: Of each statement, over all times at which it is read.

    Raises:
        InputError: An item was judged by both versions.
    """
    split_of(verdicts["epc_code"], verdicts["challenger"], share)  # no item on both sides
    items = verdicts.group_by("epc_code").agg(
        pl.col("challenger").first(), alerted=pl.col("anomaly").any(), scans=pl.len()
    )
    return read_items(items, feedback, share, level)


def read_items(
    items: pl.DataFrame, feedback: pl.DataFrame, share: float, level: float = 0.95
) -> Trial:
    """The same by a row an item: `epc_code`, `challenger`, `alerted`, `scans`."""
    split = split_of(items["epc_code"], items["challenger"], share)
    said = feedback.select("epc_code", "confirmed").unique("epc_code", keep="last")
    items = items.join(said, on="epc_code", how="left")
    champion, challenger = (
        _arm(items.filter(pl.col("challenger") == arm)) for arm in (False, True)
    )
    alerted = [Tally(arm.alerts, arm.items - arm.alerts) for arm in (champion, challenger)]
    alerts = compare(alerted[0], alerted[1], level)
    precision = compare(champion.feedback, challenger.feedback, level)
    return Trial(split, champion, challenger, alerts, precision, _outcome(split, precision))


def _arm(items: pl.DataFrame) -> Arm:
    alerted = items.filter("alerted")
    confirmed = alerted["confirmed"].drop_nulls()
    yes = int(confirmed.sum())
    return Arm(int(items["scans"].sum()), len(items), len(alerted),
               Tally(yes, len(confirmed) - yes))  # fmt: skip


def _outcome(split: Split, precision: Reading) -> Outcome:
    if split.p < _UNFAIR:
        return Outcome.BROKEN
    if precision.low > 0:
        return Outcome.BETTER
    return Outcome.WORSE if precision.high < 0 else Outcome.OPEN
