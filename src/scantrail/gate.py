"""The gate before a promotion: what a candidate has to hold, and what became of it.

`scantrail.gating` measures, this decides. What was decided is kept beside the version, so that any
service can tell it without measuring again.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec

from scantrail.errors import ConflictError

_FOLDER: Final = "gates"
_VERSION: Final = re.compile(r"[0-9a-f]{12}|none")
_Share = Annotated[float, msgspec.Meta(ge=0, lt=1)]
_Number = Annotated[float, msgspec.Meta(ge=0)]


class GateSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much worse than the champion a candidate may be, and what follows from it."""

    per_10k: Annotated[float, msgspec.Meta(gt=0)] = 3.0  #: the budget: false alerts a 10,000 scans
    recall: _Share = 0.02  #: of what is found in later scans, so much may be lost
    known: _Share = 0.05  #: likewise of what is found in the known journeys, which are few
    latency: _Number = 0.25  #: it may take so much longer, as a share
    size: _Number = 0.5  #: … and be so much larger
    least_items: int = 300  #: that later scans have to be of; fewer tell nothing
    most_items: int = 20_000  #: that it is measured by; of more, some lots are drawn
    held_out: Annotated[float, msgspec.Meta(gt=0, lt=0.5)] = 0.1  #: latest scans not learned from
    known_journeys: str = ""  #: folder with scans.tsv (or .csv, .parquet) and labels.csv
    auto_promote: bool = False  #: whether a job promotes what passed; else it waits for approval
    required: bool = False  #: whether people, too, may only promote what passed


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at. Figures are None where there is none."""

    name: str
    passed: bool
    reason: str
    champion: float | None = None
    candidate: float | None = None


class Gated(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a candidate. `data`: what it was measured by."""

    version: str
    champion: str
    at: str
    actor: str
    checks: list[Check]
    data: dict[str, Any]

    @property
    def passed(self) -> bool:
        """Whether it may judge."""
        return all(check.passed for check in self.checks)

    @property
    def words(self) -> str:
        """The outcome, and why, in a line."""
        failed = [check.reason for check in self.checks if not check.passed]
        if failed:
            return "refused by the gate: " + "; ".join(failed)
        return "passed the gate: " + "; ".join(check.reason for check in self.checks)


def at_least(name: str, champion: float, candidate: float, margin: float, what: str) -> Check:
    """That a share of the candidate's is no more than the margin below the champion's.

    >>> at_least("known journeys", 0.9, 0.85, 0.02, "are found").reason
    'known journeys: 85.0% are found, by the champion 90.0%; at most 2.0 points may be lost'
    """
    said = f"{name}: {candidate:.1%} {what}, by the champion {champion:.1%}"
    passed = candidate >= champion - margin
    told = said if passed else f"{said}; at most {100 * margin:.1f} points may be lost"
    return Check(
        name=name, passed=passed, reason=told, champion=champion, candidate=candidate
    )  # fmt: skip


def at_most(name: str, champion: float, candidate: float, more: float, unit: str) -> Check:
    """That a cost of the candidate's is at most so much more than the champion's.

    >>> at_most("latency", 10.0, 14.0, 0.25, "ms").reason
    'latency: 14.0 ms, the champion 10.0 ms; at most 25% more'
    """
    said = f"{name}: {candidate:.1f} {unit}, the champion {champion:.1f} {unit}"
    passed = candidate <= champion * (1 + more)
    told = said if passed else f"{said}; at most {more:.0%} more"
    return Check(
        name=name, passed=passed, reason=told, champion=champion, candidate=candidate
    )  # fmt: skip


def keep(models: Path, told: Gated) -> Path:
    """Keep what became of a candidate, in the folder of registered versions; where it is."""
    folder = models / _FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    path, part = folder / f"{told.version}.json", folder / f".{told.version}.part"
    content = msgspec.json.encode(msgspec.to_builtins(told) | {"passed": told.passed})
    part.write_bytes(msgspec.json.format(content, indent=1))
    part.replace(path)
    return path


def told_of(models: Path, version: str) -> Gated | None:
    """What became of a version at the gate the last time; None if it never was there."""
    if not _VERSION.fullmatch(version):
        return None
    try:
        return msgspec.json.decode((models / _FOLDER / f"{version}.json").read_bytes(), type=Gated)
    except (OSError, msgspec.DecodeError, msgspec.ValidationError):
        return None


def refuse_ungated(models: Path, version: str, champion: str) -> None:
    """Refuse a version that has not passed the gate against the version that judges.

    Raises:
        ConflictError: It was refused, or never looked at.
    """
    told = told_of(models, version)
    if told is None or told.champion != champion:
        raise ConflictError(
            f"version {version} has not been at the gate against {champion}; run 'scantrail models "
            f"gate {version}' first (or unset SCANTRAIL_GATE__REQUIRED)"
        )
    if not told.passed:
        raise ConflictError(f"version {version} was {told.words}")
