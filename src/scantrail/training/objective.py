"""What tuning is for: how much does a model find at a bearable number of false alerts?

Measured on a fold's later scans of other lots; never the loss that training itself minimises. What
there is to be found are labelled events; in a log without labels, anomalies planted into journeys
that are presumed normal (`planting`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from scantrail import pipeline
from scantrail.calibration import Calibration, highest_per_item
from scantrail.detectors.lstm.encoding import encode, nats
from scantrail.detectors.lstm.sequences import Sequences
from scantrail.errors import TrainingError
from scantrail.features.coding import Coded, Vocabulary, code
from scantrail.features.tabular import TABULAR, tabular
from scantrail.features.usual import Usual
from scantrail.training import judge
from scantrail.training.checkpoint import Epoch
from scantrail.training.fit import fit
from scantrail.training.folds import Flags, Fold, folds
from scantrail.training.ground import Ground, items_of
from scantrail.training.planting import plant
from scantrail.training.svm import fit_svm
from scantrail.training.train import TrainSettings, network_of, passes
from scantrail.vocabulary.linked import Linked
from scantrail.vocabulary.protocols import Journeys

Floats = npt.NDArray[np.float64]

_CONTAMINATION: Final = 0.02  # as training has it by default
_LEAST: Final = 10  # items to be found in a fold; fewer tell nothing


@dataclass(frozen=True)
class Course:
    """A fold made ready, once for all trials.

    `odd`: (n,) scans to be found. `fold`, `normal`, `aside` are over the items of `journeys`, which
    hold the planted anomalies if there are no labels (`planted`).
    """

    journeys: Journeys
    fold: Fold
    normal: Flags
    aside: Flags
    odd: Flags
    planted: bool = False

    @cached_property
    def item(self) -> npt.NDArray[np.int64]:
        """(n,) the item of each scan."""
        return self.journeys.columns["epc"].astype(np.int64)

    @cached_property
    def _time(self) -> npt.NDArray[np.int64]:
        return self.journeys.columns["time"].view(np.int64)

    @cached_property
    def learn(self) -> Flags:
        """(n,) scans to learn from."""
        early: Flags = self._time <= self.fold.until
        return (self.fold.learn & self.normal)[self.item] & early

    @cached_property
    def stop(self) -> Flags:
        """(n,) scans that tell when to stop learning."""
        early: Flags = self._time <= self.fold.until
        return (self.fold.stop & self.normal)[self.item] & early

    @cached_property
    def judged(self) -> Flags:
        """(n,) scans that are judged."""
        late: Flags = self._time > self.fold.until
        return self.fold.judge[self.item] & ~self.aside[self.item] & late

    @cached_property
    def known(self) -> Vocabulary:
        """What was known at the fold's moment."""
        columns = self.journeys.columns
        seen = Linked({name: values[self.learn] for name, values in columns.arrays.items()})
        codes = self.journeys.codes.gather(np.unique(self.item[self.learn]))
        return Vocabulary.learn(replace(self.journeys, columns=seen, codes=codes))

    @cached_property
    def coded(self) -> Coded:
        """All scans, coded by what was known."""
        return code(self.journeys, self.known)

    @cached_property
    def sequences(self) -> Sequences:
        """All journeys, for the LSTM."""
        return encode(self.coded)

    @cached_property
    def table(self) -> npt.NDArray[np.float32]:
        """(n, d) features of all scans, for the one-class SVM."""
        return tabular(self.coded, Usual.learn(self.coded, self.known, self.learn))

    def recall(self, raw: Floats, per_10k: float) -> float:
        """Share of the odd items that are found at so many false alerts per 10,000 scans.

        Args:
            raw: (n,) a model's raw scores; only those of judged scans are looked at.
            per_10k: The budget.
        """
        score = highest_per_item(np.where(self.judged, raw, np.nan), self.item)
        odd = items_of(self.odd & self.judged, self.item, len(score))
        there = items_of(self.judged, self.item, len(score))
        honest = score[there & ~odd]
        budget = per_10k * int(self.judged.sum()) / 10_000
        if self.planted:
            return recall_beyond(honest, score[odd], budget)
        return recall_at(honest, score[odd], budget)

    def to_find(self) -> int:
        """How many items are to be found."""
        return len(np.unique(self.item[self.odd & self.judged]))


def recall_at(honest: Floats, odd: Floats, budget: float) -> float:
    """Share of `odd` above a threshold that `budget` of `honest` pass; between whole budgets, even.

    >>> recall_at(np.array([3.0, 2.0, 1.0]), np.array([4.0, 2.5, 1.5, 0.5]), 0.5)
    0.375
    """
    ranked = np.sort(honest)[::-1]

    def found(alerts: int) -> float:
        threshold = ranked[alerts] if alerts < len(ranked) else -math.inf
        return float((odd > threshold).mean())

    whole = math.floor(budget)
    part = budget - whole
    return (1 - part) * found(whole) + part * found(whole + 1)


def recall_beyond(honest: Floats, odd: Floats, budget: float) -> float:
    """The same, where some of `honest` may not be: the threshold is drawn on from below.

    As scores are calibrated (`calibration.Calibration`), so that what is odd in an unlabelled log
    does not hide what was planted in it.
    """
    share = min(1.0, max(budget, 1e-9) / len(honest))
    evidence = Calibration.learn(honest, np.arange(len(honest)), _CONTAMINATION)(odd)
    return float((evidence > -math.log10(share)).mean())


def courses(ground: Ground, count: int, seed: int) -> Iterator[Course]:
    """The folds, each with something to be found in it.

    Raises:
        TrainingError: The log is too small, or labels are too few.
    """
    for number, fold in enumerate(folds(ground.journeys, count, seed)):
        course = _labelled(ground, fold) if ground.odd is not None else _planted(ground, fold, seed)
        if course.to_find() < _LEAST:
            what = "labelled items that rules can't see" if ground.odd is not None else "anomalies"
            raise TrainingError(
                f"fold {number + 1} of {count} has {course.to_find()} {what} to be found, at least "
                f"{_LEAST} are needed: give more labels, fewer folds, or no labels at all"
            )
        yield course


def _labelled(ground: Ground, fold: Fold) -> Course:
    assert ground.odd is not None
    late: Flags = ground.journeys.columns["time"].view(np.int64) > fold.until
    item = ground.journeys.columns["epc"]
    # what showed an anomaly earlier is neither honest nor to be found now
    other = items_of(ground.odd & ~late, item, len(ground.normal))
    aside = ground.aside | other
    return Course(ground.journeys, fold, ground.normal, aside, ground.odd & late)


def _planted(ground: Ground, fold: Fold, seed: int) -> Course:
    journeys = ground.journeys
    item = journeys.columns["epc"]
    time = journeys.columns["time"].view(np.int64)
    where = (time > fold.until) & (fold.judge & ground.normal)[item]
    events, kind = plant(journeys, ground.network.sites, where, seed)
    seen = pipeline.see(events, ground.network)
    odd = kind.is_not_null().to_numpy()[seen.columns["row"]]
    place = _places(seen.codes, journeys.codes)
    fold = replace(fold, learn=fold.learn[place], stop=fold.stop[place], judge=fold.judge[place])
    now = seen.columns["time"].view(np.int64) > fold.until
    item, count = seen.columns["epc"], len(place)
    # what shows too early can't be found; what rules suspect may be odd without being planted
    early = items_of(odd & ~now, item, count) & ~items_of(odd & now, item, count)
    aside = early | ~ground.normal[place]
    return Course(seen, fold, ground.normal[place], aside, odd & now, planted=True)


def _places(codes: pl.Series, among: pl.Series) -> npt.NDArray[np.int64]:
    """Where each code stands among others, which hold all of them."""
    table = pl.DataFrame({"code": among}).with_row_index("place")
    wanted = pl.DataFrame({"code": codes})
    joined = wanted.join(table, on="code", how="left", nulls_equal=True, maintain_order="left")
    return joined["place"].to_numpy().astype(np.int64)


def svm_recall(course: Course, settings: TrainSettings, per_10k: float) -> float:
    """Fit a one-class SVM on a fold and see what it finds."""
    svm = fit_svm(
        course.table[course.learn], list(TABULAR), seed=settings.seed, settings=settings.svm
    )
    raw = np.full(len(course.item), np.nan)
    raw[course.judged] = svm.model.score(course.table[course.judged])
    return course.recall(raw, per_10k)


def lstm_recall(
    course: Course,
    settings: TrainSettings,
    per_10k: float,
    told: Callable[[Epoch], None] = lambda _: None,
) -> float:
    """Train a network on a fold and see what it finds; `told` hears of every pass."""
    learn, stop = (_kept(course, rows) for rows in (course.learn, course.stop))
    epochs = passes(learn.events, settings)
    how = msgspec.structs.replace(settings.fit, seed=settings.seed, epochs=epochs)
    fitted = fit(network_of(course.known, settings), learn, stop, how, progress=told)
    rows = _journeys(course, course.judged)
    sequences = _kept(course, rows)
    shape = (len(course.item), len(fitted.network.spec.heads))
    scores, expected = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    scores[rows] = judge.scores(fitted.network, sequences)
    expected[rows] = judge.expected(fitted.network, sequences)
    return course.recall(nats(scores, expected, course.coded), per_10k)


def _journeys(course: Course, scans: Flags) -> Flags:
    """All scans of the items of some scans."""
    items = items_of(scans, course.item, int(course.item.max()) + 1)
    return items[course.item]


def _kept(course: Course, rows: Flags) -> Sequences:
    """The journeys as far as `rows` go: from their beginnings to where they are cut."""
    every, item = course.sequences, course.item[rows]
    starts = np.flatnonzero(np.diff(item, prepend=-1))
    return Sequences(
        every.codes[rows],
        every.numerics[rows],
        every.times[rows],
        np.append(starts, len(item)).astype(np.int64),
    )
