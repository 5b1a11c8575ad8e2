"""A service that is told to stop under load: what it accepted is on disk and answered."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

EPC = "001.8804823.1293291.010004.20250701."


@pytest.fixture
def service(tmp_path):
    """A running service with a database file: its process and address."""
    environ = os.environ | {"SCANTRAIL_DATABASE_URL": f"sqlite:///{tmp_path / 'scans.sqlite'}"}
    with subprocess.Popen(
        [Path(sys.executable).with_name("scantrail"), "serve", "--port", "0", "--insecure-local"],
        env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as process:  # fmt: skip
        try:
            line = process.stdout.readline()
            yield process, re.search(r"http://\S+", line)[0]
        finally:
            process.kill()


class Caller(threading.Thread):
    """Sends one scan after the other, each of another item, until nobody takes them."""

    def __init__(self, url, number, enough):
        super().__init__()
        self.url, self.number, self.enough = url, number, enough
        self.answered, self.refused = [], []

    def run(self):
        for at in range(10_000):
            code = f"{EPC}{self.number * 10_000 + at:09}"
            scan = {
                "event_id": at, "file_id": 1, "epc_code": code, "location_id": 1, "business_step": "Factory",
                "event_type": "Aggregation", "event_time": "2025-07-01 10:00:00",
            }  # fmt: skip
            try:
                answer = httpx.post(self.url, json={"data": [scan]}, timeout=30)
            except httpx.TransportError:
                self.refused.append(code)
                return
            if answer.status_code == 503:
                assert int(answer.headers["Retry-After"]) >= 1
                self.refused.append(code)
                continue
            assert answer.status_code == 200, answer.text
            self.answered.append(code)
            self.enough.release()


@pytest.mark.slow
def test_what_was_accepted_is_answered_and_on_disk(service, tmp_path):
    process, url = service
    enough = threading.Semaphore(0)
    callers = [Caller(f"{url}/api/v1/barcode-anomaly-detect", n, enough) for n in range(6)]
    for one in callers:
        one.start()
    for _ in range(60):
        assert enough.acquire(timeout=30)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) in {0, -signal.SIGTERM}
    for one in callers:
        one.join(30)
    with sqlite3.connect(tmp_path / "scans.sqlite") as database:
        stored = [code for (code,) in database.execute("SELECT epc_code FROM events")]
    database.close()
    answered = [code for one in callers for code in one.answered]
    assert len(answered) >= 60
    assert sorted(stored) == sorted(answered)
