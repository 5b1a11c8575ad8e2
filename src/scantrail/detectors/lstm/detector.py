"""The LSTM as a detector: how surprising is each scan after the ones before it?"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from scantrail.calibration import Calibration, to_score
from scantrail.detectors.lstm.encoding import encode, nats
from scantrail.detectors.lstm.runtime import Runtime
from scantrail.detectors.lstm.spec import NetworkSpec
from scantrail.features.coding import Vocabulary, code
from scantrail.vocabulary.protocols import FOUND, Findings, Journeys

Floats = npt.NDArray[np.float64]

COLUMN: Final = "lstmSequenceScore"


@dataclass(frozen=True)
class LstmDetector:
    """A trained network with its calibration.

    The ONNX session is made when first needed. A journey's first scan is judged by what is known
    before it: its product. Scans at unknown sites, or in unknown steps, get null: cannot say.
    """

    known: Vocabulary
    spec: NetworkSpec
    network: bytes
    calibration: Calibration
    version: str
    name: str = field(default="lstm")

    @property
    def columns(self) -> tuple[str, ...]:
        """`lstmSequenceScore`."""
        return (COLUMN,)

    @cached_property
    def runtime(self) -> Runtime:
        """The session that scores."""
        return Runtime(self.spec, self.network)

    def raw(self, journeys: Journeys) -> Floats:
        """Surprise per event in nats, (n,) float64; NaN where it cannot say."""
        coded = code(journeys, self.known)
        return nats(*self.runtime.scores(encode(coded)), coded)

    def judge(self, journeys: Journeys) -> Findings:
        """Score every event."""
        score = to_score(self.calibration(self.raw(journeys)))
        scores = pl.DataFrame({COLUMN: score}, nan_to_null=True)
        return Findings(scores, pl.DataFrame(schema=FOUND))
