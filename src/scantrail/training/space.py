"""Which parameters are tuned, within which bounds; names are those of `TrainSettings`."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from scantrail.training.parameters import nested, settings_of
from scantrail.training.train import TrainSettings

Model = Literal["lstm", "svm"]

#: For the sampler that learns from trials.
SPACES: Final[dict[Model, dict[str, BaseDistribution]]] = {
    "lstm": {
        "hidden": IntDistribution(16, 128, step=16),
        "embedding": FloatDistribution(0.5, 2.0),
        "attention": CategoricalDistribution((False, True)),
        "dropout": FloatDistribution(0.0, 0.6),
        "fit.epochs": IntDistribution(2, 20),
        "fit.learning_rate": FloatDistribution(5e-4, 2e-2, log=True),
        "fit.weight_decay": FloatDistribution(1e-5, 3e-2, log=True),
    },
    "svm": {
        "svm.nu": FloatDistribution(0.05, 0.9),
        "svm.unit": FloatDistribution(2.0, 40.0, log=True),
        "svm.landmarks": IntDistribution(50, 600, step=50),
        "svm.dirty": FloatDistribution(0.0, 0.05),
    },
}

#: For the sampler that goes through all combinations; the usual values are among them.
GRIDS: Final[dict[Model, dict[str, tuple[Any, ...]]]] = {
    "lstm": {
        "hidden": (32, 64),
        "dropout": (0.15, 0.3, 0.5),
        "fit.epochs": (4, 8, 12),
        "fit.learning_rate": (2e-3, 4e-3),
    },
    "svm": {
        "svm.nu": (0.1, 0.3, 0.5, 0.7),
        "svm.unit": (5.0, 10.0, 20.0),
        "svm.landmarks": (150, 300, 600),
    },
}


def space(model: Model, sampler: str) -> dict[str, BaseDistribution]:
    """The distributions to ask for."""
    if sampler == "grid":
        return {name: CategoricalDistribution(each) for name, each in GRIDS[model].items()}
    return SPACES[model]


def usual(model: Model, epochs: int) -> dict[str, Any]:
    """The values that training has by itself, where the LSTM passes over a log so often."""
    values: dict[str, Any] = msgspec.to_builtins(TrainSettings())
    values["fit"]["epochs"] = epochs
    return {name: _at(values, name) for name in SPACES[model]}


def _at(values: dict[str, Any], name: str) -> Any:
    for part in name.split("."):
        values = values[part]
    return values


def parameters(model: Model, chosen: dict[str, Any]) -> dict[str, Any]:
    """Chosen values as tables; the LSTM makes the passes that it was tuned with, no more."""
    tables = nested(chosen)
    return tables | {"least_steps": 0} if model == "lstm" else tables


def settings(model: Model, chosen: dict[str, Any], seed: int) -> TrainSettings:
    """Training settings with the chosen values."""
    return settings_of(parameters(model, chosen) | {"seed": seed})
