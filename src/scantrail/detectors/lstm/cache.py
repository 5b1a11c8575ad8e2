"""Predictions are kept: the same journey, asked about again, is not computed again.

A service sees journeys many times: callers repeat requests, readers send what they sent before, and
items are judged again in the company of others. The key is what a journey's scans look like to the
network, and the version of the artifact: a scan that came late, company that changed, or another
network make it another one.
"""

from __future__ import annotations

import hashlib
from itertools import pairwise
from math import prod
from typing import Final

import numpy as np
import numpy.typing as npt

from scantrail.detectors.lstm.runtime import Runtime
from scantrail.detectors.lstm.sequences import Sequences
from scantrail.vocabulary.protocols import Cache

Table = npt.NDArray[np.float32]

_MOST_JOURNEYS: Final = 500  # of one call; a whole log is no repeated request


class CachedRuntime:
    """A runtime that remembers the scores of journeys.

    A journey's value is `[n, 2, H]` little-endian float32: scores and what was expected, per event.
    """

    def __init__(self, runtime: Runtime, cache: Cache, version: str) -> None:
        """Remember by a cache, under keys that name this version."""
        self.runtime, self._cache = runtime, cache
        self._prefix = f"lstm:{version}:".encode()
        self._shape = 2, len(runtime.spec.heads)
        self.hits = self.misses = 0

    def scores(self, sequences: Sequences) -> tuple[Table, Table]:
        """As `Runtime.scores`."""
        if not 0 < len(sequences) <= _MOST_JOURNEYS:
            return self.runtime.scores(sequences)
        keys = [self._prefix + digest for digest in _digests(sequences)]
        sizes = (sequences.lengths * (4 * prod(self._shape))).tolist()
        known = {
            at: value
            for at, (value, size) in enumerate(zip(self._cache.get(keys), sizes, strict=True))
            if value is not None and len(value) == size
        }
        missing = [at for at in range(len(keys)) if at not in known]
        self.hits += len(known)
        self.misses += len(missing)
        if missing:
            new = dict(zip(missing, self._computed(sequences, missing), strict=True))
            self._cache.put({keys[at]: value for at, value in new.items()})
            known |= new
        every = b"".join([known[at] for at in range(len(keys))])
        table = np.frombuffer(every, "<f4").reshape(-1, *self._shape)
        return table[:, 0], table[:, 1]

    def _computed(self, sequences: Sequences, items: list[int]) -> list[bytes]:
        some = sequences.take(np.array(items, np.int64))
        table = np.stack(self.runtime.scores(some), axis=1).astype("<f4", copy=False)
        return [table[start:end].tobytes() for start, end in pairwise(some.offsets.tolist())]


def _digests(sequences: Sequences) -> list[bytes]:
    """Sixteen bytes that stand for each sequence."""
    parts = (sequences.codes, sequences.numerics, sequences.times)
    arrays = [np.ascontiguousarray(each).view(np.uint8) for each in parts]
    made = []
    for start, end in pairwise(sequences.offsets.tolist()):
        state = hashlib.blake2b(digest_size=16)
        for array in arrays:
            state.update(array[start:end].data)
        made.append(state.digest())
    return made
