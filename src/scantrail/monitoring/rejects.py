"""Whether more rows can't be read than usual, feed by feed.

On usual days hardly a row is unreadable, too few for a chi-square test. But of all unreadable rows,
usual and new, how many are new is binomial while nothing changes: that compares two rates exactly,
however rare (Przyborowski and Wilenski 1940, Biometrika 31).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from scantrail.monitoring.baseline import Reference
from scantrail.monitoring.signals import Signal, onset
from scantrail.monitoring.tails import binomial_tail
from scantrail.monitoring.views import REJECTED

Floats = npt.NDArray[np.float64]

READ: Final = "read"
_HALF: Final = 0.5  # a row, so that no share is zero


def reject_signals(
    usual: Mapping[str, Reference],
    counted: Mapping[str, Floats],
    read: int,
    days: list[Any],
    bearable: tuple[float, float],
) -> Iterator[Signal]:
    """Whether more rows can't be read than usual, in the whole chain and feed by feed.

    Args:
        usual: Rows by class, and how many are worth one independent one.
        counted: Rows by day and class, (days, classes).
        read: The class of rows that were read; all others were rejected.
        days: On which days.
        bearable: Factor on the usual share, and by how much the share may rise.
    """
    for place, counts in counted.items():
        known = usual.get(place)
        if known:
            old = np.array(known.counts, float)
            rows = counts.sum(axis=1)
            pair = (old.sum() - old[read], old.sum()), (rows - counts[:, read], rows)
            yield _signal(place, *pair, known.design, days, bearable)


def _signal(
    place: str,
    old: tuple[float, float],
    new: tuple[Floats, Floats],
    design: float,
    days: list[Any],
    bearable: tuple[float, float],
) -> Signal:
    bad, rows = new
    usual = old[0] / old[1]
    odd = int(np.argmax(bad - rows * usual))  # one bad day is no trend
    rest, of = float(bad.sum() - bad[odd]), float(rows.sum() - rows[odd])
    share, now = rest / max(of, 1.0), float(bad.sum() / max(rows.sum(), 1.0))
    ratio = share / max(usual, _HALF / old[1])
    return Signal(
        check="drift",
        view=REJECTED.name,
        place=place,
        since=days[onset((bad - rows * (usual + now) / 2).tolist())],
        p=binomial_tail(rest / design, (old[0] + rest) / design, of / (old[1] + of)),
        effect={"ratio": ratio, "share": share},
        strength=max(min(ratio / bearable[0], (share - usual) / bearable[1]), 0.0),
        what=f"rows that can't be read: {usual:.1%} → {now:.1%}",
    )
