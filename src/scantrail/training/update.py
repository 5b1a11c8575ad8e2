"""Learning more without the old scans: what is usual, the one-class SVM, and all calibrations.

The tables of what is usual are counts, to which new ones are added; the SVM goes on with gradient
descent from where it stood (`partial_fit`), scaling and landmarks as they were; the network stays
as it is. Sites and products that were unknown stay unknown: they need a training.

Calibrated is by whole journeys, older scans included: in those that have just begun, nothing
strange had time to happen. Few lots tell how tails thin out, so that leans on the version before.

What is odd must not become usual. Only items that are presumed normal are learned from: no rule
fires on them with confidence, nobody confirmed them to be odd, and they are not among the strangest
2 % to the version that is updated.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from scantrail.artifact import Artifact, Card, write_artifact
from scantrail.calibration import Calibration, highest_per_item
from scantrail.datasets.canonical import events_digest
from scantrail.datasets.manifest import code_version
from scantrail.detectors.svm.detector import SvmDetector
from scantrail.detectors.svm.storage import to_arrays
from scantrail.errors import TrainingError
from scantrail.features.coding import Vocabulary, code
from scantrail.features.tabular import tabular
from scantrail.features.usual import Usual
from scantrail.training.calibrating import (
    calibrated,
    identity,
    ml_evidence,
    pooled,
    rule_shares,
)
from scantrail.training.dataset import NORMAL_BELOW, Split, newest, presumed_normal, split
from scantrail.training.svm import FittedSvm, update_svm
from scantrail.training.svm_state import FILE, fitted_of, to_bytes
from scantrail.vocabulary.protocols import Journeys
from scantrail.vocabulary.times import microseconds

Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Progress = Callable[[str, float], None]

_SEED: Final = 0  # deals lots
_CONTAMINATION: Final = 0.02  # the largest share of items that may be anomalous
_UNSAID: Final = "unsaid"  # the version of detectors that are not yet written
_NOBODY: Final[Mapping[str, bool]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class _Settings:
    """How to calibrate; see `training.train.TrainSettings`."""

    weights: Mapping[str, float]
    contamination: float = _CONTAMINATION

    @classmethod
    def of(cls, artifact: Artifact) -> _Settings:
        return cls(artifact.card.weights)


@dataclass(frozen=True, slots=True)
class Updated:
    """What `update` wrote, for a person to read. `learned`: events that it learned from."""

    card: Card
    folder: Path
    learned: int


def update(  # noqa: PLR0913 - what is known of the data comes by name
    parent: tuple[Artifact, Path],
    journeys: Journeys,
    rule_scores: pl.DataFrame,
    folder: Path,
    progress: Progress = lambda _what, _share: None,
    *,
    since: dt.datetime | None = None,
    said: Mapping[str, bool] = _NOBODY,
) -> Updated:
    """Update an artifact by newer scans, and write the new version.

    Args:
        parent: The artifact, and its folder.
        journeys: Items with newer scans, their older scans too, linked (`pipeline.see`).
        rule_scores: The rules' score columns, in the order of `journeys.columns`.
        folder: Where the new version goes; made if need be.
        progress: Told what is being done and which share is done, 0 to 1.
        since: Only scans after this instant are learned; all if None.
        said: Whether people confirmed items, by EPC code; those that they dismissed are normal.

    Raises:
        TrainingError: There are too few items.
        ArtifactError: The parent keeps nothing that could be updated.
    """
    artifact, fitted = parent[0], fitted_of(*parent)
    progress("choosing what is normal", 0.05)
    parts = split(journeys, _SEED)
    highest = rule_scores.max_horizontal()
    normal = presumed_normal(journeys, highest, NORMAL_BELOW, said)
    raw = {"lstm": artifact.lstm.raw(journeys), "svm": artifact.svm.raw(journeys)}
    chosen = _chosen(artifact, journeys, raw, np.intersect1d(parts.train, normal))

    progress("learning", 0.4)
    known, item = artifact.card.vocabulary, journeys.columns["epc"].astype(np.int64)
    rows = np.isin(item, chosen) & _after(journeys, since)
    usual, learned = learn_more(artifact.svm.usual, fitted, known, journeys, rows)

    progress("calibrating", 0.7)
    raw["svm"] = SvmDetector(known, usual, learned.model, identity(), _UNSAID).raw(journeys)
    calibrations, rules = _recalibrated(artifact, (raw, rule_scores), item, (parts, normal))
    about = _about(artifact, journeys, int(rows.sum()))
    card = _write(folder, artifact, (usual, learned, calibrations), rules=rules, about=about)
    progress("done", 1.0)
    return Updated(card, folder, int(rows.sum()))


def _write(
    folder: Path,
    artifact: Artifact,
    parts: tuple[Usual, FittedSvm, dict[str, Calibration]],
    **changes: Any,
) -> Card:
    """Write the new version; all but these parts and changes of the card is as it was."""
    usual, learned, calibrations = parts
    arrays, svm = to_arrays(learned.model)
    created = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    card = msgspec.structs.replace(artifact.card, svm=svm, digests={}, created=created, **changes)
    assert learned.state is not None
    more = {FILE: to_bytes(learned.state)}
    write_artifact(folder, card, (artifact.lstm.network, usual, arrays, calibrations), more)
    return card


def learn_more(
    usual: Usual, fitted: FittedSvm, known: Vocabulary, journeys: Journeys, rows: Flags
) -> tuple[Usual, FittedSvm]:
    """What is usual, and the SVM, with some events of these journeys learned.

    Args:
        usual: As it was.
        fitted: As it was.
        known: By which scans are coded.
        journeys: New scans.
        rows: (n,) which of them to learn from.
    """
    coded = code(journeys, known)
    more = usual.plus(Usual.learn(coded, known, rows), known)
    return more, update_svm(fitted, tabular(coded, more)[rows])


def _after(journeys: Journeys, since: dt.datetime | None) -> Flags:
    time = journeys.columns["time"].view(np.int64)
    if since is None:
        return np.ones(len(time), bool)
    later: Flags = time > microseconds(since)
    return later


def _chosen(artifact: Artifact, journeys: Journeys, raw: Mapping[str, Floats], items: Ints) -> Ints:
    """The items that are not among the strangest to the version that is updated."""
    scores = {
        name: each.calibration(raw[name])
        for name, each in (("lstm", artifact.lstm), ("svm", artifact.svm))
    }
    evidence = artifact.combination.mean(scores)
    highest = highest_per_item(evidence, journeys.columns["epc"].astype(np.int64))
    ordinary = np.flatnonzero(highest <= np.quantile(highest, 1 - _CONTAMINATION))
    chosen = np.intersect1d(items, ordinary)
    if not len(chosen):
        raise TrainingError("no item is presumed normal; there is nothing to learn from")
    return chosen


def _recalibrated(
    artifact: Artifact,
    scores: tuple[dict[str, Floats], pl.DataFrame],
    item: Ints,
    kept: tuple[Split, Ints],
) -> tuple[dict[str, Calibration], dict[str, list[tuple[float, float]]]]:
    """Calibrations and shares of rules' claims, which lean on those of the version before.

    `scores`: raw ones of detectors, and those of rules. `kept`: parts, and normal items.
    """
    (raw, rule_scores), (parts, normal) = scores, kept
    before = {
        "lstm": artifact.lstm.calibration,
        "svm": artifact.svm.calibration,
        "ml": artifact.combination.calibration,
    }
    held_out, settings = np.union1d(parts.valid, parts.test), _Settings.of(artifact)
    honest = np.intersect1d(held_out, normal)
    calibrations = calibrated(raw, item, honest, settings, before)
    ml = ml_evidence(raw, calibrations, settings)
    left_out = 1 - len(normal) / (int(item.max()) + 1)
    shares = rule_shares(rule_scores, ml, item, held_out, left_out)
    return calibrations, pooled(artifact.card.rules, _held_out(artifact), shares, len(held_out))


def _held_out(artifact: Artifact) -> int:
    """How many items its shares of rules' claims rest on."""
    sizes = artifact.card.about.get("data", {}).get("parts", {})
    return int(sizes.get("valid", 0)) + int(sizes.get("test", 0))


def _about(artifact: Artifact, journeys: Journeys, learned: int) -> dict[str, Any]:
    """What a person may want to know, the parent's figures where they still hold."""
    parent = artifact.card.about
    return {
        **{name: value for name, value in parent.items() if name != "seen_rates"},
        "data": {**parent.get("data", {}), "until": newest(journeys)},
        "code": code_version(),
        "parent": artifact.version,
        "update": {
            "digest": events_digest(journeys.events),
            "events": len(journeys.events),
            "items": len(journeys.codes),
            "learned": learned,
        },
    }
