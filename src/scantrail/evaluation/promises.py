"""Do scores keep what they promise? A score says how rare it is among honest items.

Of honest items, 1 in 10 reach 25, 1 in 100 reach 50, and so on (`calibration`); here they are
counted. Who promises too much rarity raises more alerts than people were told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from scantrail.calibration import to_evidence
from scantrail.evaluation.blocks import Interval, Resampling, blocks_of, widest
from scantrail.evaluation.items import JUDGES, MAIN, Judged

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: Scores at which promises are checked.
LEVELS: Final = (25.0, 40.0, 50.0, 65.0, 75.0, 90.0)
#: Judges that promise: rules, which score severity, do not.
CALIBRATED: Final = (MAIN, "mlCombinedScore", "lstmSequenceScore", "svmOutlierScore")


@dataclass(frozen=True, slots=True)
class Promise:
    """One judge's promises: at each of `levels` the share promised, and the share seen."""

    judge: str
    levels: tuple[float, ...]
    promised: tuple[float, ...]
    seen: tuple[Interval, ...]


def promises(given: Judged, resampling: Resampling | None = None) -> list[Promise]:
    """Per calibrated judge, which share of unlabelled items reaches each level.

    Unlabelled is taken for honest: anomalies that nobody labelled look like broken promises.
    """
    resampling = resampling or Resampling()
    honest = ~given.labelled
    drawn = {by: (resampling.draws(b), b[honest]) for by, b in blocks_of(given).items()}
    promised = tuple(float(10.0**-e) for e in to_evidence(np.array(LEVELS)))
    told = []
    for judge in CALIBRATED:
        if judge not in given.judges:
            continue
        reached = (given.scores(judge)[honest, None] >= np.array(LEVELS)).astype(np.float64)
        samples = {by: _shares(reached, *each) for by, each in drawn.items()}
        seen = widest(reached.mean(axis=0), samples)
        told.append(Promise(JUDGES[judge], LEVELS, promised, tuple(seen)))
    return told


def _shares(reached: Floats, draws: Floats, blocks: Ints) -> Floats:
    """Per round, the share of items that reached each level, (rounds, levels)."""
    count = draws.shape[1]
    each = np.stack([np.bincount(blocks, column, count) for column in reached.T], axis=1)
    with np.errstate(invalid="ignore"):
        shares: Floats = draws @ each / (draws @ np.bincount(blocks, minlength=count))[:, None]
    return shares
