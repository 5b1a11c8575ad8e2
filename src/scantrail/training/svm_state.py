"""What updates of a one-class SVM go on from, as plain arrays in a file beside the artifact's.

Scoring never reads it; its digest stands in the artifact's card like those of all other files.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any, Final

import numpy as np

from scantrail.artifact import Artifact, checked_file
from scantrail.detectors.svm.model import SvmModel
from scantrail.errors import ArtifactError
from scantrail.training.svm import FittedSvm, SvmSettings, SvmState

#: The file's name.
FILE: Final = "svm_state.npz"
_ARRAYS: Final = ("projection", "coef", "mean_coef")
_NUMBERS: Final = ("offset", "mean_offset", "steps", "averaged", "passes")


def to_bytes(state: SvmState) -> bytes:
    """The file's content."""
    buffer = io.BytesIO()
    values = {name: np.asarray(getattr(state, name)) for name in (*_ARRAYS, *_NUMBERS)}
    np.savez_compressed(buffer, allow_pickle=False, **values)
    return buffer.getvalue()


def fitted_of(artifact: Artifact, folder: Path) -> FittedSvm:
    """An artifact's SVM, ready to learn more.

    Raises:
        ArtifactError: The artifact has no state, or it was changed or damaged.
    """
    if FILE not in artifact.card.digests:
        raise ArtifactError(
            f"version {artifact.version} can't learn more: it keeps no {FILE}, as it learned from "
            "too few scans, or was trained by an earlier scantrail; train it again on a longer log"
        )
    model = artifact.svm.model
    state = _state(checked_file(folder, FILE, artifact.card), model, folder)
    known = {name: model.about[name] for name in SvmSettings.__slots__ if name in model.about}
    return FittedSvm(model, state, SvmSettings(**known))


def _state(content: bytes, model: SvmModel, folder: Path) -> SvmState:
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            values: dict[str, Any] = {name: archive[name] for name in (*_ARRAYS, *_NUMBERS)}
    except (ValueError, OSError, KeyError, zipfile.BadZipFile) as error:
        raise ArtifactError(f"{folder / FILE} is damaged: {error}; train it again") from error
    landmarks = len(model.landmarks) - 1  # the last is the bell
    projection = values["projection"]
    width = projection.shape[-1] if projection.ndim else 0
    shapes = {"projection": (landmarks, width), "coef": (width,), "mean_coef": (width,)}
    for name, shape in shapes.items():
        array = values[name]
        if array.shape != shape or array.dtype != np.float64 or not np.isfinite(array).all():
            raise ArtifactError(
                f"{folder / FILE} is damaged: '{name}' should be finite float64 of shape {shape}, "
                f"got {array.dtype} of shape {array.shape}; train it again"
            )
    return SvmState(
        values["projection"], values["coef"], float(values["offset"]), values["mean_coef"],
        float(values["mean_offset"]), float(values["steps"]), int(values["averaged"]),
        int(values["passes"]),
    )  # fmt: skip
