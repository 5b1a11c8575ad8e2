"""Predictions kept in Redis, for several processes; one that is down or slow costs only speed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from scantrail.breaker import Breaker, State
from scantrail.errors import SettingsError
from scantrail.stores.cache import CacheSettings, Counts

T = TypeVar("T")
_log = logging.getLogger(__name__)
_HOW: Final = "expected redis://HOST:PORT/NUMBER, rediss:// or unix://"


class Redis(Counts):
    """A `vocabulary.protocols.Cache` in Redis. Safe to use from several threads.

    One round trip per call. After some failures in a row nobody asks for a while.
    """

    def __init__(self, url: str, settings: CacheSettings | None = None) -> None:
        """Name the server; it is reached when first needed, and need not be there.

        Raises:
            SettingsError: The URL names no Redis.
        """
        super().__init__()
        self._settings = settings or CacheSettings()
        seconds = self._settings.timeout_ms / 1000
        try:
            self._client: Any = redis.Redis.from_url(
                url,
                socket_timeout=seconds,
                socket_connect_timeout=seconds,
                retry=Retry(NoBackoff(), 0),
            )
        except ValueError as error:
            raise SettingsError(f"redis_url can't be used: {error}; {_HOW}") from error
        self._prefix = self._settings.prefix.encode()
        self._breaker = Breaker(self._settings.failures, self._settings.retry_s, name="cache")

    @property
    def state(self) -> State:
        """That of its breaker."""
        return self._breaker.state

    def get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """What is kept under each key; nothing while Redis can't be reached."""
        if not keys:
            return []
        found = self._try(lambda: self._client.mget([self._prefix + key for key in keys]))
        return self.counted([None] * len(keys) if found is None else list(found))

    def put(self, values: Mapping[bytes, bytes]) -> None:
        """Keep values by key, if Redis can be reached."""
        if values:
            self._try(lambda: self._put(values))

    def close(self) -> None:
        """Let go of all connections."""
        self._client.close()

    def _put(self, values: Mapping[bytes, bytes]) -> None:
        with self._client.pipeline(transaction=False) as pipeline:
            for key, value in values.items():
                pipeline.set(self._prefix + key, value, ex=self._settings.ttl_s)
            pipeline.execute()

    def _try(self, work: Callable[[], T]) -> T | None:
        if not self._breaker.allows():
            return None
        try:
            result = work()
        except redis.RedisError as error:
            self._breaker.failed()
            _log.warning("Redis does not answer, so more is computed: %s", error)
            return None
        self._breaker.succeeded()
        return result
