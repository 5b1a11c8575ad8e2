"""Trying a challenger in the running service: start, look, go on, stop, promote.

The chain of moves is the truth, in the database that all processes share. A trial is of one
champion: where another version is deployed meanwhile, it is over.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import polars as pl

from scantrail.errors import ConflictError, InputError, StoreError
from scantrail.ingest.gs1 import item_of
from scantrail.rollout import Rollout
from scantrail.stores.audit import AUTOMATIC, Act, Audit, Outcome
from scantrail.stores.feedback import FeedbackStore
from scantrail.stores.outcomes import Outcomes
from scantrail.stores.shadows import Shadows
from scantrail.stores.trials import Action, Move, Moved, Trial, Trials
from scantrail.trials.assignment import Assignment
from scantrail.trials.conduct import Next, next_of
from scantrail.trials.plan import Mode, TrialSettings
from scantrail.trials.reading import Agreement, agreement_of, read_items
from scantrail.trials.reading import Trial as Told
from scantrail.trials.sequential import Tally, bounds

_SHARE: Final = 0.1  # of an A/B trial, if none is given
_HOUR: Final = 3_600_000_000  # microseconds
Deploy = Callable[[str, str, str], Any]


@dataclass(frozen=True, slots=True)
class Shadowed:
    """What a trial in the shadow taught.

    `more`: of the items that are suspect to one version only, the share that is so to the
    challenger, as an interval that holds however often one looks; all above 0.5: it alerts on more.
    `scored`, `stored`: scans that the challenger judged, and that came meanwhile. `said`: what
    people said of items that are suspect to `both`, to the `champion` or the `challenger` alone.
    """

    agreement: Agreement
    more: tuple[float, float]
    scored: int
    stored: int
    said: dict[str, Tally]


@dataclass(frozen=True, slots=True)
class Reading:
    """A trial with what it taught, since the share is what it is (`told`), or in the shadow.

    `crossed`: items that both versions judged with effect, as when a trial begins; they are left
    out of what is told.
    """

    trial: Trial
    told: Told | None = None
    crossed: int = 0
    shadowed: Shadowed | None = None


@dataclass(frozen=True, slots=True)
class Trialing:
    """Conducts trials. Safe to use from several threads and processes."""

    trials: Trials
    shadows: Shadows
    outcomes: Outcomes
    feedback: FeedbackStore
    audit: Audit
    rollout: Rollout
    settings: TrialSettings

    def start(
        self, mode: Mode, challenger: str, actor: str, reason: str, share: float | None = None
    ) -> Moved:
        """Begin a trial against the version that is deployed.

        Args:
            mode: Its kind.
            challenger: A registered version, or `none`.
            actor: Who does it.
            reason: Why.
            share: Of the items: for `ab` (0.1 if None), or a canary's first (if None, the first
                step of the settings).

        Raises:
            NotFoundError, ArtifactError: As `Rollout.load`.
            ConflictError: A trial runs, a version is pinned, the challenger is deployed already, or
                a share is given for the shadow.
            InputError: The share can't be.
        """
        last = self.trials.last()
        champion = self._fit_to_start(last, mode, challenger, share)
        number = last.trial + 1 if last else 1
        shares = {"shadow": 0.0, "ab": share or _SHARE, "canary": share or self.settings.steps[0]}
        move = Move(
            trial=number,
            action="start",
            mode=mode,
            champion=champion,
            challenger=challenger,
            share=shares[mode],
            salt=f"trial {number} {secrets.token_hex(4)}",
            plan=msgspec.json.encode(self.settings).decode(),
            actor=actor,
            reason=reason,
        )
        return self.trials.add([move], last)

    def _fit_to_start(
        self, last: Moved | None, mode: Mode, challenger: str, share: float | None
    ) -> str:
        """The champion of a trial that may begin; see `start`."""
        if share is not None and mode == "shadow":
            raise ConflictError("the shadow judges all scans; leave the share out")
        if share is not None and not 0 < share < 1:
            raise InputError(f"a share of {share:g} can't be; give one between 0 and 1, e.g. 0.1")
        if last and last.running:
            raise ConflictError(
                f"trial {last.trial} of {last.challenger} runs, and one at a time may; stop it "
                "first"
            )
        champion = self.rollout.serving()
        if challenger == champion:
            raise ConflictError(f"version {challenger} is the one that judges; name another")
        if mode != "shadow":
            self.rollout.refuse_pinned()
        self.rollout.load(challenger)
        return champion

    def stop(self, number: int, actor: str, reason: str) -> Moved:
        """End a trial: the champion judges all again. What was learned can be read for ever.

        Raises:
            NotFoundError, ConflictError: There is none of that number, or it has ended.
        """
        return self._move(self._running(number), "stop", actor, reason)

    def abort(self, number: int, actor: str, reason: str) -> Moved:
        """End a trial because something is wrong with it; else as `stop`."""
        return self._move(self._running(number), "abort", actor, reason)

    def promote(self, number: int, actor: str, reason: str, deploy: Deploy | None = None) -> Moved:
        """Let the challenger judge all from now on; see `Rollout.promote`.

        Args:
            number: The trial.
            actor: Who does it.
            reason: Why.
            deploy: Promotes a version; the rollout itself if None.

        Raises:
            NotFoundError, ConflictError: There is none of that number, it has ended, or another
                version than its champion is deployed.
            ArtifactError: The challenger can't be used; the trial goes on.
        """
        last = self._running(number)
        if over := self.over(last):
            raise ConflictError(f"trial {number} is void: {over}")
        (deploy or self.rollout.promote)(last.challenger, actor, reason or f"trial {number}")
        try:
            return self._move(last, "promote", actor, reason)
        except ConflictError:  # another process has seen the deployment, and noted it
            return self.trials.trial(number).last

    def over(self, last: Moved) -> str | None:
        """Why a running trial is none any more; None where it goes on."""
        serving = self.rollout.serving()
        if serving != last.champion:
            return f"{serving} is deployed, not its champion {last.champion}"
        if last.mode != "shadow" and self.rollout.pinned:
            return f"{serving} is pinned"
        return None

    def tend(self, deploy: Deploy | None = None) -> Moved | None:
        """Look how the trial goes, and do what is to be done; what was done, if anything was.

        Raises:
            ConflictError: Another process did something about it meanwhile.
        """
        last = self.trials.running()
        if last is None:
            return None
        if over := self.over(last):
            promoted = self.rollout.serving() == last.challenger
            return self._move(last, "promote" if promoted else "abort", AUTOMATIC, over)
        if last.mode == "shadow":
            return None
        todo = self._next(last, self.read(last.trial))
        if todo.action in {"abort", "step"}:
            share = todo.share if todo.action == "step" else None
            return self._move(last, todo.action, AUTOMATIC, todo.reason, share=share)
        if todo.action == "ready" and last.settings.auto_promote:
            return self.promote(last.trial, AUTOMATIC, todo.reason, deploy)
        return None

    def todo(self, reading: Reading) -> str | None:
        """What is to be done about a trial, in words; None where it has ended."""
        last = reading.trial.last
        if not last.running:
            return None
        if over := self.over(last):
            return f"abort: {over}"
        if reading.told is None:
            return "wait: people decide when it ends"
        todo = self._next(last, reading)
        return f"{todo.action}: {todo.reason}"

    def fail(self, number: int, reason: str) -> Moved:
        """Abort a trial whose challenger can't judge; see `stop`."""
        return self._move(self._running(number), "abort", AUTOMATIC, reason)

    @staticmethod
    def _next(last: Moved, reading: Reading) -> Next:
        assert reading.told is not None
        hours = (time.time_ns() // 1000 - last.at) / _HOUR
        return next_of(last.mode, last.share, last.settings, reading.told, hours)

    def read(self, number: int) -> Reading:
        """What a trial has taught so far; may be read as often as one likes.

        Raises:
            NotFoundError: There is none of that number.
        """
        trial = self.trials.trial(number)
        if trial.start.mode == "shadow":
            return Reading(trial, shadowed=self._shadowed(trial))
        items, crossed = self._judged(trial)
        last = trial.last
        feedback = self._said(trial.start.at)
        return Reading(trial, read_items(items, feedback, last.share, last.settings.level), crossed)

    def _judged(self, trial: Trial) -> tuple[pl.DataFrame, int]:
        """Items by the arm that judged them, and how many are left out because both did."""
        found = self.outcomes.items(*trial.period)
        made_by = self.outcomes.made_by()
        parts = [
            _arm(part, made_by[part["judgement"][0]], trial.number)
            for part in found.partition_by("judgement")
        ]
        items = pl.concat([_NO_ITEMS, *parts]).group_by("epc_code", maintain_order=True).agg(
            pl.col("challenger").first(), pl.col("alerted").any(), pl.col("scans").sum(),
            arms=pl.col("challenger").n_unique(),
        )  # fmt: skip
        pure = items.filter(pl.col("arms") == 1).drop("arms")
        return pure, len(items) - len(pure)

    def _shadowed(self, trial: Trial) -> Shadowed:
        items = self.shadows.items(trial.number)
        told = agreement_of(items["champion"], items["challenger"])
        last = self._said(trial.start.at).unique("epc_code", keep="last")
        said = items.join(last, left_on="item", right_on="epc_code", how="inner")
        one, other = pl.col("champion"), pl.col("challenger")
        tallies = {
            name: _tally(said.filter(which)["confirmed"])
            for name, which in (("both", one & other), ("champion", one & ~other),
                                ("challenger", other & ~one))
        }  # fmt: skip
        until = None if trial.last.running else trial.last.at
        scored, stored = self.shadows.scored(trial.number, trial.start.at, until)
        more = bounds(Tally(told.challenger, told.champion), trial.start.settings.level)
        return Shadowed(told, more, scored, stored, tallies)

    def _said(self, since: int) -> pl.DataFrame:
        """What people said of items since then: `epc_code`, `confirmed`."""
        said = [(item_of(code), yes) for code, yes in self.feedback.known_items(since).items()]
        schema = {"epc_code": pl.String(), "confirmed": pl.Boolean()}
        return pl.DataFrame(said, schema, orient="row")

    def _running(self, number: int) -> Moved:
        trial = self.trials.trial(number)
        if not trial.last.running:
            raise ConflictError(f"trial {number} is {trial.state} already")
        return trial.last

    def _move(
        self, last: Moved, action: Action, actor: str, reason: str, *, share: float | None = None
    ) -> Moved:
        same = {name: getattr(last, name) for name in Move.__struct_fields__}
        same |= {"action": action, "actor": actor, "reason": reason}
        if share is not None:
            same["share"] = share
        moved = self.trials.add([Move(**same)], last)
        if actor == AUTOMATIC:
            self._note(moved)
        return moved

    def _note(self, moved: Moved) -> None:
        act = Act(AUTOMATIC, f"{moved.action} trial", f"trial {moved.trial}")
        detail = {"challenger": moved.challenger, "share": moved.share, "reason": moved.reason}
        try:
            self.audit.add(act, Outcome.DONE, moved.at, detail)
        except StoreError:  # the chain itself says who did it
            return


_NO_ITEMS: Final = pl.DataFrame(
    schema={
        "epc_code": pl.String(), "challenger": pl.Boolean(), "alerted": pl.Boolean(),
        "scans": pl.Int64(),
    }
)  # fmt: skip


def _arm(found: pl.DataFrame, made_by: Mapping[str, Any], number: int) -> pl.DataFrame:
    """Items of one judgement with who judged them."""
    challenge = made_by.get("challenge") or {}
    if challenge.get("trial") == number:
        arms = Assignment(challenge["share"], challenge["salt"]).challengers(found["item"])
    else:
        arms = pl.repeat(False, len(found), dtype=pl.Boolean, eager=True)  # noqa: FBT003 - a value
    return found.select(
        pl.col("item").alias("epc_code"), arms.alias("challenger"), "alerted", "scans"
    )


def _tally(confirmed: pl.Series) -> Tally:
    yes = int(confirmed.sum())
    return Tally(yes, len(confirmed) - yes)
