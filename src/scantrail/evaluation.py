"""How good are verdicts, against labels? What is found at a bearable number of false alerts.

An alert is an item whose highest score passes the threshold; the threshold is the one at which
unlabelled items raise at most so many alerts per 10,000 scans. Items are told apart by their code
as written.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from scantrail.errors import InputError

Floats = npt.NDArray[np.float64]

#: Scores that verdicts may have, and what people call the judge behind each.
JUDGES: Final = {
    "finalConfidence": "all together",
    "rules": "rules",
    "mlCombinedScore": "models",
    "lstmSequenceScore": "LSTM",
    "svmOutlierScore": "one-class SVM",
}
_RULES: Final = "rules"
_LEARNED: Final = ("lstmSequenceScore", "svmOutlierScore", "mlCombinedScore")
_ROUNDS: Final = 1000  # of the bootstrap
_SEED: Final = 0


@dataclass(frozen=True, slots=True)
class Found:
    """What one judge found.

    Attributes:
        threshold: The score that alerts must pass.
        recall: Kind to the share of its items that were found; "all", "rule-visible" and
            "rule-invisible" sum up.
        false_alerts: Unlabelled items above the threshold.
        roc_auc: Of items, labelled against not.
        pr_auc: Average precision of items.
    """

    threshold: float
    recall: dict[str, float]
    false_alerts: int
    roc_auc: float
    pr_auc: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Everything that `evaluate` measured.

    `items`: items per kind, and "all", "rule-visible", "rule-invisible". `gain`: times as many
    anomalous items as the rules find at the same budget, with its 95 % bootstrap interval.
    """

    scans: int
    honest: int
    items: dict[str, int]
    prevalence: float
    per_10k: float
    found: dict[str, Found]
    gain: tuple[float, float, float] | None


def read_verdicts(path: Path) -> pl.DataFrame:
    """Verdicts as `detect` writes them (`.parquet`, `.csv`, `.json`, `.jsonl`).

    Raises:
        InputError: The file can't be read, or lacks columns.
    """
    readers = {".parquet": pl.read_parquet, ".csv": pl.read_csv, ".json": pl.read_json,
               ".jsonl": pl.read_ndjson}  # fmt: skip
    frame = _read(path, readers.get(path.suffix.lower(), pl.read_csv))
    return _having(frame, path, ("event_id", "epc_code", "finalConfidence"))


def read_labels(path: Path) -> pl.DataFrame:
    """Labels: `event_id`, `epc_code`, `kind`, and `rule_visible` if there.

    Raises:
        InputError: The file can't be read, or lacks columns.
    """
    return _having(_read(path, pl.read_csv), path, ("event_id", "epc_code", "kind"))


def _read(path: Path, reader: Any) -> pl.DataFrame:
    try:
        frame = reader(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InputError(f"{path} can't be read: {str(error).splitlines()[0]}") from error
    assert isinstance(frame, pl.DataFrame)
    return frame


def _having(frame: pl.DataFrame, path: Path, columns: tuple[str, ...]) -> pl.DataFrame:
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise InputError(
            f"{path} lacks the column {missing[0]!r}; expected at least {', '.join(columns)}"
        )
    return frame


def evaluate(
    verdicts: pl.DataFrame,
    labels: pl.DataFrame,
    per_10k: float = 3.0,
    also: Collection[str] = (),
) -> Evaluation:
    """Measure verdicts against labels at `per_10k` false alerts per 10,000 scans.

    Args:
        verdicts: As `read_verdicts` gives them.
        labels: As `read_labels` gives them.
        per_10k: False alerts that are bearable.
        also: Further columns of scores, to compare with.

    Raises:
        InputError: Labels name events that no verdict is about, or none are left.
    """
    known = pl.col("event_id").cast(pl.String)
    told = labels.select(known, "kind", *(["rule_visible"] if "rule_visible" in labels else []))
    _refuse(verdicts.select(known), told, per_10k)
    judges = [*JUDGES, *also]
    items = _per_item(verdicts.with_columns(known), told, judges)
    labelled = items["kind"].is_not_null().to_numpy()
    members = _members(items)
    budget = int(per_10k * len(verdicts) / 10_000)
    found = {
        name: _found(items[name].to_numpy(), labelled, members, budget)
        for name in judges
        if name in items.columns
    }
    return Evaluation(
        scans=len(verdicts),
        honest=int((~labelled).sum()),
        items={name: int(member.sum()) for name, member in members.items()},
        prevalence=float(labelled.mean()),
        per_10k=per_10k,
        found=found,
        gain=_gain(items, labelled, budget) if _RULES in found else None,
    )


def _refuse(judged: pl.DataFrame, told: pl.DataFrame, per_10k: float) -> None:
    """What nothing can be measured by."""
    if not per_10k >= 0:
        raise InputError(f"{per_10k} false alerts per 10,000 scans can't be; give 0 or more")
    unknown = told.join(judged, on="event_id", how="anti")
    if len(unknown):
        raise InputError(
            f"{len(unknown)} labelled events have no verdict, the first has the event_id "
            f"{unknown['event_id'][0]!r}; are these labels of another log?"
        )
    if not len(told):
        raise InputError("there are no labels; without any, nothing can be measured")


def _per_item(verdicts: pl.DataFrame, told: pl.DataFrame, judges: list[str]) -> pl.DataFrame:
    """One row per item: the highest score of each judge, its kind (null: unlabelled)."""
    rules = [name for name in verdicts.columns if name.endswith("Score") and name not in _LEARNED]
    judged = verdicts.with_columns(pl.max_horizontal(rules).alias(_RULES)) if rules else verdicts
    scores = [name for name in judges if name in judged.columns]
    facts = [name for name in ("kind", "rule_visible") if name in told.columns]
    return (
        judged.select("event_id", "epc_code", *scores)
        .join(told, on="event_id", how="left")
        .group_by("epc_code", maintain_order=True)
        .agg(
            pl.col(scores).max().fill_null(-1.0),
            *(pl.col(name).drop_nulls().first() for name in facts),
        )
    )


def _members(items: pl.DataFrame) -> dict[str, npt.NDArray[np.bool_]]:
    kind = items["kind"]
    members = {"all": kind.is_not_null().to_numpy()}
    if "rule_visible" in items.columns:
        visible = items["rule_visible"]
        members["rule-visible"] = (visible.fill_null(value=False)).to_numpy()
        members["rule-invisible"] = (~visible).fill_null(value=False).to_numpy()
    for name in sorted(kind.drop_nulls().unique().to_list()):
        members[name] = (kind == name).fill_null(value=False).to_numpy()
    return members


def _found(
    score: Floats,
    labelled: npt.NDArray[np.bool_],
    members: dict[str, npt.NDArray[np.bool_]],
    budget: int,
) -> Found:
    threshold = _threshold(score[~labelled], budget)
    return Found(
        threshold=threshold,
        recall={
            name: float((score[member] > threshold).mean()) if member.any() else float("nan")
            for name, member in members.items()
        },
        false_alerts=int((score[~labelled] > threshold).sum()),
        roc_auc=roc_auc(score, labelled),
        pr_auc=average_precision(score, labelled),
    )


def _threshold(honest: Floats, budget: int) -> float:
    """The lowest score that at most `budget` honest items pass."""
    if budget >= len(honest):
        return -np.inf
    return float(np.sort(honest)[::-1][budget])


def roc_auc(score: Floats, positive: npt.NDArray[np.bool_]) -> float:
    """Area under the ROC curve: the chance that a positive scores above a negative, ties half.

    >>> roc_auc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True]))
    0.75
    """
    many, others = int(positive.sum()), int((~positive).sum())
    if not many or not others:
        return float("nan")
    below = np.sort(score[~positive])
    mine = score[positive]
    wins = np.searchsorted(below, mine, "left") + np.searchsorted(below, mine, "right")
    return float(wins.sum() / (2 * many * others))


def average_precision(score: Floats, positive: npt.NDArray[np.bool_]) -> float:
    """Area under the precision-recall curve, as a step function; equal scores count at once.

    >>> round(average_precision(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1]) > 0), 4)
    0.8333
    """
    if not positive.any():
        return float("nan")
    levels, place = np.unique(-score, return_inverse=True)
    hits = np.bincount(place, positive, minlength=len(levels))
    seen = np.cumsum(np.bincount(place, minlength=len(levels)))
    return float((hits * np.cumsum(hits) / seen).sum() / positive.sum())


def _gain(
    items: pl.DataFrame, labelled: npt.NDArray[np.bool_], budget: int
) -> tuple[float, float, float]:
    """Anomalous items found by all over those found by rules, 95 % interval over the items."""
    both = [items[name].to_numpy() for name in ("finalConfidence", _RULES)]
    ours, rules = (
        (score > _threshold(score[~labelled], budget))[labelled].astype(float) for score in both
    )
    rng = np.random.default_rng(_SEED)
    draws = rng.integers(0, len(ours), (_ROUNDS, len(ours)))
    ratios = ours[draws].sum(axis=1) / np.maximum(rules[draws].sum(axis=1), 1.0)
    low, high = np.quantile(ratios, [0.025, 0.975])
    return float(ours.sum() / max(rules.sum(), 1.0)), float(low), float(high)
