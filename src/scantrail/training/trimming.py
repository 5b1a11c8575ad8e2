"""Leaving out of training what is strange by what the rest teaches: anomalies that no rule sees.

A log that is learned from has anomalies in it. Where they are few, what is learned hardly notices.
Where one item in twenty is anomalous, each kind of anomaly is seen often enough to look usual. So a
first one-class SVM learns from all, the strangest items are left out, another learns from the rest,
and so on, as the concentration steps of robust estimators do (Rousseeuw and Van Driessen,
Technometrics 41, 1999).

How many are left out has to be known: an honest log has strange items as well, whole batches of
them, and who learns without them finds them suspect ever after. Rules tell it. They see about a
third of what is anomalous, so twice as many as they find may be there unseen; in a log in which
they find nothing, nothing is left out.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from scantrail.calibration import LEAST_ITEMS, Calibration, highest_per_item
from scantrail.features.coding import Vocabulary, code
from scantrail.features.tabular import TABULAR, tabular
from scantrail.features.usual import Usual
from scantrail.training.dataset import Split
from scantrail.training.svm import SvmSettings, fit_svm
from scantrail.vocabulary.protocols import Journeys

Ints = npt.NDArray[np.int64]

_ROUNDS: Final = 4
_DIRTY: Final = 0.06  # share of held-out items that may be anomalous while nothing is left out yet
_STRANGE: Final = 1.5  # evidence; what is less strange stays, however much rules find


def without_strangest(
    journeys: Journeys,
    parts: Split,
    normal: Ints,
    times: float,
    svm: SvmSettings,
    seed: int,
) -> Ints:
    """Items to learn from, without those that are strange by what the others teach.

    Args:
        journeys: The log.
        parts: Its parts; the SVM learns from `train`, and how strange is strange from `valid`.
        normal: Items on which no rule fires.
        times: How many items may be left out for each one that rules find.
        svm: How to learn.
        seed: For the SVM.

    Returns:
        Those of `normal` that are left, ascending; all of them if too few can be compared.
    """
    most = int(times * (len(journeys.codes) - len(normal)))
    held_out = np.intersect1d(parts.valid, normal)
    if not most or len(held_out) < LEAST_ITEMS:
        return normal
    known = Vocabulary.learn(journeys)
    coded = code(journeys, known)
    compared = np.isin(coded.item, held_out)
    left = normal
    for _ in range(_ROUNDS):
        learned = np.isin(coded.item, np.intersect1d(parts.train, left))
        matrix = tabular(coded, Usual.learn(coded, known, learned))
        machine = fit_svm(matrix[learned], list(TABULAR), seed=seed, settings=svm).model
        raw = machine.score(matrix).astype(np.float64)
        scale = Calibration.learn(raw[compared], coded.item[compared], _DIRTY)
        strange = highest_per_item(scale(raw), coded.item)[normal]
        strangest = np.argsort(-strange, kind="stable")[:most]
        left = np.delete(normal, strangest[strange[strangest] > _STRANGE])
    return left
