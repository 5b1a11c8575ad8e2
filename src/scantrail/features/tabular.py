"""One row of numbers per event, without its sequence: what the one-class SVM sees."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from scantrail.features.coding import Coded
from scantrail.features.usual import Usual

Floats = npt.NDArray[np.float64]

#: The columns, and what each says to people.
TABULAR: Final = {
    "alone": "its company left or stayed without it",
    "left_behind": "those it came with had left before",
    "slow": "it took longer than usual",
    "fast": "it took less time than usual",
    "hour": "it was scanned at an unusual hour",
    "lane": "it went a way that goods rarely go",
    "step": "this step rarely follows the one before",
    "origin": "this product rarely starts there",
    "missed_together": "many of its batch lack the same scan",
    "clock_ahead": "this site's clock seems to run ahead, or did at its scan before",
    "read_again": "it was read again and again",
    "late_again": "it was read again after a long time",
}


#: Nats beyond which more is no stranger: no single aspect outweighs all others together.
CEILING: Final = 15.0
_EVEN: Final = 7.0  # what even odds of a wrong clock are worth
_ODDS: Final = 0.7  # what each nat more is worth
_CLOCK: Final = 9.0  # and the highest odds: they concern a whole site, hardly one of its items


def tabular(coded: Coded, usual: Usual) -> npt.NDArray[np.float32]:
    """The feature matrix, (n, len(`TABULAR`)) float32, in nats: 0 is usual, more is stranger.

    What a batch does together is shared among its items. NaN where a feature can't say.
    """
    whom = coded.with_whom
    shared = whom.shared
    nats = usual.surprise(coded)
    hours = usual.hours_of(coded)
    z = usual.time_z(coded, hours)
    gap = (np.log(np.maximum(whom.gap, 1e-4)) - usual.again[0]) / usual.again[1]
    columns = {
        "alone": np.where(whom.seen, nats["company"] / shared, np.nan),
        "left_behind": 2.0 * whom.left_before * (whom.came_with > 1) / shared,
        "slow": np.maximum(z, 0) / shared,
        "fast": np.maximum(-z, 0) / shared,
        "hour": nats["clock"] / shared,
        "lane": nats["lane"] / shared,
        "step": nats["step"] / np.maximum(whom.alike, 1),
        "origin": nats["origin"] / shared,
        "missed_together": usual.missed_together(coded),
        "clock_ahead": np.clip(_EVEN + _ODDS * usual.clock_ahead(coded, hours), 0.0, _CLOCK),
        "read_again": 3.0 * np.maximum(whom.run - 1, 0),
        "late_again": np.where(whom.again, np.maximum(gap, 0) ** 2, 0.0),
    }
    table = np.stack([columns[name] for name in TABULAR], axis=1).astype(np.float32)
    np.minimum(table, CEILING, out=table)
    return table
