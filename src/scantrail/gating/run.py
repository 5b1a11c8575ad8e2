"""A candidate at the gate: everything that it has to hold, against the version that judges."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from scantrail import wiring
from scantrail.artifact import Artifact
from scantrail.errors import ArtifactError
from scantrail.gate import Check, Gated, keep
from scantrail.gating import cost, held_out, known
from scantrail.gating.alike import unlike
from scantrail.registry import Registry
from scantrail.settings import Settings
from scantrail.vocabulary.events import Events
from scantrail.wiring import Engine, Stores

Progress = Callable[[str, float], None]


def gate_on(
    settings: Settings,
    stores: Stores,
    version: str,
    events: pl.DataFrame,
    actor: str,
    progress: Progress = lambda _what, _share: None,
) -> Gated:
    """Measure a registered version against the one that judges, and keep what became of it.

    Args:
        settings: By which sites, rules and margins.
        stores: Who judges, and what people said.
        version: The candidate.
        events: A log (`vocabulary.events.EVENTS`) that ends later than what both learned from.
        actor: Who asks.
        progress: Told what is being done, and which share is done.

    Raises:
        NotFoundError: No such version is registered.
        ArtifactError: The version that judges can't be read.
    """
    progress("loading", 0.0)
    rules = wiring.engine(settings, learned=False)
    rollout = wiring.rollout(rules, stores)
    champion = rollout.serving()
    told: dict[str, Any] = {}
    try:
        artifacts = [rollout.champion(), rollout.load(version)]
    except ArtifactError as error:
        checks = [Check(name="fit", passed=False, reason=f"fit: {error}")]
    else:
        said = stores.feedback.known_items()
        checks, told = _checked(settings, rules, artifacts, (events, said), progress)
    gated = Gated(
        version=version,
        champion=champion,
        at=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        actor=actor,
        checks=checks,
        data=told,
    )
    keep(wiring.registry(settings).folder, gated)
    progress("done", 1.0)
    return gated


def _checked(
    settings: Settings,
    rules: Engine,
    artifacts: list[Artifact | None],
    given: tuple[pl.DataFrame, Mapping[str, bool]],
    progress: Progress,
) -> tuple[list[Check], dict[str, Any]]:
    gate, (events, said) = settings.gate, given
    rules = rules.knowing(Events(events))
    champion, candidate = (rules.with_artifact(each) for each in artifacts)
    since = _learned_until(artifacts)
    progress("planting", 0.1)
    ground = held_out.ground_of(rules, events, since, said, gate)
    progress("judging later scans", 0.2)
    later, comparison = held_out.check_of(ground, champion, candidate, gate)
    if comparison and since and not later.passed:
        later = _explained(later, events, since)
    progress("judging known journeys", 0.7)
    journeys = known.known_journeys(settings, rules)
    checks = [
        Check(
            name="fit",
            passed=True,
            reason="fit: its files are whole, and it tells ordinary journeys from odd ones",
        ),
        later,
        known.check_of(journeys, champion, candidate, gate),
    ]
    progress("timing", 0.9)
    checks.append(cost.latency(champion, candidate, events, gate))
    folders = [_folder(settings, each) for each in artifacts]
    checks.append(cost.size(folders[0], folders[1], gate))
    data = {
        "since": since.isoformat() if since else None,
        "events": int(ground.late.sum()),
        "items": ground.items,
        "labelled": ground.labels["epc_code"].n_unique(),
        "outcome": comparison.outcome.value if comparison else None,
        "known": journeys.source if journeys else None,
    }
    return checks, data


def _explained(later: Check, events: pl.DataFrame, since: dt.datetime) -> Check:
    """A refusal with what may be the cause: a log that ends with what its beginning lacks."""
    told = unlike(events, since)
    if told is None:
        return later
    why = (
        f"{later.reason}; the log ends with other scans than it begins with ({told}), which "
        "nothing that learned from its beginning can know: give one in which goods of all ages are "
        "on their way at all times"
    )
    return msgspec.structs.replace(later, reason=why)


def _learned_until(artifacts: list[Artifact | None]) -> dt.datetime | None:
    """The newest scan that any of them learned from, as far as their cards say."""
    told = [one.card.about.get("data", {}).get("until") for one in artifacts if one]
    return max((dt.datetime.fromisoformat(text) for text in told if text), default=None)


def _folder(settings: Settings, artifact: Artifact | None) -> Path | None:
    if artifact is None:
        return None
    registry: Registry = wiring.registry(settings)
    registered = registry.folder / artifact.version
    return registered if registered.is_dir() else wiring.artifact_folder(settings)
