"""How much memory the process holds."""

from __future__ import annotations

import time
from typing import Final

import psutil

_FRESH: Final = 0.1  # seconds for which a measurement holds


def resident() -> int:
    """Bytes of this process in memory now."""
    held: int = psutil.Process().memory_info().rss
    return held


class Memory:
    """Whether the process holds too much; asked by every request, measured now and then."""

    def __init__(self, most: int) -> None:
        """Allow so many megabytes."""
        self._most = most * 2**20
        self._measured, self._short = float("-inf"), False

    def short(self) -> bool:
        """Whether more is held than allowed."""
        now = time.monotonic()
        if now - self._measured > _FRESH:
            self._measured, self._short = now, resident() > self._most
        return self._short
