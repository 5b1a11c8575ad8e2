"""A job in a process of its own: of the lowest priority, with one thread, gone with its worker.

It reads what it is to do from the first line of standard input, so that no password stands in its
arguments. That input stays open for as long as its worker lives: where it ends, the job stops.
"""

from __future__ import annotations

import _thread
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Final

import msgspec

from scantrail import retraining, wiring
from scantrail.errors import ScantrailError, StoreError
from scantrail.logs import configure
from scantrail.settings import Settings
from scantrail.stores.jobs import Job, Jobs, Kind
from scantrail.work import backtesting, monitor

_log = logging.getLogger(__name__)

#: Told of a stage, and which share of all is done.
Progress = Callable[[str, float], None]
#: Does a job; gives what is to be told of it (`version`, `message`, `result`).
Run = Callable[[Settings, wiring.Stores, Job, Progress], dict[str, str | None]]
KINDS: Final[Mapping[Kind, Run]] = MappingProxyType(
    {
        "retrain": retraining.retrain,
        "update-svm": retraining.update,
        "gate": retraining.gate,
        "monitor": monitor.run_job,
        "backtest": backtesting.run_job,
    }
)
_STOPPED: Final = "it was stopped"
_NICE: Final = 19  # scoring comes first
_PULSE_SECONDS: Final = 1.0
_ONE_THREAD: Final = ("OMP_NUM_THREADS", "POLARS_MAX_THREADS", "OPENBLAS_NUM_THREADS")


class _Order(msgspec.Struct, frozen=True):
    job: int
    settings: Settings


def start(settings: Settings, job: int) -> subprocess.Popen[bytes]:
    """Start the process of a queued job; it stops when its `stdin` is closed."""
    process = subprocess.Popen(
        [sys.executable, "-m", "scantrail.work.process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env=os.environ | dict.fromkeys(_ONE_THREAD, "1"),
    )
    assert process.stdin is not None
    process.stdin.write(msgspec.json.encode(_Order(job, settings)) + b"\n")
    process.stdin.flush()
    return process


def tell(level: int, job: int, state: str, message: str | None = None) -> None:
    """Log what became of a job."""
    known = {"happened": f"job_{state}", "job": job}
    _log.log(level, "job %d: %s%s", job, state, f", {message}" if message else "", extra=known)


def main() -> None:
    """Run the job that standard input names."""
    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=_Order)
    configure(order.settings.log_format, order.settings.log_level)
    os.nice(_NICE)
    signal.signal(signal.SIGTERM, lambda *_: _thread.interrupt_main())
    stores = wiring.stores(order.settings)
    alone = threading.Event()

    def orphaned() -> None:
        alone.set()
        _thread.interrupt_main()

    end_with_parent(orphaned)
    try:
        run_job(order.settings, stores, order.job,
                why=lambda: "its worker is gone" if alone.is_set() else _STOPPED)  # fmt: skip
    finally:
        stores.close()


def end_with_parent(stop: Callable[[], None]) -> None:
    """Stop when standard input ends: whoever started this process is gone."""

    def wait() -> None:
        while os.read(sys.stdin.fileno(), 1):
            pass
        stop()

    threading.Thread(target=wait, name="parent", daemon=True).start()


def run_job(
    settings: Settings,
    stores: wiring.Stores,
    number: int,
    told: Progress = lambda _stage, _share: None,
    why: Callable[[], str] = lambda: _STOPPED,
) -> None:
    """Run a queued job to its end, and note what became of it.

    Args:
        settings: By which rules, sites and data.
        stores: Where the job is queued.
        number: The job; one that is queued no longer is left alone.
        told: Told of its progress, too.
        why: Says why it was interrupted.
    """
    jobs = stores.jobs

    def progress(stage: str, share: float) -> None:
        jobs.note(number, stage, round(share, 3))
        told(stage, share)

    if not jobs.begin(number):
        return
    try:  # nothing in between: who stops it would leave a job that seems to run
        job = jobs.get(number)
        with _pulse(jobs, number):
            done = KINDS[job.kind](settings, stores, job, progress)
    except KeyboardInterrupt:
        cancelled = jobs.get(number).cancelled
        jobs.end(number, "cancelled" if cancelled else "interrupted", message=why())
    except ScantrailError as error:
        jobs.end(number, "failed", message=str(error))
    except Exception as error:  # noqa: BLE001 - whoever waits for the job is told
        _log.exception("job %d failed", number)
        jobs.end(number, "failed", message=f"{type(error).__name__}: {error}")
    else:
        jobs.end(number, "done", **done)


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
