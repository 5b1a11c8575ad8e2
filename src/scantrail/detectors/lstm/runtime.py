"""Scores by ONNX Runtime: no torch, one thread."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from scantrail.detectors.lstm.sequences import Rows, Sequences
from scantrail.detectors.lstm.spec import NetworkSpec

_BATCH: Final = 4096  # events per run; what a batch touches stays in the CPU's cache


class Runtime:
    """A network exported to ONNX."""

    def __init__(self, spec: NetworkSpec, model: bytes) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Requests come in ever new shapes: what is kept per shape, or for the largest, only grows.
        options.enable_mem_pattern = options.enable_cpu_mem_arena = False
        self.spec = spec
        self._session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._inputs = {each.name for each in self._session.get_inputs()}

    def scores(
        self, sequences: Sequences
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Surprise per event and head, `[N, H]`, and what the network expected it to be.

        As `Network.scores` and `Network.expected` say.

        Raises:
            InputError: The sequences are not what the network reads.
        """
        sequences.check(self.spec)
        shape = sequences.events, len(self.spec.heads)
        scores, expected = np.empty(shape, np.float32), np.empty(shape, np.float32)
        for rows, counted in sequences.batches(_BATCH):
            each = self._session.run(["scores", "expected"], self._feed(sequences, rows))
            for result, part in zip((scores, expected), each, strict=True):
                result[rows[counted]] = np.asarray(part)[counted]
        return scores, expected

    def predictions(self, sequences: Sequences) -> dict[str, npt.NDArray[np.float32]]:
        """What each head predicts of each event: `[N, size]` logits, or `[N, 3 C]` of a mixture."""
        names = [head.name for head in self.spec.heads]
        result: dict[str, npt.NDArray[np.float32]] = {}
        for rows, counted in sequences.batches(_BATCH):
            outputs = self._session.run(names, self._feed(sequences, rows))
            for name, out in zip(names, map(np.asarray, outputs), strict=True):
                table = result.setdefault(
                    name, np.empty((sequences.events, out.shape[-1]), np.float32)
                )
                table[rows[counted]] = out[counted]
        return result

    def _feed(self, sequences: Sequences, rows: Rows) -> dict[str, npt.NDArray[Any]]:
        feed: dict[str, npt.NDArray[Any]] = {
            "codes": sequences.codes[rows].astype(np.int64),
            "numerics": sequences.numerics[rows],
            "times": sequences.times[rows],
        }
        return {name: array for name, array in feed.items() if name in self._inputs}
