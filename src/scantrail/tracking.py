"""Artifacts told to MLflow: parameters, metrics, the dataset with its lineage, the files.

A version is a run, found again by its tag, so that telling twice doubles nothing. What serves never
needs this; MLflow is imported when something is told.
"""

from __future__ import annotations

import datetime as dt
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import sqlalchemy as sa

from scantrail.artifact import Card, read_artifact, read_card
from scantrail.errors import ExportError
from scantrail.gate import Gated

#: What became of a version: told for the first time; its gate anew; or all of it was there.
Became = Literal["exported", "gate", "there"]
_VERSION: Final = "scantrail.version"
_GATE: Final = "scantrail.gate.at"
_LONGEST: Final = 5_000  # letters of a tag or parameter
_SQLITE: Final = "sqlite:///"
_DATASET: Final = "scantrail"
_FILES: Final = "artifact"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is told of an artifact, by MLflow's kinds of facts.

    `metrics`: name, value, step. `source`: where the dataset came from.
    """

    params: dict[str, str]
    metrics: list[tuple[str, float, int]]
    tags: dict[str, str]
    digest: str
    source: dict[str, Any]


def facts_of(card: Card, version: str) -> Facts:
    """What a card says, as MLflow takes it."""
    about = card.about
    data = about.get("data", {})
    parent = about.get("parent") or about.get("recalibrated", {}).get("from")
    dataset = data.get("dataset")
    tags = {
        _VERSION: version,
        "scantrail.created": card.created,
        "scantrail.features": card.features,
        "scantrail.code": about.get("code"),
        "scantrail.python": about.get("python"),
        "scantrail.parent": parent,
        "scantrail.dataset": dataset,
        "scantrail.dataset.parents": ", ".join(data.get("parents", ())) or None,
        "scantrail.dataset.until": data.get("until"),
    }
    params = dict(_flat({"seed": about.get("seed"), **about.get("settings", {})}))
    told = {"seen_rates": about.get("seen_rates", {}), "best_epoch": about.get("best_epoch"),
            "alert_score": about.get("alert_score"), "update": about.get("update", {}),
            "data": {name: value for name, value in data.items() if name != "sources"}}  # fmt: skip
    metrics = [(name, float(value), 0) for name, value in _flat(told) if _is_number(value)]
    for step, epoch in enumerate(about.get("history", ()), start=1):
        metrics += [(n, float(v), step) for n, v in _flat({"epoch": epoch}) if _is_number(v)]
    return Facts(
        params={name: _short(value) for name, value in params.items()},
        metrics=metrics,
        tags={name: _short(value) for name, value in tags.items() if value is not None},
        digest=str(dataset or data.get("digest", "unknown"))[:36],
        source={"dataset": dataset, "events": data.get("digest"),
                "parents": data.get("parents", []), "sources": data.get("sources", [])},
    )  # fmt: skip


def facts_of_gate(told: Gated) -> tuple[list[tuple[str, float]], dict[str, str]]:
    """What a gate said: metrics, and tags."""
    metrics = [("gate.passed", float(told.passed))]
    for check in told.checks:
        name = f"gate.{check.name.replace(' ', '_')}"
        figures = {"passed": float(check.passed), "champion": check.champion,
                   "candidate": check.candidate}  # fmt: skip
        metrics += [
            (f"{name}.{what}", value) for what, value in figures.items() if value is not None
        ]
    tags = {_GATE: told.at, "scantrail.gate.champion": told.champion,
            "scantrail.gate.by": told.actor, "scantrail.gate": _short(told.words)}  # fmt: skip
    return metrics, tags


class Tracker:
    """An experiment of MLflow."""

    def __init__(self, uri: str, experiment: str) -> None:
        """Open it, and make it where it is not there.

        Args:
            uri: Of MLflow's tracking: `sqlite:///FILE`, or `http://…`.
            experiment: Its name.

        Raises:
            ExportError: It can't be used, or the extra `mlflow` is not installed.
        """
        if "://" not in uri or uri.startswith("file:"):
            raise ExportError(
                f"MLflow no longer keeps runs in folders like {uri!r}; name a database, e.g. "
                "sqlite:///mlflow.db, or a server, e.g. http://mlflow:5000"
            )
        self._mlflow = _imported()
        self._uri = uri
        with self._refusing():
            self._client = self._mlflow.MlflowClient(tracking_uri=uri)
            found = self._client.get_experiment_by_name(experiment)
            if found is not None and found.lifecycle_stage != "active":
                raise ExportError(
                    f"the experiment {experiment!r} was deleted in MLflow; restore it there, or "
                    "name another"
                )
            self._experiment = (
                found.experiment_id if found
                else self._client.create_experiment(experiment, _beside(uri))
            )  # fmt: skip

    def tell(self, folder: Path, told: Gated | None = None) -> tuple[str, Became]:
        """Tell of an artifact, once.

        Args:
            folder: Where it is.
            told: What became of it at the gate.

        Returns:
            Its version, and what was told.

        Raises:
            ArtifactError: It can't be read, or was changed.
            ExportError: MLflow doesn't take it; it is told whole the next time.
        """
        version = read_artifact(folder).version  # every byte checked
        card, _ = read_card(folder)
        with self._refusing():
            run, became = self._known(version), "there"
            if run is None:
                run, became = self._new(card, version, folder), "exported"
            if told is not None and run.data.tags.get(_GATE) != told.at:
                self._gate(run.info.run_id, told)
                became = "exported" if became == "exported" else "gate"
            if became == "exported":  # until then, it doesn't count as told
                ended = _milliseconds(card.created)
                self._client.set_terminated(run.info.run_id, "FINISHED", ended)
        return version, became  # type: ignore[return-value]

    def _known(self, version: str) -> Any:
        """The run of a version; what was told of it by halves is taken back."""
        asked = f"tags.`{_VERSION}` = '{version}'"
        whole = None
        for run in self._client.search_runs([self._experiment], asked):
            if run.info.status == "FINISHED":
                whole = run
            else:
                self._client.delete_run(run.info.run_id)
        return whole

    def _new(self, card: Card, version: str, folder: Path) -> Any:
        entities, facts = self._mlflow.entities, facts_of(card, version)
        at = _milliseconds(card.created)
        run = self._client.create_run(self._experiment, at, facts.tags, f"artifact {version}")
        number = run.info.run_id
        params = [entities.Param(name, value) for name, value in facts.params.items()]
        for some in _hundreds(params):
            self._client.log_batch(number, params=some)
        metrics = [entities.Metric(name, value, at, step) for name, value, step in facts.metrics]
        for some in _hundreds(metrics):
            self._client.log_batch(number, metrics=some)
        source = msgspec.json.encode(facts.source).decode()
        dataset = entities.Dataset(_DATASET, facts.digest, "code", source)
        context = entities.InputTag("mlflow.data.context", "training")
        self._client.log_inputs(number, [entities.DatasetInput(dataset, [context])])
        for name in ("card.json", *card.digests):
            self._client.log_artifact(number, str(folder / name), _FILES)
        return run

    def _gate(self, number: str, told: Gated) -> None:
        metrics, tags = facts_of_gate(told)
        at, entities = _milliseconds(told.at), self._mlflow.entities
        self._client.log_batch(
            number,
            [entities.Metric(name, value, at, 0) for name, value in metrics],
            tags=[entities.RunTag(name, value) for name, value in tags.items()],
        )
        self._client.log_dict(
            number, msgspec.to_builtins(told) | {"passed": told.passed}, "gate.json"
        )

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        """Say in a sentence why MLflow can't be used."""
        try:
            yield
        except (self._mlflow.MlflowException, OSError, sa.exc.SQLAlchemyError) as error:
            reason = (str(error).strip() or repr(error)).splitlines()[0]
            reason, _, _ = reason.partition(" failed with exception")
            raise ExportError(f"MLflow at {_shown(self._uri)} can't be used: {reason}") from error


def _imported() -> Any:
    """MLflow, which tells nobody that it is used, and logs only what is wrong."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")  # by default minutes go by
    try:
        import mlflow  # noqa: PLC0415 - an extra, which takes long to import
    except ImportError as error:
        raise ExportError(
            f"exporting to MLflow needs more than scoring does ({error.name} is missing): "
            "pip install 'scantrail[mlflow]'"
        ) from error
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return mlflow


def _beside(uri: str) -> str | None:
    """Where files go: beside a database in a file; elsewhere the server knows."""
    if not uri.startswith(_SQLITE):
        return None
    return (Path(uri.removeprefix(_SQLITE)).absolute().parent / "mlartifacts").as_uri()


def _shown(uri: str) -> str:
    """A URI without its password."""
    try:
        return sa.make_url(uri).render_as_string()
    except sa.exc.ArgumentError:
        return uri


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Leaves, named by their way with dots.

    >>> dict(_flat({"seed": 0, "fit": {"epochs": 4}}))
    {'seed': 0, 'fit.epochs': 4}
    """
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        elif value is not None:
            yield f"{prefix}{name}", value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _short(value: Any) -> str:
    return str(value)[:_LONGEST]


def _hundreds(facts: list[Any]) -> Iterator[list[Any]]:
    """As many at a time as a server takes."""
    for begin in range(0, len(facts), 100):
        yield facts[begin : begin + 100]


def _milliseconds(text: str) -> int:
    return round(dt.datetime.fromisoformat(text).timestamp() * 1000)
