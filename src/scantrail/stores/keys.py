"""API keys: made at random, shown once, kept as a hash."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from scantrail.errors import KeyRefused, UnknownKey
from scantrail.stores.database import Database
from scantrail.stores.tables import API_KEYS
from scantrail.vocabulary.access import Scope

_START: Final = "sk_"
_ID_BYTES: Final = 6
_SECRET_BYTES: Final = 32  # nobody guesses 256 bits, so a plain hash keeps them well
_FIRST_LOCK: Final = 0x5CA9


@dataclass(frozen=True, slots=True)
class Key:
    """What is known of a key; times in microseconds since 1970, UTC. `replaces`: a key's id."""

    id: str
    name: str
    scopes: frozenset[Scope]
    created_at: int
    expires_at: int | None
    revoked_at: int | None
    last_used_at: int | None
    replaces: str | None

    def ended(self, now: int) -> str | None:
        """Why it no longer opens anything, if so."""
        if self.revoked_at is not None and self.revoked_at <= now:
            return "was revoked"
        if self.expires_at is not None and self.expires_at <= now:
            return "has expired"
        return None

    def state(self, now: int) -> str:
        """In one word: active, expired or revoked."""
        return (self.ended(now) or "is active").split()[-1]


class NewKey(NamedTuple):
    """A key as it is made. `text` is what its holder sends; it can't be had again."""

    key: Key
    text: str


class Keys:
    """All keys. Times are given, in microseconds since 1970, UTC."""

    def __init__(self, database: Database) -> None:
        """Keep them in a database."""
        self._database = database

    def create(
        self, name: str, scopes: Iterable[Scope], now: int, expires_at: int | None = None
    ) -> NewKey:
        """Make a key.

        Raises:
            StoreError: It could not be stored.
        """
        with self._database.writing() as connection:
            return _create(connection, name, scopes, now, expires_at)

    def create_first(self, name: str, now: int) -> NewKey | None:
        """Make a key that may do everything, unless there ever was one: one process does it."""
        with self._database.writing() as connection:
            if not self._database.sqlite:  # there, one writes at a time anyway
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_FIRST_LOCK)))
            if connection.execute(sa.select(API_KEYS.c.id).limit(1)).first() is not None:
                return None
            return _create(connection, name, Scope, now, None)

    def find(self, text: str, now: int) -> Key:
        """The key that a caller sent.

        Raises:
            KeyRefused: There is none, or it has ended.
        """
        key_id = text.removeprefix(_START).partition("_")[0]
        with self._database.reading() as connection:
            row = _row(connection, key_id)
        hashed = row.hashed if row is not None else bytes(32)
        if not compare_digest(hash_of(text), hashed) or row is None:
            raise KeyRefused("the key is not known here")
        key = _key(row)
        if (why := key.ended(now)) is not None:
            raise KeyRefused(f"the key {key.id} ({key.name}) {why}")
        return key

    def rotate(self, key_id: str, now: int, overlap: int) -> NewKey:
        """Make a key that follows another, which goes on for a while.

        Args:
            key_id: The key to replace. The new one has its name, its scopes and as long a life.
            now: The time.
            overlap: For how many microseconds the old one still opens.

        Raises:
            UnknownKey: There is no such key, or it has ended already.
        """
        with self._database.writing() as connection:
            old = _living(connection, key_id, now)
            life = None if old.expires_at is None else now + old.expires_at - old.created_at
            new = _create(connection, old.name, old.scopes, now, life, replaces=key_id)
            end = now + overlap if old.expires_at is None else min(old.expires_at, now + overlap)
            _change(connection, key_id, expires_at=end)
            return new

    def revoke(self, key_id: str, now: int) -> Key:
        """End a key at once; doing so again changes nothing.

        Raises:
            UnknownKey: There is no such key.
        """
        with self._database.writing() as connection:
            key = _of(connection, key_id)
            if key.revoked_at is None:
                _change(connection, key_id, revoked_at=now)
                key = _of(connection, key_id)
            return key

    def used(self, times: Mapping[str, int]) -> None:
        """Note when keys were last used, by their ids."""
        later = sa.or_(
            API_KEYS.c.last_used_at.is_(None), API_KEYS.c.last_used_at < sa.bindparam("at")
        )
        with self._database.writing() as connection:
            connection.execute(
                sa.update(API_KEYS)
                .where(API_KEYS.c.id == sa.bindparam("key"), later)
                .values(last_used_at=sa.bindparam("at")),
                [{"key": key_id, "at": at} for key_id, at in sorted(times.items())],
            )

    def all(self) -> list[Key]:
        """All keys that ever were, the newest first."""
        asked = sa.select(API_KEYS).order_by(API_KEYS.c.created_at.desc(), API_KEYS.c.id)
        with self._database.reading() as connection:
            return [_key(row) for row in connection.execute(asked)]


def is_key(text: str) -> bool:
    """Whether a credential is meant to be one of these keys.

    >>> is_key("sk_0123456789ab_x"), is_key("eyJhbGciOiJSUzI1NiJ9.e30.x")
    (True, False)
    """
    return text.startswith(_START)


def hash_of(text: str) -> bytes:
    """What is kept of a credential: its SHA-256."""
    return sha256(text.encode("utf-8", "surrogateescape")).digest()


def _create(
    connection: sa.Connection,
    name: str,
    scopes: Iterable[Scope],
    now: int,
    expires_at: int | None,
    replaces: str | None = None,
) -> NewKey:
    key_id = secrets.token_hex(_ID_BYTES)
    text = f"{_START}{key_id}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    values: dict[str, Any] = {
        "id": key_id,
        "name": name,
        "hashed": hash_of(text),
        "scopes": ",".join(sorted(set(scopes))),
        "created_at": now,
        "expires_at": expires_at,
        "replaces": replaces,
    }
    connection.execute(sa.insert(API_KEYS).values(values))
    return NewKey(_of(connection, key_id), text)


def _row(connection: sa.Connection, key_id: str) -> sa.Row[Any] | None:
    if len(key_id) != 2 * _ID_BYTES or not (key_id.isascii() and key_id.isalnum()):
        return None  # databases don't take every text
    return connection.execute(sa.select(API_KEYS).where(API_KEYS.c.id == key_id)).first()


def _of(connection: sa.Connection, key_id: str) -> Key:
    row = _row(connection, key_id)
    if row is None:
        raise UnknownKey(f"there is no key {key_id[:40]!r}; 'scantrail keys list' shows all")
    return _key(row)


def _living(connection: sa.Connection, key_id: str, now: int) -> Key:
    key = _of(connection, key_id)
    if (why := key.ended(now)) is not None:
        raise UnknownKey(f"the key {key_id} {why}; make a new one with 'scantrail keys create'")
    return key


def _change(connection: sa.Connection, key_id: str, **values: int) -> None:
    connection.execute(sa.update(API_KEYS).where(API_KEYS.c.id == key_id).values(**values))


def _key(row: sa.Row[Any]) -> Key:
    return Key(
        row.id,
        row.name,
        frozenset(Scope(scope) for scope in row.scopes.split(",") if scope),
        row.created_at,
        row.expires_at,
        row.revoked_at,
        row.last_used_at,
        row.replaces,
    )
