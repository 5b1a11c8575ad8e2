"""The gate: who a caller is, what they may, and how often."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

from anyio import CapacityLimiter, to_thread
from starlette.types import Scope as Connection

from scantrail.errors import KeyRefused
from scantrail.serve.limiting import Limits
from scantrail.serve.tokens import Tokens
from scantrail.stores.audit import Act, Outcome
from scantrail.stores.keys import hash_of, is_key
from scantrail.vocabulary.access import Caller, Scope
from scantrail.wiring import Stores

#: For how long a process goes by what it found out of a key or token: a revocation in another
#: process takes effect within so many seconds.
REMEMBERED: Final = 5.0
_MOST_REMEMBERED: Final = 10_000
_LONGEST: Final = 8_192  # characters of a token
_LOCAL: Final = Caller("local", "whoever is on this machine", frozenset(Scope))
_NO_KEY: Final = (
    "send a key as 'Authorization: Bearer sk_…' or 'X-API-Key: sk_…'; an administrator makes one "
    "with 'scantrail keys create'"
)


class Refused(Exception):  # noqa: N818 - a refusal, no error of the service
    """A caller is not let in: 401, 403 or 429; `caller` names one who is known."""

    def __init__(
        self, status: int, detail: str, headers: Mapping[str, str], caller: str | None = None
    ) -> None:
        """Hold what the answer says."""
        super().__init__(detail)
        self.status, self.detail, self.headers, self.caller = status, detail, headers, caller


class Gate:
    """Lets callers in. One for each app, used on its event loop."""

    def __init__(
        self, stores: Stores, limits: Limits, tokens: Tokens | None = None, *, open_to_all: bool
    ) -> None:
        """Guard the service.

        Args:
            stores: Where keys and the audit log are.
            limits: How often one may call.
            tokens: Reads bearer tokens of an identity provider, if there is one.
            open_to_all: No key is asked for.
        """
        self._stores, self._limits, self._tokens = stores, limits, tokens
        self.open_to_all = open_to_all
        self._remembered: dict[bytes, tuple[float, Caller | str]] = {}
        self._used: dict[str, int] = {}
        self._lookups = CapacityLimiter(4)  # so that strangers don't take all threads

    async def admit(self, connection: Connection, needed: Scope) -> Caller:
        """Who calls.

        Raises:
            Refused: They are unknown (401), may not (403), or call too often (429).
            StoreError: The keys can't be read.
        """
        if self.open_to_all:
            caller, who = _LOCAL, self.address(connection)
        else:
            caller = await self._known(connection)
            who = caller.id
        if needed not in caller.scopes:
            raise Refused(
                403,
                f"{caller.id} lacks the scope '{needed}'; it has: {_listed(caller.scopes)}",
                {"WWW-Authenticate": _challenge("insufficient_scope", needed)},
                caller.id,
            )
        if (wait := await self._limits.hit(who)) is not None:
            raise _too_often(wait, caller.id)
        return caller

    def address(self, connection: Connection) -> str:
        """Where a caller is."""
        client = connection.get("client")
        return client[0] if client else "nowhere"

    def begin(self, act: Act) -> int:
        """Note an act before it is done; its line of the audit log."""
        return self._stores.audit.add(act, Outcome.BEGUN, now())

    def end(self, line: int, outcome: Outcome, subject: str, detail: Mapping[str, Any]) -> None:
        """Note how it ended."""
        self._stores.audit.end(line, outcome, subject, detail)

    def refuse(self, act: Act, detail: Mapping[str, Any]) -> None:
        """Note that it was refused."""
        self._stores.audit.add(act, Outcome.REFUSED, now(), detail)

    def forget(self) -> None:
        """Go by nothing that was found out earlier: a key has changed."""
        self._remembered.clear()

    def keep_uses(self) -> None:
        """Store when keys were last used."""
        used, self._used = self._used, {}
        if used:
            self._stores.keys.used(used)

    async def close(self) -> None:
        """Let go of what counts calls."""
        await self._limits.close()

    async def _known(self, connection: Connection) -> Caller:
        text = _credential(connection["headers"])
        if text is None:
            raise await self._stranger(connection, f"no key was sent: {_NO_KEY}", None)
        digest = hash_of(text)
        until, found = self._remembered.get(digest, (0.0, ""))
        if until < time.monotonic():
            found = await self._look_up(digest, text)
        if isinstance(found, str):
            raise await self._stranger(connection, found, "invalid_token")
        if is_key(text):
            self._used[found.id.removeprefix("key ")] = now()
        return found

    async def _look_up(self, digest: bytes, text: str) -> Caller | str:
        found, ends = await to_thread.run_sync(self._asked, text, limiter=self._lookups)
        if len(self._remembered) >= _MOST_REMEMBERED:
            self._remembered.clear()
        life = REMEMBERED if ends is None else min(REMEMBERED, ends - time.time())
        self._remembered[digest] = (time.monotonic() + life, found)
        return found

    def _asked(self, text: str) -> tuple[Caller | str, float | None]:
        """Who sends this, or why nobody does; and until when, in seconds since 1970."""
        try:
            if is_key(text):
                key = self._stores.keys.find(text, now())
                ends = None if key.expires_at is None else key.expires_at / 1e6
                return Caller(f"key {key.id}", key.name, key.scopes), ends
            if self._tokens is None:
                return f"the key is not known here; {_NO_KEY}", None
            return self._tokens.read(text)
        except KeyRefused as refused:
            return str(refused), None

    async def _stranger(self, connection: Connection, why: str, error: str | None) -> Refused:
        if (wait := await self._limits.fail(self.address(connection))) is not None:
            return _too_often(wait, None)
        return Refused(401, why, {"WWW-Authenticate": _challenge(error)})


def now() -> int:
    """Microseconds since 1970, UTC."""
    return time.time_ns() // 1000


def _credential(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """What a caller shows: a bearer token, else what `X-API-Key` holds."""
    shown: bytes | None = None
    for name, value in headers:
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            shown = value[7:]
            break
        if name == b"x-api-key":
            shown = value
    text = (shown or b"").strip()[: _LONGEST + 1].decode("latin-1")
    return text or None


def _challenge(error: str | None, scope: Scope | None = None) -> str:
    parts = ['Bearer realm="scantrail"']
    parts += [f'error="{error}"'] if error else []
    parts += [f'scope="{scope}"'] if scope else []
    return ", ".join(parts)


def _listed(scopes: Iterable[Scope]) -> str:
    return ", ".join(sorted(scopes)) or "none"


def _too_often(wait: float, caller: str | None) -> Refused:
    seconds = str(max(1, round(wait + 0.5)))
    message = f"too many requests; try again in {seconds} s"
    return Refused(429, message, {"Retry-After": seconds}, caller)
