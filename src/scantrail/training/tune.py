"""Tuning: trials of both models, judged by what they find, until a budget of minutes is spent.

A study is an SQLite file. Whatever is random follows from the seed and the number of trials that
came to an end, so a study that was killed goes on as if it had not been. The first trial has the
usual parameters: what is found is never worse than those, on the scans that it was chosen by.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import optuna
from optuna.trial import FrozenTrial, TrialState

from scantrail.errors import TrainingError
from scantrail.training.checkpoint import Epoch
from scantrail.training.ground import Ground
from scantrail.training.objective import Course, courses, lstm_recall, svm_recall
from scantrail.training.space import GRIDS, Model, parameters, settings, space, usual
from scantrail.training.study import identified, opened, sampler_of
from scantrail.training.train import TrainSettings, passes

MODELS: Final[tuple[Model, ...]] = ("svm", "lstm")  # the quick one first
_SHARES: Final = {"svm": 0.25, "lstm": 0.75}  # of the minutes, if both are tuned
_ENDED: Final = (TrialState.COMPLETE, TrialState.PRUNED)
_FAILED: Final = "failed"  # why a trial could not be judged
_FOLDS: Final = "folds"
_USUAL: Final = "usual"

Progress = Callable[[str, float], None]


class TuneSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to tune.

    `minutes`: for all models together; `trials`: at most so many of each, none: as time allows.
    `per_10k`: false alerts per 10,000 scans that are bearable.
    """

    models: tuple[Model, ...] = MODELS
    sampler: Literal["tpe", "grid"] = "tpe"
    minutes: float = 30.0
    trials: int | None = None
    folds: int = 3
    per_10k: float = 3.0
    seed: int = 0


class Tried(msgspec.Struct, frozen=True):
    """One trial. `state`: complete, pruned or failed. `recall`: the mean over the folds so far."""

    number: int
    state: str
    recall: float
    folds: tuple[float, ...]
    seconds: float
    parameters: dict[str, Any]
    note: str = ""


class Tuned(msgspec.Struct, frozen=True):
    """All trials of a model, in their order; the best; and the one with the usual parameters."""

    model: Model
    trials: tuple[Tried, ...]
    best: Tried
    usual: Tried | None


class _OutOfTimeError(Exception):
    """The minutes are spent; the trial under way does not count."""


def tune(
    ground: Ground, folder: Path, how: TuneSettings, about: str, progress: Progress
) -> tuple[Tuned, ...]:
    """Tune, or go on tuning.

    Args:
        ground: What to tune on.
        folder: Where the studies are; made if need be.
        how: How to tune; other minutes and trials may go on with a study, all else must be alike.
        about: What names the data, e.g. a dataset's version.
        progress: Told what is being done and which share of all is done, 0 to 1.

    Raises:
        TrainingError: The log is too small, the study is another's or in use, or no trial ended.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    progress("making folds", 0.0)
    ready = list(courses(ground, how.folds, how.seed))
    with opened(folder) as storage:
        tuned = []
        begun = 0.0
        for model in how.models:
            share = _SHARES[model] if len(how.models) > 1 else 1.0
            study = identified(storage, model, _identity(how, about, model))
            run = _Run(study, ready, model, how, share * how.minutes * 60)
            run.go(_part(progress, begun, share))
            begun += share
            tuned.append(_told(study, model))
    progress("done", 1.0)
    return tuple(tuned)


def _part(progress: Progress, begun: float, share: float) -> Progress:
    """Progress of a part of the whole."""
    return lambda what, done: progress(what, begun + share * done)


def best_parameters(tuned: Sequence[Tuned]) -> dict[str, Any]:
    """The best values of all models, as `parameters.read_parameters` reads them."""
    found: dict[str, Any] = {}
    for one in tuned:
        found |= parameters(one.model, one.best.parameters)
    return found


def _identity(how: TuneSettings, about: str, model: Model) -> dict[str, Any]:
    return {
        "data": about,
        "model": model,
        "sampler": how.sampler,
        "folds": how.folds,
        "per_10k": how.per_10k,
        "seed": how.seed,
    }


class _Run:
    """One model's study, for so many seconds."""

    def __init__(
        self,
        study: optuna.Study,
        ready: list[Course],
        model: Model,
        how: TuneSettings,
        seconds: float,
    ) -> None:
        self.study, self.ready, self.model, self.how = study, ready, model, how
        self.space = space(model, how.sampler)
        self.begun, self.seconds = time.monotonic(), seconds

    def go(self, progress: Progress) -> None:
        """Take up what was left, and try until time, trials or the grid are at their end."""
        self._take_up()
        while not self._done():
            count = self._count()
            self.study.sampler = sampler_of(self.how.sampler, self.how.seed + count, self._grid())
            trial = self.study.ask(self.space)
            try:
                self._try(trial, partial(self._tell, progress, count))
            except _OutOfTimeError:
                self.study.tell(trial, state=TrialState.FAIL)
                self._again(trial)
                return
            except TrainingError as error:
                trial.set_user_attr(_FAILED, str(error))
                self.study.tell(trial, state=TrialState.FAIL)

    def _take_up(self) -> None:
        """Try again what was under way when the study was killed; start a new one as usual."""
        for left in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            self.study.tell(left.number, state=TrialState.FAIL)
            if left.params.keys() == self.space.keys():
                self._again(left)
        if not self.study.get_trials(deepcopy=False) and self.how.sampler == "tpe":
            events = int(self.ready[-1].learn.sum())
            epochs = min(passes(events, TrainSettings()), 20)
            self.study.enqueue_trial(usual(self.model, epochs), user_attrs={_USUAL: True})

    def _again(self, trial: optuna.Trial | FrozenTrial) -> None:
        """Try the same parameters once more."""
        known = {name: True for name in (_USUAL,) if name in trial.user_attrs}
        self.study.enqueue_trial(trial.params, user_attrs=known)

    def _grid(self) -> dict[str, Any]:
        return dict(GRIDS[self.model])

    def _try(self, trial: optuna.Trial, told: Callable[[int], None]) -> None:
        chosen = settings(self.model, trial.params, self.how.seed)
        begun, seen = time.monotonic(), list[float]()
        for number, course in enumerate(self.ready):
            told(number)
            seen.append(self._recall(course, chosen))
            trial.set_user_attr(_FOLDS, seen)
            trial.set_user_attr("seconds", round(time.monotonic() - begun, 1))
            trial.report(sum(seen) / len(seen), number)
            if number + 1 < len(self.ready) and trial.should_prune():
                self.study.tell(trial, state=TrialState.PRUNED)
                return
        self.study.tell(trial, sum(seen) / len(seen))

    def _recall(self, course: Course, chosen: TrainSettings) -> float:
        self._check_time()
        if self.model == "svm":
            return svm_recall(course, chosen, self.how.per_10k)
        return lstm_recall(course, chosen, self.how.per_10k, self._check_time)

    def _check_time(self, _epoch: Epoch | None = None) -> None:
        if time.monotonic() - self.begun > self.seconds:
            raise _OutOfTimeError

    def _count(self) -> int:
        """Trials that came to an end."""
        return sum(_ended(trial) for trial in self.study.get_trials(deepcopy=False))

    def _done(self) -> bool:
        count = self._count()
        out = self.how.trials is not None and count >= self.how.trials
        if self.how.sampler == "grid":
            out = out or count >= _combinations(self._grid())
        return out or time.monotonic() - self.begun > self.seconds

    def _share(self, count: int) -> float:
        by_time = (time.monotonic() - self.begun) / self.seconds
        by_trials = count / self.how.trials if self.how.trials else 0.0
        return min(1.0, max(by_time, by_trials))

    def _tell(self, progress: Progress, count: int, fold: int) -> None:
        said = f"{self.model} trial {count + 1}, fold {fold + 1}/{len(self.ready)}"
        progress(said, self._share(count))


def _combinations(grid: dict[str, Any]) -> int:
    count = 1
    for values in grid.values():
        count *= len(values)
    return count


def _ended(trial: FrozenTrial) -> bool:
    """Whether a trial was judged to its end, or can't be."""
    return trial.state in _ENDED or _FAILED in trial.user_attrs


def _told(study: optuna.Study, model: Model) -> Tuned:
    ended = [trial for trial in study.get_trials(deepcopy=False) if _ended(trial)]
    trials = tuple(_tried(trial, number) for number, trial in enumerate(ended))
    complete = [one for one in trials if one.state == "complete"]
    if not complete:
        raise TrainingError(
            f"no trial of the {model} came to its end in the time given; run it again to go on "
            "where it was, or give more --minutes"
        )
    best = max(complete, key=lambda one: one.recall)
    first = (each for each, of in zip(trials, ended, strict=True) if _USUAL in of.user_attrs)
    return Tuned(model, trials, best, next(first, None))


def _tried(trial: FrozenTrial, number: int) -> Tried:
    folds = tuple(trial.user_attrs.get(_FOLDS, ()))
    return Tried(
        number=number + 1,
        state="failed" if trial.state == TrialState.FAIL else trial.state.name.lower(),
        recall=sum(folds) / len(folds) if folds else 0.0,
        folds=folds,
        seconds=trial.user_attrs.get("seconds", 0.0),
        parameters=dict(trial.params),
        note=trial.user_attrs.get(_FAILED, ""),
    )
