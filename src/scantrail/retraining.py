"""Jobs that make versions, from their data to the gate."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Final

from scantrail import wiring
from scantrail.candidates import Made, Progress, earlier, through_the_gate, update_svm
from scantrail.errors import InputError, NotFoundError
from scantrail.gating import gate_on
from scantrail.settings import Settings
from scantrail.stores.jobs import Job
from scantrail.vocabulary.events import Events

_LOGS: Final = (".tsv", ".csv", ".parquet", ".tsv.gz", ".csv.gz")


def retrain(settings: Settings, stores: wiring.Stores, job: Job, progress: Progress) -> Made:
    """Train on all but the latest scans, register, and have the gate judge by those.

    What people know of stored items is used: those that they confirmed to be anomalous teach
    nothing, those whose alerts they dismissed count as normal.
    """
    progress("reading", 0.0)
    engine = wiring.engine(settings, learned=False)
    events = _events(settings, stores, engine, job.asked)
    if not engine.network.knows_lanes:
        engine = engine.with_tiers_seen(events).learned_from(events)
    with tempfile.TemporaryDirectory(prefix="scantrail-training-") as scratch:
        folder = Path(scratch)
        known = stores.feedback.known_items()
        wiring.train(engine, earlier(events, settings.gate.held_out), folder, progress,
                     seed=job.asked["seed"], epochs=job.asked["epochs"], known=known)  # fmt: skip
        progress("registering", 1.0)
        version = wiring.registry(settings).add(folder)
    return through_the_gate(settings, stores, version, events)


def update(settings: Settings, stores: wiring.Stores, job: Job, progress: Progress) -> Made:
    """Update a version by scans that it has not learned from, and have the gate judge."""
    progress("reading", 0.0)
    engine = wiring.engine(settings, learned=False)
    events = _events(settings, stores, engine, job.asked)
    parent = job.asked.get("version") or wiring.rollout(engine, stores).serving()
    version = update_svm(settings, stores, parent, events, progress)
    return through_the_gate(settings, stores, version, events)


def gate(settings: Settings, stores: wiring.Stores, job: Job, progress: Progress) -> Made:
    """Have the gate judge a registered version."""
    engine = wiring.engine(settings, learned=False)
    events = _events(settings, stores, engine, job.asked)
    version = job.asked["version"]
    told = gate_on(settings, stores, version, events.frame, job.actor, progress)
    return {"version": version, "message": told.words}


def _events(
    settings: Settings, stores: wiring.Stores, engine: wiring.Engine, asked: dict[str, Any]
) -> Events:
    name = asked["dataset"]
    if name is None:
        return Events(stores.reports.all_events(), source="stored scans")
    return wiring.read_events(dataset_at(settings, name), settings, engine.network.sites)


def dataset_at(settings: Settings, name: str) -> Path:
    """The log of a named dataset: a file in the configured folder, or a folder with one.

    Raises:
        NotFoundError: There is none of that name; it is looked up and never made into a path.
        InputError: No log is in its folder.
    """
    folder = Path(settings.datasets) if settings.datasets else None
    known = sorted(folder.iterdir()) if folder and folder.is_dir() else []
    found = [each for each in known if each.name == name and not each.name.startswith(".")]
    if not found:
        listed = ", ".join(each.name for each in known) or "none; set SCANTRAIL_DATASETS"
        raise NotFoundError(f"there is no dataset {name[:80]!r}; there are: {listed}")
    if not found[0].is_dir():
        return found[0]
    for ending in _LOGS:
        if (found[0] / f"scans{ending}").is_file():
            return found[0] / f"scans{ending}"
    raise InputError(f"the dataset {name!r} has no file scans.tsv (or .csv, .parquet)")
