"""Later scans, with anomalies planted into them: what does each version find at equal alerts?

Neither version has learned from these scans. What there is to be found are items that people have
confirmed, and anomalies planted into journeys that are presumed normal. What is odd in the log by
itself, nobody knows. So the budget is alerts, not false ones: both versions may raise as many on
all other items as the champion raises now. One that finds more of what is odd pays nothing for
that; one that cries wolf wastes its alerts.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from scantrail import pipeline
from scantrail.evaluation.blocks import Interval, Resampling
from scantrail.evaluation.comparison import Outcome, decide
from scantrail.gate import Check, GateSettings
from scantrail.ingest.lots import lots
from scantrail.training.dataset import NORMAL_BELOW, presumed_normal
from scantrail.training.planting import plant
from scantrail.vocabulary.protocols import Journeys
from scantrail.vocabulary.times import microseconds
from scantrail.wiring import Engine

CONFIRMED: Final = "confirmed"  #: the kind of items that people confirmed
_NAME: Final = "later scans"
_MAY_BE_ODD: Final = 0.02  # of items that rules find nothing in; training supposes as many
_NO_LABELS: Final = pl.DataFrame(
    schema={"event_id": pl.Int64(), "epc_code": pl.String(), "kind": pl.String()}
)


@dataclass(frozen=True, slots=True)
class Ground:
    """What versions are measured by.

    `events`: with what was planted. `late`: per event, whether it is measured by. `labels`:
    `event_id`, `epc_code`, `kind`. `honest`: codes of items that a version should keep quiet about.
    """

    events: pl.DataFrame
    late: pl.Series
    labels: pl.DataFrame
    honest: frozenset[str]
    items: int


def ground_of(
    rules: Engine,
    events: pl.DataFrame,
    since: dt.datetime | None,
    said: Mapping[str, bool],
    settings: GateSettings,
) -> Ground:
    """Plant anomalies into later scans.

    Args:
        rules: An engine that knows lanes, without learned detectors.
        events: The log (`vocabulary.events.EVENTS`): earlier scans are what journeys began with.
        since: Measured by are scans after this instant; all if None.
        said: Whether people confirmed items, by EPC code.
        settings: How many items to measure by.
    """
    events = _some(events, since, settings.most_items)
    if not len(events):
        return Ground(events, pl.Series([], dtype=pl.Boolean), _NO_LABELS, frozenset(), 0)
    journeys = pipeline.see(events, rules.network)
    confirmed = [code for code, yes in said.items() if yes]
    normal = _normal(rules, journeys, said)
    item = journeys.columns["epc"]
    late = np.ones(len(item), bool)
    if since is not None:
        late = journeys.columns["time"].view(np.int64) > microseconds(since)
    where = normal[item] & late
    planted, kind = plant(journeys, rules.network.sites, where, seed=0)
    planted = planted.with_columns(event_id=pl.col("row").cast(pl.Int64))
    is_late = planted["time"].cast(pl.Int64) > (microseconds(since) if since else -(2**62))
    known_odd = planted["epc_code"].is_in(confirmed)
    told = pl.select(
        pl.when(kind.is_not_null()).then(kind)
        .when(known_odd).then(pl.lit(CONFIRMED)).otherwise(None)
    ).to_series()  # fmt: skip
    labels = planted.select("event_id", "epc_code").with_columns(kind=told)
    honest = frozenset(journeys.codes.filter(pl.Series(normal)).drop_nulls()) - frozenset(confirmed)
    ids = np.unique(item[late])
    return Ground(
        planted, is_late, labels.filter(is_late & told.is_not_null()), honest, len(ids)
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Compared:
    """Shares of the labelled items that both versions find, and what may be said of them."""

    champion: float
    candidate: float
    difference: Interval
    outcome: Outcome


def check_of(
    ground: Ground, champion: Engine, candidate: Engine, settings: GateSettings
) -> tuple[Check, Compared | None]:
    """Whether the candidate finds as much as the champion, at the same budget of alerts."""
    if ground.items < settings.least_items:
        return Check(
            name=_NAME, passed=False,
            reason=f"{_NAME}: there are {ground.items:,} items with scans that neither version "
            f"learned from, at least {settings.least_items:,} are needed: give a later log",
        ), None  # fmt: skip
    scored = [scored_by(ground, engine) for engine in (champion, candidate)]
    alerts = _budget(scored[0], champion.settings.ensemble.alert_score, settings.per_10k)
    if champion.artifact is None:
        alerts = max(alerts, _first_budget(scored[1], candidate.settings.ensemble.alert_score))
    one, other = (found(each, alerts) for each in scored)
    told = _compared(one, other, settings.recall)
    low, high = told.difference.low, told.difference.high
    said = (
        f"{_NAME}: with {alerts:,} alerts on {ground.items:,} other items it finds "
        f"{told.candidate:.1%} of the planted and confirmed anomalies, the champion "
        f"{told.champion:.1%} (difference {100 * told.difference.value:+.1f} points, "
        f"{100 * low:+.1f} to {100 * high:+.1f})"
    )
    passed = told.outcome is not Outcome.WORSE and told.difference.value >= -settings.recall
    if not passed:
        said += f"; at most {100 * settings.recall:.1f} points may be lost"
    return Check(
        name=_NAME, passed=passed, reason=said, champion=told.champion, candidate=told.candidate
    ), told  # fmt: skip


def scored_by(ground: Ground, engine: Engine) -> pl.DataFrame:
    """Items by code: their highest `score`, how many `scans`, and whether `odd`."""
    report, _ = engine.judge_journeys(ground.events)
    items = (
        report.verdicts.filter(ground.late)
        .group_by("epc_code")
        .agg(
            score=pl.col("finalConfidence").fill_nan(None).max().fill_null(0.0),
            scans=pl.len(),
        )
        .sort("epc_code")
    )
    odd = items["epc_code"].is_in(ground.labels["epc_code"].unique().implode())
    return items.with_columns(odd=odd).filter(odd | items["epc_code"].is_in(list(ground.honest)))


def _budget(champion: pl.DataFrame, alert_score: float, per_10k: float) -> int:
    """Alerts on items that nothing was planted into: as many as the champion raises now."""
    least = max(1, round(per_10k * int(champion["scans"].sum()) / 10_000))
    return max(least, _raised(champion, alert_score))


def _first_budget(candidate: pl.DataFrame, alert_score: float) -> int:
    """Alerts where rules alone judge now: as many as the candidate raises, within reason.

    Items that rules alert on are not presumed normal, so on those that are rules raise none. What
    else is odd in the log only learned detectors see, and a first one must not be charged for it.
    """
    others = int((~candidate["odd"]).sum())
    return min(_raised(candidate, alert_score), round(_MAY_BE_ODD * others))


def _raised(items: pl.DataFrame, alert_score: float) -> int:
    """Alerts on items that nothing was planted into."""
    return int(((items["score"] >= alert_score) & ~items["odd"]).sum())


def found(items: pl.DataFrame, alerts: int) -> pl.DataFrame:
    """Labelled items, by code, and whether each is found (0 to 1) at so many alerts on others.

    Of items that tie with the last alerts, as many are found as of the others are alerted on.
    """
    others = items.filter(~pl.col("odd"))["score"].sort(descending=True)
    threshold = float(others[alerts]) if alerts < len(others) else -math.inf
    above, tied = int((others > threshold).sum()), max(1, int((others == threshold).sum()))
    score = pl.col("score")
    share = (score > threshold) + (score == threshold).cast(pl.Float64) * (alerts - above) / tied
    return items.filter("odd").select("epc_code", found=share)


def _compared(one: pl.DataFrame, other: pl.DataFrame, margin: float) -> Compared:
    """The difference, with its interval over resampled lots: both versions see the same ones."""
    a, b = (each["found"].to_numpy().astype(np.float64) for each in (one, other))
    rounds = [
        float((weight * (b - a)).sum() / max(weight.sum(), 1.0))
        for weight in Resampling().weights(lots(one["epc_code"]))
    ]
    low, high = np.quantile(rounds, [0.025, 0.975])
    difference = Interval(float((b - a).mean()), float(low), float(high))
    return Compared(float(a.mean()), float(b.mean()), difference, decide(difference, margin))


def _normal(rules: Engine, journeys: Journeys, said: Mapping[str, bool]) -> npt.NDArray[np.bool_]:
    """Per item of the journeys, whether it is presumed normal."""
    (detector,) = rules.detectors("default", ml=False)
    scores = detector.judge(journeys).scores.max_horizontal()
    normal = np.zeros(len(journeys.codes), bool)
    normal[presumed_normal(journeys, scores, NORMAL_BELOW, said)] = True
    return normal


def _some(events: pl.DataFrame, since: dt.datetime | None, most: int) -> pl.DataFrame:
    """The journeys of items with later scans; of more than `most`, of some lots."""
    late = events if since is None else events.filter(pl.col("time") > since)
    codes = late["epc_code"].unique(maintain_order=True)
    if len(codes) > most:
        lot = lots(codes)
        order = np.random.default_rng(0).permutation(int(lot.max()) + 1)
        sizes = np.bincount(lot)[order]
        drawn = order[np.cumsum(sizes) <= most]
        codes = codes.filter(pl.Series(np.isin(lot, drawn)))
    mine = events.filter(pl.col("epc_code").is_in(codes.implode()))
    return mine.with_columns(row=pl.int_range(pl.len(), dtype=pl.UInt32))
