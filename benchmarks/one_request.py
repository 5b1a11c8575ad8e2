"""Where a request's time goes, in process, by stage; prints one JSON line.

Usage: one_request.py BODIES, a file with one request body a line. Microseconds of CPU of this
thread, the median over the bodies after a first tenth to warm up.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path

import msgspec

from scantrail.serve.detection import answer
from scantrail.serve.records import read_records
from scantrail.settings import Settings
from scantrail.vocabulary.protocols import ReportStore
from scantrail.wiring import Engine, engine, report_store


class Stages:
    """Microseconds by stage of one request."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}
        self.name, self.begun = "", time.thread_time_ns()

    def __call__(self, name: str) -> None:
        """End the stage before and begin the next."""
        now = time.thread_time_ns()
        if self.name:
            self.spent[self.name] = (now - self.begun) / 1e3
        self.name, self.begun = name, now


def main() -> None:
    """Go through all bodies."""
    asked, reports = engine(Settings(artifacts="none")), report_store(Settings())
    bodies = Path(sys.argv[1]).read_bytes().splitlines()
    spent = [one(body, asked, reports) for body in bodies][len(bodies) // 10 :]
    print(json.dumps({name: statistics.median(s[name] for s in spent) for name in spent[0]}))


def one(body: bytes, asked: Engine, reports: ReportStore) -> dict[str, float]:
    """The way of `serve.api` from a body to an answer, kept as a report."""
    stage = Stages()
    stage("read body")
    raw = read_records(body, 100_000)
    stage("understand")
    events = asked.understand(raw)
    report = asked.judge(events, progress=stage)
    stage("answer")
    msgspec.json.encode(answer(events, report))
    stage("keep")
    reports.add("file 1", "", events, report)
    stage("end")
    return stage.spent


if __name__ == "__main__":
    main()
