"""Studies on disk: opened by one process at a time, and only for the data that they are of."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import optuna
from optuna.exceptions import StorageInternalError
from optuna.pruners import MedianPruner
from optuna.samplers import BaseSampler, GridSampler, TPESampler
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from scantrail.errors import TrainingError

_FILE: Final = "study.db"
_LOCK: Final = "study.lock"
_WARM: Final = 4  # trials before any is cut short


@contextmanager
def opened(folder: Path) -> Iterator[RDBStorage]:
    """The storage in a folder, for this process alone until it is closed or killed.

    Raises:
        TrainingError: Another process has it, or it can't be read or written.
    """
    path = folder / _FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(folder / _LOCK, timeout=0)) as lock:
            lock.execute("BEGIN EXCLUSIVE")
            storage = RDBStorage(f"sqlite:///{path.absolute()}")
            try:
                yield storage
            finally:
                storage.remove_session()
                storage.engine.dispose()
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise TrainingError(
                f"another process tunes in {folder}; wait for its end, or name another folder"
            ) from error
        raise TrainingError(f"{folder} can't be written: {error}") from error
    except OSError as error:
        raise TrainingError(f"{folder} can't be written: {error.strerror}") from error
    except (StorageInternalError, SQLAlchemyError) as error:
        raise TrainingError(
            f"{path} can't be used: it is damaged, or the disk is full; delete it to start afresh"
        ) from error


def identified(storage: RDBStorage, name: str, of: Mapping[str, Any]) -> optuna.Study:
    """The study of a name, new or taken up again.

    Raises:
        TrainingError: It is a study of other data, or was made otherwise.
    """
    study = optuna.create_study(
        storage=storage,
        study_name=name,
        direction="maximize",
        pruner=MedianPruner(n_startup_trials=_WARM),
        load_if_exists=True,
    )
    known = study.user_attrs.get("of")
    if known is None:
        study.set_user_attr("of", dict(of))
    elif known != dict(of):
        other = next(key for key in of if known.get(key) != of[key])
        raise TrainingError(
            f"the study of the {name} there has {other} {known.get(other)!r}, now it is "
            f"{of[other]!r}; name another folder, or delete {_FILE} to start afresh"
        )
    return study


class _Grid(GridSampler):
    """Goes through a grid; whoever asks counts the trials, so it need not stop the study."""

    def after_trial(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """Do nothing."""


def sampler_of(name: str, seed: int, grid: Mapping[str, Any]) -> BaseSampler:
    """A sampler whose next draw follows from the seed and the study's trials alone."""
    if name == "grid":
        return _Grid(dict(grid), seed=0)
    return TPESampler(seed=seed)
