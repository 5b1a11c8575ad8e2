"""The queue that wakes workers: Huey, on Redis or in a file; its messages are JSON.

A message names a job and carries nothing else: what a job is, and what becomes of it, is in the
database. So a message that is lost or doubled does no harm: workers look for jobs that wait by
themselves, and a job is taken once.
"""

from __future__ import annotations

import datetime as dt
import logging
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import msgspec
from huey import Huey, RedisHuey, SqliteHuey
from huey.registry import Message

from scantrail.errors import SettingsError
from scantrail.settings import Settings

_log = logging.getLogger(__name__)

#: The task that takes a job; workers register it by this name.
TAKE: Final = "take"
_TIMES: Final = ("eta", "expires_resolved")
_FILE: Final = "-queue.sqlite"


class Json:
    """Huey's messages as JSON: nothing that is read here can run anything."""

    def serialize(self, data: Any) -> bytes:
        """A message, or any other plain value, as JSON."""
        if isinstance(data, Message):
            return msgspec.json.encode({"message": data._asdict()})
        return msgspec.json.encode({"value": data})

    def deserialize(self, data: bytes) -> Any:
        """What `serialize` was given; times of a message are times again."""
        read = msgspec.json.decode(bytes(data))
        if "message" not in read:
            return read["value"]
        fields = read["message"]
        for name in _TIMES:
            if fields[name] is not None:
                fields[name] = dt.datetime.fromisoformat(fields[name])
        return Message(**fields)


def queue(settings: Settings) -> Huey:
    """The configured queue: on Redis where there is one, else in a file beside the database.

    Raises:
        SettingsError: It can't be used.
    """
    common = {"results": False, "serializer": Json(), "utc": True}
    name = "scantrail"
    if settings.redis_url:
        database = blake2b(settings.database_url.encode(), digest_size=4).hexdigest()
        name = f"{settings.cache.prefix}queue:{database}"
        try:
            return RedisHuey(name, url=_bounded(settings.redis_url), **common)
        except Exception as error:
            raise SettingsError(f"the queue on Redis can't be used: {error}") from error
    try:
        return SqliteHuey(name, filename=str(queue_file(settings)), **common)
    except Exception as error:
        raise SettingsError(
            f"the queue {queue_file(settings)} can't be used: {error}; it is made where the "
            "database's file is, or else where the service is started"
        ) from error


def place(settings: Settings) -> str:
    """Where the queue is, in words."""
    return "Redis" if settings.redis_url else str(queue_file(settings))


def queue_file(settings: Settings) -> Path:
    """The file of a queue without Redis."""
    file = Path(settings.database_url.partition("sqlite:///")[2] or "scantrail.sqlite")
    return file.with_name(file.stem + _FILE)


def _bounded(url: str) -> str:
    """The URL of a Redis that nobody waits for long.

    >>> _bounded("redis://127.0.0.1:6379/0")
    'redis://127.0.0.1:6379/0?socket_connect_timeout=2&socket_timeout=5'
    """
    return url + ("&" if "?" in url else "?") + "socket_connect_timeout=2&socket_timeout=5"


class Waker:
    """Tells workers of jobs; where it can't, they find out within a minute."""

    def __init__(self, settings: Settings) -> None:
        """Open the queue at the first use."""
        self._settings = settings
        self._take: Any = None

    def __call__(self, job: int) -> None:
        """Tell of a job."""
        try:
            if self._take is None:
                self._take = taker(queue(self._settings), lambda _job: None)
            self._take(job)
        except Exception as error:  # noqa: BLE001 - the job waits in the database all the same
            _log.warning("no worker could be woken for job %d, it waits: %s", job, error)


def taker(huey: Huey, work: Any) -> Any:
    """Register what takes a job; calling what it gives sends a message."""

    def take(job: int) -> None:
        work(job)

    return huey.task(name=TAKE)(take)
