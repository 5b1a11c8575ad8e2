"""Feedback, alerts and what monitoring found as callers read them."""

from __future__ import annotations

from typing import Any

import msgspec

from scantrail.monitoring.alerts import Alert
from scantrail.settings import Settings
from scantrail.stores.alerts import StoredChange
from scantrail.stores.evaluations import Sample, StoredBaseline, StoredEvaluation
from scantrail.stores.feedback import Feedback, Group
from scantrail.vocabulary.times import utc
from scantrail.wiring import Stores
from scantrail.work.alerting import alert_of
from scantrail.work.performance import performance
from scantrail.work.triggers import reasons

Json = dict[str, Any]


def feedback_line(one: Feedback) -> Json:
    """What somebody said."""
    group = one.group
    told = msgspec.to_builtins(group)
    if group.lane is not None:
        told["lane"] = dict(zip(("from", "to"), group.lane, strict=True))
    return {
        "id": one.id,
        "at": utc(one.at),
        "actor": one.actor,
        "verdict": one.verdict,
        "reason": one.reason,
        "target": one.target,
        "epcCode": one.epc_code,
        "group": None if group == Group() else told,
        "week": one.week,
        "expiresAt": None if one.expires_at is None else utc(one.expires_at),
        "withdraws": one.withdraws,
        "withdrawnBy": one.withdrawn,
    }


def alert_line(change: StoredChange) -> Json:
    """How an alert stands."""
    alert: Alert = alert_of(change)
    symptoms = sorted(alert.symptoms.values(), key=lambda one: (-one.strength, one.key))
    line: Json = msgspec.to_builtins(
        {
            "id": change.alert,
            "phase": change.phase,
            "kind": change.kind,
            "since": alert.since,
            "first": alert.first,
            "last": alert.last,
            "strength": round(alert.lead.strength, 3),
            "what": alert.lead.what,
            "places": sorted({one.place for one in symptoms}),
            "snoozedUntil": alert.snoozed,
            "acknowledgedBy": alert.acknowledged or None,
            "symptoms": symptoms,
        }
    )
    return line


def alert_detail(changes: list[StoredChange]) -> Json:
    """How an alert stands, and all that happened to it."""
    told = [
        {"at": utc(one.at), "what": one.what, "phase": one.phase, "actor": one.actor,
         "reason": one.reason}
        for one in changes
    ]  # fmt: skip
    return alert_line(changes[-1]) | {"changes": told}


def _baseline(one: StoredBaseline) -> Json:
    content = msgspec.json.decode(one.content)
    return {
        "digest": one.digest,
        "version": one.version,
        "first": content["first"],
        "last": content["last"],
        "scans": content["scans"],
        "madeAt": utc(one.made_at),
        "madeBy": one.actor,
    }


def _found(last: StoredEvaluation | None) -> Json:
    found: Json = msgspec.json.decode(last.found) if last else {}
    return found


def drift(stores: Stores) -> Json:
    """What was not as it was up to the latest midnight."""
    last = stores.evaluations.last()
    found = _found(last)
    usual = stores.evaluations.baseline(last.version if last else None)
    usual = usual or stores.evaluations.baseline()
    return {
        "state": found.get("state", "nothing yet"),
        "until": last.until if last else None,
        "version": last.version if last else None,
        "withScores": found.get("withScores", False),
        "scans": found.get("scans", 0),
        "daysKnown": found.get("days"),
        "daysNeeded": found.get("needed"),
        "baseline": _baseline(usual) if usual else None,
        "signals": found.get("signals", []),
    }


def alerts_rate(stores: Stores) -> Json:
    """The control charts of all sites."""
    last = stores.evaluations.last()
    return {"until": last.until if last else None, "sites": _found(last).get("charts", [])}


def feeds(stores: Stores) -> Json:
    """How data came in."""
    last = stores.evaluations.last()
    found = _found(last)
    return {
        "until": last.until if last else None,
        "sites": found.get("feeds", []),
        "rejections": found.get("rejections", []),
    }


def performance_view(settings: Settings, stores: Stores) -> Json:
    """What feedback tells, and whether a retraining is due."""
    told: Json = msgspec.to_builtins(performance(settings, stores))
    due = reasons(settings, stores)
    started = settings.retraining.on
    told["retraining"] = [
        {"trigger": one.trigger, "why": one.why, "startsByItself": one.trigger in started}
        for one in due
    ]
    return told


def sample_view(stores: Stores, sample: Sample) -> Json:
    """A week's sample, and what people found of it."""
    given = {one.epc_code: one.verdict for one in stores.feedback.of_week(sample.week)}
    return {
        "week": sample.week,
        "drawnAt": utc(sample.drawn_at),
        "seed": sample.seed,
        "alerted": sample.alerted,
        "silent": sample.silent,
        "items": [{"epcCode": code, "verdict": given.get(code)} for code in sample.items],
    }
