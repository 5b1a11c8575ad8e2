"""Trials of a challenger: a chain of moves that is only added to. One trial at a time runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

import msgspec

from scantrail.errors import NotFoundError
from scantrail.stores.chain import Chain
from scantrail.stores.database import Database
from scantrail.stores.tables import TRIALS
from scantrail.trials.assignment import Assignment
from scantrail.trials.plan import Mode, TrialSettings
from scantrail.vocabulary.times import utc

Action = Literal["start", "step", "stop", "promote", "abort"]
_GOES_ON: Final = ("start", "step")
State = Literal["running", "stopped", "promoted", "aborted"]
_STATES: Final[dict[Action, State]] = {
    "start": "running", "step": "running", "stop": "stopped", "promote": "promoted",
    "abort": "aborted",
}  # fmt: skip


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done about a trial; see `tables.TRIALS`. `plan` is `TrialSettings` as JSON."""

    trial: int
    action: Action
    mode: Mode
    champion: str
    challenger: str
    share: float
    salt: str
    plan: str
    actor: str
    reason: str


class Moved(Move, frozen=True, kw_only=True):
    """A move that was made `at` microseconds since 1970, UTC, `after` another."""

    id: int
    after: int
    at: int

    @property
    def running(self) -> bool:
        """Whether the trial runs since this move."""
        return self.action in _GOES_ON

    @property
    def settings(self) -> TrialSettings:
        """How the trial is conducted."""
        return msgspec.json.decode(self.plan, type=TrialSettings)

    @property
    def assignment(self) -> Assignment | None:
        """Which items the challenger judges with effect; None in the shadow."""
        return None if self.mode == "shadow" else Assignment(self.share, self.salt)


@dataclass(frozen=True)
class Trial:
    """A trial: its moves, the oldest first."""

    moves: Sequence[Moved]

    @property
    def start(self) -> Moved:
        """How it began."""
        return self.moves[0]

    @property
    def last(self) -> Moved:
        """How it stands."""
        return self.moves[-1]

    @property
    def number(self) -> int:
        """Its number."""
        return self.start.trial

    @property
    def state(self) -> State:
        """How it stands, in a word."""
        return _STATES[self.last.action]

    @cached_property
    def period(self) -> tuple[int, int | None]:
        """Since when its share is what it is (or was at the end), and its end, if it has one."""
        since = [move for move in self.moves if move.running][-1]
        return since.at, None if self.last.running else self.last.at


class Trials(Chain[Moved]):
    """All trials. Safe to use from several threads and processes."""

    def __init__(self, database: Database) -> None:
        """Keep them in a database."""
        super().__init__(database, TRIALS, Moved, "move of a trial")

    def said(self, row: Moved) -> str:
        """What another has done."""
        return (
            f"another move was made meanwhile: {row.actor} has made {row.action} of trial "
            f"{row.trial} at {utc(row.at)}"
        )

    def running(self) -> Moved | None:
        """The newest move of the trial that runs."""
        last = self.last()
        return last if last and last.running else None

    def trials(self) -> list[Trial]:
        """All trials, the oldest first."""
        moves: dict[int, list[Moved]] = {}
        for move in self.all():
            moves.setdefault(move.trial, []).append(move)
        return [Trial(mine) for mine in moves.values()]

    def trial(self, number: int) -> Trial:
        """A trial.

        Raises:
            NotFoundError: There is none of that number.
        """
        for one in self.trials():
            if one.number == number:
                return one
        raise NotFoundError(f"there is no trial {number}; 'scantrail trial list' lists all")
