"""How to learn, as a file that people and `scantrail tune` write and `scantrail train` reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from scantrail.errors import TrainingError
from scantrail.training.train import TrainSettings

#: Ways to read a file by its ending.
_DECODERS: Final = {".json": msgspec.json.decode, ".toml": msgspec.toml.decode}


def read_parameters(path: Path) -> TrainSettings:
    """Training settings from a `.json` or `.toml` file; what it leaves out stays as it is.

    Raises:
        TrainingError: The file can't be read, or names or values are not those of training.
    """
    decode = _DECODERS.get(path.suffix.lower())
    if decode is None:
        raise TrainingError(f"{path} has no known ending; expected {' or '.join(_DECODERS)}")
    try:
        values = decode(path.read_bytes())
    except OSError as error:
        raise TrainingError(f"{path} can't be read: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TrainingError(f"{path} is damaged: {error}") from error
    if not isinstance(values, dict):
        raise TrainingError(f"{path} holds no table of parameters")
    try:
        return settings_of(values)
    except TrainingError as error:
        raise TrainingError(f"{path}: {error}") from error


def settings_of(values: Mapping[str, Any]) -> TrainSettings:
    """Training settings in which these values replace the usual ones.

    >>> settings_of({"hidden": 32, "svm": {"nu": 0.3}}).svm.unit
    10.0

    Raises:
        TrainingError: An unknown name, or a value of the wrong kind.
    """
    known: dict[str, Any] = msgspec.to_builtins(TrainSettings())
    _put(known, values, "")
    try:
        return msgspec.convert(known, TrainSettings)
    except msgspec.ValidationError as error:
        raise TrainingError(f"a parameter can't be used: {error}") from error


def _put(known: dict[str, Any], values: Mapping[str, Any], table: str) -> None:
    for name, value in values.items():
        if name not in known:
            raise TrainingError(
                f"'{table}{name}' is no parameter; expected one of {', '.join(sorted(known))}"
            )
        if isinstance(known[name], dict) and table + name != "weights":
            if not isinstance(value, Mapping):
                raise TrainingError(f"'{table}{name}' is a table of parameters, got {value!r}")
            _put(known[name], value, f"{table}{name}.")
        else:
            known[name] = value


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters with dotted names as tables.

    >>> nested({"hidden": 32, "svm.nu": 0.3, "svm.unit": 5.0})
    {'hidden': 32, 'svm': {'nu': 0.3, 'unit': 5.0}}
    """
    tables: dict[str, Any] = {}
    for name, value in flat.items():
        *path, last = name.split(".")
        inner = tables
        for part in path:
            inner = inner.setdefault(part, {})
        inner[last] = value
    return tables
