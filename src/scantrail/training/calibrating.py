"""From raw scores of held-out items to what artifacts keep of them: calibrations, shares, rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from scantrail.calibration import Calibration, highest_per_item, to_evidence, to_score
from scantrail.ensemble import Combination

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_ORDINARY: Final = 1.7  # evidence; what models find stranger may be no honest item
_ONE_KIND: Final = 0.1  # of presumed anomalies are of one kind, at most
_CHECKED_RATES: Final = (0.1, 0.01, 0.001)


class CalibrationSettings(Protocol):
    """What of `TrainSettings` matters here."""

    @property
    def contamination(self) -> float:
        """The largest share of items that may be anomalous."""
        ...

    @property
    def weights(self) -> Mapping[str, float]:
        """Of the learned detectors in the ensemble."""
        ...


def identity() -> Calibration:
    """A calibration that changes nothing."""
    return Calibration(np.array([0.0]), np.array([0.0]), 1.0, 0)


def calibrated(
    raw: dict[str, Floats],
    item: Ints,
    held_out: Ints,
    settings: CalibrationSettings,
    before: Mapping[str, Calibration] = MappingProxyType({}),
) -> dict[str, Calibration]:
    """A calibration per detector, and "ml" for their combination.

    How scores thin out in the tail takes many lots to tell: where there were calibrations `before`,
    of much the same scores, the new ones lean on them by their numbers of items.
    """
    kept = np.isin(item, held_out)
    calibrations = {
        name: leaning(
            Calibration.learn(values[kept], item[kept], settings.contamination), before.get(name)
        )
        for name, values in raw.items()
    }
    mean = Combination(settings.weights, identity()).mean(
        {name: _evidence(calibrations[name], values[kept]) for name, values in raw.items()}
    )
    together = Calibration.learn(mean, item[kept], settings.contamination)
    calibrations["ml"] = leaning(together, before.get("ml"))
    return calibrations


def leaning(new: Calibration, old: Calibration | None) -> Calibration:
    """A calibration whose tail is between its own and that of an older one.

    >>> old = Calibration(np.array([0.0]), np.array([0.0]), 4.0, 900)
    >>> leaning(Calibration(np.array([0.0]), np.array([0.0]), 9.0, 900), old).slope
    6.0
    """
    if old is None or min(old.slope, new.slope) <= 0:
        return new
    share = new.items / max(new.items + old.items, 1)
    slope = float(np.exp(share * np.log(new.slope) + (1 - share) * np.log(old.slope)))
    return replace(new, slope=slope)


def _evidence(calibration: Calibration, raw: Floats) -> Floats:
    """As detectors hand it on: through a score, which ends at 100."""
    return to_evidence(to_score(calibration(raw)))


def ml_evidence(
    raw: dict[str, Floats], calibrations: dict[str, Calibration], settings: CalibrationSettings
) -> Floats:
    """Evidence of all learned detectors together, per event."""
    scores = {name: to_score(calibrations[name](values)) for name, values in raw.items()}
    return Combination(settings.weights, calibrations["ml"]).evidence(scores)


def rule_shares(
    rule_scores: pl.DataFrame, ml: Floats, item: Ints, held_out: Ints, left_out: float
) -> dict[str, list[tuple[float, float]]]:
    """Per rule and score that it gave: the share of held-out items that it gives as much or more.

    Only items that the models find ordinary count: those are the honest ones. Some kinds of anomaly
    are ordinary to models, too, so as many as there may be of one kind are taken off: a tenth of
    the share `left_out` of training, which are the presumed anomalies.
    """
    ordinary = np.zeros(int(item.max()) + 1, bool)
    ordinary[held_out] = True
    ordinary &= ~(highest_per_item(ml, item) > _ORDINARY)
    shares: dict[str, list[tuple[float, float]]] = {}
    for column in rule_scores:
        highest = highest_per_item(column.fill_null(0.0).to_numpy(), item)[ordinary]
        levels = np.unique(highest[highest > 0])
        counts = [(highest >= level).sum() + 1 for level in levels]
        total = int(ordinary.sum()) + 1
        shares[column.name] = [
            (float(level), float(max(count / total - _ONE_KIND * left_out, 1 / total)))
            for level, count in zip(levels, counts, strict=True)
        ]
    return shares


Shares = Mapping[str, Sequence[tuple[float, float]]]


def pooled(
    old: Shares, old_items: int, new: Shares, items: int
) -> dict[str, list[tuple[float, float]]]:
    """Shares of claims (`rule_shares`) over the items of both: rare claims need many to be told.

    >>> pooled({"jumpScore": [(60.0, 0.02)]}, 99, {"jumpScore": [(80.0, 0.04)]}, 99)
    {'jumpScore': [(60.0, 0.03), (80.0, 0.025)]}
    """
    total = old_items + items + 2
    told: dict[str, list[tuple[float, float]]] = {}
    for name in {**old, **new}:
        both = ((old.get(name, ()), old_items + 1), (new.get(name, ()), items + 1))
        levels = sorted({level for shares, _ in both for level, _ in shares})
        told[name] = [
            (level, sum(_claims(shares, level, count) for shares, count in both) / total)
            for level in levels
        ]
    return told


def _claims(shares: Sequence[tuple[float, float]], level: float, items: int) -> float:
    """How many of the items had a claim of at least this score, and one more."""
    return next((share * items for at, share in shares if at >= level), 1.0)


def seen_rates(
    raw: dict[str, Floats],
    calibrations: dict[str, Calibration],
    item: Ints,
    held_out: Ints,
    settings: CalibrationSettings,
) -> dict[str, dict[str, float]]:
    """Share of the test items that reach a score whose stated share is 0.1, 0.01, 0.001."""
    evidence = {name: _evidence(calibrations[name], values) for name, values in raw.items()}
    evidence["ml"] = ml_evidence(raw, calibrations, settings)
    seen: dict[str, dict[str, float]] = {}
    for name, values in evidence.items():
        highest = highest_per_item(values, item)[held_out]
        seen[name] = {
            str(rate): round(float((highest >= -np.log10(rate)).mean()), 6)
            for rate in _CHECKED_RATES
        }
    return seen
