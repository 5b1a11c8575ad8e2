"""Rolling out: which registered version judges, and how that is changed.

The chain of deployments is the truth, in the database that all processes share. A version is loaded
and probed before it enters the chain, so that a bad one never does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scantrail.artifact import Artifact, read_artifact, read_card
from scantrail.errors import ArtifactError, ConflictError
from scantrail.gate import refuse_ungated
from scantrail.registry import NONE, Registry
from scantrail.stores.deployments import Action, Deployment, Deployments, Order, before_last
from scantrail.vocabulary.times import utc

_FOUND: Final = "what served before the first deployment, by its settings"


@dataclass(frozen=True, slots=True)
class Rollout:
    """Changes which version judges.

    `try_out` raises ArtifactError where an artifact must not judge. `configured`: the folder of the
    artifact that the settings name, which serves while nothing is deployed. `gated`: whether only
    what passed the gate may be promoted.
    """

    deployments: Deployments
    registry: Registry
    try_out: Callable[[Artifact], None]
    configured: Path | None
    gated: bool = False

    def serving(self) -> str:
        """The version that has to judge: the deployed one, or the one that the settings name."""
        last = self.deployments.last()
        if last is not None:
            return last.version
        return _named(self.configured) if self.configured is not None else NONE

    def champion(self) -> Artifact | None:
        """The version that has to judge, read anew; None for rules alone.

        Raises:
            NotFoundError, ArtifactError: It is not there, or damaged.
        """
        last = self.deployments.last()
        if last is None:
            return None if self.configured is None else read_artifact(self.configured)
        return None if last.version == NONE else self.registry.load(last.version)

    @property
    def pinned(self) -> bool:
        """Whether no other version may be deployed."""
        last = self.deployments.last()
        return last is not None and last.action == "pin"

    def refuse_pinned(self) -> None:
        """Refuse that another version judges while one is pinned.

        Raises:
            ConflictError: One is.
        """
        _refuse_pinned(self.deployments.last())

    def load(self, version: str) -> Artifact | None:
        """A version that is fit to judge; None for `none`: rules alone.

        Raises:
            NotFoundError: It is not registered.
            ArtifactError: It is damaged, for other features, or doesn't pass the probe.
        """
        if version == NONE:
            return None
        artifact = self.registry.load(version)
        self.try_out(artifact)
        return artifact

    def promote(
        self, version: str, actor: str, reason: str, *, pin: bool = False
    ) -> tuple[Deployment, Artifact | None]:
        """Let a version judge from now on; with `pin`, until it is unpinned.

        Returns:
            The deployment, and what was loaded for it.

        Raises:
            NotFoundError, ArtifactError: As `load`; what judges stays.
            ConflictError: A version is pinned, another deployment was made meanwhile, or this one
                has not passed the gate though it has to.
        """
        last = self.deployments.last()
        _refuse_pinned(last)
        if self.gated and version != self.serving():
            refuse_ungated(self.registry.folder, version, self.serving())
        artifact = self.load(version)
        action: Action = "pin" if pin else "promote"
        if last and last.version == version and not pin:
            return last, artifact  # it judges already
        order = Order(action=action, version=version, actor=actor, reason=reason)
        orders = [order] if last else [*self._start(actor), order]
        return self.deployments.add(orders, last), artifact

    def roll_back(
        self, actor: str, reason: str, *, away_from: str | None = None
    ) -> tuple[Deployment, Artifact | None]:
        """Let the version before judge again; see `promote`.

        Args:
            actor: Who does it.
            reason: Why.
            away_from: The version that has to be in force; None: whichever is.
        """
        last = self.deployments.last()
        _refuse_pinned(last)
        if away_from is not None and (last is None or last.version != away_from):
            serving = last.version if last else "what the settings name"
            raise ConflictError(
                f"version {away_from[:40]!r} is not deployed, {serving} is; nothing was rolled back"
            )
        version = before_last(self.deployments.all())
        if version is None:
            raise ConflictError("there is no deployment before this one; promote a version instead")
        artifact = self.load(version)
        order = Order(action="rollback", version=version, actor=actor, reason=reason)
        return self.deployments.add([order], last), artifact

    def unpin(self, actor: str, reason: str) -> Deployment:
        """Let other versions be deployed again; the pinned one judges on.

        Raises:
            ConflictError: Nothing is pinned.
        """
        last = self.deployments.last()
        if last is None or last.action != "pin":
            raise ConflictError("no version is pinned")
        order = Order(action="unpin", version=last.version, actor=actor, reason=reason)
        return self.deployments.add([order], last)

    def _start(self, actor: str) -> list[Order]:
        """What served so far, so that it can be rolled back to and is known for ever."""
        version = NONE
        if self.configured is not None:
            try:
                version = self.registry.add(self.configured)
            except ArtifactError:  # it can't serve again; what judged is known all the same
                version = _named(self.configured)
        return [Order(action="start", version=version, actor=actor, reason=_FOUND)]


def _named(folder: Path) -> str:
    try:
        return read_card(folder)[1]
    except ArtifactError:
        return NONE


def _refuse_pinned(last: Deployment | None) -> None:
    if last is not None and last.action == "pin":
        raise ConflictError(
            f"version {last.version} is pinned by {last.actor} since {utc(last.at)} "
            f"({last.reason or 'no reason given'}); unpin it first"
        )
