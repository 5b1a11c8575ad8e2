"""The scorer of a one-class SVM: NumPy and plain arrays only, so that serving stays light."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from scantrail.detectors.svm.scaling import Floats, Scaling
from scantrail.errors import ArtifactError

#: Rows that are scored together, always padded to this many: memory stays bounded, and a row's
#: score can depend on which rows come with it in its last bits only, on most processors not at all.
BLOCK: Final = 256

#: Exponents below this count as this: what is smaller has no effect, but is ten times slower.
_FAINTEST: Final = np.float32(-80.0)


@dataclass(frozen=True, slots=True)
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
        for part, exponent in self._exponents(matrix):
            scores[part] = self._scored(exponent)[: part.stop - part.start]
        return scores

    def kernel(self, matrix: Floats) -> Floats:
        """(n, m) kernel values between rows and landmarks: what `weights` are applied to.

        Raises:
            ArtifactError: As for `score`.
        """
        values = np.empty((len(matrix), len(self.landmarks)), np.float32)
        for part, exponent in self._exponents(matrix):
            values[part] = _faint_exp(exponent)[: part.stop - part.start]
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
        self.check(matrix)
        linear, square, constant = self._folded()
        falls = np.empty(matrix.shape, np.float32)
        for part, z in self._blocks(matrix):
            exponent = _exponent(z, linear, square, constant)
            here = self._scored(exponent.copy())
            for feature in range(len(self.names)):
                column = z[:, feature, None]
                without: Floats = exponent - column * linear[feature]
                without -= column**2 * square[feature]
                fall = here - self._scored(without)
                fall[column[:, 0] == 0] = 0.0
                falls[part, feature] = fall[: part.stop - part.start]
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

    def _folded(self) -> tuple[Floats, Floats, Floats]:
        """The exponent as a product: factors of z, of z squared and of 1, each per landmark."""
        linear = 2.0 * (self.gammas * self.landmarks).T
        constant = -(self.gammas * self.landmarks**2).sum(axis=1)
        return linear, -self.gammas.T, constant

    def _exponents(self, matrix: Floats) -> Iterator[tuple[slice, Floats]]:
        """Slices of rows and their exponents, padded to (`BLOCK`, m): one matrix product."""
        self.check(matrix)
        linear, square, constant = self._folded()
        for part, z in self._blocks(matrix):
            yield part, _exponent(z, linear, square, constant)

    def _scored(self, exponent: Floats) -> Floats:
        """Scores from (`BLOCK`, m) exponents, which are overwritten."""
        if not self.logarithmic:
            linear: Floats = np.float32(self.offset) - _faint_exp(exponent) @ self.weights
            return linear
        nearest = exponent.max(axis=1)
        exponent -= nearest[:, None]
        support: Floats = np.log(_faint_exp(exponent) @ self.weights)
        logarithmic: Floats = np.float32(self.offset) - nearest - support
        return logarithmic

    def _blocks(self, matrix: Floats) -> Iterator[tuple[slice, Floats]]:
        """Slices of rows and these rows scaled, padded to (`BLOCK`, d)."""
        for start in range(0, len(matrix), BLOCK):
            rows = self.scaling.scale(matrix[start : start + BLOCK].astype(np.float32, copy=False))
            if len(rows) < BLOCK:
                rows = np.pad(rows, ((0, BLOCK - len(rows)), (0, 0)))
            yield slice(start, min(start + BLOCK, len(matrix))), rows


def _exponent(z: Floats, linear: Floats, square: Floats, constant: Floats) -> Floats:
    """(`BLOCK`, m) exponents of all kernels in one matrix product."""
    exponent: Floats = np.concatenate((z, z * z), axis=1) @ np.concatenate((linear, square))
    exponent += constant
    return exponent


def _faint_exp(exponent: Floats) -> Floats:
    """Exponentiate in place, except that nothing becomes so small that arithmetic slows down."""
    np.maximum(exponent, _FAINTEST, out=exponent)
    return np.exp(exponent, out=exponent)
