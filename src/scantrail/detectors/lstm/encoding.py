"""Coded scans as the sequences that the network reads; its surprises as one number per event."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from scantrail.detectors.lstm.sequences import Sequences
from scantrail.detectors.lstm.spec import (
    UNKNOWN,
    CategoricalHead,
    DensityHead,
    Field,
    NetworkSpec,
)
from scantrail.features.coding import CLOCKS, STEPS, Coded, Vocabulary
from scantrail.features.companions import Companions
from scantrail.features.groups import changes
from scantrail.features.usual import COMPANY, company

Floats = npt.NDArray[np.float64]

_SHORTEST: Final = 1 / 3600  # hours; a scan in the same second has no logarithm
_STEP_WEIGHT: Final = 0.7  # a missed read is one surprise, not the death of a journey
_HIGHEST: Final = 25.0  # nats; one head alone needs to say no more


def spec_of(
    known: Vocabulary,
    *,
    hidden: int = 64,
    attention: bool = True,
    dropout: float = 0.3,
    embedding: float = 1.0,
) -> NetworkSpec:
    """The network over a vocabulary: what comes next, where, with whom, when, after how long.

    `embedding`: how wide embeddings are, against the usual widths.

    Each head sees, in the manner of the chain rule, what the heads before it predict.
    """

    def wide(width: int) -> int:
        return max(2, round(width * embedding))

    return NetworkSpec(
        fields=(
            Field("site", len(known.sites) + 1, wide(16)),
            Field("step", len(STEPS), wide(8)),
            Field("company", COMPANY + 1, wide(6)),
            Field("clock", CLOCKS + 1, wide(8)),
            Field("product", len(known.products) + 1, wide(8), known=True),
            Field("maker", len(known.makers) + 1, wide(4), known=True),
        ),
        numerics=("log_hours", "log_here", "log_came_with", "position"),
        heads=(
            CategoricalHead("step", "step", ("product",)),
            CategoricalHead("site", "site", ("step", "product")),
            CategoricalHead("company", "company", ("step", "site")),
            CategoricalHead("clock", "clock", ("step", "site", "company")),
            DensityHead("hours", 5, ("step", "site", "company")),
        ),
        hidden=hidden,
        dropout=dropout,
        attention=attention,
    )


def encode(coded: Coded) -> Sequences:
    """One sequence per item, in the order of the items' first events."""
    whom = coded.with_whom
    hours = np.where(whom.again, whom.gap, whom.hours)
    times = np.maximum(hours, _SHORTEST)  # NaN stays NaN
    codes = np.stack(
        (coded.site, coded.step, company(coded) + 1, coded.clock + 1, coded.product, coded.maker),
        axis=1,
    )
    numerics = np.stack(
        (
            np.where(np.isnan(times), 0.0, np.log(np.where(np.isnan(times), 1.0, times)) / 4),
            np.log(np.maximum(whom.here, 1)) / 4,
            np.log1p(whom.came_with) / 4,
            np.minimum(coded.position, 30) / 10,
        ),
        axis=1,
    )
    starts = np.flatnonzero(changes(coded.item))
    return Sequences(
        codes.astype(np.int32),
        numerics.astype(np.float32),
        times.astype(np.float32)[:, None],
        np.append(starts, len(coded)).astype(np.int64),
    )


def nats(
    scores: npt.NDArray[np.float32], expected: npt.NDArray[np.float32], coded: Coded
) -> Floats:
    """One surprise per event, (n,) float64, in nats; NaN where the step is unknown.

    Surprise beyond what the network itself expected counts: where anything may happen, little is
    strange. Place, company, hour and time add up like the sides of a right angle, so that several
    slightly odd ones make no alarm. What a batch does together is shared among its items; that an
    item was read again, or not read at all, is its own, and each repeat in a row adds to it. An
    unknown place says nothing; the rest of such a scan still does.

    Args:
        scores: (n, 5) as `Network.scores` gives them for `spec_of`.
        expected: (n, 5) their expectation under the network's own prediction.
        coded: The events.
    """
    whom = coded.with_whom
    beyond = np.maximum(np.nan_to_num(by_head(scores, expected), nan=0.0), 0.0)
    step, site, with_whom, clock, hours = beyond.T
    # the same reader, the same moment: a read again is only judged by coming, and by its time
    move = ~whom.again
    company_known = move & (whom.before >= 0) & whom.seen
    aspects = np.stack((site * move, clock * move, with_whom * company_known, hours))
    together: Floats = np.sqrt((aspects**2).sum(axis=0))
    shared = together / whom.shared
    own = _STEP_WEIGHT * np.where(move, step / np.maximum(whom.alike, 1), _repeated(step, whom))
    highest: Floats = np.where(coded.step == UNKNOWN, np.nan, np.maximum(own, shared))
    return highest


def _repeated(values: Floats, whom: Companions) -> Floats:
    """Sum of the values over the repeats in a row up to each event; 0 for moves."""
    total = np.cumsum(np.where(whom.again, values, 0.0))
    since: Floats = total - total[np.arange(len(values)) - whom.run]
    return since


def by_head(scores: npt.NDArray[np.float32], expected: npt.NDArray[np.float32]) -> Floats:
    """Surprise beyond the expected one, (n, 5) in nats, NaN where a head cannot judge."""
    beyond = (scores - expected).astype(np.float64)
    beyond[:, -1] *= math.log(10.0)
    return np.minimum(beyond, _HIGHEST)
