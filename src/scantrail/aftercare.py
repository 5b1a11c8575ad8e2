"""After a promotion: where a version turns out worse in use, the one before it judges again.

Only a promotion is taken back, and only once: after a rollback there is nothing to take back, so
two versions never take turns. Within the cool-down nothing is promoted by itself either, and what
was rolled back is never promoted by itself again; people may do both.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import polars as pl

from scantrail.errors import StoreError
from scantrail.ingest.gs1 import item_of
from scantrail.ingest.lots import lots
from scantrail.registry import NONE
from scantrail.rollout import Rollout
from scantrail.stores.audit import AUTOMATIC, Act, Audit, Outcome
from scantrail.stores.deployments import Deployment
from scantrail.stores.feedback import FeedbackStore
from scantrail.stores.outcomes import Outcomes
from scantrail.stores.trials import Trials
from scantrail.stores.windows import Clock
from scantrail.trials.sequential import Tally
from scantrail.trials.worse import AftercareSettings, Period, worse

_HOUR: Final = 3_600_000_000  # microseconds
RollBack = Callable[[str, str, str], Any]


@dataclass(frozen=True, slots=True)
class Aftercare:
    """Watches promotions. Safe to use from several threads and processes.

    `clock`: whether hours are those in which scans came in, or were made (of logs that are handed
    in long after).
    """

    rollout: Rollout
    outcomes: Outcomes
    feedback: FeedbackStore
    trials: Trials
    audit: Audit
    settings: AftercareSettings
    clock: Clock = "arrival"

    def tend(self, roll_back: RollBack | None = None) -> Deployment | None:
        """Look once how the newest promotion does, and take it back if it is worse.

        Args:
            roll_back: Rolls back; by actor, reason and the version to go away from. The rollout
                itself if None.

        Returns:
            The rollback, if there was one.

        Raises:
            ConflictError: Another process did something about it meanwhile.
            ArtifactError: The version before can't be used; the promoted one judges on.
        """
        last = self.rollout.deployments.last()
        if last is None or not self._watched(last):
            return None
        reason = self.verdict(last)
        if reason is None:
            return None
        if roll_back is None:
            self.rollout.roll_back(AUTOMATIC, reason, away_from=last.version)
        else:
            roll_back(AUTOMATIC, reason, last.version)
        done = self.rollout.deployments.last()
        assert done is not None
        act = Act(AUTOMATIC, "roll back", f"version {last.version}")
        try:
            detail = {"to": done.version, "reason": reason}
            self.audit.add(act, Outcome.DONE, done.at, detail)
        except StoreError:  # the deployment itself says who did it
            return done
        return done

    def verdict(self, promotion: Deployment) -> str | None:
        """Why a promotion is to be taken back; None where nothing speaks against it."""
        earliest = promotion.at - self._span(self.settings.before_hours)
        before = self._period(max(self._judged_since(promotion), earliest), promotion.at)
        if self._judged_before(promotion) == NONE:  # rules alone raise no learned alert
            before = before._replace(lots=Tally(0, 0))
        after = self._period(promotion.at, None)
        return worse(before, after, self.settings)

    def bars(self, version: str) -> str | None:
        """Why a version may not be promoted by itself now; None where it may."""
        cool = self._span(self.settings.cool_down_hours)
        chain = self.rollout.deployments.all()
        for before, one in pairwise(chain):
            if one.action != "rollback":
                continue
            if before.version == version:
                return f"version {version} was rolled back before ({one.reason or one.actor})"
            if one.actor == AUTOMATIC and one.at > _now() - cool:
                hours = self.settings.cool_down_hours
                return f"version {before.version} was rolled back within the last {hours:g} hours"
        return None

    def _watched(self, last: Deployment) -> bool:
        """Whether the deployment is one that may be taken back now."""
        if not self.settings.rollback or last.action != "promote":
            return False
        if last.at < _now() - self._span(self.settings.hours):
            return False
        trial = self.trials.running()
        if trial is not None and trial.mode != "shadow":
            return False  # a trial has conditions of its own, and its challenger alerts too
        chain = self.rollout.deployments.all()
        cool = _now() - self._span(self.settings.cool_down_hours)
        return not any(
            one.action == "rollback" and one.actor == AUTOMATIC and one.at > cool for one in chain
        )

    def _judged_since(self, promotion: Deployment) -> int:
        """Since when the version before a promotion had judged; 0 if it always had."""
        before = [one for one in self.rollout.deployments.all() if one.id < promotion.id]
        since = promotion.at
        for one in reversed(before):
            if one.version != before[-1].version:
                break
            since = 0 if one.action == "start" else one.at
        return since

    def _judged_before(self, promotion: Deployment) -> str | None:
        """The version before a promotion."""
        chain = [one for one in self.rollout.deployments.all() if one.id < promotion.id]
        return chain[-1].version if chain else None

    def _period(self, since: int, until: int | None) -> Period:
        hours = self.outcomes.hours(since, until, self.clock)
        hours = hours.with_columns(lot=pl.Series(lots(hours["item"])))
        units = hours.group_by("lot", "hour").agg(pl.col("learned").any())
        alerted = self.outcomes.items(since, until).filter("alerted")["item"].unique()
        known = self.feedback.known_items(since)
        said = {item_of(code): yes for code, yes in known.items()}
        mine = [said[item] for item in alerted if item in said]
        return Period(_tally(units["learned"]), Tally(sum(mine), len(mine) - sum(mine)))

    @staticmethod
    def _span(hours: float) -> int:
        return round(hours * _HOUR)


def _tally(flags: pl.Series) -> Tally:
    yes = int(flags.sum())
    return Tally(yes, len(flags) - yes)


def _now() -> int:
    return time.time_ns() // 1000
