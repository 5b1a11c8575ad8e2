"""Predictions are kept: the same journey, asked about again, is not computed again.

A service sees journeys many times: callers repeat requests, readers send what they sent before, and
items are judged again in the company of others. The key is what a journey's scans look like to the
network, and the version of the artifact: a scan that came late, company that changed, or another
network make it another one.
"""

from __future__ import annotations

import hashlib
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from scantrail.detectors.lstm.runtime import Runtime
from scantrail.detectors.lstm.sequences import Sequences
from scantrail.vocabulary.protocols import Cache

Table = npt.NDArray[np.float32]
Pair = tuple[Table, Table]

_MOST_JOURNEYS: Final = 500  # of one call; a whole log is no repeated request


class CachedRuntime:
    """A runtime that remembers the scores of journeys.

    Values are the two float32 tables of a journey, one after the other, little-endian.
    """

    def __init__(self, runtime: Runtime, cache: Cache, version: str) -> None:
        """Remember by a cache, under keys that name this version."""
        self.runtime, self._cache = runtime, cache
        self._prefix = f"lstm:{version}:".encode()
        self.hits = self.misses = 0

    def scores(self, sequences: Sequences) -> Pair:
        """As `Runtime.scores`."""
        if not 0 < len(sequences) <= _MOST_JOURNEYS:
            return self.runtime.scores(sequences)
        keys = [self._prefix + digest for digest in _digests(sequences)]
        kept = zip(self._cache.get(keys), sequences.lengths.tolist(), strict=True)
        found = [self._read(value, length) for value, length in kept]
        missing = np.array([at for at, pair in enumerate(found) if pair is None], np.int64)
        self.hits += len(keys) - len(missing)
        self.misses += len(missing)
        if len(missing):
            new: dict[bytes, bytes] = {}
            for at, pair in zip(missing.tolist(), self._computed(sequences, missing), strict=True):
                found[at] = pair
                new[keys[at]] = b"".join(each.astype("<f4", copy=False).tobytes() for each in pair)
            self._cache.put(new)
        scores, expected = zip(*(pair for pair in found if pair is not None), strict=True)
        return np.concatenate(scores), np.concatenate(expected)

    def _computed(self, sequences: Sequences, items: npt.NDArray[np.int64]) -> list[Pair]:
        some = sequences.take(items)
        scores, expected = self.runtime.scores(some)
        edges = some.offsets[1:-1]
        return list(zip(np.split(scores, edges), np.split(expected, edges), strict=True))

    def _read(self, value: bytes | None, length: int) -> Pair | None:
        """A kept value, unless it is none of a journey of this length."""
        heads = len(self.runtime.spec.heads)
        if value is None or len(value) != 2 * length * heads * 4:
            return None
        scores, expected = np.frombuffer(value, "<f4").reshape(2, length, heads)
        return scores, expected


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
