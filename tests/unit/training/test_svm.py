"""Fitting: needs scikit-learn, which scoring does without."""

import os
from dataclasses import replace

import numpy as np
import pytest

if not os.environ.get("CI"):  # there it must be present
    pytest.importorskip("sklearn", reason="needs scikit-learn: pip install 'scantrail[train]'")

from sklearn.linear_model import SGDOneClassSVM
from sklearn.metrics import roc_auc_score
from sklearn.svm import OneClassSVM

from scantrail.detectors.svm.storage import from_arrays, to_arrays
from scantrail.errors import ArtifactError, InputError
from scantrail.training.svm import SvmSettings, fit_svm, tightest_consistent, update_svm

APPROXIMATE = SvmSettings(exact_rows=0, updates=100_000)


def names(matrix):
    return [f"feature {number}" for number in range(matrix.shape[1])]


def normal(count, seed=0, features=8):
    rng = np.random.default_rng(seed)
    base = rng.normal(size=(count, features))
    base[:, 1] = np.exp(base[:, 0] + 0.1 * base[:, 1])  # depends on another feature
    base[:, 2] = base[:, 2] > 1
    base[:, 3] = 5
    return base.astype(np.float32)


def with_strange(count=1_000, strange=50, seed=1):
    """Normal rows, then rows whose dependent feature is that of another row."""
    matrix = normal(count + strange, seed)
    matrix[count:, 1] = np.roll(matrix[count:, 1], 1) * 3
    matrix[count:, 4] += 4
    return matrix, np.arange(count + strange) >= count


def fit(matrix, seed=3, settings=None):
    return fit_svm(matrix, names(matrix), seed=seed, settings=settings)


def test_the_exact_scorer_agrees_with_scikit_learn():
    matrix, unseen = normal(1_500), with_strange()[0]
    model = fit(matrix).model
    machine = OneClassSVM(kernel="rbf", gamma=model.about["gamma"], nu=0.5)
    machine.fit(model.scaling.scale(matrix).astype(np.float64))
    theirs = machine.decision_function(model.scaling.scale(unseen).astype(np.float64))
    share = machine.dual_coef_.sum()  # ours sum to 1
    assert np.abs(model.score(unseen) + theirs / share).max() < 1e-4


def test_the_folded_scorer_agrees_with_scikit_learn():
    matrix, unseen = normal(6_000), with_strange()[0]
    fitted = fit(matrix, settings=APPROXIMATE)
    machine = SGDOneClassSVM(nu=0.5)
    machine.coef_ = fitted.state.mean_coef
    machine.offset_ = np.array([fitted.state.mean_offset])
    z = fitted.model.scaling.scale(unseen).astype(np.float64)
    squares = ((z[:, None, :] - fitted.model.landmarks.astype(np.float64)) ** 2).sum(axis=2)
    features = np.exp(-fitted.model.about["gamma"] * squares) @ fitted.state.projection
    assert np.abs(fitted.model.score(unseen) + machine.decision_function(features)).max() < 1e-4


def test_the_machine_is_chosen_by_size_and_recorded():
    matrix = normal(600)
    small = fit(matrix, settings=SvmSettings(exact_rows=600))
    large = fit(matrix, settings=SvmSettings(exact_rows=599, updates=10_000))
    assert (small.model.about["method"], large.model.about["method"]) == ("exact", "nystroem")
    assert small.model.about["rows"] == large.model.about["rows"] == 600
    assert large.model.landmarks.shape == (100, 8)


@pytest.mark.parametrize("settings", [None, APPROXIMATE])
def test_strange_rows_rank_high_though_training_had_some(settings):
    matrix, strange = with_strange()
    assert roc_auc_score(strange, fit(matrix, settings=settings).model.score(matrix)) > 0.9


def test_exact_and_approximate_machines_rank_alike():
    matrix = normal(3_000)
    exact = fit(matrix).model.score(matrix)
    approximate = fit(matrix, settings=APPROXIMATE).model.score(matrix)
    assert np.corrcoef(exact, approximate)[0, 1] > 0.95


def test_half_of_the_rows_lie_outside_for_a_nu_of_one_half():
    matrix = normal(3_000)
    for settings in (None, APPROXIMATE):
        outside = (fit(matrix, settings=settings).model.score(normal(3_000, 9)) > 0).mean()
        assert outside == pytest.approx(0.5, abs=0.08)


@pytest.mark.parametrize("settings", [None, APPROXIMATE])
def test_a_seed_gives_the_same_bytes_and_another_seed_the_same_ranks(settings):
    matrix, unseen = normal(2_000), with_strange()[0]
    first, again, other = (fit(matrix, seed, settings).model for seed in (1, 1, 2))
    assert first.score(unseen).tobytes() == again.score(unseen).tobytes()
    assert first.about == again.about
    assert np.corrcoef(first.score(unseen), other.score(unseen))[0, 1] > 0.9  # other widths


def test_updates_keep_the_ranks_and_freeze_scaling_and_basis():
    fitted = fit(normal(6_000), settings=APPROXIMATE)
    updated = update_svm(fitted, normal(2_000, 5))
    unseen = with_strange()[0]
    before, after = fitted.model.score(unseen), updated.model.score(unseen)
    assert np.corrcoef(before, after)[0, 1] >= 0.999
    assert (before != after).any()
    assert updated.model.scaling is fitted.model.scaling
    assert updated.model.landmarks is fitted.model.landmarks
    assert updated.state.steps == fitted.state.steps + 2_000 * fitted.state.passes


def test_updates_learn_what_has_become_usual():
    fitted = fit(normal(4_000), settings=APPROXIMATE)
    new = normal(4_000, 6)
    new[:, 5] += 2
    before, after = fitted.model.score(new), update_svm(fitted, new).model.score(new)
    assert after.mean() < before.mean()


def test_an_update_without_rows_changes_nothing():
    fitted = fit(normal(1_000), settings=APPROXIMATE)
    assert update_svm(fitted, normal(0)) is fitted


def test_an_exact_machine_refuses_updates():
    with pytest.raises(InputError) as error:
        update_svm(fit(normal(100)), normal(10))
    assert str(error.value) == (
        "an exact one-class SVM can't learn further rows; fit it again on all rows, "
        "or fit an approximate one (exact_rows=0)"
    )


def test_an_update_with_other_columns_is_refused():
    with pytest.raises(ArtifactError, match="knows 8 features .* got a matrix of shape"):
        update_svm(fit(normal(500), settings=APPROXIMATE), normal(10, features=9))


@pytest.mark.parametrize("settings", [None, APPROXIMATE])
def test_hard_matrices_give_finite_scores(settings):
    hard = normal(300)
    hard[::3, 0], hard[:, 4], hard[0, 5], hard[:, 6] = np.nan, np.nan, np.inf, 1e-30
    same = np.ones((50, 3), np.float32)
    for matrix in (hard, same, normal(2), normal(7)):
        model = fit(matrix, settings=settings and replace(settings, updates=1_000)).model
        assert np.isfinite(model.score(matrix)).all()
        assert np.isfinite(model.contributions(matrix)).all()
        arrays, meta = to_arrays(model)
        assert from_arrays(arrays, meta).score(matrix).tobytes() == model.score(matrix).tobytes()


def test_too_few_rows_are_refused():
    with pytest.raises(InputError) as error:
        fit(normal(1))
    assert str(error.value) == (
        "a one-class SVM needs at least 2 rows to learn from, got 1; give it a longer log"
    )


def test_names_must_fit_the_columns():
    with pytest.raises(InputError) as error:
        fit_svm(normal(10), ["only one"], seed=1)
    assert str(error.value) == (
        "a one-class SVM of 1 features needs a matrix of that many columns, got shape (10, 8)"
    )


def test_the_width_is_tighter_where_held_out_rows_allow_it():
    rng = np.random.default_rng(0)
    line = np.repeat(rng.normal(size=(1_000, 1)), 20, axis=1)  # one dimension in disguise
    cloud = rng.normal(size=(1_000, 20))
    tight, _ = tightest_consistent(line, 0.5, np.random.default_rng(1))
    loose, _ = tightest_consistent(cloud, 0.5, np.random.default_rng(1))
    assert tight > loose
