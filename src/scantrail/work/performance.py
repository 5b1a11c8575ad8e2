"""How good alerts are, as far as people have looked: by kind, by version, and what was missed."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
import polars as pl

from scantrail.errors import MonitoringError
from scantrail.monitoring.feedback import Audit, Estimate, precision, recall
from scantrail.monitoring.recalibration import Recommendation, recommend
from scantrail.settings import Settings
from scantrail.stores.feedback import Looked
from scantrail.wiring import Stores

_DAY: Final = 86_400_000_000  # microseconds
_RULES: Final = "rules"
_BUDGET: Final = 3.0  # false alerts per 10,000 scans, if none is set
_SAMPLES: Final = 60  # weeks


class Precision(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The share of alerts that were confirmed. `kind`, `version`: None for all of them.

    `value`, `low`, `high`: with its 95 % interval; None where nobody has looked.
    """

    kind: str | None
    version: str | None
    value: float | None
    low: float | None
    high: float | None
    looks: int


class Performance(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What feedback tells. `recall` is None as long as it is unknown; `unknown` says why."""

    days: int
    precision: list[Precision]
    recall: Estimate | None
    unknown: str | None


def performance(settings: Settings, stores: Stores) -> Performance:
    """Precision and recall by the feedback of the last `monitoring.feedback_days` days."""
    days = settings.monitoring.feedback_days
    since = time.time_ns() // 1000 - days * _DAY
    looked = stores.feedback.looked(since)
    try:
        found, unknown = recall(_audits(stores, looked, since)), None
    except MonitoringError as error:
        found, unknown = None, str(error)
    return Performance(days=days, precision=_precisions(looked), recall=found, unknown=unknown)


def recommendation(settings: Settings, stores: Stores, budget: float | None) -> Recommendation:
    """The alert score that keeps a budget of false alerts per 10,000 scans.

    Raises:
        ConflictError: Too little was looked at.
    """
    from scantrail.work.recalibrating import present_score  # noqa: PLC0415 - it needs this module

    last = stores.evaluations.last()
    found = msgspec.json.decode(last.found) if last else {}
    since = time.time_ns() // 1000 - settings.monitoring.feedback_days * _DAY
    highest: dict[str, tuple[float, bool]] = {}
    for one in stores.feedback.looked(since):
        score = msgspec.json.decode(one.scores).get("mlCombinedScore")
        if one.learned and score is not None:
            at, confirmed = highest.get(one.item, (0.0, False))
            highest[one.item] = max(at, score), confirmed or one.confirmed
    return recommend(
        found.get("scores", {}),
        found.get("scans", 0),
        list(highest.values()),
        present_score(settings, stores),
        budget or settings.ensemble.alerts_per_10k or _BUDGET,
    )


def _precisions(looked: Iterable[Looked]) -> list[Precision]:
    """Of all alerts, of each kind, of each version, and of each kind by each version."""
    rows = [
        (one.item, one.kind, _version(one.made_by), one.confirmed, _case(one)) for one in looked
    ]
    schema = {"item": pl.String, "kind": pl.String, "version": pl.String,
              "confirmed": pl.Boolean, "case": pl.String}  # fmt: skip
    table = pl.DataFrame(rows, schema, orient="row")
    told = []
    for by in ([], ["kind"], ["version"], ["kind", "version"]):
        alerts = table.group_by("item", *by).agg(
            pl.col("confirmed").any(), pl.col("case").sort().first()
        )
        groups = alerts.group_by(by) if by else [((), alerts)]
        for key, group in sorted(groups, key=lambda pair: str(pair[0])):
            names = dict(zip(by, key, strict=True))
            told.append(_precision(group, names.get("kind"), names.get("version")))
    return told


def _precision(group: pl.DataFrame, kind: Any, version: Any) -> Precision:
    if not len(group):
        return Precision(kind=kind, version=version, looks=0, value=None, low=None, high=None)
    found = precision(group)
    return Precision(
        kind=kind, version=version, looks=len(group),
        value=found.value, low=found.low, high=found.high,
    )  # fmt: skip


def _case(one: Looked) -> str:
    """What hangs together: what one dismissal of a group covers, or a day at a site."""
    if one.target == "group":
        return f"feedback {one.feedback}"
    day = datetime.fromtimestamp(one.time / 1e6, UTC) + timedelta(minutes=one.offset)
    return f"{one.location_id or one.scan_location} {day:%Y-%m-%d}"


def _version(made_by: str) -> str:
    versions: dict[str, str] = msgspec.json.decode(made_by)["versions"]
    return versions.get("lstm", _RULES)


def _audits(stores: Stores, looked: Iterable[Looked], since: int) -> list[Audit]:
    """What people found: of alerts one by one, and of each week's sample."""
    samples = [one for one in stores.evaluations.samples(_SAMPLES) if one.drawn_at >= since]
    found: dict[str, bool] = {}
    for one in looked:
        if one.target != "group":
            found[one.item] = found.get(one.item, False) or one.confirmed
    alerted = max(sum(one.alerted for one in samples), len(found))
    confirmed = sum(found.values())
    audits = [
        Audit(alerted=alerted, confirmed=confirmed, dismissed=len(found) - confirmed, silent=0,
              looked_at=0, missed=0)
    ]  # fmt: skip
    for sample in samples:
        answers = {one.item: one.verdict for one in stores.feedback.of_week(sample.week)}
        missed = sum(verdict == "confirm" for verdict in answers.values())
        audits.append(
            Audit(alerted=0, confirmed=0, dismissed=0, silent=sample.silent,
                  looked_at=len(answers), missed=missed)
        )  # fmt: skip
    return audits
