"""Judge a log as things are and as they would be, without touching anything that is stored."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import polars as pl

from scantrail import wiring
from scantrail.detectors.catalog import PROFILES
from scantrail.errors import InputError, SettingsError
from scantrail.evaluation.items import beside
from scantrail.settings import PREFIX, Settings, changed, read_settings
from scantrail.vocabulary.events import Events

_LEARNED: Final = ("lstm", "svm")


@dataclass(frozen=True, slots=True)
class Change:
    """What is tried.

    Attributes:
        settings: Names of settings, tables by a dot, to their values as text.
        weights: Learned detectors ("lstm", "svm") to their weights in the ensemble. What the
            ensemble's calibration learned, it learned with the old ones.
        without: Kinds of rules ("jump"), and detectors ("rules", "lstm", "svm"), switched off.
    """

    settings: Mapping[str, str] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)
    without: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.settings or self.weights or self.without)

    def read(self, **given: Any) -> Settings:
        """The environment's settings with these instead.

        Raises:
            SettingsError: A setting is unknown, or its value can't be used.
        """
        named = {
            f"{PREFIX}{name.upper().replace('.', '__')}": text
            for name, text in self.settings.items()
        }
        return read_settings({**os.environ, **named}, **given)

    def check(self) -> None:
        """Refuse what no engine could do.

        Raises:
            SettingsError: There is no such rule or detector, or a weight can't be.
        """
        known = {"rules", *_LEARNED, *(rule.kind.value for rule in PROFILES["default"])}
        for name in sorted(self.without - known):
            raise SettingsError(
                f"there is no rule or detector {name!r} to switch off; there are "
                f"{', '.join(sorted(known))}"
            )
        for name, weight in self.weights.items():
            if name not in _LEARNED or not 0 < weight < float("inf"):
                raise SettingsError(
                    f"{name!r} can't have the weight {weight:g}; give {' or '.join(_LEARNED)} a "
                    "number above 0"
                )

    def on(self, engine: wiring.Engine) -> wiring.Engine:
        """An engine with these settings and weights, without these rules and detectors.

        Raises:
            SettingsError: A setting, a weight or a name can't be.
        """
        self.check()
        # again, as an artifact brings an alert score of its own
        settings = changed(engine.settings, self.settings)
        engine = replace(engine, settings=settings, without=self.without)
        if not self.weights:
            return engine
        if engine.artifact is None:
            raise SettingsError("weights need learned detectors; name an artifact")
        combination = engine.artifact.combination
        weighed = replace(combination, weights={**combination.weights, **self.weights})
        return replace(engine, artifact=replace(engine.artifact, combination=weighed))


@dataclass(frozen=True, slots=True)
class History:
    """A stored log, understood, and an earlier one in which its journeys may have begun."""

    events: Events
    earlier: Events | None = None

    @classmethod
    def read(cls, log: Path, settings: Settings, earlier: Path | None = None) -> History:
        """Read logs of any known format."""
        sites = wiring.engine(settings).network.sites
        before = wiring.read_events(earlier, settings, sites) if earlier else None
        events = wiring.read_events(log, settings, sites)
        if not len(events.frame):
            raise InputError(f"{log} has no readable scan; nothing can be tried on it")
        return cls(events, before)

    def judged(self, settings: Settings, change: Change | None = None) -> pl.DataFrame:
        """Verdicts beside what the log tells of each scan (`items.beside`).

        Raises:
            ScantrailError: Sites or artifact can't be used, or the change can't be made.
        """
        engine = wiring.engine(settings)
        if not engine.network.knows_lanes:
            engine = engine.with_tiers_seen(self.events)
            engine = engine.learned_from(self.earlier or self.events)
        engine = change.on(engine) if change else engine
        report = engine.judge(self.events, history=self.earlier)
        return beside(report.verdicts, self.events.frame)
