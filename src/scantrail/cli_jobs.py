"""The commands for work in the background: retrain, jobs, job, cancel."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Final

import typer

from scantrail.cli_parts import STDERR, me, shares, stored
from scantrail.errors import TrainingError
from scantrail.settings import read_settings

if TYPE_CHECKING:
    from scantrail.stores.jobs import Job
    from scantrail.wiring import Stores

_PAUSE: Final = 0.5  # seconds between two looks at a job
Number = Annotated[int, typer.Argument(min=1, help="As [bold]scantrail models jobs[/] tells it.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until it has ended, with its progress.")]


def retrain(
    dataset: Annotated[
        str | None,
        typer.Option(
            help="A log in the folder SCANTRAIL_DATASETS, by name. Default: all stored scans."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed and log, the same artifact.")] = 0,
    epochs: Annotated[int, typer.Option(min=1, max=200, help="Passes over a long log.")] = 4,
    wait: Wait = False,
) -> None:
    """Ask for a retraining: a worker trains, registers the version, and has the gate judge it.

    One job of models at a time waits or runs. Nothing is deployed by it, unless the settings say
    so. To train here and now, on any log: [bold]scantrail train[/].

    [bold]Example:[/] scantrail models retrain --wait
    """
    from scantrail.work.orders import JobDesk

    settings = read_settings()
    with stored(settings) as stores:
        asked = {"dataset": dataset, "seed": seed, "epochs": epochs}
        job = JobDesk(settings, stores).start("retrain", asked, me())
        _warn(stores)
        if wait:
            _report(_ended(stores, job))
        else:
            typer.echo(
                f"job {job.id} is {job.state}; 'scantrail models job {job.id} --wait' tells how "
                "far it is"
            )


def jobs(
    most: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 20,
) -> None:
    """List the newest jobs, the newest first: of models, of monitoring, backtests.

    [bold]Example:[/] scantrail models jobs
    """
    from scantrail.summary_of_jobs import show_jobs

    with stored(read_settings()) as stores:
        stores.jobs.bury()
        show_jobs(stores.jobs.all(most))


def job(number: Number, wait: Wait = False) -> None:
    """Say how far a job is, and what came of it; with --wait, exit with 1 if it did not succeed.

    [bold]Example:[/] scantrail models job 7 --wait
    """
    from scantrail.summary_of_jobs import show_job

    with stored(read_settings()) as stores:
        stores.jobs.bury()
        found = stores.jobs.get(number)
        if not wait:
            show_job(found)
            return
        if found.active:
            _warn(stores)
        _report(_ended(stores, found))


def cancel(number: Number) -> None:
    """Stop a job within seconds; what it has made so far is thrown away.

    [bold]Example:[/] scantrail models cancel 7
    """
    with stored(read_settings()) as stores:
        done = stores.jobs.cancel(number)
    typer.echo(f"job {number} is {'told to stop' if done.active else done.state}")


def _warn(stores: Stores) -> None:
    """Say so where nobody is there to do it."""
    from scantrail.stores.jobs import NO_WORKER

    if not stores.workers.there():
        STDERR.print(f"no worker is there that could do it: {NO_WORKER}", soft_wrap=True)


def _ended(stores: Stores, job: Job) -> Job:
    """Wait for the end of a job; who stops waiting doesn't stop the job."""
    try:
        with shares() as progress:
            while job.active:
                progress(job.stage, job.progress)
                time.sleep(_PAUSE)
                stores.jobs.bury()
                job = stores.jobs.get(job.id)
    except KeyboardInterrupt:
        STDERR.print(
            f"job {job.id} goes on; 'scantrail models cancel {job.id}' stops it", soft_wrap=True
        )
        raise
    return job


def _report(job: Job) -> None:
    if job.state != "done":
        raise TrainingError(
            f"job {job.id} {_ENDS[job.state]}: {job.message or 'it gave no reason'}"
        )
    made = f", {job.version} is registered" if job.version else ""
    typer.echo(f"job {job.id} is done{made}; {job.message or 'it has nothing to tell'}")


_ENDS: Final = {
    "failed": "failed", "cancelled": "was cancelled", "interrupted": "was interrupted",
}  # fmt: skip
