"""From what people said of alerts to the alert score at which a budget of false ones holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from scantrail.errors import ConflictError

_LEAST_LOOKS: Final = 20
_LOWEST: Final = 50.0  # nobody has looked at what scores less
_STEP: Final = 0.5


class Point(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What is to be expected of an alert score, per 10,000 scans.

    `looks`: how many alerts with at least this score people have looked at.
    """

    alert_score: float
    alerts_rate: float
    false_rate: float
    looks: int


class Recommendation(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The lowest alert score that keeps the budget, beside the present one."""

    budget: float
    present: Point
    recommended: Point
    why: str


def recommend(
    counts: Mapping[str, int],
    scans: int,
    looks: Sequence[tuple[float, bool]],
    present: float,
    budget: float,
) -> Recommendation:
    """The lowest alert score at which learned detectors raise no more false alerts than wanted.

    Of alerts that nobody looked at, as many are taken for false as of those with as high a score
    that people looked at. What scores less than the present alert score nobody has seen: there,
    all are taken for false.

    Args:
        counts: Items by their highest `mlCombinedScore`, in half points (`charts.score_counts`).
        scans: Scans of these items.
        looks: For each item that people looked at: that score, and whether it was confirmed.
        present: The alert score now.
        budget: False alerts per 10,000 scans that are borne.

    Raises:
        ConflictError: Fewer than 20 looks, or no scans.
    """
    if len(looks) < _LEAST_LOOKS:
        raise ConflictError(
            f"people have looked at {len(looks)} alerts of learned detectors; at least "
            f"{_LEAST_LOOKS} are needed: confirm or dismiss some more"
        )
    if scans < 1:
        raise ConflictError("no scans were looked at yet; monitoring does so every midnight")
    steps = [_LOWEST + _STEP * i for i in range(int((100 - _LOWEST) / _STEP) + 1)]
    points = [_point(counts, scans, looks, present, score) for score in {*steps, present}]
    points.sort(key=lambda one: one.alert_score)
    kept = [one for one in points if one.false_rate <= budget]
    best = kept[0] if kept else points[-1]
    now = next(one for one in points if one.alert_score == present)
    return Recommendation(budget=budget, present=now, recommended=best, why=_why(now, best, budget))


def _point(
    counts: Mapping[str, int],
    scans: int,
    looks: Sequence[tuple[float, bool]],
    present: float,
    score: float,
) -> Point:
    alerts = sum(n for text, n in counts.items() if float(text) >= score)
    seen = max(score, present)  # what people could look at
    known = sum(n for text, n in counts.items() if float(text) >= seen)
    mine = [confirmed for at, confirmed in looks if at >= seen]
    share = (len(mine) - sum(mine) + 0.5) / (len(mine) + 1)  # Jeffreys: no looks, no opinion
    wrong = known * share + (alerts - known)
    return Point(
        alert_score=score,
        alerts_rate=round(1e4 * alerts / scans, 3),
        false_rate=round(1e4 * wrong / scans, 3),
        looks=len(mine),
    )


def _why(now: Point, best: Point, budget: float) -> str:
    if best.false_rate > budget:
        return f"no alert score keeps {budget:g} false alerts per 10,000 scans; the highest is told"
    if best.alert_score == now.alert_score:
        return f"the present alert score keeps {budget:g} false alerts per 10,000 scans"
    if best.alert_score > now.alert_score:
        return (
            f"about {now.false_rate:g} of {now.alerts_rate:g} alerts per 10,000 scans are "
            f"false, more than {budget:g}"
        )
    return (
        f"even if all that is alerted besides were false, it would be {best.false_rate:g} per "
        f"10,000 scans, no more than {budget:g}"
    )
