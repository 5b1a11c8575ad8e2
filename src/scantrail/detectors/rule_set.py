"""The rules as a detector: all scores in one pass, words only for what was found."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property, reduce
from itertools import pairwise
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import polars as pl

from scantrail.detectors.found import Found, Names
from scantrail.detectors.rule import Bound, Rule, RuleSettings
from scantrail.detectors.scans import Array, CodesJudged, Scans
from scantrail.lanes import Network
from scantrail.vocabulary.findings import score_column
from scantrail.vocabulary.linked import Linked
from scantrail.vocabulary.protocols import FOUND, NO_CLAIMS, Findings, Journeys

_BLOCK: Final = 131_072  # events scored at once


@dataclass(frozen=True)
class RuleSet:
    """Rules, their settings, and the network that they measure against."""

    rules: tuple[Rule, ...]
    settings: RuleSettings
    network: Network
    name: str = field(default="rules")

    @cached_property
    def bound(self) -> Bound:
        """What the rules' scores depend on."""
        learned = self.network.speed_limit_kmh or 0.0
        return Bound(
            settings=self.settings,
            speed_limit_kmh=max(self.settings.vehicle_kmh, learned),
            tiers=self.network.sites.tiers_present,
            knows_lanes=self.network.knows_lanes,
            knows_sites=len(self.network.sites) > 0,
        )

    @cached_property
    def version(self) -> str:
        """Changes with the rules in force, their settings, the network; not with the language."""
        rules = [
            f"{rule.kind} {rule.score.__module__}.{rule.score.__name__}" for rule in self.rules
        ]
        known = [self.settings, rules, self.bound.speed_limit_kmh]
        digest = hashlib.sha256(msgspec.json.encode(known))
        for table in (self.network.sites.table, self.network.lanes):
            digest.update(table.write_csv().encode())
        return digest.hexdigest()[:12]

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The score columns, in the order of the rules."""
        return tuple(score_column(rule.kind) for rule in self.rules)

    def judge(self, journeys: Journeys) -> Findings:
        """Score every event by every rule."""
        linked = journeys.columns
        if not len(linked):
            return Findings(dict.fromkeys(self.columns, np.zeros(0)))
        codes = CodesJudged(journeys.codes)
        blocks = [
            self._score(Scans(linked.part(start, end), journeys.events, codes))
            for start, end in _blocks(linked)
        ]
        scores = [
            np.concatenate(columns) for columns in zip(*(b.scores for b in blocks), strict=True)
        ]
        by_column = dict(zip(self.columns, scores, strict=True))
        return Findings(by_column, self._claims(journeys, blocks))

    def _score(self, scans: Scans) -> _Block:
        scored = [rule.score(self.bound, scans) for rule in self.rules]
        fired = np.flatnonzero(reduce(np.logical_or, (one.score > 0 for one in scored)))
        return _Block(
            [one.score.astype(np.float64, copy=False) for one in scored],
            fired,
            [{name: values[fired] for name, values in one.facts.items()} for one in scored],
        )

    def _claims(self, journeys: Journeys, blocks: list[_Block]) -> pl.DataFrame:
        """A claim for each event and rule that fired."""
        sizes = [len(block.scores[0]) for block in blocks]
        starts = np.cumsum([0, *sizes[:-1]])
        places = np.concatenate([b.fired + start for b, start in zip(blocks, starts, strict=True)])
        if not len(places):
            return NO_CLAIMS
        names = Names(journeys, places)
        rows = names["row"]
        claims = []
        for rule, scores, facts in zip(self.rules, *_picked(blocks), strict=True):
            kind, runbook = rule.kind.value, journeys.language.of(rule.runbook)
            claims += [
                (
                    rows[i],
                    kind,
                    score,
                    *rule.words(self.bound, Found(facts, names, i)),
                    runbook,
                )
                for i, score in enumerate(scores)
                if score > 0
            ]
        columns = zip(*claims, strict=True)
        return pl.DataFrame(dict(zip(FOUND, columns, strict=True)), FOUND)


class _Block(NamedTuple):
    """What the rules say of some whole journeys: all scores, and facts where one `fired`."""

    scores: list[Array]
    fired: Array
    facts: list[dict[str, Array]]


def _blocks(linked: Linked) -> list[tuple[int, int]]:
    """Where to cut so that whole journeys stay together, and arrays in the processor's cache."""
    if len(linked) <= _BLOCK:
        return [(0, len(linked))]
    starts = np.flatnonzero(linked["position"] == 0)
    wanted = np.searchsorted(starts, np.arange(0, len(linked), _BLOCK))
    cuts = np.unique(starts[wanted[wanted < len(starts)]]).tolist()
    return list(pairwise([*cuts, len(linked)]))


def _picked(blocks: list[_Block]) -> tuple[list[list[float]], list[dict[str, list[Any]]]]:
    """Scores and facts of the events that any rule found, per rule."""
    scores = [
        np.concatenate([score[block.fired] for block, score in zip(blocks, column, strict=True)])
        for column in zip(*(block.scores for block in blocks), strict=True)
    ]
    facts = [
        {name: np.concatenate([one[name] for one in parts]).tolist() for name in parts[0]}
        for parts in zip(*(block.facts for block in blocks), strict=True)
    ]
    return [score.tolist() for score in scores], facts
