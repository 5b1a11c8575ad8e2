"""Deliveries to the webhook, from the outbox in the database."""

from __future__ import annotations

import datetime as dt
import logging
from typing import Final

from scantrail.monitoring.webhook import Delivery, Outbox, Post, Webhook, deliver, post
from scantrail.settings import Settings
from scantrail.stores.outbox import OutboxStore, Parcel
from scantrail.wiring import Stores

_log = logging.getLogger(__name__)
_SLACK: Final = 30.0  # seconds that a try may take beyond its timeout, before others try


def deliver_due(settings: Settings, stores: Stores, send: Post = post) -> int:
    """Try all that is due, the oldest first; how many were delivered.

    A receiver that isn't there isn't asked for the rest.

    Raises:
        MonitoringError: The webhook's settings can't be used.
    """
    hook = settings.webhook.hook()
    delivered = 0
    if hook is None:
        return delivered
    for parcel in stores.outbox.due():
        if not stores.outbox.claim(parcel, hook.timeout + _SLACK):
            continue  # another worker has it
        state = _try(hook, stores.outbox, parcel, send)
        delivered += state == "delivered"
        if state == "waiting":
            break
    return delivered


def _try(hook: Webhook, outbox: OutboxStore, parcel: Parcel, send: Post) -> str:
    """One try; how the notice stands after it."""
    now = dt.datetime.now(dt.UTC)
    one = Delivery(id=parcel.notice, body=parcel.body, tries=parcel.tries, due=now)
    after = deliver(hook, Outbox((one,)), now, send)
    if after.waiting:
        waits = after.waiting[0]
        outbox.tried(parcel, tries=waits.tries, due=round(waits.due.timestamp() * 1e6),
                     error=waits.error)  # fmt: skip
        return "waiting"
    if after.dead:
        _log.error("notice %s was given up: %s", parcel.notice, after.dead[0].error)
        outbox.end(parcel, "dead", after.dead[0].error)
        return "dead"
    outbox.end(parcel, "delivered")
    return "delivered"
