"""The outermost layer: names each request, tells browsers what not to do, hides what broke.

With `local`, it answers only those who ask for this machine by its own name, from no other page:
otherwise a web page elsewhere could have the reader's browser call a service that asks for no key.
"""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Iterable
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

_log = logging.getLogger(__name__)
_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
_ALWAYS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_DATA: Final = (
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
)
# the documentation's pages have one script in the page itself, and styles that scripts set
_PAGE: Final = (
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
        b"img-src 'self' data:; font-src 'self' data:; connect-src 'self'; worker-src blob:; "
        b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"cache-control", b"no-store"),
)


class Shell:
    """An ASGI middleware around everything."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        hsts_seconds: int = 0,
        local: bool = False,
        origins: Iterable[str] = (),
    ) -> None:
        """Wrap an app.

        Args:
            app: What answers.
            hsts_seconds: For which browsers shall use https only; 0: they aren't told.
            local: Whether only this machine may ask.
            origins: Origins of pages that may ask nevertheless.
        """
        self._app, self._local, self._origins = app, local, frozenset(origins)
        hsts = (b"strict-transport-security", b"max-age=%d; includeSubDomains" % hsts_seconds)
        self._always = (*_ALWAYS, hsts) if hsts_seconds else _ALWAYS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _name(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        with bound_contextvars(request_id=request_id):
            await self._answer(scope, receive, send, request_id)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        begun = False

        async def dressed(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                message["headers"] = [*message.get("headers", ()), *self._headers(message)]
                message["headers"].append((b"x-request-id", request_id.encode()))
            await send(message)

        if self._local and (why := self._stranger(scope)) is not None:
            await JSONResponse({"detail": why}, 403)(scope, receive, dressed)
            return
        try:
            await self._app(scope, receive, dressed)
        except Exception:
            _log.exception("request %s failed", request_id)
            if begun:
                raise
            told = f"the service failed; its log says more of request {request_id}"
            await JSONResponse({"detail": told}, 500)(scope, receive, dressed)

    def _headers(self, message: Message) -> Iterable[tuple[bytes, bytes]]:
        kind = next((v for k, v in message.get("headers", ()) if k.lower() == b"content-type"), b"")
        if kind.startswith(b"text/html"):
            return (*self._always, *_PAGE)
        if kind.startswith(b"application/json") or not kind:
            return (*self._always, *_DATA)
        return self._always

    def _stranger(self, scope: Scope) -> str | None:
        """Why a request doesn't come from this machine, if so."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if _without_port(host) not in _LOOPBACK:
            return f"'{host[:80]}' is no name of this machine; ask for 127.0.0.1 or localhost"
        origin = headers.get("origin")
        if origin is None or origin in self._origins or origin == f"{scope['scheme']}://{host}":
            return None
        return f"pages of {origin[:80]} may not call; set SCANTRAIL_CORS_ORIGINS if they shall"


def _without_port(host: str) -> str:
    """A host as it is called, in small letters.

    >>> _without_port("LocalHost:8000"), _without_port("[::1]:8000"), _without_port("[::1]")
    ('localhost', '[::1]', '[::1]')
    """
    return re.sub(r":[0-9]*$", "", host).lower() if not host.endswith("]") else host


def _name(scope: Scope) -> str:
    """The request's name: the caller's if it is a plain one, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return str(value.decode())
    return secrets.token_hex(8)
