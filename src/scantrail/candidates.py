"""Candidates: versions that jobs make, and the gate that they go through."""

from __future__ import annotations

import datetime as dt
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl

from scantrail import wiring
from scantrail.errors import ConflictError, TrainingError
from scantrail.gating import gate_on
from scantrail.registry import NONE
from scantrail.settings import Settings
from scantrail.stores.audit import AUTOMATIC, Act, Outcome
from scantrail.vocabulary.events import Events

Progress = Callable[[str, float], None]
#: What is noted of a job that is done: the version, and a message.
Made = dict[str, str | None]


def update_svm(
    settings: Settings,
    stores: wiring.Stores,
    parent: str,
    events: Events,
    progress: Progress = lambda _what, _share: None,
) -> str:
    """Update a version by the scans of a log that are new to it, and register the new one.

    Args:
        settings: By which sites and rules.
        stores: What people said of items.
        parent: A registered version.
        events: The log; its latest scans are left for the gate.
        progress: Told what is being done, and which share is done.

    Returns:
        The new version.

    Raises:
        NotFoundError, ArtifactError, TrainingError: As `wiring.update`.
        ConflictError: Rules alone judge, which learn nothing.
    """
    if parent == NONE:
        raise ConflictError("rules alone judge, which learn nothing; name a registered version")
    registry = wiring.registry(settings)
    engine = wiring.engine(settings, learned=False).knowing(events)
    until = registry.load(parent).card.about.get("data", {}).get("until")
    since = dt.datetime.fromisoformat(until) if until else None
    new = _with_news(earlier(events, settings.gate.held_out), since)
    if not len(new.frame):
        raise TrainingError(
            f"the log has no scan after {until}, up to when version {parent} has learned (the "
            "latest scans are left for the gate); give a later log"
        )
    said = stores.feedback.known_items()
    with tempfile.TemporaryDirectory(prefix="scantrail-training-") as scratch:
        wiring.update(engine, parent, new, Path(scratch), progress, since=since, said=said)
        progress("registering", 1.0)
        return registry.add(Path(scratch))


def through_the_gate(
    settings: Settings, stores: wiring.Stores, version: str, events: Events
) -> Made:
    """Have the gate judge a new version; where the settings say so, promote one that passed."""
    gated = gate_on(settings, stores, version, events.frame, AUTOMATIC)
    if not gated.passed or not settings.gate.auto_promote:
        return {"version": version, "message": gated.words}
    bar = _promote(settings, stores, version, gated.words)
    what = "promoted" if bar is None else f"not promoted: {bar}"
    return {"version": version, "message": f"{gated.words}; {what}"}


def _promote(settings: Settings, stores: wiring.Stores, version: str, why: str) -> str | None:
    """Promote a version; why not, where it can't be."""
    engine = wiring.engine(settings, learned=False)
    bar = wiring.aftercare(engine, stores).bars(version)
    if bar is not None:
        return bar
    try:
        wiring.rollout(engine, stores).promote(version, AUTOMATIC, "it passed the gate")
    except ConflictError as error:
        return str(error)
    act = Act(AUTOMATIC, "promote", f"version {version}")
    stores.audit.add(act, Outcome.DONE, time.time_ns() // 1000, {"reason": why})
    return None


def earlier(events: Events, held_out: float) -> Events:
    """All but the latest scans: a share of them is left for the gate."""
    times = events.frame["time"].sort()
    if not len(times):
        return events
    cut = times[int((1 - held_out) * (len(times) - 1))]
    return _numbered(events, pl.col("time") <= cut)


def _with_news(events: Events, since: dt.datetime | None) -> Events:
    """The journeys that went on after an instant; all if there is none."""
    if since is None:
        return events
    return _numbered(events, pl.col("time").max().over("epc_code") > since)


def _numbered(events: Events, which: pl.Expr) -> Events:
    frame = events.frame.filter(which).with_columns(row=pl.int_range(pl.len(), dtype=pl.UInt32))
    return Events(frame, events.rejects, events.source)
