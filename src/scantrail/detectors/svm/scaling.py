"""Features on one scale, and how unusual each value is on its own; NumPy only."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_TAIL: Final = np.geomspace(1e-4, 0.05, 12)

#: Shares of normal rows whose values are kept per feature: dense in the tails, where it matters.
LEVELS: Final = np.r_[0.0, _TAIL, np.linspace(0.1, 0.9, 17), 1.0 - _TAIL[::-1], 1.0]


@dataclass(frozen=True, slots=True)
class Scaling:
    """Robust scaling of d features, as learned from mostly normal rows.

    A feature's median becomes 0 and half its 5-95 % range 1, cut off at `limit` on both sides, so
    that one wild value can't hide the others. A missing value becomes 0: it speaks neither for nor
    against the row.

    Attributes:
        center: (d,) medians.
        width: (d,) half of the 5-95 % ranges, above 0.
        limit: Where scaled values are cut off.
        quantiles: (`LEVELS`, d) values at those shares of rows, ascending; NaN where a feature was
            always missing.
        rows: (d,) how many values each feature was learned from.
    """

    center: Floats
    width: Floats
    limit: float
    quantiles: Floats
    rows: Floats

    def scale(self, matrix: Floats) -> Floats:
        """Scale (n, d) raw features to (n, d) within ±`limit`; NaN becomes 0."""
        with np.errstate(over="ignore"):  # too large for a float32 is cut off like the infinite
            scaled = (matrix - self.center) / self.width
        np.clip(scaled, -self.limit, self.limit, out=scaled)
        scaled[np.isnan(scaled)] = 0.0
        return scaled

    def tails(self, matrix: Floats) -> Floats:
        """Two-sided p-value of every value among the rows learned from, (n, d) in (0, 1].

        As conformal p-values are, never too small: the next kept quantile outwards counts, and
        the row itself as one more, so that 2 / (rows + 1) is the least. 1 for a missing value.
        """
        beyond = np.r_[LEVELS, 1.0]  # a value above all kept ones: everything is at most as high
        p = np.ones(matrix.shape, np.float64)
        for feature, values in enumerate(matrix.T):
            kept = self.quantiles[:, feature]
            known = ~np.isnan(values)
            if np.isnan(kept[0]) or not known.any():
                continue
            value = values[known]
            at_most = beyond[np.searchsorted(kept, value, "right")]
            first = np.searchsorted(kept, value, "left")
            at_least = np.where(first > 0, 1.0 - LEVELS[first - 1], 1.0)
            one_sided = np.minimum(at_most, at_least) + 1.0 / (self.rows[feature] + 1.0)
            p[known, feature] = np.minimum(2.0 * one_sided, 1.0)
        return p.astype(np.float32)


def learn_scaling(matrix: Floats, limit: float) -> Scaling:
    """Learn the scaling of (n, d) raw features; NaN and infinite values are left out."""
    features = matrix.shape[1]
    center = np.zeros(features, np.float32)
    width = np.ones(features, np.float32)
    quantiles = np.full((len(LEVELS), features), np.nan, np.float32)
    rows = np.zeros(features, np.float32)
    for feature, column in enumerate(matrix.T):
        values = column[np.isfinite(column)].astype(np.float64)
        if not len(values):
            continue
        low, center[feature], high = np.quantile(values, (0.05, 0.5, 0.95))
        width[feature] = _width(values, float(low), float(high))
        quantiles[:, feature] = np.quantile(values, LEVELS)
        rows[feature] = len(values)
    return Scaling(center, width, limit, quantiles, rows)


def unscaled(scaling: Scaling) -> Scaling:
    """The same knowledge of tails, but features taken as they are, in their common unit."""
    none = np.zeros_like(scaling.center)
    return replace(scaling, center=none, width=none + 1, limit=float(np.finfo(np.float32).max))


def _width(values: NDArray[np.float64], low: float, high: float) -> float:
    """Half the 5-95 % range; where that is empty (a rare flag), what it is for a normal shape."""
    spread = (high - low) / 2 or 1.645 * float(values.std())
    return spread if spread > 1e-6 * max(abs(low), abs(high)) else 1.0
