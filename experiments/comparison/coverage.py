"""Do intervals of a comparison hold what they promise? `python experiments/comparison/coverage.py`.

Two versions that are equally good overall, but each has its lots that it does better or worse: how
often is one called better or worse, by whole lots drawn again, by single items drawn again, and by
McNemar's test?
"""

from __future__ import annotations

import datetime as dt
from typing import Final

import numpy as np
import polars as pl

from scantrail.evaluation import Judged, judged
from scantrail.evaluation.blocks import Resampling
from scantrail.evaluation.comparison import Comparison, compare

SEED: Final = 3
WORLDS, LOTS, ITEMS, ANOMALOUS = 100, 40, 20, 10
RECALL: Final = 0.8
SPREADS: Final = (0.0, 0.2)
ROUNDS: Final = Resampling(200)


def main() -> None:
    """Print a Markdown table."""
    rng = np.random.default_rng(SEED)
    print("| spread of recall from lot to lot | whole lots | single items | McNemar |\n"
          "|---|---|---|---|")  # fmt: skip
    for spread in SPREADS:
        called = np.array([_calls(rng, spread) for _ in range(WORLDS)]).mean(axis=0)
        print(f"| {spread:g} | " + " | ".join(f"{share:.1%}" for share in called) + " |")


def _calls(rng: np.random.Generator, spread: float) -> tuple[bool, bool, bool]:
    """Whether a difference is called, by each way."""
    a, b = (_scores(rng, spread) for _ in range(2))
    whole = compare(_given(a, by_lot=True), _given(b, by_lot=True), resampling=ROUNDS)
    single = compare(_given(a, by_lot=False), _given(b, by_lot=False), resampling=ROUNDS)
    return _differs(whole), _differs(single), whole.mcnemar.p < 0.05


def _differs(told: Comparison) -> bool:
    return not told.main.difference.low <= 0 <= told.main.difference.high


def _scores(rng: np.random.Generator, spread: float) -> pl.Series:
    """Scores of a version whose recall differs from lot to lot."""
    recall = np.clip(RECALL + spread * rng.standard_normal((LOTS, 1)), 0, 1)
    found = rng.random((LOTS, ITEMS)) < recall
    anomalous = np.arange(ITEMS) < ANOMALOUS
    return pl.Series(np.where(anomalous, np.where(found, 90.0, 1.0), 10.0).ravel())


def _given(scores: pl.Series, *, by_lot: bool) -> Judged:
    """Such verdicts beside labels; every item a lot of its own if not by lot."""
    number = np.arange(LOTS * ITEMS)
    lot = number // ITEMS if by_lot else number
    day = dt.date(2025, 7, 1)
    codes = [f"001.8804823.1293291.{g:06}.{day:%Y%m%d}.{n:09}" for n, g in enumerate(lot)]
    ids = pl.Series("event_id", number)
    verdicts = pl.DataFrame([ids, pl.Series("epc_code", codes), scores.alias("finalConfidence")])
    labels = verdicts.filter(number % ITEMS < ANOMALOUS).with_columns(kind=pl.lit("jump"))
    return judged(verdicts, labels)


if __name__ == "__main__":
    main()
