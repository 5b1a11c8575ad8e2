"""The shadow: a challenger judges what the champion has judged, in a process of its own.

A service starts it and hands it what it judged. It has the lowest priority, so that the champion
never waits for it; whatever becomes of it, the champion's answers are out already. It reads what it
is to do from standard input, so that no password stands in its arguments.
"""

from __future__ import annotations

import io
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from queue import SimpleQueue
from typing import BinaryIO, Final

import msgspec
import polars as pl

from scantrail import wiring
from scantrail.errors import ScantrailError
from scantrail.logs import configure
from scantrail.settings import Settings
from scantrail.stores import digests
from scantrail.stores.shadows import Shadow
from scantrail.vocabulary.events import EVENTS

_log = logging.getLogger(__name__)

#: Columns of what is handed over besides `EVENTS`: whether the row is a scan that was sent (else
#: it is one that was judged), and whether it was suspect to the champion.
SENT, SUSPECT = "sent", "suspect"
DONE, FAILED = b".", b"!"
_NICE: Final = 19  # the champion comes first
_TOGETHER: Final = 50  # messages whose verdicts are kept at once
_DAY: Final = 86_400_000_000  # microseconds


class Order(msgspec.Struct, frozen=True):
    """Which challenger of which trial judges, by which settings."""

    trial: int
    challenger: str
    settings: Settings


def main() -> None:
    """Judge what standard input hands over, until it ends; a sign on standard output for each."""
    os.nice(_NICE)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it ends it
    inputs, outputs = sys.stdin.buffer, sys.stdout.buffer
    order = msgspec.json.decode(next(messages(inputs)), type=Order)
    configure(order.settings.log_format, order.settings.log_level)
    stores = wiring.stores(order.settings)
    engine = challenger_of(order, stores)
    keep_days = order.settings.trials.keep_days
    stores.shadows.prune(_now() - round(keep_days * _DAY))
    waiting: SimpleQueue[bytes | None] = SimpleQueue()
    threading.Thread(target=_read, args=(inputs, waiting), daemon=True).start()
    while batch := _next(waiting):
        outputs.write(judged(engine, stores, order.trial, batch))
        outputs.flush()
    stores.close()


def challenger_of(order: Order, stores: wiring.Stores) -> wiring.Engine:
    """The engine that judges in the shadow.

    Raises:
        NotFoundError, ArtifactError: As `Rollout.load`.
    """
    engine = wiring.engine(order.settings, learned=False)
    artifact = wiring.rollout(engine, stores).load(order.challenger)
    return engine.with_artifact(artifact)


def judged(engine: wiring.Engine, stores: wiring.Stores, trial: int, batch: list[bytes]) -> bytes:
    """Judge messages and keep the verdicts; a sign for each."""
    verdicts: list[Shadow] = []
    signs = []
    for message in batch:
        try:
            verdicts += verdicts_on(engine, message)
            signs.append(DONE)
        except Exception:  # noqa: BLE001 - what comes after must be judged
            _log.exception("the challenger can't judge")
            signs.append(FAILED)
    try:
        stores.shadows.add(trial, verdicts, _now())
    except ScantrailError as error:
        _log.warning("verdicts in the shadow are lost: %s", error)
        signs = [FAILED] * len(batch)
    return b"".join(signs)


def verdicts_on(engine: wiring.Engine, message: bytes) -> list[Shadow]:
    """What the challenger says of the scans that were sent."""
    given = pl.read_ipc(io.BytesIO(message))
    seen = given.filter(~pl.col(SENT))
    events = seen.select(EVENTS.names())
    report, _ = engine.judge_journeys(events)
    sent = set(digests.scans(given.filter(SENT)))
    said = (report.verdicts[name] for name in ("finalConfidence", "anomaly", "kind"))
    every = zip(digests.scans(events), *said, seen[SUSPECT], strict=True)
    return [Shadow(*each) for each in every if each[0] in sent]


def message_of(events: pl.DataFrame, suspect: pl.Series, sent: list[pl.DataFrame]) -> bytes:
    """What is handed over.

    Args:
        events: All that was judged (`vocabulary.events.EVENTS`).
        suspect: (n,) Boolean: whether each is suspect to the champion.
        sent: The scans of each request.
    """
    seen = events.with_columns(suspect.alias(SUSPECT), pl.lit(value=False).alias(SENT))
    parts = [
        part.with_columns(
            event_id=pl.lit(None, events.schema["event_id"]),
            **{SUSPECT: pl.lit(value=False), SENT: pl.lit(value=True)},
        )
        for part in sent
    ]
    buffer = io.BytesIO()
    pl.concat([seen, *parts], how="vertical_relaxed").write_ipc(buffer)
    return buffer.getvalue()


def framed(message: bytes) -> bytes:
    """A message with its length before it."""
    return len(message).to_bytes(8, "big") + message


def messages(inputs: BinaryIO) -> Iterator[bytes]:
    """Messages until the end of input."""
    while len(head := inputs.read(8)) == 8:
        size = int.from_bytes(head, "big")
        message = inputs.read(size)
        if len(message) < size:
            return
        yield message


def _read(inputs: BinaryIO, waiting: SimpleQueue[bytes | None]) -> None:
    for message in messages(inputs):
        waiting.put(message)
    waiting.put(None)


def _next(waiting: SimpleQueue[bytes | None]) -> list[bytes]:
    """What waits, as much as is kept at once; nothing at the end of input."""
    first = waiting.get()
    batch = [] if first is None else [first]
    while batch and len(batch) < _TOGETHER and not waiting.empty():
        message = waiting.get()
        if message is None:
            waiting.put(None)
            break
        batch.append(message)
    return batch


def _now() -> int:
    return time.time_ns() // 1000


if __name__ == "__main__":
    main()
