"""Retrainings and other jobs, asked for and looked at by command."""

import threading
import time
from contextlib import contextmanager

import pytest

from scantrail import cli_jobs, wiring
from scantrail.settings import read_settings

NO_WORKER = (
    "no worker is there that could do it: start one with 'scantrail worker', or let the service "
    "start one: SCANTRAIL_WORKER=child\n"
)


@pytest.fixture
def settings(database_url):
    return read_settings({}, database_url=database_url)


@pytest.fixture
def models(run, settings, monkeypatch, tmp_path):
    """Runs `scantrail models …` on the database."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCANTRAIL_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(cli_jobs, "_PAUSE", 0.01)
    return lambda *words: run("models", *words)


@contextmanager
def working(stores, settings, state, **told):
    """A worker that ends the next job so."""
    name = stores.workers.begin()

    def work():
        mine = wiring.stores(settings)
        begun = time.monotonic()
        while not (waiting := mine.jobs.queued()) and time.monotonic() - begun < 10:
            time.sleep(0.01)
        mine.jobs.begin(waiting[0].id)
        mine.jobs.note(waiting[0].id, "epoch 1/2", 0.5)
        time.sleep(0.1)
        mine.jobs.end(waiting[0].id, state, **told)
        mine.close()

    thread = threading.Thread(target=work)
    thread.start()
    yield
    thread.join()
    stores.workers.end(name)


def test_a_retraining_is_asked_for_as_the_endpoint_does(models, stores):
    code, told, error = models("retrain", "--seed", 3, "--epochs", 2)
    [job] = stores.jobs.all(10)
    assert (code, error) == (0, NO_WORKER)
    assert told == (
        f"job {job.id} is queued; 'scantrail models job {job.id} --wait' tells how far it is\n"
    )
    assert job.asked == {"dataset": None, "seed": 3, "epochs": 2}
    assert job.actor.startswith("cli")
    code, _, error = models("retrain")
    assert (code, error) == (1,
        f"error: job {job.id} (retrain) is queued, and one at a time may; wait for it, or cancel it\n"
    )  # fmt: skip
    assert len(stores.jobs.all(10)) == 1


def test_whoever_waits_is_told_what_came_of_it(models, stores, settings):
    with working(stores, settings, "done", version="8bb2db7e7584", message="it passed the gate"):
        code, told, error = models("retrain", "--wait")
    assert (code, error) == (0, "")
    number = stores.jobs.all(1)[0].id
    assert told == f"job {number} is done, 8bb2db7e7584 is registered; it passed the gate\n"
    assert models("job", number, "--wait")[1] == told


@pytest.mark.parametrize(
    ("state", "message", "said"),
    [
        ("failed", "no space is left", "failed: no space is left"),
        ("cancelled", "it was stopped", "was cancelled: it was stopped"),
        ("interrupted", None, "was interrupted: it gave no reason"),
    ],
)
def test_a_job_without_success_is_an_error_for_who_waits(
    models, stores, settings, state, message, said
):
    with working(stores, settings, state, message=message):
        code, told, error = models("retrain", "--wait")
    number = stores.jobs.all(1)[0].id
    assert (code, told, error) == (1, "", f"error: job {number} {said}\n")


def test_who_stops_waiting_does_not_stop_the_job(models, stores, monkeypatch):
    def stop(_seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli_jobs.time, "sleep", stop)
    code, _, error = models("retrain", "--wait")
    job = stores.jobs.all(1)[0]
    assert (code, job.state) == (130, "queued")
    assert f"job {job.id} goes on; 'scantrail models cancel {job.id}' stops it" in error


def test_jobs_are_listed_shown_and_cancelled(models, stores):
    assert models("jobs")[1] == (
        "no job was asked for yet; 'scantrail models retrain' asks for one\n"
    )
    first = stores.jobs.add("retrain", {"dataset": "summer", "seed": 0, "epochs": 4}, "kim").id
    second = stores.jobs.add("monitor", {}, "the clock").id
    stores.jobs.begin(second)
    stores.jobs.note(second, "comparing", 0.5)
    lines = models("jobs")[1].splitlines()
    assert [line.split()[0] for line in lines] == ["id", str(second), str(first)]
    assert "comparing (50%)" in lines[1]
    assert "waits for a worker" in lines[2]
    shown = models("job", first)[1]
    assert shown.startswith(f"job {first}, retrain: queued, waits for a worker\n")
    assert "dataset summer, epochs 4" in shown
    assert models("cancel", first)[1] == f"job {first} is cancelled\n"
    assert models("cancel", second)[1] == f"job {second} is told to stop\n"
    assert "ended" in models("job", first)[1]
    code, _, error = models("cancel", first)
    assert (code, error) == (
        1,
        f"error: job {first} is cancelled already; there is nothing to cancel\n",
    )


def test_a_job_that_is_not_there_is_named(models):
    code, _, error = models("job", 99)
    assert (code, error) == (1,
        "error: there is no job 99; 'scantrail models jobs' or GET /api/admin/ml/jobs lists all\n"
    )  # fmt: skip
