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
from scantrail.training.kernel import pivots, tightest_consistent
from scantrail.training.svm import (
    SvmSettings,
    fit_svm,
    update_svm,
)

APPROXIMATE = SvmSettings(exact_rows=0, landmarks=100, updates=40_000)


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
    matrix[count:, 4] += 6
    return matrix, np.arange(count + strange) >= count


def ranks(left, right):
    """Spearman's correlation."""
    return np.corrcoef(left.argsort().argsort(), right.argsort().argsort())[0, 1]


def fit(matrix, seed=3, settings=None):
    return fit_svm(matrix, names(matrix), seed=seed, settings=settings)


def test_the_exact_scorer_agrees_with_scikit_learn():
    matrix, unseen = normal(1_500), with_strange()[0]
    model = fit(matrix).model
    machine = OneClassSVM(kernel="rbf", gamma=model.about["gamma"], nu=0.5)
    machine.fit(model.scaling.scale(matrix).astype(np.float64))
    theirs = machine.decision_function(model.scaling.scale(unseen).astype(np.float64))
    total = machine.dual_coef_.sum()  # our weights sum to 1, and we subtract in logarithms
    support = np.exp(model.offset - model.score(unseen))
    assert np.abs(support - np.exp(model.offset) - theirs / total).max() < 1e-4
    assert model.score(unseen)[::20].argsort().tolist() == (-theirs)[::20].argsort().tolist()


def test_the_folded_scorer_agrees_with_scikit_learn():
    matrix, unseen = normal(6_000), with_strange()[0]
    fitted = fit(matrix, settings=APPROXIMATE)
    machine = SGDOneClassSVM(nu=0.5)
    machine.coef_ = fitted.state.mean_coef
    machine.offset_ = np.array([fitted.state.mean_offset])
    z = fitted.model.scaling.scale(unseen).astype(np.float64)
    landmarks = fitted.model.landmarks[:-1].astype(np.float64)  # the last is the bell
    squares = ((z[:, None, :] - landmarks) ** 2).sum(axis=2)
    features = np.exp(-fitted.model.about["gamma"] * squares) @ fitted.state.projection
    assert np.abs(fitted.model.score(unseen) + machine.decision_function(features)).max() < 1e-3
    bare = replace(fitted.model, weights=np.append(fitted.model.weights[:-1], np.float32(0)))
    assert np.abs(bare.score(unseen) + machine.decision_function(features)).max() < 1e-4


def test_the_machine_is_chosen_by_size_and_recorded():
    matrix = normal(600)
    small = fit(matrix, settings=SvmSettings(exact_rows=600))
    large = fit(matrix, settings=SvmSettings(exact_rows=599, updates=5_000))
    assert (small.model.about["method"], large.model.about["method"]) == ("exact", "nystroem")
    assert small.model.about["rows"] == large.model.about["rows"] == 600
    assert large.model.landmarks.shape == (301, 8)  # and the bell


@pytest.mark.parametrize("settings", [None, APPROXIMATE])
def test_strange_rows_rank_high_though_training_had_some(settings):
    matrix, strange = with_strange()
    assert roc_auc_score(strange, fit(matrix, settings=settings).model.score(matrix)) > 0.95


def test_exact_and_approximate_machines_rank_alike():
    matrix = normal(3_000)
    exact = fit(matrix).model.score(matrix)
    approximate = fit(matrix, settings=APPROXIMATE).model.score(matrix)
    assert ranks(exact, approximate) > 0.9


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
    assert ranks(first.score(unseen), other.score(unseen)) > 0.9


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
    # the same median heuristic for both: squared distances of 20 independent or equal features
    tight = tightest_consistent(line, 0.5, 1 / 40, np.random.default_rng(1))
    loose = tightest_consistent(cloud, 0.5, 1 / 40, np.random.default_rng(1))
    assert tight > loose


def test_landmarks_represent_what_is_rare():
    rng = np.random.default_rng(0)
    matrix = np.concatenate([rng.normal(size=(2_000, 3)), rng.normal(9, 0.1, (20, 3))])
    chosen, unexplained = pivots(matrix, 0.3, 60, np.random.default_rng(1))
    assert (chosen[:, 0] > 8).any()
    assert 0 < unexplained < 0.5
    assert pivots(matrix, 0.3, 400, np.random.default_rng(1))[1] < unexplained
    assert len(pivots(np.ones((50, 3)), 1.0, 40, np.random.default_rng(1))[0]) == 1


def test_far_rows_are_kept_apart_and_explained_by_both_machines():
    matrix = normal(3_000)
    far = np.tile(np.median(matrix, axis=0), (3, 1))
    far[:, 4], far[:, 5], far[:, 6] = [8, 12, 16], 9, -9
    for settings in (None, APPROXIMATE):
        model = fit(matrix, settings=settings).model
        scores = model.score(far)
        assert (np.diff(scores) > 0).all()
        assert (model.contributions(far)[:, 4] > 0).all()


@pytest.mark.parametrize("exact_rows", [5_000, 0])
def test_features_of_one_unit_are_taken_as_they_are(exact_rows):
    matrix, strange = with_strange()
    settings = replace(APPROXIMATE, exact_rows=exact_rows, unit=2.0)
    model = fit(matrix, settings=settings).model
    assert model.scaling.scale(matrix).tobytes() == matrix.tobytes()
    assert (model.about["tightness"], model.about["gamma"]) == (1.0, 0.125)
    assert roc_auc_score(strange, model.score(matrix)) > 0.95


def test_dirty_data_can_be_cleaned_first():
    matrix, strange = with_strange(900, 100)
    matrix[strange] = 4 + normal(100, 3)  # a crowd of anomalies
    plain, clean = (fit(matrix, settings=SvmSettings(dirty=dirty)).model for dirty in (0, 0.2))
    assert (plain.about["rows"], clean.about["rows"]) == (1_000, 800)
    before, after = (roc_auc_score(strange, model.score(matrix)) for model in (plain, clean))
    assert after > 0.99
    assert after > before + 0.01
