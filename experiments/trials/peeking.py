"""Trials that somebody looks at all the time: `python experiments/trials/peeking.py`.

Two arms get an outcome each in turn, and after every five of each a person looks. How often is a
difference called, by the usual test and by the one of `scantrail.trials`, and when?
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from scantrail.trials.sequential import Tally, chance

Ints = npt.NDArray[np.int64]

SEED: Final = 5
CHAMPION: Final = 0.8
CHALLENGERS: Final = (0.8, 0.9, 0.95, 0.7, 0.6)
LOOKS, STEP = 100, 5
ALPHA, Z = 0.05, 1.96


def main() -> None:
    """Print a Markdown table."""
    rng = np.random.default_rng(SEED)
    print("| challenger's precision | usual test, one look at the end | usual test, every look | "
          "always-valid test | outcomes an arm until called, median (9 in 10) |\n"
          "|---|---|---|---|---|")  # fmt: skip
    for rate in CHALLENGERS:
        many = 2000 if rate == CHAMPION else 400
        a, b = (rng.binomial(STEP, p, (many, LOOKS)).cumsum(axis=1) for p in (CHAMPION, rate))
        usual = _usual(a, b)
        first = np.array([_first(*counts) for counts in zip(a, b, strict=True)])
        called = first[first > 0]
        when = (
            f"{np.median(called):.0f} ({np.quantile(called, 0.9):.0f})" if rate != CHAMPION else ""
        )
        print(f"| {rate:g} | {usual[:, -1].mean():.1%} | {usual.any(axis=1).mean():.1%} | "
              f"{(first > 0).mean():.1%} | {when} |")  # fmt: skip


def _usual(a: Ints, b: Ints) -> npt.NDArray[np.bool_]:
    """Whether the two-proportion z-test calls a difference at each look."""
    seen = STEP * np.arange(1, LOOKS + 1)
    pooled = (a + b) / (2 * seen)
    spread = np.sqrt(np.maximum(2 * pooled * (1 - pooled) / seen, 1e-12))
    return np.abs(a - b) / seen / spread > Z


def _first(a: Ints, b: Ints) -> int:
    """Outcomes an arm at the first look that calls a difference; 0 if none does."""
    for look, (yes_a, yes_b) in enumerate(zip(a.tolist(), b.tolist(), strict=True), start=1):
        seen = STEP * look
        if chance(Tally(yes_a, seen - yes_a), Tally(yes_b, seen - yes_b)) <= ALPHA:
            return seen
    return 0


if __name__ == "__main__":
    main()
