"""The rules as a detector: all scores in one pass, words only for what was found."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from scantrail.detectors.rule import Bound, Rule, RuleSettings
from scantrail.ingest.epc import decompose_in_any_order
from scantrail.lanes import Network
from scantrail.vocabulary.findings import score_column
from scantrail.vocabulary.protocols import FOUND, Findings, Journeys

_LOCAL: Final = "%Y-%m-%d %H:%M:%S"


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
        """Changes with the rules in force and with every setting."""
        bound = msgspec.json.encode([self.settings, self.bound.speed_limit_kmh])
        kinds = ",".join(rule.kind for rule in self.rules)
        return hashlib.sha256(bound + kinds.encode()).hexdigest()[:12]

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

    def judge(self, journeys: Journeys) -> Findings:
        """Score every event by every rule."""
        codes, at = decompose_in_any_order(journeys.codes)
        epc = pl.Series(at[journeys.linked["epc"].to_numpy()])
        spread = [column.gather(epc) for column in codes.select_seq(**self._per_code).get_columns()]
        frame = journeys.linked.hstack(spread).with_columns_seq(**self._per_event)
        scores = frame.select_seq(self._scores)
        frame = frame.hstack(scores)
        suspect = [
            column.to_numpy() > 0
            for column in scores
            if (column.max() or 0) > 0
        ]
        places = np.flatnonzero(np.logical_or.reduce(suspect)) if suspect else np.zeros(0, np.int64)
        if not len(places):
            return Findings(scores, pl.DataFrame(schema=FOUND))
        of_code = codes.select_seq(**self._code_words)[epc[places]]
        words = frame[places].hstack(of_code).hstack(_names(journeys, places))
        return Findings(scores, self._found(words))

    def _found(self, words: pl.DataFrame) -> pl.DataFrame:
        """A claim for each event and rule that fired."""
        claims = [
            words.filter(words[name] > 0).select_seq(self._claims[name])
            for name in self.columns
            if (words[name].max() or 0) > 0
        ]
        return pl.concat(claims)

    @cached_property
    def _claims(self) -> dict[str, list[pl.Expr]]:
        """What each rule says of an event, by its score column."""
        said = {}
        for rule in self.rules:
            name = score_column(rule.kind)
            columns = {
                "row": pl.col("row"),
                "kind": pl.lit(rule.kind.value),
                "score": pl.col(name),
                "reason": rule.reason(self.bound),
                "expected": rule.expected(self.bound),
                "cause": rule.cause(self.bound),
                "runbook": pl.lit(rule.runbook),
            }
            said[name] = [value.cast(FOUND[key]).alias(key) for key, value in columns.items()]
        return said


def _names(journeys: Journeys, places: npt.NDArray[np.int64]) -> list[pl.Series]:
    """What a person calls the event and the one before it; places index `linked`."""
    rows = journeys.linked["row"].to_numpy()
    here = _labels(journeys, rows[places])
    there = _labels(journeys, rows[np.maximum(places - 1, 0)])
    there = there.select_seq(
        there="here", prev_step="step", prev_at="at"
    )  # of a journey's first event this is another item's; no rule speaks of it then
    return [*here.get_columns(), *there.get_columns()]


def _labels(journeys: Journeys, rows: npt.NDArray[np.uint32]) -> pl.DataFrame:
    events = journeys.events
    at = np.searchsorted(events["row"].to_numpy(), rows)
    local = pl.col("time").dt.replace_time_zone(None) + pl.duration(
        minutes=pl.col("offset").cast(pl.Int64)
    )
    listed = pl.col("location_id").replace_strict(
        journeys.names["location_id"], journeys.names["scan_location"], default=None
    )
    return events[at].select_seq(
        "epc_code",
        here=pl.coalesce(
            "scan_location",
            listed,
            pl.format("location {}", "location_id"),
            pl.lit("an unnamed place"),
        ),
        step=pl.coalesce("event_type", "business_step", pl.lit("an unnamed step")),
        at=local.dt.strftime(_LOCAL),
    )
