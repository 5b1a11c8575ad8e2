"""A retraining job, from its data to a registered version; it runs in a process of its own.

It reads what it is to do from standard input, so that no password stands in its arguments.
"""

from __future__ import annotations

import _thread
import logging
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from scantrail import wiring
from scantrail.errors import InputError, NotFoundError, ScantrailError, StoreError
from scantrail.logs import configure
from scantrail.settings import Settings
from scantrail.stores.jobs import Job, Jobs
from scantrail.vocabulary.events import Events

_log = logging.getLogger(__name__)

_NICE: Final = 19  # scoring comes first
_PULSE_SECONDS: Final = 1.0
_LOGS: Final = (".tsv", ".csv", ".parquet", ".tsv.gz", ".csv.gz")


class _Order(msgspec.Struct, frozen=True):
    job: int
    settings: Settings


def main() -> None:
    """Run the job that standard input names."""
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=_Order)
    configure(order.settings.log_format, order.settings.log_level)
    os.nice(_NICE)
    signal.signal(signal.SIGTERM, lambda *_: _thread.interrupt_main())
    stores = wiring.stores(order.settings)
    try:
        run_job(order.settings, stores, order.job)
    finally:
        stores.close()


def run_job(settings: Settings, stores: wiring.Stores, number: int) -> None:
    """Run a queued job to its end, and note what became of it.

    Args:
        settings: By which rules, sites and data.
        stores: Where the job is queued.
        number: The job; one that is queued no longer is left alone.
    """
    jobs = stores.jobs
    if not jobs.begin(number):
        return
    try:
        with _pulse(jobs, number):
            version = _retrain(settings, stores, jobs.get(number))
    except KeyboardInterrupt:
        cancelled = jobs.get(number).cancelled
        jobs.end(number, "cancelled" if cancelled else "interrupted", message="it was stopped")
    except ScantrailError as error:
        jobs.end(number, "failed", message=str(error))
    except Exception as error:  # noqa: BLE001 - whoever waits for the job is told
        _log.exception("job %d failed", number)
        jobs.end(number, "failed", message=f"{type(error).__name__}: {error}")
    else:
        jobs.end(number, "done", version=version)


def _retrain(settings: Settings, stores: wiring.Stores, job: Job) -> str:
    """Train, try out and register; returns the version."""

    def progress(stage: str, share: float) -> None:
        stores.jobs.note(job.id, stage, round(share, 3))

    progress("reading", 0.0)
    engine = wiring.engine(settings, learned=False)
    events = _events(settings, stores, engine, job.asked)
    if not engine.network.knows_lanes:
        engine = engine.with_tiers_seen(events).learned_from(events)
    registry = wiring.registry(settings)
    with tempfile.TemporaryDirectory(prefix="scantrail-training-") as scratch:
        folder = Path(scratch)
        wiring.train(engine, events, folder, progress,
                     seed=job.asked["seed"], epochs=job.asked["epochs"])  # fmt: skip
        progress("registering", 1.0)
        return registry.add(folder)


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


@contextmanager
def _pulse(jobs: Jobs, number: int) -> Iterator[None]:
    """Give signs of life meanwhile, and stop the work if somebody asks for it."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(_PULSE_SECONDS):
            try:
                if not jobs.alive(number):
                    _thread.interrupt_main()
                    return
            except StoreError as error:
                _log.warning("job %d: %s", number, error)

    thread = threading.Thread(target=beat, name="pulse", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


if __name__ == "__main__":
    main()
