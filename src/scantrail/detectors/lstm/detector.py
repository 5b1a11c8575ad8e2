"""The LSTM as a detector: how surprising is each scan after the ones before it?"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from scantrail.calibration import Calibration, to_score
from scantrail.detectors.lstm.cache import CachedRuntime
from scantrail.detectors.lstm.encoding import by_head, encode, nats
from scantrail.detectors.lstm.runtime import Runtime
from scantrail.detectors.lstm.spec import NetworkSpec
from scantrail.detectors.lstm.words import told
from scantrail.features.coding import Vocabulary, code
from scantrail.vocabulary.protocols import Cache, Findings, Journeys, Told

Floats = npt.NDArray[np.float64]

COLUMN: Final = "lstmSequenceScore"


@dataclass(frozen=True)
class LstmDetector:
    """A trained network with its calibration.

    The ONNX session is made when first needed. A journey's first scan is judged by what is known
    before it: its product. Scans in unknown steps get null: cannot say. Where there is a cache,
    journeys that were scored before are not computed again.
    """

    known: Vocabulary
    spec: NetworkSpec
    network: bytes
    calibration: Calibration
    version: str
    name: str = field(default="lstm")
    cache: Cache | None = field(default=None, compare=False)

    @property
    def columns(self) -> tuple[str, ...]:
        """`lstmSequenceScore`."""
        return (COLUMN,)

    @cached_property
    def runtime(self) -> Runtime:
        """The session that scores."""
        return Runtime(self.spec, self.network)

    @cached_property
    def cached(self) -> Runtime | CachedRuntime:
        """The same, which remembers journeys if there is a cache."""
        if self.cache is None:
            return self.runtime
        return CachedRuntime(self.runtime, self.cache, self.version)

    def raw(self, journeys: Journeys) -> Floats:
        """Surprise per event in nats, (n,) float64; NaN where it cannot say."""
        coded = code(journeys, self.known)
        return nats(*self.cached.scores(encode(coded)), coded)

    def judge(self, journeys: Journeys) -> Findings:
        """Score every event."""
        return Findings({COLUMN: to_score(self.calibration(self.raw(journeys)))})

    def tell(self, journeys: Journeys, places: npt.NDArray[np.int64]) -> list[Told]:
        """What was expected at these places of `Journeys.columns`; only their journeys are read."""
        coded = code(journeys, self.known)
        sequences = encode(coded)
        sequence = np.cumsum(np.diff(coded.item, prepend=-1) != 0) - 1
        items, which = np.unique(sequence[places], return_inverse=True)
        some = sequences.take(items)
        rows = some.offsets[which] + places - sequences.offsets[sequence[places]]
        beyond = np.nan_to_num(by_head(*self.cached.scores(some))[rows], nan=0.0)
        predicted = {name: each[rows] for name, each in self.runtime.predictions(some).items()}
        listed = dict(journeys.names.iter_rows())
        language = journeys.language
        names = [language.of("an unlisted place")]
        names += [
            listed.get(site) or language.say("location {ident}", ident=site)
            for site in self.known.sites
        ]
        heads = [head.name for head in self.spec.heads]
        return [
            told(
                coded,
                place,
                {name: each[at] for name, each in predicted.items()},
                dict(zip(heads, beyond[at].tolist(), strict=True)),
                names,
                language,
            )
            for at, place in enumerate(places.tolist())
        ]
