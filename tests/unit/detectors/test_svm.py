"""The scorer alone: made by hand, so that it is proven without scikit-learn."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scantrail.detectors.svm.model import BLOCK, SvmModel
from scantrail.detectors.svm.scaling import learn_scaling
from scantrail.detectors.svm.storage import from_arrays, to_arrays
from scantrail.errors import ArtifactError

NAMES = ("hours", "kilometres", "is_weekend", "always_five")


def rows(count, seed=0):
    rng = np.random.default_rng(seed)
    matrix = np.column_stack(
        [
            rng.lognormal(2, 1, count),
            rng.normal(100, 30, count),
            rng.random(count) < 0.02,
            np.full(count, 5),
        ]
    ).astype(np.float32)
    matrix[rng.random(matrix.shape) < 0.05] = np.nan
    return matrix


def made(seed=0, landmarks=40, logarithmic=False):
    rng = np.random.default_rng(seed)
    learned = rows(2_000, seed)
    scaling = learn_scaling(learned, 3.0)
    weights = rng.random(landmarks).astype(np.float32)
    gammas = rng.uniform(0.05, 1.0, (landmarks, 4)).astype(np.float32)
    gammas[::3, 1] = 0.0  # some landmarks don't look at kilometres
    return SvmModel(
        names=NAMES,
        scaling=scaling,
        landmarks=scaling.scale(learned[:landmarks]),
        gammas=gammas,
        weights=weights / weights.sum(),
        offset=0.4,
        logarithmic=logarithmic,
        about={"method": "by hand"},
    )


def naive(model, matrix):
    """The formula of the class, in float64, term by term."""
    z = model.scaling.scale(matrix).astype(np.float64)
    square = (z[:, None, :] - model.landmarks.astype(np.float64)) ** 2
    support = np.exp(-(square * model.gammas).sum(axis=2)) @ model.weights
    return model.offset - (np.log(support) if model.logarithmic else support)


both_forms = pytest.mark.parametrize("logarithmic", [False, True])


@both_forms
def test_scores_follow_the_formula(logarithmic):
    model, matrix = made(logarithmic=logarithmic), rows(1_000, 1)
    assert np.abs(model.score(matrix) - naive(model, matrix)).max() < 1e-5


def test_logarithms_rank_alike_where_there_is_support():
    matrix = rows(1_000)
    linear, logarithmic = (made(logarithmic=form).score(matrix) for form in (False, True))
    assert (np.diff(logarithmic[linear.argsort()]) > -1e-5).all()


def test_logarithms_keep_apart_and_explain_what_is_far_away():
    linear, logarithmic = (sharper(made(logarithmic=form)) for form in (False, True))
    far = np.tile(np.nan_to_num(linear.scaling.center), (2, 1)).astype(np.float32)
    far[:, 0] = 35, 80
    far[:, 1] = 220
    assert np.ptp(linear.score(far)) == 0
    nearer, farther = logarithmic.score(far)
    assert farther > nearer
    assert (logarithmic.contributions(far)[:, :2] > 0).all()


def sharper(model):
    """The same model with kernels so tight that far rows have no support."""
    return replace(model, gammas=np.full_like(model.gammas, 50))


def test_what_is_far_away_scores_higher_than_what_is_usual():
    usual, far = made().score(np.array([[7, 100, 0, 5], [1e6, -4_000, 1, 5]], np.float32))
    assert far > usual


@both_forms
@pytest.mark.parametrize("count", [1, 7, BLOCK - 1, BLOCK, BLOCK + 1, 1_000])
def test_a_rows_score_does_not_depend_on_its_company(count, logarithmic):
    model, matrix = made(logarithmic=logarithmic), rows(1_500)
    whole = model.score(matrix)
    chunks = [model.score(matrix[at : at + count]) for at in range(0, len(matrix), count)]
    order = np.random.default_rng(count).permutation(len(matrix))
    assert np.concatenate(chunks).tobytes() == whole.tobytes()
    assert model.score(matrix[order]).tobytes() == whole[order].tobytes()


def test_an_empty_matrix_has_no_scores():
    model, nothing = made(), np.empty((0, 4), np.float32)
    assert model.score(nothing).shape == (0,)
    assert model.contributions(nothing).shape == (0, 4)
    assert model.tails(nothing).shape == (0, 4)


def test_missing_values_count_as_the_median_and_are_never_blamed():
    model = made()
    row = np.array([[2_000, 400, 1, 5]], np.float32)
    for feature in range(4):
        missing, median = row.copy(), row.copy()
        missing[0, feature] = np.nan
        median[0, feature] = model.scaling.center[feature]
        assert model.score(missing) == model.score(median)
        assert model.contributions(missing)[0, feature] == 0
        assert model.tails(missing)[0, feature] == 1
    nothing = np.full((1, 4), np.nan, np.float32)
    assert np.isfinite(model.score(nothing)).all()
    assert (model.contributions(nothing) == 0).all()


@both_forms
def test_infinite_and_huge_values_are_cut_off(logarithmic):
    model = made(logarithmic=logarithmic)
    wild = np.array([[np.inf, -np.inf, 3e38, -3e38]], np.float32)
    limits = model.scaling.scale(wild)
    assert limits.tolist() == [[3, -3, 3, -3]]
    assert np.isfinite(model.score(wild)).all()
    assert np.isfinite(model.contributions(wild)).all()


@settings(deadline=None)
@given(seed=st.integers(0, 1_000), far=st.floats(-1e4, 1e4, width=32), logarithmic=st.booleans())
def test_the_score_falls_by_the_contribution_when_the_blamed_feature_becomes_usual(
    seed, far, logarithmic
):
    model, matrix = made(seed % 7, logarithmic=logarithmic), rows(20, seed)
    matrix[:, seed % 2] += np.float32(far)
    falls = model.contributions(matrix)
    blamed = falls.argmax(axis=1)
    mended = matrix.copy()
    mended[np.arange(len(matrix)), blamed] = model.scaling.center[blamed]
    fall = model.score(matrix) - model.score(mended)
    most = falls.max(axis=1)
    assert np.abs(fall - most).max() < 1e-5
    assert (fall[most > 1e-5] > 0).all()


@both_forms
def test_the_feature_that_was_moved_is_blamed(logarithmic):
    model = made(logarithmic=logarithmic)
    matrix = np.tile(np.nan_to_num(model.scaling.center), (2, 1)).astype(np.float32)
    matrix[0, 0], matrix[1, 1] = 5_000, -200
    assert model.contributions(matrix).argmax(axis=1).tolist() == [0, 1]


def test_tails_are_small_for_rare_values_and_never_below_the_true_share():
    model, learned = made(), rows(2_000)
    p = model.tails(learned)
    for feature in range(4):
        known = ~np.isnan(learned[:, feature])
        value = learned[known, feature]
        for level in (0.01, 0.05, 0.5):
            assert (p[known, feature] <= level).mean() <= level
        true = np.minimum(
            (value <= value[:, None]).mean(axis=1), (value >= value[:, None]).mean(axis=1)
        )
        assert (p[known, feature] >= np.minimum(1, 2 * true)).all()


def test_tails_of_values_never_seen_are_what_so_many_rows_can_tell():
    model = made()
    unseen = np.array([[-1, 1e6, 2, 4]], np.float32)
    assert model.tails(unseen)[0] == pytest.approx(2 / (model.scaling.rows + 1))
    usual = np.array([[7.4, 100, 0, 5]], np.float32)
    assert (model.tails(usual) > 0.5).all()


def test_a_feature_that_was_always_missing_says_nothing():
    learned = rows(100)
    learned[:, 0] = np.nan
    scaling = learn_scaling(learned, 3.0)
    assert scaling.center[0] == 0
    assert scaling.width[0] == 1
    assert (scaling.tails(rows(10))[:, 0] == 1).all()


def test_rare_flags_and_constant_columns_keep_a_usable_width():
    scaling = learn_scaling(rows(5_000), 3.0)
    share = np.nanmean(rows(5_000)[:, 2])
    assert scaling.width[2] == pytest.approx(1.645 * np.sqrt(share * (1 - share)), rel=1e-3)
    assert scaling.width[3] == 1


@pytest.mark.parametrize(
    ("matrix", "shape"),
    [(np.zeros((5, 3), np.float32), "(5, 3)"), (np.zeros(4, np.float32), "(4,)")],
)
@pytest.mark.parametrize("method", ["score", "contributions", "tails", "kernel"])
def test_other_columns_are_refused(method, matrix, shape):
    with pytest.raises(ArtifactError) as error:
        getattr(made(), method)(matrix)
    assert str(error.value) == (
        "the one-class SVM knows 4 features (hours, kilometres, is_weekend, always_five), but got "
        f"a matrix of shape {shape}; give it one column per feature, in this order, or train it "
        "again on the features at hand"
    )


def test_a_stored_model_comes_back_the_same():
    model, matrix = made(), rows(300)
    arrays, meta = to_arrays(model)
    back = from_arrays(arrays, json.loads(json.dumps(meta)))
    assert back.score(matrix).tobytes() == model.score(matrix).tobytes()
    assert back.contributions(matrix).tobytes() == model.contributions(matrix).tobytes()
    assert back.tails(matrix).tobytes() == model.tails(matrix).tobytes()
    assert back.names == NAMES
    assert back.about == {"method": "by hand"}


def damaged_array(name, change):
    def damage(arrays, meta):
        arrays[name] = change(arrays[name])

    return damage


def damaged_meta(**changes):
    def damage(arrays, meta):
        meta.update(changes)

    return damage


def without(name):
    def damage(arrays, meta):
        del arrays[name]

    return damage


def with_value(value):
    def change(array):
        array = array.copy()
        array.flat[0] = value
        return array

    return change


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (
            damaged_array("landmarks", lambda a: a[:-1]),
            "array 'landmarks' should be float32 of shape (40, 4), got float32 of shape (39, 4)",
        ),
        (
            damaged_array("gammas", lambda a: a.astype(np.float64)),
            "array 'gammas' should be float32 of shape (40, 4), got float64 of shape (40, 4)",
        ),
        (
            damaged_array("center", lambda a: a[:3]),
            "array 'center' should be float32 of shape (4,), got float32 of shape (3,)",
        ),
        (
            damaged_array("weights", with_value(np.nan)),
            "array 'weights' has values that are not finite",
        ),
        (damaged_array("width", with_value(0)), "array 'width' has values that are not above 0"),
        (damaged_array("gammas", with_value(-1)), "array 'gammas' has values below 0"),
        (without("rows"), "array 'rows' is missing"),
        (without("weights"), "array 'weights' is missing"),
        (damaged_meta(names="hours"), "'names' should be a list of feature names, got 'hours'"),
        (damaged_meta(names=[1]), "'names' should be a list of feature names, got [1]"),
        (damaged_meta(about=None), "'about' should be a mapping, got None"),
        (
            damaged_meta(logarithmic=1),
            "'logarithmic' should be true or false, got 1",
        ),
        (damaged_meta(offset="0"), "'offset' should be a finite number, got '0'"),
        (damaged_meta(limit=float("nan")), "'limit' should be a finite number, got nan"),
        (damaged_meta(limit=True), "'limit' should be a finite number, got True"),
    ],
)
def test_a_damaged_model_is_refused(damage, what):
    arrays, meta = to_arrays(made())
    damage(arrays, meta)
    with pytest.raises(ArtifactError) as error:
        from_arrays(arrays, meta)
    assert str(error.value) == (
        f"a stored one-class SVM is damaged: {what}; fetch it again from where it was made, "
        "or train it again"
    )


def test_a_logarithmic_model_needs_weights_above_0():
    arrays, meta = to_arrays(made(logarithmic=True))
    arrays["weights"] = with_value(0)(arrays["weights"])
    with pytest.raises(ArtifactError, match="'weights' has values that are not above 0"):
        from_arrays(arrays, meta)


def test_a_later_format_is_refused():
    arrays, meta = to_arrays(made())
    with pytest.raises(ArtifactError) as error:
        from_arrays(arrays, {**meta, "format": 2})
    assert str(error.value) == (
        "a stored one-class SVM has format 2, this version of scantrail reads 1; train it again, "
        "or use the version that wrote it"
    )


def test_weights_move_scores():
    model, matrix = made(), rows(10)
    heavier = replace(model, weights=model.weights * 2)
    assert (heavier.score(matrix) < model.score(matrix)).all()
