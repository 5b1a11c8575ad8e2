"""Jobs: one at a time, and every one comes to an end that is told."""

import pytest

from scantrail.errors import ConflictError, NotFoundError
from scantrail.stores import jobs as module
from scantrail.stores.database import Database
from scantrail.stores.jobs import Jobs

ASKED = {"dataset": None, "seed": 0, "epochs": 1}


@pytest.fixture
def jobs(database_url):
    database = Database(database_url)
    yield Jobs(database)
    database.close()


def test_a_job_from_its_beginning_to_its_end(jobs):
    job = jobs.add("retrain", ASKED, "kim")
    assert (job.state, job.asked, job.actor, job.active) == ("queued", ASKED, "kim", True)
    assert jobs.begin(job.id)
    assert not jobs.begin(job.id)  # another process has it
    jobs.note(job.id, "epoch 1/2", 0.5)
    assert (jobs.get(job.id).stage, jobs.get(job.id).progress) == ("epoch 1/2", 0.5)
    assert jobs.alive(job.id)
    assert jobs.end(job.id, "done", version="abc")
    assert not jobs.end(job.id, "failed", message="too late")
    done = jobs.get(job.id)
    assert (done.state, done.version, done.progress, done.message) == ("done", "abc", 1.0, None)
    assert jobs.all(10) == [done]


def test_one_at_a_time(jobs):
    job = jobs.add("retrain", ASKED, "kim")
    with pytest.raises(
        ConflictError, match=rf"job {job.id} \(retrain\) is queued, and one at a time may"
    ):
        jobs.add("retrain", ASKED, "lee")
    jobs.end(job.id, "failed", message="no data")
    assert jobs.add("retrain", ASKED, "lee").state == "queued"


def test_a_waiting_job_is_cancelled_at_once_and_a_running_one_is_told(jobs):
    waiting = jobs.add("retrain", ASKED, "kim")
    assert jobs.cancel(waiting.id).state == "cancelled"
    assert not jobs.begin(waiting.id)
    running = jobs.add("retrain", ASKED, "kim")
    jobs.begin(running.id)
    assert jobs.cancel(running.id).state == "running"
    assert not jobs.alive(running.id)
    jobs.end(running.id, "cancelled")
    with pytest.raises(ConflictError, match="is cancelled already; there is nothing to cancel"):
        jobs.cancel(running.id)


def test_a_job_whose_process_is_silent_is_interrupted(jobs, monkeypatch):
    job = jobs.add("retrain", ASKED, "kim")
    jobs.begin(job.id)
    assert jobs.bury() == []
    later = module._now() + 31_000_000
    monkeypatch.setattr(module, "_now", lambda: later)
    assert jobs.bury() == [job.id]
    assert jobs.get(job.id).state == "interrupted"
    assert "gave no sign of life since" in jobs.get(job.id).message
    assert jobs.add("retrain", ASKED, "kim").state == "queued"


def test_an_unknown_job_is_told(jobs):
    with pytest.raises(NotFoundError, match="there is no job 7"):
        jobs.get(7)
