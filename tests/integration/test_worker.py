"""The worker as a real process: jobs, deliveries, and what happens when it is killed."""

import datetime as dt
import json
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psutil
import pytest

from scantrail import wiring
from scantrail.errors import ConflictError
from scantrail.monitoring.webhook import verify
from scantrail.settings import read_settings
from scantrail.work.queue import Waker

SECRET = "a secret of sixteen letters and more"
MAIN = [sys.executable, "-c", "from scantrail.cli import main; main()", "worker"]


class Receiver:
    """A webhook that takes what it is sent, or, while `down`, refuses it."""

    def __init__(self):
        self.got, self.down = [], False
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if not receiver.down:
                    key = verify(SECRET, self.headers, body, dt.datetime.now(dt.UTC))
                    receiver.got.append((key, json.loads(body)))
                self.send_response(410 if receiver.down else 204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def start(tmp_path):
    """Starts a worker by some settings; gives its process once it works."""
    running = []

    def begin(url, **more):
        env = os.environ | {"SCANTRAIL_DATABASE_URL": url, "OMP_NUM_THREADS": "1"} | more
        process = subprocess.Popen(MAIN, env=env, stdout=subprocess.PIPE, text=True, cwd=tmp_path)
        running.append(process)
        assert process.stdout.readline().startswith("works on ")
        return process

    yield begin
    for process in running:
        process.terminate()
        process.wait(20)
        process.stdout.close()


@pytest.fixture
def stores(database_url):
    opened = wiring.stores(read_settings({}, database_url=database_url))
    yield opened
    opened.close()


def until(true, seconds=60):
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        if true():
            return
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s")


def put(stores, notice, **body):
    with stores.database.writing() as connection:
        stores.outbox.add(notice, json.dumps({"id": notice, **body}), connection)


@pytest.mark.slow
def test_a_worker_does_jobs_and_delivers(database_url, stores, start, receiver):
    job = stores.jobs.add("monitor", {}, "kim")  # nobody was woken for it
    for name in ("one", "two"):
        put(stores, name, what="start")
    worker = start(database_url, SCANTRAIL_WEBHOOK__URL=receiver.url,
                   SCANTRAIL_WEBHOOK__SECRET=SECRET)  # fmt: skip
    assert [one.name.split("/")[1] for one in stores.workers.there()] == [str(worker.pid)]
    assert psutil.Process(worker.pid).nice() >= 10
    until(lambda: not stores.jobs.get(job.id).active)
    done = stores.jobs.get(job.id)
    assert (done.state, done.message) == (
        "done", "nothing new: no midnight has passed since the last look, or nothing is stored",
    )  # fmt: skip
    until(lambda: len(receiver.got) == 2)
    assert [key for key, _ in receiver.got] == ["one", "two"]
    until(lambda: stores.outbox.counts() == {"waiting": 0, "dead": 0})
    worker.terminate()
    worker.wait(20)
    assert stores.workers.there() == []


@pytest.fixture(params=["file", "redis"])
def queue_settings(request, tmp_path):
    """Settings of a database with a queue of each kind."""
    url = f"sqlite:///{tmp_path / 'scantrail.sqlite'}"
    if request.param == "file":
        return read_settings({}, database_url=url)
    redis = pytest.importorskip("redis", reason="needs its client: pip install redis")
    server = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/0")
    try:
        redis.Redis.from_url(server).ping()
    except redis.ConnectionError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"needs Redis (apt-get install redis-server): {error}")
    return read_settings({}, database_url=url, redis_url=server)


@pytest.mark.slow
def test_a_worker_is_woken(queue_settings, start):
    start(queue_settings.database_url, SCANTRAIL_REDIS_URL=queue_settings.redis_url)
    stores = wiring.stores(queue_settings)
    wake = Waker(queue_settings)
    for _ in range(2):
        job = stores.jobs.add("monitor", {}, "kim")
        wake(job.id)
        wake(job.id)  # a message that is doubled does no harm
        until(lambda number=job.id: stores.jobs.get(number).state == "done", 30)
    stores.close()


@pytest.mark.slow
def test_a_killed_worker_takes_its_job_with_it_and_that_is_told(
    database_url, stores, start, simulated, tmp_path
):
    pytest.importorskip("torch", reason="needs torch: pip install 'scantrail[train]'")
    more = {"SCANTRAIL_SITES": str(simulated / "sites.csv"), "SCANTRAIL_MODELS": str(tmp_path),
            "SCANTRAIL_DATASETS": str(simulated.parent)}  # fmt: skip
    worker = start(database_url, **more)
    asked = {"dataset": simulated.name, "seed": 0, "epochs": 200}
    job = stores.jobs.add("retrain", asked, "kim")
    with pytest.raises(ConflictError, match="and one at a time may; wait for it"):
        stores.jobs.add("retrain", asked, "lee")
    until(lambda: stores.jobs.get(job.id).state == "running", 90)  # it looks once a minute
    [child] = psutil.Process(worker.pid).children()
    worker.send_signal(signal.SIGKILL)
    worker.wait(20)
    until(lambda: not psutil.pid_exists(child.pid) or child.status() == "zombie")
    told = stores.jobs.get(job.id)
    assert (told.state, told.message) == ("interrupted", "its worker is gone")
    started = start(database_url, **more)
    again = stores.jobs.add("retrain", asked, "lee")
    until(lambda: stores.jobs.get(again.id).state == "running", 90)
    stores.jobs.cancel(again.id)
    until(lambda: stores.jobs.get(again.id).state == "cancelled")
    assert psutil.Process(started.pid).is_running()


def test_a_database_in_memory_is_no_place_for_a_worker(run, monkeypatch):
    monkeypatch.setenv("SCANTRAIL_DATABASE_URL", "sqlite://")
    code, _, err = run("worker")
    assert code == 1
    assert err.startswith("error: a worker can't see a database in memory; set SCANTRAIL_DATABASE")


def test_a_webhook_without_a_secret_is_refused(run, monkeypatch, tmp_path):
    monkeypatch.setenv("SCANTRAIL_DATABASE_URL", f"sqlite:///{tmp_path / 'x.sqlite'}")
    monkeypatch.setenv("SCANTRAIL_WEBHOOK__URL", "http://127.0.0.1:1/")
    code, _, err = run("worker")
    assert (code, err) == (1, "error: the webhook's secret is shorter than 16 letters\n")
