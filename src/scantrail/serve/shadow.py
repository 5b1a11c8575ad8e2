"""The lane to the shadow: what was judged is handed to another process, if there is room.

Handing over costs the champion next to nothing: it is put into a queue, and threads of this lane do
the rest. Where more waits than may, it is left out and counted; where the other process
dies, what it had is counted as lost, and it is started again.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final, NamedTuple

import msgspec
import polars as pl

from scantrail.shadowing import DONE, Order, framed, message_of

_log = logging.getLogger(__name__)

_ONE_THREAD: Final = ("OMP_NUM_THREADS", "POLARS_MAX_THREADS", "OPENBLAS_NUM_THREADS")
_AGAIN_SECONDS: Final = 5.0  # until a process that died is started again
_LOOK_SECONDS: Final = 1.0  # between two looks whether it is alive, while nothing is handed over
_PATIENCE: Final = 5.0  # seconds that it has to end in


class Handed(NamedTuple):
    """Scans that were handed over in this process: judged, waiting, left out, and lost."""

    judged: int = 0
    waiting: int = 0
    left_out: int = 0
    lost: int = 0


class _Piece(NamedTuple):
    events: pl.DataFrame
    suspect: pl.Series
    sent: list[pl.DataFrame]
    size: int


class _Shade:
    """The process, and the sizes of what was written to it and is not judged yet."""

    def __init__(self, order: Order, done: Callable[[int, bool], None]) -> None:
        self.written: deque[int] = deque()
        self._done = done
        self.process = subprocess.Popen(
            [sys.executable, "-m", "scantrail.shadowing"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | dict.fromkeys(_ONE_THREAD, "1"),
        )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        self._send(msgspec.json.encode(order))

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def write(self, piece: _Piece) -> None:
        """Hand a piece over; OSError if the process has died."""
        message = message_of(piece.events, piece.suspect, piece.sent)
        self.written.append(piece.size)
        self._send(message)

    def end(self) -> int:
        """End it, if it has not ended; how many scans it had not judged."""
        if self.alive:
            self.process.terminate()
            try:
                self.process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self._listener.join()
        assert self.process.stdin is not None
        with suppress(OSError):  # what it was being sent
            self.process.stdin.close()
        return sum(self.written)

    def _send(self, message: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(framed(message))
        self.process.stdin.flush()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as signs:
            while sign := signs.read(1):
                self._done(self.written.popleft(), sign == DONE)
        self.process.wait()


class ShadowLane:
    """Hands what was judged to the shadow of one trial. Safe to use from several threads."""

    def __init__(self, order: Order) -> None:
        """Begin; the shadow is started when there is something to judge.

        Args:
            order: Which challenger of which trial judges, by settings whose database other
                processes can reach.
        """
        self._order, self._most = order, order.settings.trials.waiting
        self._pieces: deque[_Piece] = deque()
        self._change = threading.Condition()
        self._open = True
        self._handed = Handed()
        self._shade: _Shade | None = None
        self._writer = threading.Thread(target=self._write, name="shadow", daemon=True)
        self._writer.start()

    def offer(self, events: pl.DataFrame, suspect: pl.Series, sent: list[pl.DataFrame]) -> None:
        """Hand over what was judged (see `shadowing.message_of`); at once, whatever happens."""
        size = sum(len(part) for part in sent)
        with self._change:
            waiting = self._handed.waiting
            if not self._open or (waiting and waiting + size > self._most):
                self._count(left_out=size)
                return
            self._count(waiting=size)
            self._pieces.append(_Piece(events, suspect, sent, size))
            self._change.notify_all()

    @property
    def handed(self) -> Handed:
        """What became of what was offered."""
        return self._handed

    def close(self) -> None:
        """End the shadow; what waits is left out."""
        with self._change:
            self._open = False
            self._change.notify_all()
            shade = self._shade
        if shade is not None and shade.alive:
            shade.process.terminate()  # a writer that waits for it goes on
        self._writer.join()
        self._bury()

    def _count(self, **more: int) -> None:
        with self._change:
            now = self._handed._asdict()
            self._handed = Handed(**{name: now[name] + more.get(name, 0) for name in now})

    def _done(self, size: int, well: bool) -> None:  # noqa: FBT001 - one of two counters
        self._count(waiting=-size, **{"judged" if well else "lost": size})

    def _write(self) -> None:
        while (piece := self._next()) is not None:
            try:
                self._alive().write(piece)
            except OSError:  # it has died
                self._bury()
                with self._change:
                    self._change.wait_for(lambda: not self._open, _AGAIN_SECONDS)

    def _next(self) -> _Piece | None:
        while True:
            self._bury_dead()  # not under the lock: who listens to it may want that
            with self._change:
                if not self._open:
                    return None
                if self._pieces:
                    return self._pieces.popleft()
                self._change.wait(_LOOK_SECONDS)

    def _alive(self) -> _Shade:
        """The process, started if there is none."""
        self._bury_dead()
        if self._shade is None:
            self._shade = _Shade(self._order, self._done)
        return self._shade

    def _bury_dead(self) -> None:
        if self._shade is not None and not self._shade.alive:
            self._bury()

    def _bury(self) -> None:
        """Count what the process had when it ended."""
        shade, self._shade = self._shade, None
        if shade is None:
            return
        lost = shade.end()
        self._count(waiting=-lost, lost=lost)
        if self._open:
            code = shade.process.returncode
            _log.warning("the shadow ended with code %s; %d scans are lost to it", code, lost)
