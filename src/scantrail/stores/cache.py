"""Predictions kept in process; `stores.redis` keeps them for several processes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Final

import msgspec

_ENTRY: Final = 150  # bytes that a key and its place take besides the value


class CacheSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How predictions are kept: in process, or in Redis if its URL is set."""

    mb: int = 32  #: in process; the longest unused go first. 0: nothing is kept in process
    prefix: str = "scantrail:"  #: of keys in Redis
    ttl_s: int = 86_400  #: after which Redis forgets
    timeout_ms: float = 50.0  #: that Redis may take, to connect or to answer
    failures: int = 3  #: failures in a row after which Redis is left alone
    retry_s: float = 10.0  #: seconds after which it is tried again


class Counts:
    """How often something was found. Safe to use from several threads."""

    def __init__(self) -> None:
        """Begin at zero."""
        self.hits = self.misses = 0
        self._counting = Lock()

    def counted(self, found: list[bytes | None]) -> list[bytes | None]:
        """What was found, counted."""
        misses = found.count(None)
        with self._counting:
            self.hits += len(found) - misses
            self.misses += misses
        return found


class InProcess(Counts):
    """A `vocabulary.protocols.Cache` of bounded size. Safe to use from several threads.

    >>> cache = InProcess(most_bytes=1000)
    >>> cache.put({b"a": b"1"})
    >>> cache.get([b"a", b"b"])
    [b'1', None]
    """

    def __init__(self, most_bytes: int) -> None:
        """Begin empty.

        Args:
            most_bytes: What keys and values may take; the longest unused go first.
        """
        super().__init__()
        self._most, self._bytes = most_bytes, 0
        self._kept: OrderedDict[bytes, bytes] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def size(self) -> int:
        """What keys and values take, about."""
        return self._bytes

    def get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """What is kept under each key."""
        with self._lock:
            found = [self._kept.get(key) for key in keys]
            for key, value in zip(keys, found, strict=True):
                if value is not None:
                    self._kept.move_to_end(key)
        return self.counted(found)

    def put(self, values: Mapping[bytes, bytes]) -> None:
        """Keep values by key; one that is larger than the whole cache is not kept."""
        with self._lock:
            for key, value in values.items():
                if (before := self._kept.pop(key, None)) is not None:
                    self._bytes -= _size(key, before)
                if (size := _size(key, value)) <= self._most:
                    self._kept[key] = value
                    self._bytes += size
            while self._bytes > self._most:
                self._bytes -= _size(*self._kept.popitem(last=False))

    def close(self) -> None:
        """Nothing to let go of."""


def _size(key: bytes, value: bytes) -> int:
    return len(key) + len(value) + _ENTRY
