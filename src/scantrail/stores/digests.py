"""What makes two scans the same scan, and what two items share that move together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Final

import polars as pl

#: What a scan is: whoever sends it again, under whatever event or file id, sends the same one.
_SCAN: Final = (
    "epc_code", "time", "location_id", "scan_location", "business_step", "event_type",
)  # fmt: skip
_SECOND: Final = 1_000_000  # microseconds


def scans(events: pl.DataFrame, apart: str = "") -> list[bytes]:
    """A digest of 16 bytes per event (`vocabulary.events.EVENTS`), in their order.

    An event that stands there twice gets two: what was read twice is kept twice, and sending the
    same events again gives the same digests.

    Args:
        events: The events.
        apart: Names a request whose events shall equal no others'.
    """
    seen: Counter[bytes] = Counter()
    digests = []
    for scan in zip(*_lists(events, _SCAN), strict=True):
        digest = _digest(apart, *scan)
        seen[digest] += 1
        digests.append(digest if seen[digest] == 1 else _digest(digest.hex(), seen[digest]))
    return digests


def moments(events: pl.DataFrame) -> list[int]:
    """A number of 63 bits per event: equal where place, words and second are."""
    return [
        int.from_bytes(_digest(time // _SECOND, *moment)[:8], "big") >> 1
        for time, *moment in zip(*_lists(events, _SCAN[1:]), strict=True)
    ]


def of_all(digests: Iterable[bytes]) -> bytes:
    """One digest of 16 bytes over several, whatever their order."""
    return blake2b(b"".join(sorted(digests)), digest_size=16).digest()


def _lists(events: pl.DataFrame, names: Sequence[str]) -> list[list[object]]:
    columns = (events[name] for name in names)
    return [
        (column.cast(pl.Int64) if column.name == "time" else column).to_list() for column in columns
    ]


def _digest(*parts: object) -> bytes:
    return blake2b(repr(parts).encode(), digest_size=16).digest()
