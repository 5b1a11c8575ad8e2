"""No request's body is read beyond what may be, whoever reads it: the service, or the framework."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Bodies:
    """An ASGI middleware; what is too large is answered with 413."""

    def __init__(self, app: ASGIApp, *, most: int) -> None:
        """Let an app read bodies of so many bytes."""
        self._app, self._most = app, most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        size = 0

        async def bounded() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > self._most:
                told = f"the body has more than {self._most} bytes; send fewer records at a time"
                # the framework lets through this kind of exception alone
                raise HTTPException(413, [{"type": "too_large", "loc": ["body"], "msg": told}])  # type: ignore[arg-type]
            return message

        await self._app(scope, bounded, send)
