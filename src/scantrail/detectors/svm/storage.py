"""A one-class SVM as plain arrays plus JSON, and back, trusting nothing that comes back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from scantrail.detectors.svm.model import SvmModel
from scantrail.detectors.svm.scaling import LEVELS, Floats, Scaling
from scantrail.errors import ArtifactError

FORMAT: Final = 1


def to_arrays(model: SvmModel) -> tuple[dict[str, Floats], dict[str, Any]]:
    """The model's float32 arrays by name, and the rest of it as plain JSON values."""
    scaling = model.scaling
    arrays = {
        "center": scaling.center,
        "width": scaling.width,
        "quantiles": scaling.quantiles,
        "rows": scaling.rows,
        "landmarks": model.landmarks,
        "gammas": model.gammas,
        "weights": model.weights,
    }
    meta = {
        "format": FORMAT,
        "names": list(model.names),
        "limit": scaling.limit,
        "offset": model.offset,
        "logarithmic": model.logarithmic,
        "about": dict(model.about),
    }
    return arrays, meta


def from_arrays(arrays: Mapping[str, Floats], meta: Mapping[str, Any]) -> SvmModel:
    """Build a model from what `to_arrays` gave.

    Raises:
        ArtifactError: Something is missing, of another shape or type than the rest implies, not
            finite, or of a later format.
    """
    names, limit, offset = _checked_meta(meta)
    features = len(names)
    landmarks = max(1, _present(arrays, "weights").size)
    shapes = {
        "center": (features,),
        "width": (features,),
        "quantiles": (len(LEVELS), features),
        "rows": (features,),
        "landmarks": (landmarks, features),
        "gammas": (landmarks, features),
        "weights": (landmarks,),
    }
    known = {name: _checked(arrays, name, shape) for name, shape in shapes.items()}
    if (known["width"] <= 0).any():
        raise _damaged("array 'width' has values that are not above 0")
    if (known["gammas"] < 0).any():
        raise _damaged("array 'gammas' has values below 0")
    if meta["logarithmic"] and (known["weights"] <= 0).any():
        raise _damaged("array 'weights' has values that are not above 0")
    return SvmModel(
        names=names,
        scaling=Scaling(known["center"], known["width"], limit, known["quantiles"], known["rows"]),
        landmarks=known["landmarks"],
        gammas=known["gammas"],
        weights=known["weights"],
        offset=offset,
        logarithmic=meta["logarithmic"],
        about=meta["about"],
    )


def _checked_meta(meta: Mapping[str, Any]) -> tuple[tuple[str, ...], float, float]:
    """Names, limit and offset; what is left of `meta` has been looked at too."""
    if meta.get("format") != FORMAT:
        raise ArtifactError(
            f"a stored one-class SVM has format {meta.get('format')!r}, this version of scantrail "
            f"reads {FORMAT}; train it again, or use the version that wrote it"
        )
    names = meta.get("names")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise _damaged(f"'names' should be a list of feature names, got {names!r}")
    if not isinstance(meta.get("about"), Mapping):
        raise _damaged(f"'about' should be a mapping, got {meta.get('about')!r}")
    if not isinstance(meta.get("logarithmic"), bool):
        raise _damaged(f"'logarithmic' should be true or false, got {meta.get('logarithmic')!r}")
    numbers = []
    for key in ("limit", "offset"):
        value = meta.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
            raise _damaged(f"'{key}' should be a finite number, got {value!r}")
        numbers.append(float(value))
    return tuple(names), numbers[0], numbers[1]


def _checked(arrays: Mapping[str, Floats], name: str, shape: tuple[int, ...]) -> Floats:
    array = _present(arrays, name)
    if array.shape != shape or array.dtype != np.float32:
        raise _damaged(
            f"array '{name}' should be float32 of shape {shape}, "
            f"got {array.dtype} of shape {array.shape}"
        )
    if name != "quantiles" and not np.isfinite(array).all():
        raise _damaged(f"array '{name}' has values that are not finite")
    return array


def _present(arrays: Mapping[str, Floats], name: str) -> Floats:
    array = arrays.get(name)
    if array is None:
        raise _damaged(f"array '{name}' is missing")
    return array


def _damaged(what: str) -> ArtifactError:
    return ArtifactError(
        f"a stored one-class SVM is damaged: {what}; fetch it again from where it was made, "
        "or train it again"
    )
