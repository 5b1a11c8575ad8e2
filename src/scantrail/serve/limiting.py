"""How often one may call: per key, or per address of those without; in Redis if there is one."""

from __future__ import annotations

import logging
import time
from typing import Any, Final

from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import FixedWindowRateLimiter

from scantrail.errors import SettingsError

_log = logging.getLogger(__name__)
_PATIENCE: Final = 0.05  # seconds for an answer of Redis
_PAUSE: Final = 10.0  # seconds until a Redis that failed is asked again


class Limits:
    """Counts calls. Used on one event loop.

    Without Redis, and while it doesn't answer, each process counts by itself: then a caller may
    call as often as said times the number of processes.
    """

    def __init__(self, rate: str, failures: str, redis_url: str = "") -> None:
        """Set up counting.

        Args:
            rate: Calls of one caller, e.g. `60000/minute`; `none`: as many as they like.
            failures: Calls from one address that are refused with 401; more are answered with 429.
            redis_url: Where processes count together; empty: each by itself.

        Raises:
            SettingsError: A rate can't be read.
        """
        self._rate, self._failures = _item("rate_limit", rate), _item("failure_limit", failures)
        self._own = FixedWindowRateLimiter(MemoryStorage())
        self._connections = _connections(redis_url) if redis_url else None
        self._shared = _shared(redis_url, self._connections) if redis_url else None
        self._paused_until = 0.0

    @property
    def alone(self) -> bool:
        """Whether processes count by themselves because Redis doesn't answer."""
        return self._shared is not None and time.monotonic() < self._paused_until

    async def hit(self, caller: str) -> float | None:
        """Count a call; None if it may go on, else the seconds until one may."""
        return await self._count(self._rate, caller)

    async def fail(self, address: str) -> float | None:
        """Count a call by nobody known; likewise."""
        return await self._count(self._failures, address)

    async def close(self) -> None:
        """Let go of Redis's connections; the next call makes new ones."""
        if self._connections is not None:
            await self._connections.aclose()

    async def _count(self, item: RateLimitItem | None, who: str) -> float | None:
        if item is None:
            return None
        if self._shared is not None and time.monotonic() >= self._paused_until:
            try:
                return await _counted(self._shared, item, who)
            except Exception as error:  # noqa: BLE001 - whatever it is, callers are served
                self._paused_until = time.monotonic() + _PAUSE
                _log.warning(
                    "Redis doesn't count calls (%s); this process counts by itself, and asks again "
                    "in %.0f s", type(error).__name__, _PAUSE,
                )  # fmt: skip
        return await _counted(self._own, item, who)


async def _counted(limiter: FixedWindowRateLimiter, item: RateLimitItem, who: str) -> float | None:
    if await limiter.hit(item, who):
        return None
    return (await limiter.get_window_stats(item, who)).reset_time - time.time()


def _item(name: str, rate: str) -> RateLimitItem | None:
    if rate == "none":
        return None
    try:
        return parse(rate)
    except ValueError as error:
        raise SettingsError(
            f"{name} is '{rate}'; expected e.g. 600/minute, 100 per 10 seconds, or none"
        ) from error


def _connections(url: str) -> Any:
    try:
        from redis.asyncio import ConnectionPool

        patience = {"socket_timeout": _PATIENCE, "socket_connect_timeout": _PATIENCE}
        return ConnectionPool.from_url(url, **patience)
    except (ImportError, ValueError) as error:
        raise SettingsError(
            f"redis_url can't be used: {error}; expected redis://HOST:PORT/DB "
            "(pip install 'scantrail[redis]')"
        ) from error


def _shared(url: str, connections: Any) -> FixedWindowRateLimiter:
    options: dict[str, Any] = {"connection_pool": connections}
    return FixedWindowRateLimiter(
        RedisStorage(
            f"async+{url}", implementation="redispy", key_prefix="scantrail:calls", **options
        )
    )
