"""The one-class SVM as a detector: how far is each scan from normal ones, whatever came before?"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from scantrail.calibration import Calibration, to_score
from scantrail.detectors.svm.model import SvmModel
from scantrail.detectors.svm.words import told
from scantrail.features.coding import Vocabulary, code
from scantrail.features.tabular import tabular
from scantrail.features.usual import Usual
from scantrail.vocabulary.protocols import Findings, Journeys, Told

COLUMN: Final = "svmOutlierScore"


@dataclass(frozen=True)
class SvmDetector:
    """A fitted one-class SVM with what it holds for usual and its calibration."""

    known: Vocabulary
    usual: Usual
    model: SvmModel
    calibration: Calibration
    version: str
    name: str = field(default="svm")

    @property
    def columns(self) -> tuple[str, ...]:
        """`svmOutlierScore`."""
        return (COLUMN,)

    def raw(self, journeys: Journeys) -> npt.NDArray[np.float64]:
        """Distance from normal per event, (n,) float64."""
        return self.model.score(self.table(journeys)).astype(np.float64)

    def table(self, journeys: Journeys) -> npt.NDArray[np.float32]:
        """The features of every event, (n, d) float32; see `features.tabular.TABULAR`."""
        coded = code(journeys, self.known)
        return journeys.once(("tabular", self.version), lambda: tabular(coded, self.usual))

    def judge(self, journeys: Journeys) -> Findings:
        """Score every event."""
        return Findings({COLUMN: to_score(self.calibration(self.raw(journeys)))})

    def tell(self, journeys: Journeys, places: npt.NDArray[np.int64]) -> list[Told]:
        """Which features made the events at these places of `Journeys.columns` strange."""
        coded = code(journeys, self.known)
        rows = self.table(journeys)[places]
        falls, tails = self.model.contributions(rows), self.model.tails(rows)
        return [
            told(coded, place, fall, tail, journeys.language.say)
            for place, fall, tail in zip(places.tolist(), falls, tails, strict=True)
        ]
