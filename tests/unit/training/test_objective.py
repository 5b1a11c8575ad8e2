"""What counts is what is found at a number of false alerts; later scans of other lots decide."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="needs the extra `train`")

from scantrail.errors import TrainingError  # noqa: E402
from scantrail.training.fit import FitSettings  # noqa: E402
from scantrail.training.objective import (  # noqa: E402
    courses,
    lstm_recall,
    recall_at,
    recall_beyond,
    svm_recall,
)
from scantrail.training.train import TrainSettings  # noqa: E402

SCORES = st.lists(st.floats(0, 10), min_size=1, max_size=30).map(np.array)


@settings(max_examples=40)
@given(SCORES, SCORES, st.integers(0, 40))
def test_at_whole_budgets_it_is_the_share_above_the_threshold(honest, odd, budget):
    ranked = np.sort(honest)[::-1]
    threshold = ranked[budget] if budget < len(ranked) else -np.inf
    assert recall_at(honest, odd, budget) == (odd > threshold).mean()
    assert (honest > threshold).sum() <= budget


@settings(max_examples=40)
@given(SCORES, SCORES, st.floats(0, 20), st.floats(0, 20))
def test_more_alerts_never_find_less(honest, odd, one, other):
    few, many = sorted((one, other))
    assert recall_at(honest, odd, few) <= recall_at(honest, odd, many) + 1e-12


def test_what_is_odd_already_does_not_hide_what_was_planted():
    rng = np.random.default_rng(0)
    honest = rng.exponential(size=2_000)
    spoilt = np.append(honest[20:], np.full(20, 50.0))
    planted = np.full(30, 20.0)
    assert recall_at(spoilt, planted, 1.0) == 0.0
    assert recall_beyond(spoilt, planted, 1.0) == recall_beyond(honest, planted, 1.0) == 1.0


@pytest.fixture(scope="module")
def ready(ground):
    return list(courses(ground, 2, seed=0))


def test_nothing_that_is_judged_was_learned_and_all_of_it_is_later(ready):
    for course in ready:
        learned, judged = course.learn | course.stop, course.judged
        times = course.journeys.linked["time"].to_physical().to_numpy()
        assert times[learned].max() <= course.fold.until < times[judged].min()
        codes = course.journeys.codes.to_numpy()
        assert not set(codes[course.item[learned]]) & set(codes[course.item[judged]])
        assert course.to_find() >= 10


def test_anomalies_are_planted_into_what_is_judged_only(ready):
    for course in ready:
        items = np.unique(course.item[course.odd])
        assert course.fold.judge[items].all()


def test_the_vocabulary_is_what_was_known_then(ready):
    early, late = (course.known for course in ready)
    assert set(early.sites) <= set(late.sites)
    assert len(early.sites) < len(late.sites)


def test_a_perfect_score_finds_all_and_a_blind_one_nothing(ready):
    course = ready[0]
    items = np.unique(course.item[course.odd & course.judged])
    perfect = np.isin(course.item, items).astype(float) * 100
    perfect += np.random.default_rng(0).exponential(size=len(perfect))
    assert course.recall(perfect, 3.0) == 1.0
    assert course.recall(np.random.default_rng(1).exponential(size=len(perfect)), 3.0) < 0.15


def test_both_models_find_something(ready):
    course = ready[0]
    assert svm_recall(course, TrainSettings(), 30.0) > 0.3
    seen = []
    quick = TrainSettings(hidden=16, least_steps=0, fit=FitSettings(epochs=2))
    found = lstm_recall(course, quick, 30.0, seen.append)
    assert 0.0 <= found <= 1.0
    assert [epoch.number for epoch in seen] == [0, 1]
    assert lstm_recall(course, quick, 30.0) == found


def test_too_few_labels_are_refused(ground):
    odd = np.zeros(len(ground.journeys.linked), bool)
    odd[-3:] = True
    message = (
        "fold 1 of 2 has . labelled items that rules can't see to be found, at least 10 are "
        "needed: give more labels, fewer folds, or no labels at all"
    )
    with pytest.raises(TrainingError, match=message):
        list(courses(replace(ground, odd=odd), 2, seed=0))
