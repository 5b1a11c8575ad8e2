"""Predictions kept in process: the same journey, asked about again, is not computed again.

A service sees journeys many times: callers repeat requests, and readers send what they sent
before. What a journey's scans look like to the network is the key, so a scan that came late, or
company that changed, is another journey. The cache belongs to one network, and goes with it.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from threading import Lock
from typing import Final

import numpy as np
import numpy.typing as npt

from scantrail.detectors.lstm.runtime import Runtime
from scantrail.detectors.lstm.sequences import Sequences

Table = npt.NDArray[np.float32]

_MOST_JOURNEYS: Final = 500  # of one call; a whole log is no repeated request
_KEPT_EVENTS: Final = 100_000  # in all; about 40 bytes each


class CachedRuntime:
    """A runtime that remembers the scores of journeys, the longest unused ones go first."""

    def __init__(self, runtime: Runtime, kept: int = _KEPT_EVENTS) -> None:
        self.runtime = runtime
        self._most, self._events = kept, 0
        self._known: OrderedDict[bytes, tuple[Table, Table]] = OrderedDict()
        self._lock = Lock()
        self.hits = self.misses = 0

    def scores(self, sequences: Sequences) -> tuple[Table, Table]:
        """As `Runtime.scores`."""
        if len(sequences) > _MOST_JOURNEYS:
            return self.runtime.scores(sequences)
        keys = [_digest(sequences, item) for item in range(len(sequences))]
        with self._lock:
            found = {item: self._get(key) for item, key in enumerate(keys) if key in self._known}
            self.hits += len(found)
            self.misses += len(keys) - len(found)
        missing = np.array([i for i in range(len(keys)) if i not in found], np.int64)
        if len(missing):
            some = sequences.take(missing) if found else sequences
            computed = self.runtime.scores(some)
            for place, item in enumerate(missing.tolist()):
                part = slice(int(some.offsets[place]), int(some.offsets[place + 1]))
                found[item] = (computed[0][part], computed[1][part])
            with self._lock:
                for item in missing.tolist():
                    self._put(keys[item], found[item])
        if not keys:
            return self.runtime.scores(sequences)
        scores, expected = zip(*(found[item] for item in range(len(keys))), strict=True)
        return np.concatenate(scores), np.concatenate(expected)

    def _get(self, key: bytes) -> tuple[Table, Table]:
        self._known.move_to_end(key)
        return self._known[key]

    def _put(self, key: bytes, value: tuple[Table, Table]) -> None:
        if key in self._known or len(value[0]) > self._most:
            return
        self._known[key] = (value[0].copy(), value[1].copy())
        self._events += len(value[0])
        while self._events > self._most:
            _, (dropped, _) = self._known.popitem(last=False)
            self._events -= len(dropped)


def _digest(sequences: Sequences, item: int) -> bytes:
    rows = slice(int(sequences.offsets[item]), int(sequences.offsets[item + 1]))
    state = hashlib.blake2b(digest_size=16)
    for array in (sequences.codes, sequences.numerics, sequences.times):
        state.update(array[rows].tobytes())
    return state.digest()
