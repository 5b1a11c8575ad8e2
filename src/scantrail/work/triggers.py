"""What may start a retraining by itself: drift that lasts, alerts that are wrong, age."""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path
from typing import Final, NamedTuple

from scantrail import wiring
from scantrail.artifact import read_card
from scantrail.errors import ArtifactError, ConflictError
from scantrail.monitoring.alerts import Alert
from scantrail.monitoring.settings import RetrainingSettings
from scantrail.settings import Settings
from scantrail.work.alerting import alert_of
from scantrail.work.performance import performance
from scantrail.work.queue import Waker
from scantrail.work.recalibrating import serving

_DAY: Final = 86_400_000_000  # microseconds
_LEARNABLE: Final = ("drift", "new value")  # a silent site teaches nothing
_FEEDS: Final = ("delay", "rejected")
_MOST: Final = 1_000  # alerts that are looked at


class Reason(NamedTuple):
    """Why a retraining is due. `trigger`: drift, performance or age."""

    trigger: str
    why: str


def reasons(
    settings: Settings, stores: wiring.Stores, today: dt.date | None = None
) -> list[Reason]:
    """Why a retraining is due, whether or not it would start by itself.

    Args:
        settings: From when on it is.
        stores: What is known.
        today: By the sites' calendar; None: the day up to which monitoring has looked.
    """
    last = stores.evaluations.last()
    today = today or dt.date.fromisoformat(last.until[:10] if last else "1970-01-01")
    given = settings.retraining
    found = [
        Reason("drift", f"{alert.lead.what} (since {alert.since})")
        for alert in map(alert_of, stores.alerts.newest(("open",), _MOST))
        if _lasts(alert, today, given)
    ]
    found += _performance(settings, stores)
    folder = serving(settings, stores)
    age = None if folder is None else _age(folder)
    if age is not None and age >= given.age_days:
        found.append(Reason("age", f"the artifact that judges is {age} days old"))
    return found


def pull(settings: Settings, stores: wiring.Stores, until: dt.datetime) -> list[str]:
    """Start a retraining, if one is due that may start by itself. Says so."""
    given = settings.retraining
    due = [one for one in reasons(settings, stores, until.date()) if one.trigger in given.on]
    if not due or _cools_down(given, stores):
        return []
    asked = {"dataset": given.dataset or None, "seed": 0, "epochs": given.epochs,
             "reason": f"{due[0].trigger}: {due[0].why}"}  # fmt: skip
    try:
        job = stores.jobs.add("retrain", asked, f"trigger {due[0].trigger}")
    except ConflictError:  # one is running, which is as good
        return []
    Waker(settings)(job.id)
    return [f"retraining started (job {job.id}): {due[0].why}"]


def _lasts(alert: Alert, today: dt.date, given: RetrainingSettings) -> bool:
    """Whether what goes in or comes out of models has been other than usual for long."""
    learnable = any(
        one.check in _LEARNABLE and one.view not in _FEEDS for one in alert.symptoms.values()
    )
    return learnable and (today - alert.since).days >= given.drift_days


def _performance(settings: Settings, stores: wiring.Stores) -> list[Reason]:
    given, told = settings.retraining, performance(settings, stores)
    found = []
    whole = told.precision[0]
    if whole.high is not None and whole.high < given.least_precision:
        found.append(
            Reason("performance", f"{whole.value:.0%} of {whole.looks} alerts that people looked "
                   f"at were confirmed, surely less than {given.least_precision:.0%}")
        )  # fmt: skip
    if told.recall is not None and told.recall.high < given.least_recall:
        found.append(
            Reason("performance", f"about {told.recall.value:.0%} of anomalous items had an alert, "
                   f"surely less than {given.least_recall:.0%}")
        )  # fmt: skip
    return found


def _age(folder: Path) -> int | None:
    """Days since it was trained; None where that can't be read."""
    try:
        card, _ = read_card(folder)
    except ArtifactError:
        return None
    return (dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(card.created)).days


def _cools_down(given: RetrainingSettings, stores: wiring.Stores) -> bool:
    last = stores.jobs.all(1, "retrain")
    since = time.time_ns() // 1000 - given.cool_down_days * _DAY
    return bool(last) and last[0].created_at > since
