"""The LSTM as a detector: how surprising is each scan after the ones before it?"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from scantrail.calibration import Calibration, to_score
from scantrail.detectors.lstm.encoding import by_head, encode, nats
from scantrail.detectors.lstm.runtime import Runtime
from scantrail.detectors.lstm.spec import NetworkSpec
from scantrail.detectors.lstm.words import Predicted, told
from scantrail.features.coding import Coded, Vocabulary, code
from scantrail.vocabulary.findings import Cause
from scantrail.vocabulary.protocols import FOUND, Findings, Journeys, Told

Floats = npt.NDArray[np.float64]

COLUMN: Final = "lstmSequenceScore"


@dataclass(frozen=True)
class LstmDetector:
    """A trained network with its calibration.

    The ONNX session is made when first needed. A journey's first scan is judged by what is known
    before it: its product. Scans in unknown steps get null: cannot say.
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

    def tell(self, journeys: Journeys, places: npt.NDArray[np.int64]) -> list[Told]:
        """What was expected at these places of `linked` instead; each journey is read once."""
        coded = code(journeys, self.known)
        sequences = encode(coded)
        scores, expected = self.runtime.scores(
            sequences.take(items := np.unique(_sequence_of(coded)[places]))
        )
        beyond = by_head(scores, expected)
        listed = dict(journeys.names.iter_rows())
        names = ["an unlisted place", *(listed.get(i) or f"location {i}" for i in self.known.sites)]
        offsets = np.concatenate([[0], np.cumsum(sequences.lengths[items])])
        said: list[Told] = []
        predicted: Predicted = {}
        last = -1
        for place in places.tolist():
            item = int(_sequence_of(coded)[place])
            if item != last:
                predicted, last = self.runtime.predictions(sequences, item), item
            at = place - int(sequences.offsets[item])
            row = beyond[offsets[np.searchsorted(items, item)] + at]
            heads = [head.name for head in self.spec.heads]
            surprise = dict(zip(heads, np.nan_to_num(row, nan=0.0).tolist(), strict=True))
            start = int(sequences.lengths[item]) - len(predicted["step"])
            if at < start:  # too long a journey to read again from its beginning
                said.append(Told("", "", "", Cause.ITEM))
            else:
                said.append(told(coded, place, at - start, predicted, surprise, names))
        return said


def _sequence_of(coded: Coded) -> npt.NDArray[np.int64]:
    """The number of each event's sequence, as `encode` orders them."""
    return np.cumsum(np.diff(coded.item, prepend=-1) != 0) - 1
