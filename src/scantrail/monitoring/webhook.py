"""Notices to a webhook: signed, tried again when it fails, and never lost without a trace.

Each request is a POST of JSON with these headers:

- `X-Scantrail-Id`: the same for every try, so that a receiver can drop repeats;
- `X-Scantrail-Timestamp`: Unix seconds of this try;
- `X-Scantrail-Signature`: `v1=` and the hex HMAC-SHA256, keyed with the shared secret, of the
  timestamp, the id and the body, joined by dots (RFC 2104; the form that Standard Webhooks have).

A receiver calculates the signature anew, compares it in constant time, refuses timestamps more than
five minutes off, and remembers ids for as long: see `verify`. Any answer of 2xx means that it has
the notice.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import http.client
import math
import socket
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from scantrail.errors import MonitoringError

ID, TIMESTAMP, SIGNATURE = "X-Scantrail-Id", "X-Scantrail-Timestamp", "X-Scantrail-Signature"
REPLAY_WINDOW: Final = dt.timedelta(minutes=5)
_WORTH_AGAIN: Final = {408, 425, 429}  # and all 5xx; other answers won't change
_MOST_READ: Final = 2_000  # bytes of an answer


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """Where notices go, and how patiently.

    `timeout` and `first_wait` are in seconds; waits double from try to try up to `longest_wait`.
    With the defaults, a receiver may be away for the better part of a day.
    """

    url: str
    secret: str
    timeout: float = 10.0
    tries: int = 14
    first_wait: float = 30.0
    longest_wait: float = 4 * 3600.0

    def __post_init__(self) -> None:
        if urllib.parse.urlsplit(self.url).scheme not in {"http", "https"}:
            raise MonitoringError(f"'{self.url}' is no webhook: expected http:// or https://")
        if len(self.secret) < 16:
            raise MonitoringError("the webhook's secret is shorter than 16 letters")


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A notice on its way.

    Attributes:
        id: Names it for good.
        body: JSON.
        tries: How often it was tried.
        due: When to try next, UTC.
        error: Why the last try failed.
    """

    id: str
    body: str
    tries: int = 0
    due: dt.datetime
    error: str = ""


class Outbox(msgspec.Struct, frozen=True):
    """What is to be delivered, and what was given up, oldest first."""

    waiting: tuple[Delivery, ...] = ()
    dead: tuple[Delivery, ...] = ()

    def add(self, key: str, message: Any, now: dt.datetime) -> Outbox:
        """The outbox with one more message; one of the same id counts once."""
        if any(one.id == key for one in (*self.waiting, *self.dead)):
            return self
        body = msgspec.json.encode(message, order="deterministic").decode()
        return Outbox((*self.waiting, Delivery(id=key, body=body, due=now)), self.dead)

    def revive(self, now: dt.datetime) -> Outbox:
        """The outbox with all that was given up in the queue again."""
        again = (msgspec.structs.replace(one, tries=0, due=now) for one in self.dead)
        return Outbox((*self.waiting, *again))


class RefusedError(MonitoringError):
    """A try failed; `again` says whether another one may succeed."""

    def __init__(self, message: str, *, again: bool, wait: float = 0.0) -> None:
        """Keep what the receiver asked for, in seconds."""
        super().__init__(message)
        self.again, self.wait = again, wait


Post = Callable[[Webhook, Delivery, dt.datetime], None]


def sign(secret: str, key: str, timestamp: int, body: bytes) -> str:
    """The signature header of a request."""
    signed = f"{timestamp}.{key}.".encode() + body
    return "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def verify(secret: str, headers: Mapping[str, str], body: bytes, now: dt.datetime) -> str:
    """What a receiver does: the id of a genuine, fresh request.

    Raises:
        MonitoringError: The signature is wrong or missing, or the request is too old or too new.
    """
    try:
        key, timestamp = headers[ID], int(headers[TIMESTAMP])
    except (KeyError, ValueError) as error:
        raise MonitoringError("the request isn't signed: a header is missing or odd") from error
    expected = sign(secret, key, timestamp, body)
    if not hmac.compare_digest(expected.encode(), headers.get(SIGNATURE, "").encode()):
        raise MonitoringError("the signature is wrong: another secret, or the body was changed")
    if abs(now.timestamp() - timestamp) > REPLAY_WINDOW.total_seconds():
        raise MonitoringError("the request is too old, or a clock is wrong: more than 5 minutes")
    return key


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Signed notices go where they were sent, and nowhere else."""

    def redirect_request(self, *_args: Any, **_named: Any) -> None:
        """Take a redirect for an error."""


_OPENER: Final = urllib.request.build_opener(_NoRedirect)


def post(hook: Webhook, delivery: Delivery, now: dt.datetime) -> None:
    """One try.

    Raises:
        RefusedError: There was no answer of 2xx.
    """
    body, timestamp = delivery.body.encode(), int(now.timestamp())
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "scantrail",
        ID: delivery.id,
        TIMESTAMP: str(timestamp),
        SIGNATURE: sign(hook.secret, delivery.id, timestamp, body),
    }
    request = urllib.request.Request(hook.url, body, headers)  # noqa: S310 - checked in Webhook
    try:
        with _OPENER.open(request, timeout=hook.timeout) as answer:
            answer.read(_MOST_READ)
    except urllib.error.HTTPError as error:
        with error:
            again = error.code in _WORTH_AGAIN or error.code >= 500
            asked = error.headers.get("Retry-After", "")
        wait = float(asked) if asked.isdecimal() else 0.0
        told = f"answered {error.code} {error.reason}"
        raise RefusedError(told, again=again, wait=wait) from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        slow = isinstance(reason, (TimeoutError, socket.timeout))
        told = f"no answer within {hook.timeout:g} s" if slow else f"no answer: {reason}"
        raise RefusedError(told, again=True) from error


def deliver(hook: Webhook, outbox: Outbox, now: dt.datetime, send: Post = post) -> Outbox:
    """Try all that is due, oldest first.

    A receiver that isn't there isn't asked again for the others: their time comes with its next
    try. So a notice never overtakes an earlier one by much, and a dead receiver costs one timeout.

    Args:
        hook: Where to.
        outbox: What is waiting.
        now: UTC.
        send: One try; raises `RefusedError`.

    Returns:
        The outbox without what was delivered; what failed waits, or is dead.
    """
    waiting: list[Delivery] = []
    dead = list(outbox.dead)
    away = False
    for one in outbox.waiting:
        if one.due > now or away:
            waiting.append(one)
            continue
        try:
            send(hook, one, now)
        except RefusedError as refused:
            failed = msgspec.structs.replace(one, tries=one.tries + 1, error=str(refused))
            if not refused.again or failed.tries >= hook.tries:
                dead.append(failed)
                continue
            wait = max(_wait(hook, failed), min(refused.wait, hook.longest_wait))
            due = now + dt.timedelta(seconds=wait)
            waiting.append(msgspec.structs.replace(failed, due=due))
            away = True
    return Outbox(tuple(waiting), tuple(dead))


def _wait(hook: Webhook, delivery: Delivery) -> float:
    """Doubled from try to try, and up to a quarter more by id: receivers aren't asked in step."""
    wait = min(math.ldexp(hook.first_wait, delivery.tries - 1), hook.longest_wait)
    jitter = hashlib.sha256(f"{delivery.id}/{delivery.tries}".encode()).digest()[0] / 255
    return wait * (1 + jitter / 4)
