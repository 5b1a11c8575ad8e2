"""A version that differs from another in its alert score alone, which people's feedback set.

It is a version like others: registered, promoted, tried, rolled back, and it says where it is from.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from scantrail import wiring
from scantrail.artifact import Artifact, derive, read_artifact
from scantrail.errors import ConflictError
from scantrail.registry import NONE
from scantrail.settings import Settings


def serving(settings: Settings, stores: wiring.Stores) -> Path | None:
    """The folder of the artifact that judges, None where rules judge alone."""
    last = stores.deployments.last()
    if last is None:
        return wiring.artifact_folder(settings)
    return None if last.version == NONE else wiring.registry(settings).folder / last.version


def present_score(settings: Settings, stores: wiring.Stores) -> float:
    """The alert score that holds now."""
    folder = serving(settings, stores)
    artifact: Artifact | None = read_artifact(folder) if folder else None
    return wiring.with_alert_score(settings, artifact).ensemble.alert_score


def recalibrate(
    settings: Settings, stores: wiring.Stores, score: float, actor: str, reason: str
) -> str:
    """Register a version with another alert score; what is usual stays so for it.

    Raises:
        ConflictError: Rules judge alone, or a budget in the settings decides.
        ArtifactError: The artifact that judges can't be read.
    """
    folder = serving(settings, stores)
    if folder is None:
        raise ConflictError("rules judge alone; they have thresholds, and no alert score")
    if settings.ensemble.alerts_per_10k is not None:
        raise ConflictError(
            "SCANTRAIL_ENSEMBLE__ALERTS_PER_10K sets the alert score; remove it, or change it there"
        )
    was = wiring.version_of(folder)
    with tempfile.TemporaryDirectory(prefix="scantrail-recalibrated-") as scratch:
        about = {
            "alert_score": score,
            "recalibrated": {
                "from": was, "actor": actor, "reason": reason, "feedback": stores.feedback.last(),
            },
        }  # fmt: skip
        derive(folder, Path(scratch), about)
        version = wiring.registry(settings).add(Path(scratch))
    usual = stores.evaluations.baseline(was)
    if usual is not None:
        stores.evaluations.add_baseline(
            version, usual.content, usual.digest, every=usual.every, actor=actor
        )
    return version
