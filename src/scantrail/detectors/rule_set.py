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
from scantrail.ingest.epc import decompose_in_any_order
from scantrail.lanes import Network
from scantrail.vocabulary.findings import score_column
from scantrail.vocabulary.protocols import FOUND, Findings, Journeys

_TEXTS: Final = ("business_step", "event_type")


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

    @cached_property
    def _scores(self) -> list[pl.Expr]:
        return [
            rule.score(self.bound).cast(pl.Float64).alias(score_column(rule.kind))
            for rule in self.rules
        ]

    @cached_property
    def _per_code(self) -> dict[str, pl.Expr]:
        return {
            name: expression
            for rule in self.rules
            for name, expression in rule.per_code(self.bound).items()
        }

    @cached_property
    def _code_words(self) -> dict[str, pl.Expr]:
        return {
            name: expression
            for rule in self.rules
            for name, expression in rule.code_words(self.bound).items()
        }

    @cached_property
    def _per_event(self) -> dict[str, pl.Expr]:
        return {
            name: expression
            for rule in self.rules
            for name, expression in rule.per_event(self.bound).items()
        }

    @cached_property
    def _texts(self) -> list[str]:
        """The events' own words that these rules look at."""
        used = [expression.meta.root_names() for expression in self._per_event.values()]
        return sorted(set(_TEXTS) & {name for names in used for name in names})

    def judge(self, journeys: Journeys) -> Findings:
        """Score every event by every rule."""
        codes, at = decompose_in_any_order(journeys.codes)
        epc = pl.Series(at[journeys.linked["epc"].to_numpy()])
        spread = [column.gather(epc) for column in codes.select_seq(**self._per_code).get_columns()]
        if self._texts:
            here = np.searchsorted(journeys.events["row"], journeys.linked["row"])
            spread += journeys.events.select(self._texts)[here].get_columns()
        frame = journeys.linked.hstack(spread).with_columns_seq(**self._per_event)
        frame = frame.with_columns_seq(self._scores)  # a score may be the same for all events
        scores = frame.select(self.columns)
        highest = reduce(np.fmax, (column.to_numpy() for column in scores))
        places = np.flatnonzero(highest > 0)
        if not len(places):
            return Findings(scores, pl.DataFrame(schema=FOUND))
        told = frame[places]
        if self._code_words:
            told = told.hstack(codes.select_seq(**self._code_words)[epc[places]])
        found = _Names(journeys).of(told, places)
        return Findings(scores, self._found(found))

    def _found(self, events: list[Found]) -> pl.DataFrame:
        """A claim for each event and rule that fired."""
        scored = [(rule, score_column(rule.kind)) for rule in self.rules]
        claims = [
            (event["row"], rule.kind.value, score, *rule.words(self.bound, event), rule.runbook)
            for event in events
            for rule, name in scored
            if (score := event[name]) is not None and score > 0
        ]
        return pl.DataFrame(claims, schema=FOUND, orient="row")


class _Names:
    """What people call events and places."""

    def __init__(self, journeys: Journeys) -> None:
        self.journeys = journeys
        self.listed = dict(journeys.names.iter_rows())

    def of(self, frame: pl.DataFrame, places: npt.NDArray[np.int64]) -> list[Found]:
        """The events at these places of `linked`, with names for them and those before them."""
        rows = self.journeys.linked["row"].to_numpy()
        here = self._labels(rows[places])
        # of a journey's first event the one before is another item's; no rule speaks of it then
        there = self._labels(rows[np.maximum(places - 1, 0)])
        told = frame.drop("time", "local", "prev_time").rows(named=True)
        for event, (code, place, step, at), (_, prev_place, prev_step, prev_at) in zip(
            told, here, there, strict=True
        ):
            event |= {"epc_code": code, "here": place, "step": step, "at": at}
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
