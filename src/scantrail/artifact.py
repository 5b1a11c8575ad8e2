"""Artifacts: what training learned, as files that nobody has to trust.

An artifact is a folder: `card.json` says what it is and holds a digest of every other file,
`network.onnx` is the LSTM, `arrays.npz` everything else in plain arrays. Nothing in it is code, and
nothing is used before its digest is checked.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from scantrail.calibration import Calibration, to_score
from scantrail.detectors.lstm.detector import LstmDetector
from scantrail.detectors.lstm.spec import NetworkSpec
from scantrail.detectors.svm.detector import SvmDetector
from scantrail.detectors.svm.storage import from_arrays
from scantrail.ensemble import Combination
from scantrail.errors import ArtifactError
from scantrail.features.coding import STEPS, Vocabulary
from scantrail.features.tabular import TABULAR
from scantrail.features.usual import COMPANY, TABLES, Usual

FORMAT: Final = 1
_REVISION: Final = 2  # rises whenever the same scans get other codes, nats or features
_CARD, _NETWORK, _ARRAYS = "card.json", "network.onnx", "arrays.npz"
_PARTS: Final = {"usual", "svm", "calibration-lstm", "calibration-svm", "calibration-ml"}
Arrays = dict[str, npt.NDArray[Any]]


def features_fingerprint() -> str:
    """Sixteen hex digits that change with the coding and the features that artifacts rely on."""
    text = "\n".join((str(_REVISION), *STEPS, str(COMPANY), *TABLES, *TABULAR))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """What an artifact says of itself.

    `weights` and `rules` are those of its `ensemble.Combination`.

    `about` holds, for people: data digest and size, code version, seed, hyperparameters, metrics
    on held-out items. `digests` are SHA-256 of the other files.
    """

    format: int
    features: str
    created: str
    vocabulary: Vocabulary
    network: NetworkSpec
    svm: dict[str, Any]
    weights: dict[str, float]
    rules: dict[str, list[tuple[float, float]]]
    about: dict[str, Any]
    digests: dict[str, str] = {}


@dataclass(frozen=True)
class Artifact:
    """Trained detectors, and how their scores become one.

    `version` is the digest of the whole card, so that it names every byte of the artifact.
    """

    card: Card
    lstm: LstmDetector
    svm: SvmDetector
    combination: Combination

    @property
    def version(self) -> str:
        """Twelve hex digits."""
        return self.lstm.version

    def alert_score(self, per_10k: float) -> float:
        """The score that honest items reach in at most so many alerts per 10,000 scans.

        An alert is an item; how many scans an item has, is taken from the log learned from.
        """
        data = self.card.about["data"]
        share = per_10k / 10_000 * data["events"] / data["items"]
        return float(to_score(np.array(-np.log10(min(share, 1.0)))))


def write_artifact(
    folder: Path,
    card: Card,
    parts: tuple[bytes, Usual, Mapping[str, npt.NDArray[Any]], Mapping[str, Calibration]],
    more: Mapping[str, bytes] = MappingProxyType({}),
) -> None:
    """Write an artifact; its files stand beside each other before the card makes them count.

    Args:
        folder: Made if need be.
        card: Without digests; they are filled in.
        parts: The ONNX network, what is usual, the SVM's arrays, calibrations by name.
        more: Further files that scoring doesn't need, by name.
    """
    network, usual, svm, calibrations = parts
    groups = {"usual": usual.arrays(), "svm": dict(svm)}
    groups |= {f"calibration-{name}": each.arrays() for name, each in calibrations.items()}
    arrays = {f"{group}/{name}": a for group, part in groups.items() for name, a in part.items()}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    files = {_NETWORK: network, _ARRAYS: buffer.getvalue(), **more}
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    _write_card(folder, msgspec.structs.replace(card, digests=digests))


def derive(folder: Path, target: Path, about: Mapping[str, Any]) -> None:
    """Write an artifact that differs from another in what its card says about it alone.

    Args:
        folder: The other one.
        target: Made if need be.
        about: Added to the card's `about`; `alert_score` there sets when models raise an alarm.

    Raises:
        ArtifactError: As `read_card`, or a file is missing or was changed.
    """
    card, _ = read_card(folder)
    target.mkdir(parents=True, exist_ok=True)
    for name in card.digests:
        (target / name).write_bytes(checked_file(folder, name, card))
    _write_card(target, msgspec.structs.replace(card, about={**card.about, **about}))


def _write_card(folder: Path, card: Card) -> None:
    text = json.dumps(msgspec.to_builtins(card), ensure_ascii=False, indent=1)
    part = folder / f".{_CARD}.part"
    part.write_text(text + "\n", encoding="utf-8")
    part.replace(folder / _CARD)


def read_card(folder: Path) -> tuple[Card, str]:
    """An artifact's card and version, its digests not yet checked.

    Raises:
        ArtifactError: No artifact is there, it is damaged, or of another format or feature set.
    """
    path = folder / _CARD
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ArtifactError(
            f"{folder} is no artifact: {path} can't be read ({error.strerror}); "
            "name a folder written by 'scantrail train'"
        ) from error
    try:
        seen = msgspec.json.decode(content)
        if isinstance(seen, dict) and seen.get("format") != FORMAT:
            raise ArtifactError(
                f"{folder} has format {seen.get('format')!r}, this version of scantrail reads "
                f"{FORMAT}; train it again, or use the version that wrote it"
            )
        card = msgspec.convert(seen, Card)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise ArtifactError(f"{path} is damaged: {error}; fetch the artifact again") from error
    if card.features != features_fingerprint():
        raise ArtifactError(
            f"{folder} was trained on other features (fingerprint {card.features}, this version "
            f"of scantrail has {features_fingerprint()}); train it again"
        )
    return card, hashlib.sha256(content).hexdigest()[:12]


def read_artifact(folder: Path) -> Artifact:
    """Read an artifact; every byte is checked against the card before it is used.

    Raises:
        ArtifactError: As `read_card`, or a file is missing, changed, or not what the card implies.
    """
    card, version = read_card(folder)
    network, packed = (checked_file(folder, name, card) for name in (_NETWORK, _ARRAYS))
    arrays = _unpacked(packed, folder)
    known = card.vocabulary
    calibrations = {
        name.removeprefix("calibration-"): Calibration.from_arrays(part)
        for name, part in arrays.items()
        if name.startswith("calibration-")
    }
    missing = _PARTS - arrays.keys()
    if missing:
        parts = ", ".join(sorted(missing))
        raise ArtifactError(f"{folder} lacks parts: {parts}; fetch the artifact again")
    usual = Usual.from_arrays(arrays["usual"], known)
    model = from_arrays(arrays["svm"], card.svm)
    if model.names != tuple(TABULAR):
        raise ArtifactError(f"{folder} was trained on other features; train it again")
    return Artifact(
        card,
        LstmDetector(known, card.network, network, calibrations["lstm"], version),
        SvmDetector(known, usual, model, calibrations["svm"], version),
        Combination(card.weights, calibrations["ml"], card.rules),
    )


def checked_file(folder: Path, name: str, card: Card) -> bytes:
    """A file of an artifact.

    Raises:
        ArtifactError: It is missing, or not the one that the card names.
    """
    path = folder / name
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ArtifactError(
            f"{path} can't be read ({error.strerror}); fetch the artifact again"
        ) from error
    if hashlib.sha256(content).hexdigest() != card.digests.get(name):
        raise ArtifactError(
            f"{path} is not the file that the artifact's card names: it was cut short or changed; "
            "fetch the artifact again"
        )
    return content


def _unpacked(packed: bytes, folder: Path) -> dict[str, Arrays]:
    """Arrays by group; plain ones only."""
    groups: dict[str, Arrays] = {}
    try:
        with np.load(io.BytesIO(packed), allow_pickle=False) as archive:
            for key in archive.files:
                group, _, name = key.partition("/")
                groups.setdefault(group, {})[name] = archive[key]
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise ArtifactError(f"{folder / _ARRAYS} is damaged: {error}") from error
    return groups
