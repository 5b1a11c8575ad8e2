"""From a company's own log to an artifact: split, learn, calibrate, measure, write."""

from __future__ import annotations

import datetime as dt
import platform
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from scantrail.artifact import FORMAT, Card, features_fingerprint, write_artifact
from scantrail.calibration import Calibration
from scantrail.datasets.canonical import events_digest
from scantrail.datasets.manifest import code_version
from scantrail.detectors.lstm.detector import LstmDetector
from scantrail.detectors.lstm.encoding import encode, spec_of
from scantrail.detectors.lstm.spec import NetworkSpec
from scantrail.detectors.svm.detector import SvmDetector
from scantrail.detectors.svm.storage import to_arrays
from scantrail.errors import TrainingError
from scantrail.features.coding import Coded, Vocabulary, code
from scantrail.features.tabular import TABULAR, tabular
from scantrail.features.usual import Usual
from scantrail.training import svm_state
from scantrail.training.calibrating import (
    calibrated,
    identity,
    ml_evidence,
    rule_shares,
    seen_rates,
)
from scantrail.training.checkpoint import Epoch
from scantrail.training.dataset import NORMAL_BELOW, Split, newest, presumed_normal, split
from scantrail.training.export import export
from scantrail.training.fit import FitSettings, Fitted, fit
from scantrail.training.svm import FittedSvm, SvmSettings, fit_svm
from scantrail.training.trimming import without_strangest
from scantrail.vocabulary.protocols import Journeys

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_CHECKPOINT: Final = "training.checkpoint"
_UNSAID: Final = "unsaid"  # the version of detectors that are not yet written
_MOST_EPOCHS: Final = 20


class TrainSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to learn.

    `contamination`: the largest share of items that may be anomalous; above a tenth nothing normal
    can be told. `normal_below`: items on which a rule fires with this score or more are left out.
    `trim`: for each of them, so many items that are strange by what the others teach may be left
    out as well (`trimming`); 0 leaves none out.
    `fit.epochs`: passes over a long log, which holds each batch's journey a hundred times: more of
    them learn its batches by heart. A short log gets passes until there are `least_steps` steps.
    `hidden`, `attention`, `dropout`, `embedding`: of the network, see `encoding.spec_of`.
    `weights`: of the learned detectors in the ensemble.
    """

    seed: int = 0
    contamination: float = 0.02
    normal_below: float = NORMAL_BELOW
    trim: float = 2.0
    hidden: int = 64
    attention: bool = True
    dropout: float = 0.3
    embedding: float = 1.0
    least_steps: int = 200
    weights: dict[str, float] = msgspec.field(default_factory=lambda: {"lstm": 1.0, "svm": 1.0})
    fit: FitSettings = FitSettings(epochs=4)
    svm: SvmSettings = SvmSettings(unit=10.0)


@dataclass(frozen=True, slots=True)
class Trained:
    """What `train` wrote, for a person to read."""

    card: Card
    folder: Path


def train(  # noqa: PLR0913 - what is known of the data comes by name
    journeys: Journeys,
    rule_scores: pl.DataFrame,
    folder: Path,
    settings: TrainSettings,
    progress: Callable[[str, float], None] = lambda _what, _share: None,
    origin: Mapping[str, Any] = MappingProxyType({}),
    *,
    known: Mapping[str, bool] = MappingProxyType({}),
) -> Trained:
    """Learn from a log that is mostly normal, and write an artifact; one that was killed goes on.

    Args:
        journeys: The log, linked (`pipeline.see`).
        rule_scores: The rules' score columns, in the order of `journeys.columns`.
        folder: Where the artifact goes; made if need be.
        settings: How to learn.
        progress: Told what is being done and which share of all is done, 0 to 1.
        origin: For the card: the dataset, its parents and its sources (`datasets.lineage.origin`).
        known: EPCs of which people know whether they are anomalous (`stores.feedback`).

    Raises:
        TrainingError: There is too little, or nothing that varies, to learn from.
    """
    progress("splitting", 0.0)
    parts = split(journeys, settings.seed)
    kept = _ordinary(journeys, parts, rule_scores, settings, known)
    learned = _learn(journeys, parts, kept[1], folder, settings, progress)
    progress("calibrating", 0.9)
    network, item = _exported(learned.fitted), learned.coded.item
    raw = _raw(journeys, learned, network)
    calibrations, rules, seen = _told_by_held_out((raw, rule_scores), item, parts, kept, settings)
    about = _about(journeys, parts, kept, learned.fitted, settings, origin)
    about |= {"seen_rates": seen} | _feedback(known)
    arrays, svm = to_arrays(learned.svm.model)
    card = _card(learned, svm, rules, about, settings)
    write_artifact(folder, card, (network, learned.usual, arrays, calibrations), learned.more)
    (folder / _CHECKPOINT).unlink(missing_ok=True)
    progress("done", 1.0)
    return Trained(card, folder)


def _ordinary(
    journeys: Journeys,
    parts: Split,
    rule_scores: pl.DataFrame,
    settings: TrainSettings,
    known: Mapping[str, bool],
) -> tuple[Ints, Ints]:
    """Items presumed normal by rules and people, and those of them that are learned from."""
    highest = rule_scores.max_horizontal()
    presumed = presumed_normal(journeys, highest, settings.normal_below, known)
    _refuse_odd_logs(journeys, presumed, settings)
    least_strange = without_strangest(
        journeys, parts, presumed, settings.trim, settings.svm, settings.seed
    )
    return presumed, np.union1d(least_strange, _cleared(journeys, known))


def _cleared(journeys: Journeys, known: Mapping[str, bool]) -> Ints:
    """Items that people looked at and found in order: they teach, however strange they are."""
    honest = [code for code, anomalous in known.items() if not anomalous]
    return np.flatnonzero(journeys.codes.is_in(honest).fill_null(value=False).to_numpy())


def _feedback(known: Mapping[str, bool]) -> dict[str, Any]:
    """How much people knew, for the card."""
    confirmed = sum(known.values())
    counted = {"confirmed": confirmed, "dismissed": len(known) - confirmed}
    return {"feedback": counted} if known else {}


@dataclass(frozen=True, slots=True)
class _Learned:
    """Everything that the detectors are made of, but their calibrations."""

    known: Vocabulary
    coded: Coded
    usual: Usual
    svm: FittedSvm
    fitted: Fitted

    @property
    def more(self) -> dict[str, bytes]:
        """The file that updates of the SVM go on from, if it can be updated."""
        state = self.svm.state
        return {svm_state.FILE: svm_state.to_bytes(state)} if state else {}


def _learn(
    journeys: Journeys,
    parts: Split,
    normal: Ints,
    folder: Path,
    settings: TrainSettings,
    progress: Callable[[str, float], None],
) -> _Learned:
    progress("learning what is usual", 0.02)
    known = Vocabulary.learn(journeys)
    coded = code(journeys, known)
    train_on = np.isin(coded.item, np.intersect1d(parts.train, normal))
    usual = Usual.learn(coded, known, train_on)
    matrix = tabular(coded, usual)[train_on]
    svm = fit_svm(matrix, list(TABULAR), seed=settings.seed, settings=settings.svm)
    fitted = _fit_lstm(coded, known, parts, normal, folder, settings, progress)
    return _Learned(known, coded, usual, svm, fitted)


def _raw(journeys: Journeys, learned: _Learned, network: bytes) -> dict[str, Floats]:
    """What the detectors say of every event before they are calibrated."""
    known, plain = learned.known, identity()
    lstm = LstmDetector(known, learned.fitted.network.spec, network, plain, _UNSAID)
    svm = SvmDetector(known, learned.usual, learned.svm.model, plain, _UNSAID)
    return {"lstm": lstm.raw(journeys), "svm": svm.raw(journeys)}


def _told_by_held_out(
    scores: tuple[dict[str, Floats], pl.DataFrame],
    item: Ints,
    parts: Split,
    kept: tuple[Ints, Ints],
    settings: TrainSettings,
) -> tuple[dict[str, Calibration], dict[str, list[tuple[float, float]]], dict[str, Any]]:
    """Calibrations, shares of rules' claims, and rates that were seen, by items held out.

    `scores`: raw ones of detectors, and those of rules. `kept`: as `_ordinary` gave it.
    """
    (raw, rule_scores), (presumed, normal) = scores, kept
    calibrations = calibrated(raw, item, np.intersect1d(parts.valid, normal), settings)
    ml = ml_evidence(raw, calibrations, settings)
    left_out = 1 - len(normal) / (int(item.max()) + 1)
    rules = rule_shares(rule_scores, ml, item, np.union1d(parts.valid, parts.test), left_out)
    seen = seen_rates(raw, calibrations, item, np.intersect1d(parts.test, presumed), settings)
    return calibrations, rules, seen


def _card(
    learned: _Learned,
    svm: dict[str, Any],
    rules: dict[str, list[tuple[float, float]]],
    about: dict[str, Any],
    settings: TrainSettings,
) -> Card:
    return Card(
        format=FORMAT,
        features=features_fingerprint(),
        created=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        vocabulary=learned.known,
        network=learned.fitted.network.spec,
        svm=svm,
        weights=settings.weights,
        rules=rules,
        about=about,
    )


def _about(
    journeys: Journeys,
    parts: Split,
    kept: tuple[Ints, Ints],
    fitted: Fitted,
    settings: TrainSettings,
    origin: Mapping[str, Any],
) -> dict[str, Any]:
    """What a person may want to know of an artifact; `kept` as `_ordinary` gave it."""
    presumed, normal = kept
    return {
        "data": {
            "digest": events_digest(journeys.events),
            "events": len(journeys.events),
            "items": len(journeys.codes),
            "until": newest(journeys),
            "parts": parts.sizes(),
            "left_out": len(journeys.codes) - len(presumed),
            "strange": len(presumed) - len(normal),
            **origin,
        },
        "code": code_version(),
        "python": platform.python_version(),
        "seed": settings.seed,
        "settings": msgspec.to_builtins(settings),
        "history": [_told(epoch) for epoch in fitted.history],
        "best_epoch": fitted.best_epoch,
    }


def _refuse_odd_logs(journeys: Journeys, normal: Ints, settings: TrainSettings) -> None:
    """Logs in which nothing normal can be told."""
    items = len(journeys.codes)
    odd = 1 - len(normal) / items
    if odd > 5 * settings.contamination:
        raise TrainingError(
            f"rules find {odd:.0%} of the items suspect; what is normal can't be learned from such "
            "a log: mend the causes that 'scantrail detect' names first, or give a better log"
        )
    if len(np.unique(journeys.columns["site"])) < 2:
        raise TrainingError(
            "all scans are at one site; journeys can't be learned without sites to go between: "
            "give a log of at least two, and their site list"
        )


def _fit_lstm(  # noqa: PLR0913, PLR0917 - a stage of `train`, which has these at hand
    coded: Coded,
    known: Vocabulary,
    parts: Split,
    normal: Ints,
    folder: Path,
    settings: TrainSettings,
    progress: Callable[[str, float], None],
) -> Fitted:
    sequences = encode(coded)
    learned = sequences.take(np.intersect1d(parts.train, normal))
    epochs = passes(learned.events, settings)

    def told(epoch: Epoch) -> None:
        progress(f"epoch {epoch.number + 1}/{epochs}", 0.1 + 0.8 * (epoch.number + 1) / epochs)

    progress(f"epoch 1/{epochs}", 0.1)
    folder.mkdir(parents=True, exist_ok=True)
    return fit(
        network_of(known, settings),
        learned,
        sequences.take(np.intersect1d(parts.valid, normal)),
        msgspec.structs.replace(settings.fit, seed=settings.seed, epochs=epochs),
        checkpoint=folder / _CHECKPOINT,
        progress=told,
    )


def network_of(known: Vocabulary, settings: TrainSettings) -> NetworkSpec:
    """The network that these settings ask for."""
    return spec_of(
        known,
        hidden=settings.hidden,
        attention=settings.attention,
        dropout=settings.dropout,
        embedding=settings.embedding,
    )


def passes(events: int, settings: TrainSettings) -> int:
    """Passes over so many events: more over short logs, though never more than twenty for that."""
    wanted = -(-settings.least_steps * settings.fit.batch // events)
    return max(settings.fit.epochs, min(wanted, _MOST_EPOCHS))


def _exported(fitted: Fitted) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        export(fitted.network, path)
        return path.read_bytes()


def _told(epoch: Epoch) -> dict[str, Any]:
    return {
        "train_loss": round(epoch.train_loss, 4),
        "valid_loss": round(epoch.valid_loss, 4),
        "items": epoch.items,
    }
