"""Fits one-class SVMs with scikit-learn; `detectors.svm` scores with them without it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
from sklearn.linear_model import SGDOneClassSVM
from sklearn.svm import OneClassSVM

from scantrail.detectors.svm.model import SvmModel
from scantrail.detectors.svm.scaling import Floats, Scaling, learn_scaling, unscaled
from scantrail.errors import InputError
from scantrail.training.kernel import (
    TIGHTNESS,
    Doubles,
    median_square,
    pivots,
    tightest_consistent,
)

#: Rows per call of gradient descent.
_PART: Final = 2_000

#: Rows that landmarks are picked from.
_CANDIDATES: Final = 10_000

#: Share of the kernel's trace that landmarks may leave unexplained before the width is loosened.
_UNEXPLAINED: Final = 0.03

#: Weight of the bell beyond support, as a share of the mean support of training rows.
_BELL: Final = 1e-3


@dataclass(frozen=True, slots=True)
class SvmSettings:
    """How to fit.

    Attributes:
        nu: Share of training rows that may lie outside. It ranks; the alarm rate is calibration's.
            One half keeps anomalies among the training rows from drawing the border.
        limit: Where scaled features are cut off.
        dirty: Share of training rows, the strangest, that a first machine takes out. For data in
            which far more is wrong than is rare; 0 where rare things are mostly in order.
        exact_rows: Up to so many rows the exact machine is fitted, above it the approximation.
        landmarks: Basis rows of the approximation.
        updates: Least number of gradient steps; small logs are passed over several times.
        tuning_rows: Rows that the kernel width is chosen on.
        unit: Where the features share a unit already, as nats do: the kernel's width in it. They
            are then taken as they are. None: scaled robustly, width tuned.
    """

    nu: float = 0.5
    limit: float = 10.0
    dirty: float = 0.0
    exact_rows: int = 5_000
    landmarks: int = 300
    updates: int = 300_000
    tuning_rows: int = 1_500
    unit: float | None = None


@dataclass(frozen=True, slots=True)
class SvmState:
    """What incremental updates of an approximate machine go on from.

    Attributes:
        projection: (m, m) from kernel values to the space where the machine is linear.
        coef: (m,) where gradient descent stands, `offset` likewise.
        mean_coef: (m,) the average on its way, which scores; `mean_offset` likewise.
        steps: Gradient steps so far, `averaged`: parts averaged so far.
        passes: How often the first rows were passed over; further ones count as much.
    """

    projection: Doubles
    coef: Doubles
    offset: float
    mean_coef: Doubles
    mean_offset: float
    steps: float
    averaged: int
    passes: int


@dataclass(frozen=True, slots=True)
class FittedSvm:
    """A scorer, and for the approximate machine the state that `update_svm` goes on from."""

    model: SvmModel
    state: SvmState | None
    settings: SvmSettings


def fit_svm(
    matrix: Floats, names: Sequence[str], *, seed: int, settings: SvmSettings | None = None
) -> FittedSvm:
    """Fit a one-class SVM to mostly normal rows: exact if they are few, else approximate.

    The exact machine is Schoelkopf et al. (Neural Computation 13, 2001), the approximation
    Nystroem features (Williams & Seeger, NIPS 2001) with a linear machine by averaged stochastic
    gradient descent. The kernel's width is tuned without labels (`tightest_consistent`).

    Args:
        matrix: (n, d) float32 raw features, NaN = missing; n >= 2.
        names: The d features.
        seed: The same seed and rows give the same model.
        settings: `SvmSettings()` if none.

    Raises:
        InputError: Too few rows, or names that don't fit the columns.
    """
    settings = settings or SvmSettings()
    _check(matrix, names)
    rng = np.random.default_rng(seed)
    if settings.dirty:
        matrix = _cleaned(matrix, settings, rng)
    scaling = learn_scaling(matrix, settings.limit)
    if settings.unit is None:
        tuning = scaling.scale(_sample(matrix, settings.tuning_rows, rng)).astype(np.float64)
        heuristic = 1.0 / median_square(tuning, rng)
        tightness = tightest_consistent(tuning, settings.nu, heuristic, rng)
        gamma = tightness * heuristic
    else:
        scaling = unscaled(scaling)
        tightness, gamma = 1.0, 1.0 / (2.0 * settings.unit**2)
    about = {"rows": len(matrix), "seed": seed, "tightness": tightness, "gamma": gamma}
    blank = _blank(names, scaling, {**about, **asdict(settings)})
    if len(matrix) <= settings.exact_rows:
        return FittedSvm(_exact(blank, matrix, settings), None, settings)
    return _approximate(blank, matrix, settings, rng)


def update_svm(fitted: FittedSvm, matrix: Floats) -> FittedSvm:
    """Learn further rows without the old ones, scaling and basis frozen.

    Ranks move little, the share of rows below 0 drifts: calibrate again after every update.

    Raises:
        InputError: The machine is an exact one, which knows no updates.
        ArtifactError: The matrix hasn't the model's columns.
    """
    fitted.model.check(matrix)
    if fitted.state is None:
        raise InputError(
            "an exact one-class SVM can't learn further rows; fit it again on all rows, "
            "or fit an approximate one (exact_rows=0)"
        )
    if not len(matrix):
        return fitted
    return _descend(fitted.model, fitted.state, matrix, fitted.settings)


def _check(matrix: Floats, names: Sequence[str]) -> None:
    if matrix.ndim != 2 or matrix.shape[1] != len(names):
        raise InputError(
            f"a one-class SVM of {len(names)} features needs a matrix of that many columns, "
            f"got shape {matrix.shape}"
        )
    if len(matrix) < 2:
        raise InputError(
            f"a one-class SVM needs at least 2 rows to learn from, got {len(matrix)}; "
            "give it a longer log"
        )


def _cleaned(matrix: Floats, settings: SvmSettings, rng: np.random.Generator) -> Floats:
    """The rows without the strangest, by a wide machine that small groups can't bend."""
    scaling = learn_scaling(matrix, settings.limit)
    scaled = scaling.scale(matrix).astype(np.float64)
    seen = scaled[rng.permutation(len(scaled))[: 2 * settings.tuning_rows]]
    gamma = 1.0 / median_square(seen, rng)
    support = OneClassSVM(kernel="rbf", gamma=gamma, nu=0.5).fit(seen).decision_function(scaled)
    return matrix[np.sort(np.argsort(support, kind="stable")[int(settings.dirty * len(matrix)) :])]


def _sample(matrix: Floats, size: int, rng: np.random.Generator) -> Floats:
    if len(matrix) <= size:
        return matrix
    return matrix[np.sort(rng.choice(len(matrix), size, replace=False))]


def _blank(names: Sequence[str], scaling: Scaling, about: dict[str, Any]) -> SvmModel:
    nothing = np.empty((0, len(names)), np.float32)
    return SvmModel(
        names=tuple(names),
        scaling=scaling,
        landmarks=nothing,
        gammas=nothing,
        weights=np.empty(0, np.float32),
        offset=0.0,
        logarithmic=False,
        about=about,
    )


def _exact(blank: SvmModel, matrix: Floats, settings: SvmSettings) -> SvmModel:
    scaled = blank.scaling.scale(matrix).astype(np.float64)
    gamma = blank.about["gamma"]
    machine = OneClassSVM(kernel="rbf", gamma=gamma, nu=settings.nu).fit(scaled)
    total = float(machine.dual_coef_.sum())  # nu * n in scikit-learn's scaling
    return replace(
        _placed(blank, machine.support_vectors_, "exact", gamma),
        weights=(machine.dual_coef_[0] / total).astype(np.float32),
        offset=float(np.log(machine.offset_[0] / total)),
        logarithmic=True,
    )


def _approximate(
    blank: SvmModel, matrix: Floats, settings: SvmSettings, rng: np.random.Generator
) -> FittedSvm:
    """The approximate machine, its width loosened until the landmarks do represent the rows."""
    candidates = blank.scaling.scale(_sample(matrix, _CANDIDATES, rng)).astype(np.float64)
    unit = blank.about["gamma"] / blank.about["tightness"]
    for tightness in (width for width in TIGHTNESS if width <= blank.about["tightness"]):
        landmarks, unexplained = pivots(candidates, tightness * unit, settings.landmarks, rng)
        if unexplained <= _UNEXPLAINED:
            break
    about = {**blank.about, "tightness": tightness}
    model = _placed(replace(blank, about=about), landmarks, "nystroem", tightness * unit)
    state = _begin(landmarks, tightness * unit, passes=-(-settings.updates // len(matrix)))
    fitted = _descend(model, state, matrix, settings)
    sample = _sample(matrix, settings.tuning_rows, rng)
    return replace(fitted, model=_with_bell(fitted.model, sample))


def _placed(blank: SvmModel, landmarks: Doubles, method: str, gamma: float) -> SvmModel:
    return replace(
        blank,
        landmarks=landmarks.astype(np.float32),
        gammas=np.full(landmarks.shape, gamma, np.float32),
        about={**blank.about, "method": method, "gamma": gamma},
    )


def _with_bell(model: SvmModel, matrix: Floats) -> SvmModel:
    """Add a faint, wide bell around the median: it orders rows that are far from all landmarks.

    There every kernel is 0 and all rows would tie, with no feature to blame.
    """
    support = float(np.abs(model.offset - model.score(matrix)).mean())
    features = len(model.names)
    wide = np.full((1, features), model.about["gamma"] / 100, np.float32)
    return replace(
        model,
        landmarks=np.concatenate((model.landmarks, np.zeros((1, features), np.float32))),
        gammas=np.concatenate((model.gammas, wide)),
        weights=np.append(model.weights, np.float32(_BELL * support)),
    )


def _begin(landmarks: Doubles, gamma: float, passes: int) -> SvmState:
    """State before the first step; directions that say next to nothing are left out."""
    squares = ((landmarks[:, None, :] - landmarks) ** 2).sum(axis=2)
    values, vectors = np.linalg.eigh(np.exp(-gamma * squares))
    kept = values > 1e-6 * values[-1]
    projection = vectors[:, kept] / np.sqrt(values[kept])
    nothing = np.zeros(projection.shape[1])
    return SvmState(projection, nothing, 0.0, nothing, 0.0, 1.0, 0, passes)


def _descend(model: SvmModel, state: SvmState, matrix: Floats, settings: SvmSettings) -> FittedSvm:
    """Averaged gradient descent over the rows in parts, from where `state` stands."""
    rng = np.random.default_rng((int(model.about["seed"]), int(state.steps)))
    machine = SGDOneClassSVM(nu=settings.nu, random_state=int(rng.integers(2**31)))
    machine.coef_, machine.t_ = state.coef.copy(), state.steps
    machine.offset_ = np.array([state.offset])
    coef, offset, averaged = state.mean_coef, state.mean_offset, state.averaged
    for _ in range(state.passes):
        for part in np.array_split(rng.permutation(len(matrix)), -(-len(matrix) // _PART)):
            kernel = model.kernel(matrix[part])[:, : len(state.projection)]  # without the bell
            machine.partial_fit(kernel @ state.projection)
            if machine.t_ > settings.updates / 4:  # the way to the valley is no part of the mean
                averaged += 1
                coef = coef + (machine.coef_ - coef) / averaged
                offset += (float(machine.offset_[0]) - offset) / averaged
    now = replace(
        state,
        coef=machine.coef_,
        offset=float(machine.offset_[0]),
        mean_coef=coef,
        mean_offset=offset,
        steps=float(machine.t_),
        averaged=averaged,
    )
    bell = model.weights[len(state.projection) :]
    weights = np.append((state.projection @ coef).astype(np.float32), bell)
    return FittedSvm(replace(model, weights=weights, offset=offset), now, settings)
