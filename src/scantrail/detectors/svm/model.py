"""The scorer of a one-class SVM: NumPy and plain arrays only, so that serving stays light."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np

from scantrail.detectors.svm.scaling import Floats, Scaling
from scantrail.errors import ArtifactError

#: Rows that are scored together, so that memory stays bounded.
BLOCK: Final = 256
#: Rows of one matrix product, the last one padded: one for each lane of the processor, all treated
#: alike. So a row's score can't depend on which rows come with it, not even in the last bit; in
#: larger products it would, by where in them the row stands.
_LANES: Final = 16

#: Exponents below this count as this: what is smaller has no effect, but is ten times slower.
_FAINTEST: Final = np.float32(-80.0)


@dataclass(frozen=True)
class SvmModel:
    """A one-class SVM with Gaussian kernels over d features, ready to score.

    Both the exact machine (landmarks are support vectors) and the Nystroem approximation (landmarks
    are its basis; Williams & Seeger, NIPS 2001) have this form once their linear maps are folded:

        support(x) = sum_k weights[k] * exp(-sum_j gammas[k, j] * (z_j - landmarks[k, j])^2)
        score(x) = offset - support(x), or offset - log(support(x)) if `logarithmic`

    with z = `scaling.scale(x)`. Widths per landmark and feature allow for several widths, and for
    kernels that see some of the features only. Higher scores are stranger; 0 is the border that
    training drew, and calibration decides what is alarming. The logarithm ranks alike where there
    is support, and keeps apart and explains rows so far away that it would round to nothing; it
    needs weights above 0, which the exact machine has.

    Attributes:
        names: The d features, in the order of the columns.
        scaling: How raw features become z.
        landmarks: (m, d) scaled.
        gammas: (m, d), 0 where a landmark doesn't look at a feature.
        weights: (m,).
        offset: Support at the border, or its logarithm.
        logarithmic: Whether the score is in logarithms.
        about: How it was fitted, for the card: plain JSON values.
    """

    names: tuple[str, ...]
    scaling: Scaling
    landmarks: Floats
    gammas: Floats
    weights: Floats
    offset: float
    logarithmic: bool
    about: Mapping[str, Any]

    def score(self, matrix: Floats) -> Floats:
        """Score rows.

        Args:
            matrix: (n, d) float32 raw features, NaN = missing; n may be 0.

        Returns:
            (n,) float32, higher = stranger.

        Raises:
            ArtifactError: The matrix hasn't the d columns that the model knows.
        """
        scores = np.empty(len(matrix), np.float32)
        for part, z in self._blocks(matrix):
            scores[part] = _rows(self._scored(self._exponent(z)), part)
        return scores

    def kernel(self, matrix: Floats) -> Floats:
        """(n, m) kernel values between rows and landmarks: what `weights` are applied to.

        Raises:
            ArtifactError: As for `score`.
        """
        values = np.empty((len(matrix), len(self.landmarks)), np.float32)
        for part, z in self._blocks(matrix):
            kernels = _faint_exp(self._exponent(z))
            values[part] = _rows(kernels.transpose(0, 2, 1), part)
        return values

    def contributions(self, matrix: Floats) -> Floats:
        """How much each row's score falls when one feature is set to its median.

        Leave-one-feature-at-its-median in closed form: the Gaussian factorises over features, so a
        feature's part is taken out of the exponent without computing the others again.

        Args:
            matrix: (n, d) as for `score`. Costs n * m * d exponentials: meant for suspect rows.

        Returns:
            (n, d) float32; positive = the feature makes the row stranger, 0 where it is missing or
            at its median.

        Raises:
            ArtifactError: As for `score`.
        """
        falls = np.empty(matrix.shape, np.float32)
        for part, z in self._blocks(matrix):
            exponent = self._exponent(z)
            here = self._scored(exponent.copy())
            for feature in range(len(self.names)):
                value, gamma = z[:, feature, None], self.gammas[:, feature, None]
                without = exponent - value * (2.0 * gamma * self.landmarks[:, feature, None])
                without += value**2 * gamma
                fall = here - self._scored(without)
                fall[z[:, feature] == 0] = 0.0
                falls[part, feature] = _rows(fall, part)
        return falls

    def tails(self, matrix: Floats) -> Floats:
        """How unusual each value is by itself: two-sided p-values, (n, d) (see `Scaling.tails`).

        Raises:
            ArtifactError: As for `score`.
        """
        self.check(matrix)
        return self.scaling.tails(matrix)

    def check(self, matrix: Floats) -> None:
        """Raise an ArtifactError unless the matrix is (n, d)."""
        if matrix.ndim != 2 or matrix.shape[1] != len(self.names):
            raise ArtifactError(
                f"the one-class SVM knows {len(self.names)} features ({', '.join(self.names)}), "
                f"but got a matrix of shape {matrix.shape}; give it one column per feature, in "
                "this order, or train it again on the features at hand"
            )

    @cached_property
    def _folded(self) -> tuple[Floats, Floats]:
        """The exponent as a product: factors of z and of its square, (m, 2 d), and of 1, (m, 1)."""
        factors = np.concatenate((2.0 * self.gammas * self.landmarks, -self.gammas), axis=1)
        return factors, -(self.gammas * self.landmarks**2).sum(axis=1, keepdims=True)

    def _exponent(self, z: Floats) -> Floats:
        """(k, m, lanes) exponents of all kernels."""
        factors, constant = self._folded
        exponent: Floats = factors @ np.concatenate((z, z * z), axis=1)
        exponent += constant
        return exponent

    def _scored(self, exponent: Floats) -> Floats:
        """(k, lanes) scores from (k, m, lanes) exponents, which are overwritten."""
        if not self.logarithmic:
            linear: Floats = np.float32(self.offset) - self.weights @ _faint_exp(exponent)
            return linear
        nearest = exponent.max(axis=1)
        exponent -= nearest[:, None]
        support: Floats = np.log(self.weights @ _faint_exp(exponent))
        logarithmic: Floats = np.float32(self.offset) - nearest - support
        return logarithmic

    def _blocks(self, matrix: Floats) -> Iterator[tuple[slice, Floats]]:
        """Slices of rows and these rows scaled, side by side in lanes: (k, d, lanes)."""
        self.check(matrix)
        for start in range(0, len(matrix), BLOCK):
            rows = self.scaling.scale(matrix[start : start + BLOCK].astype(np.float32, copy=False))
            padded = np.zeros((-(-len(rows) // _LANES) * _LANES, len(self.names)), np.float32)
            padded[: len(rows)] = rows
            lanes = padded.reshape(-1, _LANES, len(self.names)).transpose(0, 2, 1)
            yield slice(start, start + len(rows)), lanes


def _rows(lanes: Floats, part: slice) -> Floats:
    """Values of (k, lanes, …) for each row of a slice."""
    return lanes.reshape(-1, *lanes.shape[2:])[: part.stop - part.start]


def _faint_exp(exponent: Floats) -> Floats:
    """Exponentiate in place, except that nothing becomes so small that arithmetic slows down."""
    np.maximum(exponent, _FAINTEST, out=exponent)
    return np.exp(exponent, out=exponent)
