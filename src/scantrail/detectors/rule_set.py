"""The rules as a detector: all scores in one pass, words only for what was found."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property, reduce
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from scantrail.detectors.rule import Bound, Found, Rule, RuleSettings
from scantrail.detectors.scans import Array, Scans, Scored
from scantrail.lanes import Network
from scantrail.vocabulary.findings import score_column
from scantrail.vocabulary.protocols import FOUND, Findings, Journeys

_NOTHING: Final = pl.DataFrame(schema=FOUND)


@dataclass(frozen=True)
class RuleSet:
    """Rules, their settings, and the network that they measure against."""

    rules: tuple[Rule, ...]
    settings: RuleSettings
    network: Network
    name: str = field(default="rules")

    @cached_property
    def bound(self) -> Bound:
        """What the rules' expressions depend on."""
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
        """Changes with the rules in force, with every setting, and with the network."""
        rules = [
            f"{rule.kind} {rule.score.__module__}.{rule.score.__name__}" for rule in self.rules
        ]
        known = [self.settings, rules, self.bound.speed_limit_kmh]
        digest = hashlib.sha256(msgspec.json.encode(known))
        for table in (self.network.sites.table, self.network.lanes):
            digest.update(table.write_csv().encode())
        return digest.hexdigest()[:12]

    @property
    def columns(self) -> tuple[str, ...]:
        """The score columns, in the order of the rules."""
        return tuple(score_column(rule.kind) for rule in self.rules)

    def judge(self, journeys: Journeys) -> Findings:
        """Score every event by every rule."""
        if not len(journeys.linked):
            return Findings(_scores(self.columns, [np.empty(0)] * len(self.rules)), _NOTHING)
        scans = Scans(journeys)
        scored = [rule.score(self.bound, scans) for rule in self.rules]
        scores = _scores(self.columns, [one.score for one in scored])
        places = np.flatnonzero(reduce(np.logical_or, (one.score > 0 for one in scored)))
        if not len(places):
            return Findings(scores, _NOTHING)
        found = _Names(journeys).of(places)
        return Findings(scores, self._claims(found, [_picked(one, places) for one in scored]))

    def _claims(
        self, found: list[Found], picked: list[tuple[list[float], list[Found]]]
    ) -> pl.DataFrame:
        """A claim for each event and rule that fired."""
        told = list(zip(self.rules, picked, strict=True))
        claims = [
            (event["row"], rule.kind.value, scores[i],
             *rule.words(self.bound, event | facts[i]), rule.runbook)
            for i, event in enumerate(found)
            for rule, (scores, facts) in told
            if scores[i] > 0
        ]  # fmt: skip
        return pl.DataFrame(claims, schema=FOUND, orient="row")


def _scores(columns: tuple[str, ...], scores: list[Array]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            pl.Series(name, score.astype(np.float64, copy=False), nan_to_null=True)
            for name, score in zip(columns, scores, strict=True)
        ]
    )


def _picked(scored: Scored, places: Array) -> tuple[list[float], list[Found]]:
    """A rule's scores and facts of the events at these places."""
    facts = [values[places].tolist() for values in scored.facts.values()]
    named = [dict(zip(scored.facts, values, strict=True)) for values in zip(*facts, strict=True)]
    return scored.score[places].tolist(), named or [{}] * len(places)


class _Names:
    """What people call events and places."""

    def __init__(self, journeys: Journeys) -> None:
        self.journeys = journeys
        self.listed = dict(journeys.names.iter_rows())

    def of(self, places: Array) -> list[Found]:
        """The events at these places of `linked`, with names for them and those before them."""
        linked = self.journeys.linked
        rows = linked["row"].to_numpy()
        here = self._labels(rows[places])
        # of a journey's first event the one before is another item's; no rule speaks of it then
        there = self._labels(rows[np.maximum(places - 1, 0)])
        frame = linked[places]
        items = self.journeys.codes.gather(frame["epc"]).to_list()
        told = frame.drop("time", "local", "prev_time").rows(named=True)
        for event, item, (code, place, step, at), (_, prev_place, prev_step, prev_at) in zip(
            told, items, here, there, strict=True
        ):
            event |= {"epc_code": code, "item": item, "here": place, "step": step, "at": at}
            event |= {"there": prev_place, "prev_step": prev_step, "prev_at": prev_at}
        return told

    def _labels(self, rows: npt.NDArray[np.uint32]) -> list[tuple[str, str, str, str]]:
        """(code, place, step, local time) of events by row."""
        events = self.journeys.events
        at = np.searchsorted(events["row"].to_numpy(), rows)
        offset = events["offset"].to_numpy()[at].astype("timedelta64[m]")
        local = events["time"].to_physical().to_numpy()[at].astype("datetime64[us]") + offset
        texts = np.datetime_as_string(local, unit="s")
        columns = ("epc_code", "scan_location", "location_id", "event_type", "business_step")
        values = [events[name][at].to_list() for name in columns]
        return [
            (
                code,
                name or self.listed.get(ident) or _numbered(ident),
                kind or step or "an unnamed step",
                text.replace("T", " "),
            )
            for code, name, ident, kind, step, text in zip(*values, texts.tolist(), strict=True)
        ]


def _numbered(ident: int | None) -> str:
    return "an unnamed place" if ident is None else f"location {ident}"
