"""Routes that ask who calls before anything of the request is read, and note what is done there.

Endpoints that are added to a router whose `route_class` is `needs(scope)` are for callers with that
scope; `api.create_app` does so for each group of endpoints. What an endpoint of an administrator
does is in the audit log without its help; `note` adds to what and how.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any, ClassVar, Final

from anyio import to_thread
from fastapi import HTTPException, Request
from fastapi.routing import APIRoute
from starlette.types import Message, Receive, Send
from starlette.types import Scope as Connection

from scantrail.errors import StoreError
from scantrail.serve.gate import Gate, Refused
from scantrail.stores.audit import Act, Outcome
from scantrail.vocabulary.access import Caller, Scope

_log = logging.getLogger(__name__)
_READS: Final = ("GET", "HEAD", "OPTIONS")
_UNKNOWN: Final = "unknown"


class GuardedRoute(APIRoute):
    """A route for callers with a scope."""

    needed: ClassVar[Scope]

    async def handle(self, scope: Connection, receive: Receive, send: Send) -> None:
        """Let the caller in, or say why not."""
        if scope["method"] not in (self.methods or ()):
            raise HTTPException(405, headers={"Allow": ", ".join(self._allowed(scope))})
        gate: Gate = scope["app"].state.gate
        if self.needed is not Scope.ADMIN:
            _state(scope)["caller"] = await gate.admit(scope, self.needed)
            await super().handle(scope, receive, send)
            return
        await self._administer(gate, scope, receive, send)

    def _allowed(self, scope: Connection) -> list[str]:
        """The methods of all routes of this path."""
        same = (r for r in scope["app"].routes if getattr(r, "path", None) == self.path)
        return sorted({method for route in same for method in route.methods})

    async def _administer(
        self, gate: Gate, scope: Connection, receive: Receive, send: Send
    ) -> None:
        action = f"{scope['method']} {self.path_format}"
        subject = " ".join(str(value) for value in scope.get("path_params", {}).values())
        request_id = request_id_of(scope)
        try:
            caller = await gate.admit(scope, self.needed)
        except Refused as refused:
            if refused.status != 429:
                actor = refused.caller or f"{_UNKNOWN} {gate.address(scope)}"
                await _refusal(gate, Act(actor, action, subject, request_id), refused)
            raise
        _state(scope)["caller"] = caller
        if scope["method"] in _READS:
            await super().handle(scope, receive, send)
            return
        act = Act(caller.id, action, subject, request_id)
        line = await to_thread.run_sync(gate.begin, act)  # without a line nothing is done
        sent = _Watched(send, lambda status: _end(gate, line, status, scope))
        try:
            await super().handle(scope, receive, sent)
        except Exception as error:
            await sent.ended(getattr(error, "status", getattr(error, "status_code", 500)))
            raise


class _Watched:
    """Sends an answer, and tells its status first."""

    def __init__(self, send: Send, told: Callable[[int], Awaitable[None]]) -> None:
        self._send, self._told = send, told
        self._ended = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self.ended(message["status"])
        await self._send(message)

    async def ended(self, status: int) -> None:
        if not self._ended:
            self._ended = True
            await self._told(status)


@cache
def needs(scope: Scope) -> type[GuardedRoute]:
    """The class of routes for callers with a scope."""
    return type(f"{scope.title()}Route", (GuardedRoute,), {"needed": scope})


def caller_of(request: Request) -> Caller:
    """Who calls."""
    caller: Caller = request.state.caller
    return caller


def note(request: Request, subject: str, **detail: Any) -> None:
    """Say for the audit log what an act was done to, and what it was; no secrets."""
    request.state.noted = (subject, detail)


def request_id_of(scope: Connection) -> str | None:
    """The name of a request in logs."""
    return _state(scope).get("request_id")


def _state(scope: Connection) -> dict[str, Any]:
    state: dict[str, Any] = scope.setdefault("state", {})
    return state


async def _refusal(gate: Gate, act: Act, refused: Refused) -> None:
    try:
        await to_thread.run_sync(gate.refuse, act, {"status": refused.status})
    except StoreError:
        _log.exception("a refusal is not in the audit log: %s by %s", act.action, act.actor)


async def _end(gate: Gate, line: int, status: int, scope: Connection) -> None:
    outcome = Outcome.DONE if status < 400 else Outcome.REFUSED if status < 500 else Outcome.FAILED
    subject, detail = _state(scope).get("noted", ("", {}))
    try:
        await to_thread.run_sync(gate.end, line, outcome, subject, {"status": status, **detail})
    except StoreError:  # its line still says that it was begun
        _log.exception("how an act ended is not in the audit log, line %d", line)
