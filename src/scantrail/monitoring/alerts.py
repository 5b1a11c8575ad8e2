"""Alerts: what of many signals, day after day, is worth telling a person, and how often.

A book of alerts goes through evaluations: `advance` takes the signals of one of them and gives the
next book and the notices to send. It is a function: whoever keeps the book (it is JSON) decides
where.

- Grouping: signals of one place, or of places next to each other that began within a day, are
  symptoms of one alert, named after the strongest; what shows in the whole chain goes with the
  strongest trouble of that time. A signal that an alert has had stays there.
- Start: after `start_after` evaluations in a row with the same symptom.
- Update: when a symptom comes in or the strength grows by half, at most once in `update_every`.
- End: after `quiet_for` without any symptom.
- Flap damping, as routers do it (RFC 2439): every start and every return within `flap_window`
  doubles how long it must be quiet before the alert ends, so that what comes and goes is one alert
  and not twenty.
- Snooze: nothing is sent until then; the alert lives on.
- Acknowledge: somebody looks after it, and needs no updates; its end is told.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Literal

import msgspec

from scantrail.errors import MonitoringError
from scantrail.monitoring.signals import Signal

Phase = Literal["pending", "open", "ended"]
What = Literal["start", "update", "end"]
#: Whether two places are next to each other in the chain.
Near = Callable[[str, str], bool]

_GROWN: Final = 1.5  # times as strong: worth an update
_DOUBLINGS: Final = 5  # at the most, so that a flapping alert ends some day


class AlertSettings(msgspec.Struct, frozen=True, kw_only=True):
    """When to speak."""

    start_after: int = 2  #: evaluations in a row
    quiet_for: dt.timedelta = dt.timedelta(days=2)  #: without a symptom, before it ends
    update_every: dt.timedelta = dt.timedelta(days=1)  #: at most one update in this time
    flap_window: dt.timedelta = dt.timedelta(
        days=14
    )  #: starts and returns within it count as flapping


_DEFAULT: Final = AlertSettings()


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One trouble.

    Attributes:
        key: Names it: the key of the signal that it began with.
        phase: Whether it is yet to be told, is told, or is over.
        symptoms: The newest signal by key, of all that it ever had.
        seen: Evaluations in a row with a symptom.
        first: When the first symptom was seen.
        last: When the last one was.
        told: When the last notice was sent; None: never.
        told_strength: What it said.
        told_symptoms: How many symptoms it said.
        snoozed: Until when nothing is sent.
        acknowledged: Who looks after it, "" for nobody; of such an alert only its end is told.
        starts: When it started, or returned after it was quiet for a while; oldest first.
    """

    key: str
    phase: Phase = "pending"
    symptoms: dict[str, Signal] = {}
    seen: int = 0
    first: dt.datetime
    last: dt.datetime
    told: dt.datetime | None = None
    told_strength: float = 0.0
    told_symptoms: int = 0
    snoozed: dt.datetime | None = None
    acknowledged: str = ""
    starts: tuple[dt.datetime, ...] = ()

    @property
    def lead(self) -> Signal:
        """The strongest symptom."""
        return max(self.symptoms.values(), key=lambda one: (one.strength, one.key))

    @property
    def since(self) -> dt.date:
        """The first day on which it shows; signals by themselves look back a week at most."""
        return min(self.first.date(), *(one.since for one in self.symptoms.values()))


class Book(msgspec.Struct, frozen=True):
    """All alerts that live, and those that ended within the flap window, by key."""

    alerts: dict[str, Alert] = {}

    @property
    def open(self) -> list[Alert]:
        """Those that are told and not over, the strongest first."""
        told = [one for one in self.alerts.values() if one.phase == "open"]
        return sorted(told, key=lambda one: (-one.lead.strength, one.key))


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be sent.

    `id` is the same for the same notice, so that a receiver can tell repeats.
    """

    id: str
    what: What
    at: dt.datetime
    alert: Alert


def advance(
    book: Book,
    signals: Sequence[Signal],
    now: dt.datetime,
    settings: AlertSettings = _DEFAULT,
    near: Near = lambda _a, _b: False,
) -> tuple[Book, list[Notice]]:
    """One evaluation.

    Args:
        book: Where the last one left off.
        signals: What was found now.
        now: When, by the clock of all earlier evaluations, and later than them.
        settings: When to speak.
        near: Which places are next to each other.

    Returns:
        The next book, and what to send.
    """
    alerts = dict(book.alerts)
    for key, group in _grouped(alerts, signals, near).items():
        alerts[key] = _seen(alerts.get(key), key, group, now, settings)
    notices: list[Notice] = []
    for key, alert in sorted(alerts.items()):
        after, what = _next(alert, now, settings)
        quiet = alert.snoozed is not None and now < alert.snoozed
        if after is None:
            if quiet:  # what was snoozed stays so, should it come back
                alerts[key] = msgspec.structs.replace(alert, phase="ended", seen=0)
            else:
                del alerts[key]
            continue
        if what and not quiet:
            after = _told(after, now, what)
            notices.append(Notice(id=f"{key}@{now.isoformat()}/{what}", what=what, at=now,
                                  alert=after))  # fmt: skip
        alerts[key] = after
    return Book(alerts), notices


def snooze(book: Book, key: str, until: dt.datetime) -> Book:
    """Send nothing of an alert until a time.

    Raises:
        MonitoringError: There is no such alert.
    """
    if key not in book.alerts:
        known = ", ".join(sorted(book.alerts)) or "none"
        raise MonitoringError(f"there is no alert '{key}' to snooze; alerts now: {known}")
    alert = msgspec.structs.replace(book.alerts[key], snoozed=until)
    return Book({**book.alerts, key: alert})


def _grouped(
    alerts: dict[str, Alert], signals: Sequence[Signal], near: Near
) -> dict[str, list[Signal]]:
    """Alert key to the signals that belong there."""
    past_first = sorted(alerts.items(), key=lambda pair: (pair[1].phase != "ended", pair[0]))
    homes = {symptom: key for key, one in past_first for symptom in one.symptoms}
    groups: dict[str, list[Signal]] = {}
    for component in _components(signals, near):
        lead = max(component, key=lambda one: (one.strength, one.key))
        known = [homes[one.key] for one in component if one.key in homes]
        home = min(known, key=lambda key: (alerts[key].first, key)) if known else lead.key
        for one in component:  # what has a home stays there, the rest goes to the oldest
            groups.setdefault(homes.get(one.key, home), []).append(one)
    return groups


def _components(signals: Iterable[Signal], near: Near) -> list[list[Signal]]:
    """Signals that hang together, directly or through others, the strongest first.

    What shows in the whole chain goes with the strongest trouble of that time; it joins no two.
    """
    ordered = sorted(signals, key=lambda signal: (-signal.strength, signal.key))
    components: list[list[Signal]] = []
    for one in (signal for signal in ordered if signal.place):
        linked = [each for each in components if any(_related(one, other, near) for other in each)]
        merged = [signal for each in linked for signal in each] + [one]
        components = [each for each in components if each not in linked] + [merged]
    components.sort(key=lambda each: (-each[0].strength, each[0].key))
    homeless: list[Signal] = []
    for one in (signal for signal in ordered if not signal.place):
        home = next((c for c in components if any(_together(one, other) for other in c)), homeless)
        home.append(one)
    return [*components, homeless] if homeless else components


def _related(one: Signal, other: Signal, near: Near) -> bool:
    if one.place == other.place:
        return True
    return _together(one, other) and near(one.place, other.place)


def _together(one: Signal, other: Signal) -> bool:
    return abs((one.since - other.since).days) <= 1


def _seen(
    alert: Alert | None,
    key: str,
    group: list[Signal],
    now: dt.datetime,
    settings: AlertSettings,
) -> Alert:
    """The alert after its symptoms were seen."""
    if alert is None:
        alert = Alert(key=key, first=now, last=now)
    if alert.phase == "ended":  # it comes back: a new start, with its past
        starts = tuple(when for when in alert.starts if now - when < settings.flap_window)
        alert = Alert(key=key, first=now, last=now, starts=starts, snoozed=alert.snoozed)
    symptoms = {**alert.symptoms, **{one.key: one for one in group}}
    back = alert.phase == "open" and alert.seen == 0
    starts = (*alert.starts, now) if back else alert.starts
    return msgspec.structs.replace(
        alert, symptoms=symptoms, seen=alert.seen + 1, last=now, starts=starts
    )


def _next(
    alert: Alert, now: dt.datetime, settings: AlertSettings
) -> tuple[Alert | None, What | None]:
    """The alert's next phase and what is to be said of it; None for an alert that is forgotten."""
    if alert.phase == "open":
        return _go_on(alert, now, settings)
    if alert.phase == "ended":
        kept = now - alert.last < settings.flap_window
        return (alert if kept else None), None
    if alert.last < now:
        return _before(alert), None
    if alert.seen < settings.start_after:
        return alert, None
    return msgspec.structs.replace(alert, phase="open", starts=(*alert.starts, now)), "start"


def _go_on(alert: Alert, now: dt.datetime, settings: AlertSettings) -> tuple[Alert, What | None]:
    """An open alert: over, or with news, or neither."""
    if alert.last < now:
        if now - alert.last < _patience(alert, now, settings):
            return msgspec.structs.replace(alert, seen=0), None
        over = msgspec.structs.replace(alert, phase="ended", seen=0)
        return over, "end" if alert.told else None
    if alert.told is None:  # it started while it was snoozed
        return alert, "start"
    stronger = alert.lead.strength >= _GROWN * alert.told_strength
    more = len(alert.symptoms) > alert.told_symptoms
    rested = now - alert.told >= settings.update_every
    worth = (stronger or more) and rested and not alert.acknowledged
    return alert, "update" if worth else None


def _before(alert: Alert) -> Alert | None:
    """A pending alert whose symptom has gone: as before, or forgotten."""
    if not alert.starts:
        return None
    return msgspec.structs.replace(alert, phase="ended", seen=0)


def _patience(alert: Alert, now: dt.datetime, settings: AlertSettings) -> dt.timedelta:
    """How long it must be quiet."""
    starts = sum(now - when < settings.flap_window for when in alert.starts)
    return settings.quiet_for * (1 << min(max(starts - 1, 0), _DOUBLINGS))


def _told(alert: Alert, now: dt.datetime, what: What) -> Alert:
    if what == "end":
        return msgspec.structs.replace(alert, told=None, told_strength=0.0, told_symptoms=0)
    return msgspec.structs.replace(
        alert, told=now, told_strength=alert.lead.strength, told_symptoms=len(alert.symptoms)
    )
