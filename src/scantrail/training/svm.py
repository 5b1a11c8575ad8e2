"""Fits one-class SVMs with scikit-learn; `detectors.svm` scores with them without it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import SGDOneClassSVM
from sklearn.svm import OneClassSVM

from scantrail.detectors.svm.model import SvmModel
from scantrail.detectors.svm.scaling import Floats, Scaling, learn_scaling, unscaled
from scantrail.errors import InputError

Doubles = NDArray[np.float64]

#: Kernel widths that are tried, as multiples of the median heuristic, tightest first.
TIGHTNESS: Final = (20.0, 12.0, 8.0, 5.0, 3.0, 2.0, 1.0)

#: Rows per call of gradient descent.
_PART: Final = 2_000


@dataclass(frozen=True, slots=True)
class SvmSettings:
    """How to fit.

    Attributes:
        nu: Share of training rows that may lie outside. It ranks; the alarm rate is calibration's.
            One half keeps anomalies among the training rows from drawing the border.
        limit: Where scaled features are cut off.
        exact_rows: Up to so many rows the exact machine is fitted, above it the approximation.
        landmarks: Basis rows of the approximation.
        updates: Least number of gradient steps; small logs are passed over several times.
        tuning_rows: Rows that the kernel width is chosen on.
        unit: Where the features share a unit already, as nats do: the kernel's width in it. They
            are then taken as they are. None: scaled robustly, width tuned.
    """

    nu: float = 0.5
    limit: float = 3.0
    exact_rows: int = 5_000
    landmarks: int = 100
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
    _refuse(matrix, names)
    rng = np.random.default_rng(seed)
    scaling, tightness, gamma = _kernel(matrix, settings, rng)
    exact = len(matrix) <= settings.exact_rows
    about = {
        "method": "exact" if exact else "nystroem",
        "rows": len(matrix),
        "seed": seed,
        "gamma": gamma,
        "tightness": tightness,
        **asdict(settings),
    }
    empty = np.empty((0, len(names)), np.float32)
    blank = SvmModel(tuple(names), scaling, empty, empty, empty[:, 0], 0.0, about)
    if exact:
        return FittedSvm(_exact(blank, matrix, gamma, settings), None, settings)
    landmarks = scaling.scale(_sample(matrix, settings.landmarks, rng)).astype(np.float64)
    start = replace(blank, landmarks=landmarks.astype(np.float32), gammas=_widths(landmarks, gamma))
    passes = -(-settings.updates // len(matrix))
    return _descend(start, _begin(landmarks, gamma, passes), matrix, settings)


def _refuse(matrix: Floats, names: Sequence[str]) -> None:
    """What nothing can be learned from."""
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


def _kernel(
    matrix: Floats, settings: SvmSettings, rng: np.random.Generator
) -> tuple[Scaling, float, float]:
    """How features are scaled; the kernel's width as a multiple of the usual one, and as gamma."""
    scaling = learn_scaling(matrix, settings.limit)
    if settings.unit is not None:
        return unscaled(scaling), 1.0, 1.0 / (2.0 * settings.unit**2)
    tuning = scaling.scale(_sample(matrix, settings.tuning_rows, rng)).astype(np.float64)
    return scaling, *tightest_consistent(tuning, settings.nu, rng)


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


def tightest_consistent(
    scaled: Doubles, nu: float, rng: np.random.Generator
) -> tuple[float, float]:
    """Choose the kernel's width without labels: the tightest that held-out rows still obey.

    Consistency of Tax & Mueller (ICPR 2004): a machine that is too tight for its data rejects
    more than the promised share nu of rows that it hasn't seen. Of the widths tried, the tightest
    wins whose rejected share is within two standard deviations of nu.

    Args:
        scaled: (n, d) scaled rows, mostly normal.
        nu: The promised share.
        rng: Draws pairs and the held-out third.

    Returns:
        The multiple of the median heuristic, and gamma itself.
    """
    unit = 1.0 / _median_square(scaled, rng)
    order = rng.permutation(len(scaled))
    held, seen = np.split(scaled[order], [len(scaled) // 3])
    for tightness in TIGHTNESS[:-1]:
        if not len(held):
            break
        machine = OneClassSVM(kernel="rbf", gamma=tightness * unit, nu=nu).fit(seen)
        rejected = float((machine.decision_function(held) < 0).mean())
        if rejected <= nu + 2 * np.sqrt(nu * (1 - nu) / len(held)):
            return tightness, tightness * unit
    return TIGHTNESS[-1], TIGHTNESS[-1] * unit


def _median_square(scaled: Doubles, rng: np.random.Generator) -> float:
    """Median squared distance of random pairs that differ; 1 where all rows are one."""
    left, right = rng.integers(0, len(scaled), (2, 4_000))
    squares = ((scaled[left] - scaled[right]) ** 2).sum(axis=1)
    apart = squares[squares > 0]
    return float(np.median(apart)) if len(apart) else 1.0


def _sample(matrix: Floats, size: int, rng: np.random.Generator) -> Floats:
    if len(matrix) <= size:
        return matrix
    return matrix[np.sort(rng.choice(len(matrix), size, replace=False))]


def _exact(blank: SvmModel, matrix: Floats, gamma: float, settings: SvmSettings) -> SvmModel:
    scaled = blank.scaling.scale(matrix).astype(np.float64)
    machine = OneClassSVM(kernel="rbf", gamma=gamma, nu=settings.nu).fit(scaled)
    landmarks = machine.support_vectors_
    total = float(machine.dual_coef_.sum())  # nu * n in scikit-learn's scaling
    return replace(
        blank,
        landmarks=landmarks.astype(np.float32),
        gammas=_widths(landmarks, gamma),
        weights=(machine.dual_coef_[0] / total).astype(np.float32),
        offset=float(machine.offset_[0]) / total,
    )


def _widths(landmarks: Doubles, gamma: float) -> Floats:
    return np.full(landmarks.shape, gamma, np.float32)


def _begin(landmarks: Doubles, gamma: float, passes: int) -> SvmState:
    """State before the first step; landmarks that say the same as others are left out of it."""
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
            machine.partial_fit(model.kernel(matrix[part]) @ state.projection)
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
    weights = (state.projection @ coef).astype(np.float32)
    return FittedSvm(replace(model, weights=weights, offset=offset), now, settings)
