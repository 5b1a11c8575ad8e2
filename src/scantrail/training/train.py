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
from scantrail.calibration import Calibration, highest_per_item, to_evidence, to_score
from scantrail.datasets.canonical import events_digest
from scantrail.datasets.manifest import code_version
from scantrail.detectors.lstm.detector import LstmDetector
from scantrail.detectors.lstm.encoding import encode, spec_of
from scantrail.detectors.lstm.spec import NetworkSpec
from scantrail.detectors.svm.detector import SvmDetector
from scantrail.detectors.svm.model import SvmModel
from scantrail.detectors.svm.storage import to_arrays
from scantrail.ensemble import Combination
from scantrail.errors import TrainingError
from scantrail.features.coding import Coded, Vocabulary, code
from scantrail.features.tabular import TABULAR, tabular
from scantrail.features.usual import Usual
from scantrail.training.checkpoint import Epoch
from scantrail.training.dataset import Split, presumed_normal, split
from scantrail.training.export import export
from scantrail.training.fit import FitSettings, Fitted, fit
from scantrail.training.svm import SvmSettings, fit_svm
from scantrail.training.trimming import without_strangest
from scantrail.vocabulary.protocols import Journeys

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_CHECKPOINT: Final = "training.checkpoint"
_UNSAID: Final = "unsaid"  # the version of detectors that are not yet written
_ORDINARY: Final = 1.7  # evidence; what models find stranger may be no honest item
_ONE_KIND: Final = 0.1  # of presumed anomalies are of one kind, at most
_MOST_EPOCHS: Final = 20
_CHECKED_RATES: Final = (0.1, 0.01, 0.001)


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
    normal_below: float = 40.0
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
    presumed, normal = _ordinary(journeys, parts, rule_scores, settings, known)
    learned = _learn(journeys, parts, normal, folder, settings, progress)
    progress("calibrating", 0.9)
    network, item = _exported(learned.fitted), learned.coded.item
    raw = _raw(journeys, learned, network)
    calibrations = _calibrated(raw, item, np.intersect1d(parts.valid, normal), settings)
    ml = _ml_evidence(raw, calibrations, settings)
    left_out = 1 - len(normal) / len(journeys.codes)
    rules = _rule_shares(rule_scores, ml, item, np.union1d(parts.valid, parts.test), left_out)
    progress("measuring", 0.95)
    seen = _seen_rates(raw, calibrations, item, np.intersect1d(parts.test, presumed), settings)
    about = _about(journeys, parts, (presumed, normal), learned.fitted, settings, origin)
    about |= {"seen_rates": seen} | _feedback(known)
    arrays, svm = to_arrays(learned.svm)
    card = _card(learned, svm, rules, about, settings)
    write_artifact(folder, card, (network, learned.usual, arrays, calibrations))
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
    svm: SvmModel
    fitted: Fitted


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
    train_on = _events_of(coded, np.intersect1d(parts.train, normal))
    usual = Usual.learn(coded, known, train_on)
    matrix = tabular(coded, usual)[train_on]
    svm = fit_svm(matrix, list(TABULAR), seed=settings.seed, settings=settings.svm)
    fitted = _fit_lstm(coded, known, parts, normal, folder, settings, progress)
    return _Learned(known, coded, usual, svm.model, fitted)


def _raw(journeys: Journeys, learned: _Learned, network: bytes) -> dict[str, Floats]:
    """What the detectors say of every event before they are calibrated."""
    known, plain = learned.known, _identity()
    lstm = LstmDetector(known, learned.fitted.network.spec, network, plain, _UNSAID)
    svm = SvmDetector(known, learned.usual, learned.svm, plain, _UNSAID)
    return {"lstm": lstm.raw(journeys), "svm": svm.raw(journeys)}


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
    """What a person may want to know of an artifact.

    `kept`: the items that rules left, and of these, those that were not too strange.
    """
    presumed, normal = kept
    return {
        "data": {
            "digest": events_digest(journeys.events),
            "events": len(journeys.events),
            "items": len(journeys.codes),
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


def _identity() -> Calibration:
    return Calibration(np.array([0.0]), np.array([0.0]), 1.0, 0)


def _events_of(coded: Coded, items: Ints) -> npt.NDArray[np.bool_]:
    wanted = np.zeros(int(coded.item.max()) + 1, bool)
    wanted[items] = True
    return wanted[coded.item]


def _calibrated(
    raw: dict[str, Floats], item: Ints, held_out: Ints, settings: TrainSettings
) -> dict[str, Calibration]:
    """A calibration per detector, and "ml" for their combination."""
    wanted = np.zeros(int(item.max()) + 1, bool)
    wanted[held_out] = True
    kept = wanted[item]
    calibrations = {
        name: Calibration.learn(values[kept], item[kept], settings.contamination)
        for name, values in raw.items()
    }
    mean = Combination(settings.weights, _identity()).mean(
        {name: _evidence(calibrations[name], values[kept]) for name, values in raw.items()}
    )
    calibrations["ml"] = Calibration.learn(mean, item[kept], settings.contamination)
    return calibrations


def _evidence(calibration: Calibration, raw: Floats) -> Floats:
    """As detectors hand it on: through a score, which ends at 100."""
    return to_evidence(to_score(calibration(raw)))


def _ml_evidence(
    raw: dict[str, Floats], calibrations: dict[str, Calibration], settings: TrainSettings
) -> Floats:
    scores = {name: to_score(calibrations[name](values)) for name, values in raw.items()}
    return Combination(settings.weights, calibrations["ml"]).evidence(scores)


def _rule_shares(
    rule_scores: pl.DataFrame, ml: Floats, item: Ints, held_out: Ints, left_out: float
) -> dict[str, list[tuple[float, float]]]:
    """Per rule and score that it gave: the share of held-out items that it gives as much or more.

    Only items that the models find ordinary count: those are the honest ones. Some kinds of anomaly
    are ordinary to models, too, so as many as there may be of one kind are taken off: a tenth of
    the share `left_out` of training, which are the presumed anomalies.
    """
    ordinary = np.zeros(int(item.max()) + 1, bool)
    ordinary[held_out] = True
    ordinary &= ~(highest_per_item(ml, item) > _ORDINARY)
    shares: dict[str, list[tuple[float, float]]] = {}
    for column in rule_scores:
        highest = highest_per_item(column.fill_null(0.0).to_numpy(), item)[ordinary]
        levels = np.unique(highest[highest > 0])
        counts = [(highest >= level).sum() + 1 for level in levels]
        total = int(ordinary.sum()) + 1
        shares[column.name] = [
            (float(level), float(max(count / total - _ONE_KIND * left_out, 1 / total)))
            for level, count in zip(levels, counts, strict=True)
        ]
    return shares


def _seen_rates(
    raw: dict[str, Floats],
    calibrations: dict[str, Calibration],
    item: Ints,
    held_out: Ints,
    settings: TrainSettings,
) -> dict[str, dict[str, float]]:
    """Share of the test items that reach a score whose stated share is 0.1, 0.01, 0.001."""
    evidence = {name: _evidence(calibrations[name], values) for name, values in raw.items()}
    evidence["ml"] = _ml_evidence(raw, calibrations, settings)
    seen: dict[str, dict[str, float]] = {}
    for name, values in evidence.items():
        highest = highest_per_item(values, item)[held_out]
        seen[name] = {
            str(rate): round(float((highest >= -np.log10(rate)).mean()), 6)
            for rate in _CHECKED_RATES
        }
    return seen


def _told(epoch: Epoch) -> dict[str, Any]:
    return {
        "train_loss": round(epoch.train_loss, 4),
        "valid_loss": round(epoch.valid_loss, 4),
        "items": epoch.items,
    }
