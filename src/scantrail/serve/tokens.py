"""Bearer tokens of an identity provider (OpenID Connect): who they name, if they are good."""

from __future__ import annotations

import json
import logging
import math
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import jwt

from scantrail.errors import KeyRefused, SettingsError
from scantrail.settings import OidcSettings
from scantrail.vocabulary.access import Caller, Scope

_log = logging.getLogger(__name__)
#: Signatures that only who holds the private key can make.
_SAFE: Final = frozenset(
    f"{kind}{bits}" for kind in ("RS", "PS", "ES") for bits in (256, 384, 512)
) | {"EdDSA"}
_PAUSE: Final = 10.0  # seconds between two looks for a key that is not there
_STALE: Final = 86_400.0  # seconds for which known keys serve while new ones can't be had
_LOCAL: Final = ("http://127.0.0.1", "http://localhost", "http://[::1]")


class Tokens:
    """Reads tokens of one issuer. Safe to use from several threads."""

    def __init__(self, settings: OidcSettings) -> None:
        """Trust an issuer by settings.

        Raises:
            SettingsError: What is needed is missing, or is not safe.
        """
        _check(settings)
        self._settings = settings
        self._keys = SigningKeys(settings)
        self._scopes = {claim: _scope(claim, scope) for claim, scope in settings.scopes.items()}

    def read(self, token: str) -> tuple[Caller, float]:
        """Who a token names, and until when (seconds since 1970).

        Raises:
            KeyRefused: It is to be trusted in nothing; the message says why.
        """
        settings = self._settings
        try:
            header = jwt.get_unverified_header(token)
            claims = jwt.decode(
                token,
                self._keys.find(header),
                algorithms=list(settings.algorithms),
                audience=settings.audience,
                issuer=settings.issuer,
                leeway=settings.leeway_seconds,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.PyJWTError as error:
            raise KeyRefused(f"the token is refused: {error}") from error
        caller = Caller(f"oidc {claims['sub']}"[:200], _name(claims), self._granted(claims))
        return caller, float(claims["exp"]) + settings.leeway_seconds

    def _granted(self, claims: dict[str, Any]) -> frozenset[Scope]:
        """The scopes of a token; `scope_claim` may be a path such as `realm_access.roles`."""
        value: Any = claims
        for part in self._settings.scope_claim.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        words = value.split() if isinstance(value, str) else value
        if not isinstance(words, list):
            return frozenset()
        return frozenset(
            self._scopes[word] for word in words if isinstance(word, str) and word in self._scopes
        )


class SigningKeys:
    """The keys that an issuer signs with, fetched again as they change."""

    def __init__(self, settings: OidcSettings) -> None:
        """Find them at the configured URL or in the configured file."""
        self._settings = settings
        self._lock = threading.Lock()
        self._known: dict[str, dict[str, Any]] = {}
        self._fetched = self._tried = -math.inf

    def find(self, header: dict[str, Any]) -> jwt.PyJWK:
        """The key that a token's header names.

        Raises:
            jwt.PyJWTError: There is none, or it is not for that algorithm.
        """
        algorithm, kid = header.get("alg"), header.get("kid")
        if algorithm not in self._settings.algorithms:
            raise jwt.InvalidAlgorithmError(f"the algorithm {algorithm!r} is not allowed")
        if "crit" in header:
            raise jwt.InvalidTokenError("its header has demands that are not known here")
        key = self._of(kid, self._settings.refresh_seconds) or self._of(kid, _PAUSE)
        if key is None:
            raise jwt.InvalidTokenError("no known key has signed it")
        if key.get("alg") not in {None, algorithm}:
            raise jwt.InvalidAlgorithmError(f"its key is for {key['alg']}, not {algorithm}")
        return jwt.PyJWK(key, algorithm)

    def _of(self, kid: Any, oldest: float) -> dict[str, Any] | None:
        """A key by its id; all are fetched first if they are older than so many seconds."""
        with self._lock:
            now = time.monotonic()
            if now - self._fetched >= oldest and now - self._tried >= min(oldest, _PAUSE):
                self._tried = now
                self._fetch(now)
            if now - self._fetched >= _STALE:
                raise jwt.InvalidTokenError("the keys of the issuer can't be had; try again later")
            return self._known.get(kid) if isinstance(kid, str) else None

    def _fetch(self, now: float) -> None:
        source, seconds = self._settings.jwks, self._settings.timeout_seconds
        try:
            if "://" in source:
                found = jwt.PyJWKClient(source, cache_jwk_set=False, timeout=seconds).fetch_data()
            else:
                found = json.loads(Path(source).read_text("utf-8"))
            self._known = {key["kid"]: key for key in found["keys"] if _signs(key)}
            self._fetched = now
        except Exception as error:  # noqa: BLE001 - whatever it is, known keys still serve
            _log.warning("the keys of %s can't be had: %s", self._settings.issuer, error)


def _signs(key: dict[str, Any]) -> bool:
    """Whether a key has an id, and verifies what another signs."""
    return (
        "kid" in key and key.get("kty") in {"RSA", "EC", "OKP"} and key.get("use", "sig") == "sig"
    )


def _check(settings: OidcSettings) -> None:
    for name in ("issuer", "audience", "jwks"):
        if not getattr(settings, name):
            raise SettingsError(f"oidc.{name} is missing; a token is checked by all of {_ALL}")
    unsafe = [name for name in settings.algorithms if name not in _SAFE]
    if unsafe or not settings.algorithms:
        wrong = f"'{unsafe[0]}' is not safe" if unsafe else "none is given"
        raise SettingsError(
            f"oidc.algorithms: {wrong}; expected some of {', '.join(sorted(_SAFE))}"
        )
    source = settings.jwks
    local = source.startswith(tuple(f"{start}{end}" for start in _LOCAL for end in ":/"))
    if "://" in source and not (source.startswith("https://") or local):
        raise SettingsError(f"oidc.jwks is '{source}'; expected https://… or a file")


_ALL: Final = "oidc.issuer, oidc.audience and oidc.jwks"


def _scope(claim: str, scope: str) -> Scope:
    try:
        return Scope(scope)
    except ValueError as error:
        raise SettingsError(
            f"oidc.scopes: '{claim}' stands for '{scope}'; expected one of {_names(Scope)}"
        ) from error


def _names(scopes: Iterable[Scope]) -> str:
    return ", ".join(scopes)


def _name(claims: dict[str, Any]) -> str:
    name = claims.get("preferred_username") or claims.get("client_id") or claims["sub"]
    return str(name)[:200]
