"""What a worker does, one turn after the other; the process itself is in the integration tests."""

import os
import time

import pytest

from scantrail.settings import read_settings
from scantrail.work import worker as module
from scantrail.work.child import Child
from scantrail.work.queue import queue
from scantrail.work.worker import Worker


@pytest.fixture
def settings(tmp_path):
    return read_settings({}, database_url=f"sqlite:///{tmp_path / 'x.sqlite'}", artifacts="none")


@pytest.fixture
def worker(settings, stores):
    return Worker(settings, stores)


def waiting(settings):
    return queue(settings).storage.queue_size()


def test_jobs_that_wait_are_taken_though_nobody_was_woken(settings, stores, worker):
    job = stores.jobs.add("monitor", {}, "kim")
    worker.look()
    assert waiting(settings) == 1
    worker._work(job.id)
    assert stores.jobs.get(job.id).state == "done"
    worker._work(job.id)  # a message that is doubled does no harm
    worker.look()
    assert waiting(settings) == 1


def test_a_job_whose_process_dies_without_a_word_is_interrupted(
    stores, worker, monkeypatch, caplog
):
    job = stores.jobs.add("monitor", {}, "kim")

    def start(settings, number):
        process = begin(settings, number)
        process.kill()
        return process

    begin = module.start
    monkeypatch.setattr(module, "start", start)
    with caplog.at_level("INFO"):
        worker._work(job.id)
    told = stores.jobs.get(job.id)
    assert (told.state, told.message) == ("interrupted", "its process ended with code -9")
    assert f"job {job.id}: interrupted, its process ended with code -9" in caplog.text


def test_a_worker_that_stops_interrupts_its_jobs(stores, worker):
    job = stores.jobs.add("monitor", {}, "kim")
    worker._running[job.id] = module.start(worker._settings, job.id)
    worker._stop_jobs()
    worker._running[job.id].stdin.close()
    assert stores.jobs.get(job.id).state in ("interrupted", "done")
    worker._over.set()
    other = stores.jobs.add("monitor", {}, "kim")
    worker._work(other.id)
    assert stores.jobs.get(other.id).state == "queued"


def test_monitoring_is_queued_once_a_midnight_has_passed(settings, stores, worker, monkeypatch):
    worker.monitor()
    assert stores.jobs.queued() == []
    monkeypatch.setattr(module, "due", lambda *_: True)
    worker.monitor()
    worker.monitor()
    assert [(one.kind, one.actor) for one in stores.jobs.queued()] == [("monitor", "the clock")]
    assert waiting(settings) == 1
    worker.deliver()  # nothing to do without a webhook


def test_the_services_worker_is_started_again_should_it_die(settings, stores, caplog):
    child = Child(settings)
    assert child.pid is None
    child.open()
    first = child.pid
    until(stores.workers.there)
    os.kill(first, 9)
    until(lambda: child.pid != first)
    until(lambda: [one for one in stores.workers.there() if one.name.endswith(f"/{child.pid}")])
    child.close()
    assert "the worker ended with code -9; another starts in 1 s" in caplog.text
    assert not [one for one in stores.workers.there() if one.name.endswith(f"/{child.pid}")]


def until(true, seconds=30):
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        if true():
            return
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s")
