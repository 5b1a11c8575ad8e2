"""Figures as people say them, and what a comparison comes to, in a sentence."""

from __future__ import annotations

import math

from scantrail.evaluation.comparison import Comparison, Outcome


def sentence(told: Comparison) -> str:
    """The outcome, why, and what it rests on."""
    pair = told.main
    moved, low, high = (points(value) for value in pair.difference)
    margin = f"{told.margin * 100:g} points"
    said = {
        Outcome.BETTER: "B is better than A",
        Outcome.NOT_WORSE: f"B is not worse than A within {margin}",
        Outcome.WORSE: f"B is worse than A, maybe by more than {margin}",
        Outcome.UNKNOWN: "Cannot tell whether B is better or worse than A",
    }[told.outcome]
    return (
        f"{said}: at {told.per_10k:g} false alerts per 10,000 scans it finds "
        f"{pair.b * 100:.1f} % against {pair.a * 100:.1f} %, a difference of {moved} points "
        f"(95 % interval {low} to {high})."
    )


def chance(p: float) -> str:
    """A p-value as people write it.

    >>> chance(0.0312), chance(1e-20)
    ('= 0.031', '< 0.001')
    """
    return f"= {p:.3f}" if p >= 0.001 else "< 0.001"


def points(difference: float) -> str:
    """Percentage points, with a sign.

    >>> [points(difference) for difference in (0.012, -0.012, -0.0001)]
    ['+1.2', '−1.2', '0.0']
    """
    if math.isnan(difference):
        return "–"
    text = f"{difference * 100:+.1f}"
    return "0.0" if float(text) == 0 else text.replace("-", "−")


def length(hours: float | None) -> str:
    """A length of time as people say it.

    >>> [length(hours) for hours in (0, 0.2, 5.5, 60)]
    ['at once', '12 min', '5.5 h', '2.5 days']
    """
    if hours is None or math.isnan(hours):
        return "–"
    if hours == 0:
        return "at once"
    if hours < 1:
        return f"{max(1, round(hours * 60))} min"
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.1f} days"
