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
import polars as pl

from scantrail.history.posts import Post
from scantrail.history.taking import take
from scantrail.serve.detection import answer
from scantrail.serve.records import read_records
from scantrail.settings import Settings
from scantrail.stores.database import Database
from scantrail.vocabulary.findings import Report
from scantrail.vocabulary.protocols import Journeys
from scantrail.wiring import Engine, Stores, engine


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
    asked, stores = engine(Settings(artifacts="none")), Stores(Database("sqlite://"))
    bodies = Path(sys.argv[1]).read_bytes().splitlines()
    spent = [one(body, asked, stores) for body in bodies][len(bodies) // 10 :]
    print(json.dumps({name: statistics.median(s[name] for s in spent) for name in spent[0]}))


def one(body: bytes, asked: Engine, stores: Stores) -> dict[str, float]:
    """The way of `serve.service` from a body to an answer that is kept, in memory."""
    stage = Stages()
    stage("read body")
    raw = read_records(body, 100_000).raw
    stage("understand")
    events = asked.understand(raw)
    stage("history")

    def judge(frame: pl.DataFrame) -> tuple[Report, Journeys]:
        stage("judge")
        judged = asked.judge_journeys(frame)
        stage("keep")
        return judged

    def word(report: Report, _: object) -> bytes:
        return msgspec.json.encode(answer(events, report))

    take(stores.trails, [Post(events, "file 1", b"", word)], judge, 0)
    stage("end")
    return stage.spent


if __name__ == "__main__":
    main()
