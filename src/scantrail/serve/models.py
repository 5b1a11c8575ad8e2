"""The artifact that serves, and how it is swapped for another while requests run.

A request takes the engine once and keeps it to its end; a swap only changes which engine the next
one takes. Each artifact has sessions of its own, and its version in the cache's keys, so that
versions never mix. The chain of deployments, in the database that all processes share, says which
version it has to be.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from scantrail.artifact import Artifact
from scantrail.ensemble import EnsembleSettings
from scantrail.errors import ScantrailError
from scantrail.registry import NONE
from scantrail.rollout import Rollout
from scantrail.serve.memory import resident
from scantrail.serve.watching import Watcher
from scantrail.stores.deployments import Deployment
from scantrail.wiring import Engine, cache_of, remembering

_log = logging.getLogger(__name__)

_LEARNED: Final = ("lstm", "svm")
LOOK_SECONDS: Final = 0.5  #: between two looks at what is deployed, or tried
_AGAIN_SECONDS: Final = 30.0  # until a version that could not be used is tried again
_MOST_LOADED: Final = 2  # versions: the one that serves, and the one before


@dataclass(slots=True)
class Loaded:
    """An artifact in memory. `rss`: bytes of the process before and after it was loaded."""

    version: str
    engine: Engine
    since: float = field(default_factory=time.time)
    used: float = field(default_factory=time.time)
    rss: tuple[int | None, int | None] = (None, None)


@dataclass(frozen=True, slots=True)
class State:
    """What serves. `wanted` differs from `serving` where it can't be used: `fault` says why."""

    serving: str
    wanted: str
    deployed: Deployment | None
    fault: str | None
    loaded: tuple[Loaded, ...]


class Models:
    """Gives the engine to judge by. Safe to use from several threads."""

    def __init__(
        self, engine: Engine, rollout: Rollout, configured: Callable[[], Artifact | None]
    ) -> None:
        """Find out what has to serve, and load it unless that shall wait for the first use.

        Args:
            engine: Who judges; its artifact is not looked at.
            rollout: Which version is deployed.
            configured: Loads the artifact that serves while nothing is deployed.

        Raises:
            ArtifactError: Nothing is deployed, and the configured artifact can't be used.
            StoreError: The database can't be read.
            SettingsError: The configured cache can't be used.
        """
        self.rollout, self._configured = rollout, configured
        self._rules = engine.with_artifact(None)
        self._settings = engine.settings
        self.cache = cache_of(engine.settings)  # one for all versions: its keys name them
        self._lock = threading.RLock()  # of loading and swapping
        self._loaded: dict[str, Loaded] = {}
        self._serving: Loaded | None = None  # None: not loaded yet
        self._deployed: Deployment | None = None
        self._fault: str | None = None
        self._tried = 0.0
        self._watcher = Watcher("what is deployed", self.look, LOOK_SECONDS)
        if engine.settings.load_models == "start":
            self._begin(strict=True)
        else:
            self._deployed = rollout.deployments.last()

    def engine(self) -> Engine:
        """The engine to judge by, loaded if need be. Take it once per request."""
        loaded = self._serving or self._begin()
        loaded.used = time.time()
        return loaded.engine

    def now(self) -> Engine:
        """The engine that judges, as far as it is loaded; looking at it is no use of it."""
        return self._serving.engine if self._serving else self._rules

    def rules(self) -> Engine:
        """An engine that knows rules only."""
        return self._rules

    @property
    def learned(self) -> bool:
        """Whether learned detectors judge, or should."""
        loaded = self._serving
        if loaded is not None:
            return loaded.version != NONE or bool(loaded.engine.missing)
        if self._deployed is not None:
            return self._deployed.version != NONE
        return self.rollout.configured is not None

    def ensemble_of(self, version: str | None) -> EnsembleSettings:
        """By which settings a version's verdicts are made."""
        loaded = self._loaded.get(version or NONE) or self._serving
        return (loaded.engine if loaded else self._rules).settings.ensemble

    def state(self) -> State:
        """What serves now."""
        with self._lock:
            serving, deployed = self._serving, self._deployed
            wanted = deployed.version if deployed else None
            now = serving.version if serving else NONE
            loaded = tuple(one for one in self._loaded.values() if one.version != NONE)
            return State(now, wanted or now, deployed, self._fault, loaded)

    def open(self) -> None:
        """Begin to watch what is deployed."""
        self._watcher.open()

    def close(self) -> None:
        """Watch no longer, and let go of the cache's connections."""
        self._watcher.close()
        if self.cache is not None:
            self.cache.close()

    def promote(self, version: str, actor: str, reason: str, *, pin: bool = False) -> Deployment:
        """See `Rollout.promote`; when this returns, the version serves here."""
        with self._lock:
            deployed, artifact = self.rollout.promote(version, actor, reason, pin=pin)
            return self._now(deployed, artifact)

    def roll_back(self, actor: str, reason: str, away_from: str | None = None) -> Deployment:
        """See `Rollout.roll_back`; when this returns, the version serves here."""
        with self._lock:
            deployed, artifact = self.rollout.roll_back(actor, reason, away_from=away_from)
            return self._now(deployed, artifact)

    def look(self) -> None:
        """Look once what is deployed, swap if need be, and unload what nobody uses."""
        with self._lock:
            if self._serving is None:
                return  # the first use decides
            last = self.rollout.deployments.last()
            news = last is not None and (self._deployed is None or last.id != self._deployed.id)
            again = self._fault is not None and time.monotonic() - self._tried > _AGAIN_SECONDS
            if last is not None and (news or again):
                self._deploy(last)
            self._unload()

    def _begin(self, *, strict: bool = False) -> Loaded:
        """Load what has to serve, once; a configured artifact that can't be used is an error."""
        with self._lock:
            if self._serving is None:
                last = self.rollout.deployments.last()
                if last is not None:
                    self._deploy(last)
                else:
                    self._serve_configured(strict=strict)
            assert self._serving is not None
            return self._serving

    def _serve_configured(self, *, strict: bool) -> None:
        try:
            self._serve(self._load(self._configured))
        except ScantrailError as error:
            if strict:
                raise
            self._degrade("the configured artifact", error)

    def _deploy(self, deployed: Deployment) -> None:
        """Let a deployment serve; where it can't, what served serves on, or rules alone."""
        version = deployed.version
        self._tried = time.monotonic()
        self._deployed = deployed
        try:
            self._serve(self._loaded.get(version) or
                        self._load(lambda: self.rollout.load(version)))  # fmt: skip
            self._fault = None
        except ScantrailError as error:
            self._degrade(f"version {version}", error)

    def _degrade(self, what: str, error: ScantrailError) -> None:
        """What served serves on; where nothing did, rules judge alone, and every answer says so."""
        self._fault = str(error)
        if self._serving is None:
            self._serving = Loaded(NONE, self._rules.with_artifact(None, _LEARNED))
        serves = "rules alone judge" if self._serving.version == NONE else (
            f"{self._serving.version} serves on")  # fmt: skip
        _log.error("%s should serve but can't be used, %s: %s", what, serves, error,
                   extra={"happened": "model_unusable"})  # fmt: skip

    def _now(self, deployed: Deployment, artifact: Artifact | None) -> Deployment:
        self._deployed, self._fault = deployed, None
        known = self._loaded.get(deployed.version)
        self._serve(known or self._load(lambda: artifact))
        return deployed

    def _load(self, read: Callable[[], Artifact | None]) -> Loaded:
        before = resident()
        artifact = remembering(read(), self.cache)
        if artifact is None:
            return Loaded(NONE, self._rules)
        engine = self._rules.with_artifact(artifact)
        return Loaded(artifact.version, engine, rss=(before, resident()))

    def _serve(self, loaded: Loaded) -> None:
        """Swap. What runs keeps its engine; what comes takes this one."""
        loaded.used = time.time()
        before, self._serving = self._serving, loaded
        if before is not None:
            before.used = time.time()
        self._loaded[loaded.version] = loaded
        if before is not None and before.version != loaded.version:
            _log.info("version %s serves, instead of %s", loaded.version, before.version,
                      extra={"happened": "model_serves", "version": loaded.version})  # fmt: skip

    def _unload(self) -> None:
        """Let go of versions that serve no longer, and of one that nobody uses."""
        now, serving = time.time(), self._serving
        others = sorted((one for one in self._loaded.values() if one is not serving),
                        key=lambda one: one.used)  # fmt: skip
        old = [one for one in others if now - one.used > self._settings.keep_models_seconds]
        for one in {id(each): each for each in (*old, *others[: 1 - _MOST_LOADED])}.values():
            del self._loaded[one.version]
            _log.info("version %s is unloaded", one.version,
                      extra={"happened": "model_unloaded", "version": one.version})  # fmt: skip
        idle = self._settings.unload_idle_minutes * 60
        if idle and serving and serving.version != NONE and now - serving.used > idle:
            self._serving = None  # the next use loads it again
            self._loaded.pop(serving.version, None)
            _log.info("version %s is unloaded, nobody used it", serving.version,
                      extra={"happened": "model_unloaded", "version": serving.version})  # fmt: skip
