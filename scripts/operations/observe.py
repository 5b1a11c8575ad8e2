"""Has a real Prometheus watch a real service under a little load, and asks every panel for data.

    python scripts/operations/observe.py [--seconds 60]

Needs `prometheus` (apt-get install --no-install-recommends prometheus). Everything runs on
127.0.0.1 and in a folder that is removed at the end. Ends with 1 if a panel stays empty, or a rule
can't be evaluated.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from dashboard import FILE as DASHBOARD
from service import DETECT, Service, free_port, records, scan

ROOT: Final = Path(__file__).parents[2]
DEPLOY: Final = ROOT / "deploy" / "prometheus"
_EVERY: Final = 2  # seconds between two looks of Prometheus


def main() -> int:
    """Run it all; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=60)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        service = Service(
            f"sqlite:///{folder / 'scans.sqlite'}", SCANTRAIL_TRIALS__CHECK_SECONDS="5"
        )
        service.start()
        try:
            with watching(folder, service.port) as prometheus, load(service):
                time.sleep(seconds / 4)
                work_beside(service)
                time.sleep(seconds * 3 / 4)
                empty = panels(prometheus)
                faulty = rules(prometheus)
        finally:
            service.stop()
    return 1 if empty or faulty else 0


@contextmanager
def watching(folder: Path, port: int) -> Iterator[str]:
    """A Prometheus that watches a service; its URL."""
    if shutil.which("prometheus") is None:
        sys.exit("needs prometheus: apt-get install --no-install-recommends prometheus")
    config = (DEPLOY / "prometheus.yml").read_text("utf-8")
    config = config.replace("127.0.0.1:8000", f"127.0.0.1:{port}")
    config = re.sub(r"(scrape_interval|scrape_timeout|evaluation_interval): \d+s",
                    rf"\1: {_EVERY}s", config)  # fmt: skip
    (folder / "prometheus.yml").write_text(config, "utf-8")
    (folder / "scantrail.key").write_text("not asked for here\n", "utf-8")
    shutil.copytree(DEPLOY / "rules", folder / "rules")
    url = f"127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        ["prometheus", f"--config.file={folder / 'prometheus.yml'}",
         f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address={url}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield f"http://{url}"
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def load(service: Service) -> Iterator[None]:
    """Some of everything: ordinary scans, suspect ones, a bad one, a route that isn't there."""
    over = threading.Event()

    def call() -> None:
        number = 0
        while not over.wait(0.05):
            number += 1
            one = scan(number, number // 4, number % 4)
            if number % 10 == 0:
                one["location_id"] = 1060
            if number % 15 == 0:
                one["event_time"] = "yesterday"
            service.call("POST", DETECT, records([one]))
            service.call("GET", "/api/manager/kpi" if number % 7 else "/nowhere")

    thread = threading.Thread(target=call)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def work_beside(service: Service) -> None:
    """Rules alone are tried in the shadow, and monitoring looks."""
    trial = json.dumps({"mode": "shadow", "challenger": "none"}).encode()
    for path, body, expected in (
        ("/api/admin/ml/trials", trial, 201), ("/api/monitoring/run", b"{}", 202),
    ):  # fmt: skip
        status, told = service.call("POST", path, body)
        if status != expected:
            sys.exit(f"{path}: {status} {told.decode()}")


def panels(prometheus: str) -> list[str]:
    """Ask for what each panel shows; those that stay empty."""
    empty = []
    for panel in json.loads(DASHBOARD.read_text("utf-8"))["panels"]:
        for target in panel.get("targets", ()):
            query = target["expr"].replace("$__rate_interval", "30s").replace("$instance", ".*")
            found = _ask(prometheus, "query", query=query)["result"]
            numbers = [float(each["value"][1]) for each in found]
            shown = ", ".join(f"{number:.4g}" for number in numbers[:6])
            print(f"{panel['title']:24} {target['legendFormat']:32} {len(numbers):3}  {shown}")
            if not numbers or all(number != number for number in numbers):  # noqa: PLR0124 - NaN
                empty.append(f"{panel['title']}: {query}")
    print(*(f"EMPTY {each}" for each in empty), sep="\n")
    return empty


def rules(prometheus: str) -> list[str]:
    """Rules that can't be evaluated; each is told with its state."""
    [group] = _ask(prometheus, "rules")["groups"]
    for rule in group["rules"]:
        print(f"{rule['name']:26} {rule['health']:8} {rule['state']}")
    return [rule["name"] for rule in group["rules"] if rule["health"] != "ok"]


def _ask(prometheus: str, what: str, **asked: str) -> Any:
    url = f"{prometheus}/api/v1/{what}?{urllib.parse.urlencode(asked)}"
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)["data"]


if __name__ == "__main__":
    sys.exit(main())
