"""Who works in the background, and jobs that wait for a worker."""

import os

import pytest

from scantrail.stores import jobs as jobs_module
from scantrail.stores import workers as module
from scantrail.stores.database import Database
from scantrail.stores.jobs import Jobs
from scantrail.stores.workers import Workers


@pytest.fixture
def database(database_url):
    opened = Database(database_url)
    yield opened
    opened.close()


def test_a_worker_is_there_while_it_gives_signs_of_life(database, monkeypatch):
    workers = Workers(database)
    assert workers.last_seen() is None
    name = workers.begin()
    assert workers.last_seen() == workers.there()[0].seen_at
    assert name.endswith(f"/{os.getpid()}")
    assert [one.name for one in workers.there()] == [name]
    assert workers.begin() == name  # started again under the same number
    later = module._now() + 16_000_000
    monkeypatch.setattr(module, "_now", lambda: later)
    assert workers.there() == []
    workers.alive(name)
    assert [one.seen_at for one in workers.there()] == [later]
    workers.end(name)
    assert workers.there() == []


def test_a_job_that_waits_is_kept_by_a_worker_and_else_told_that_there_is_none(
    database, monkeypatch
):
    jobs = Jobs(database)
    job = jobs.add("monitor", {}, "kim")
    assert jobs.add("retrain", {}, "kim").kind == "retrain"  # another kind may
    later = jobs_module._now() + 29_000_000
    monkeypatch.setattr(jobs_module, "_now", lambda: later)
    jobs.keep_queued()
    much_later = later + 29_000_000
    monkeypatch.setattr(jobs_module, "_now", lambda: much_later)
    assert jobs.bury() == []
    assert [one.id for one in jobs.queued()] == [job.id, job.id + 1]
    monkeypatch.setattr(jobs_module, "_now", lambda: much_later + 31_000_000)
    assert jobs.bury() == [job.id, job.id + 1]
    told = jobs.get(job.id)
    assert told.state == "interrupted"
    assert told.message.startswith("no worker was there for it since ")
    assert told.message.endswith(
        "; start one with 'scantrail worker', or let the service start one: SCANTRAIL_WORKER=child"
    )
    assert [one.kind for one in jobs.all(5, "monitor")] == ["monitor"]
