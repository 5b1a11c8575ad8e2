"""Alerts as they are kept: evaluated, snoozed, acknowledged; and the notices that follow."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from scantrail.errors import ConflictError
from scantrail.monitoring.alerts import Alert, AlertSettings, Book, Near, Notice, advance
from scantrail.monitoring.signals import Signal
from scantrail.stores.alerts import AlertTurn, Change, Phase, StoredChange
from scantrail.wiring import Stores

_log = logging.getLogger("scantrail.alerts")
_MONITOR: Final = "monitoring"


def name_of(alert: Alert) -> str:
    """Twelve hex digits that name an alert from its first symptom to its end."""
    return blake2b(f"{alert.key} {alert.first.isoformat()}".encode(), digest_size=6).hexdigest()


def alert_of(change: StoredChange) -> Alert:
    """What is known of an alert."""
    return msgspec.json.decode(change.state, type=Alert)


def evaluate(
    turn: AlertTurn,
    signals: Sequence[Signal],
    now: dt.datetime,
    settings: AlertSettings,
    near: Near,
) -> list[Notice]:
    """Take an evaluation's signals into the stored book; see `monitoring.alerts.advance`."""
    before = {one.key: alert_of(one) for one in turn.standing()}
    book, notices = advance(Book(before), signals, now, settings, near)
    told = {notice.alert.key: notice.what for notice in notices}
    changes = [
        _change(alert, _MONITOR, told.get(key) or _what(before.get(key), alert))
        for key, alert in book.alerts.items()
        if alert != before.get(key)
    ]
    for key, alert in before.items():
        now_there = book.alerts.get(key)
        if now_there is None or name_of(now_there) != name_of(alert):
            changes.insert(0, _change(alert, _MONITOR, "forgotten", phase="forgotten"))
    turn.add(changes)
    return notices


def send(
    stores: Stores, notices: Sequence[Notice], connection: sa.Connection, *, hook: bool
) -> None:
    """Tell of notices: in the log, and, where there is a webhook, on its way there."""
    for notice in notices:
        lead = notice.alert.lead
        _log.warning(
            "alert %s: %s at %s since %s: %s", notice.what, lead.check,
            lead.place or "the whole chain", notice.alert.since, lead.what,
            extra={"happened": f"alert_{notice.what}", "alert": name_of(notice.alert)},
        )  # fmt: skip
        if hook:
            body = msgspec.to_builtins(notice) | {"alertId": name_of(notice.alert)}
            text = msgspec.json.encode(body, order="deterministic").decode()
            stores.outbox.add(notice.id, text, connection)


def snooze(stores: Stores, alert: str, until: dt.datetime, actor: str, reason: str) -> StoredChange:
    """Send nothing of an alert until a time (naive, by the sites' clock).

    Raises:
        NotFoundError: There is no such alert.
        ConflictError: It is over, and forgotten.
    """
    return _act(stores, alert, ("snooze", actor, reason), snoozed=until)


def acknowledge(stores: Stores, alert: str, actor: str, reason: str) -> StoredChange:
    """Note that somebody looks after an alert: from now on only its end is told.

    Raises:
        NotFoundError, ConflictError: As `snooze`.
    """
    return _act(stores, alert, ("acknowledge", actor, reason), acknowledged=actor)


def _act(stores: Stores, alert: str, told: tuple[str, str, str], **values: Any) -> StoredChange:
    what, actor, reason = told
    stores.alerts.history(alert)  # names what is not there
    with stores.alerts.turn() as turn:
        standing = next((one for one in turn.standing() if one.alert == alert), None)
        if standing is None:
            raise ConflictError(f"alert {alert} is over; there is nothing to {what}")
        after = msgspec.structs.replace(alert_of(standing), **values)
        turn.add([_change(after, actor, what, reason=reason)])
    return stores.alerts.history(alert)[-1]


def _what(before: Alert | None, after: Alert) -> str:
    if before is None or before.first != after.first:
        return "seen"
    return after.phase if after.phase != before.phase else "seen"


def _change(
    alert: Alert, actor: str, what: str, *, reason: str = "", phase: Phase | None = None
) -> Change:
    return Change(
        alert=name_of(alert),
        key=alert.key,
        phase=phase or alert.phase,
        kind=alert.lead.check,
        what=what,
        actor=actor,
        reason=reason,
        state=msgspec.json.encode(alert, order="deterministic").decode(),
    )
