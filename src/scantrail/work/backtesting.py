"""Backtests of what is stored: what is asked, how it is done, and how it is told."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
import polars as pl

from scantrail import wiring
from scantrail.artifact import Artifact
from scantrail.errors import InputError, SettingsError
from scantrail.evaluation.backtest import Backtest, Cases, Side, backtest, threshold_for
from scantrail.evaluation.stored import judged, span_of
from scantrail.evaluation.trying import Change
from scantrail.registry import NONE
from scantrail.settings import Settings, changed
from scantrail.stores.jobs import Job
from scantrail.stores.windows import Span
from scantrail.vocabulary.times import microseconds, utc

Progress = Callable[[str, float], None]
#: What of the settings may be tried: the rest says where things are, or how much may be taken.
TRYABLE: Final = ("thresholds", "ensemble")
_MOST_CASES: Final = 1_000  # that a job keeps of those found, and of those lost


class Asked(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What is to be tried, and on which stretch.

    Attributes:
        since: ISO 8601, by the sites' clock where it has no offset; None: from the first scan on.
        until: When the stretch is over, the end excluded; None: after the last scan.
        artifact: A registered version, or "none": rules alone. None: the one that judges.
        threshold: Alerts are items whose confidence is above this. None: as verdicts have it.
        alerts_per_day: … or above the lowest threshold that gives at most so many.
        every_day: … on every single day, not only on average.
        settings, weights, without: See `evaluation.trying.Change`.
    """

    since: str | None = None
    until: str | None = None
    artifact: str | None = None
    threshold: float | None = None
    alerts_per_day: float | None = None
    every_day: bool = False
    settings: dict[str, str] = {}
    weights: dict[str, float] = {}
    without: list[str] = []

    @property
    def change(self) -> Change:
        """What is tried of settings, weights and detectors."""
        return Change(self.settings, self.weights, frozenset(self.without))


@dataclass(frozen=True, slots=True)
class Done:
    """A backtest of what is stored. `versions`: present and tried; `threshold`: of the tried."""

    told: Backtest
    threshold: float | None
    span: Span
    scans: int
    versions: tuple[str, str]
    degraded: tuple[str, ...]


def check(asked: Asked, settings: Settings) -> None:
    """Refuse what could not be tried, as far as that can be said at once.

    Raises:
        InputError: Threshold and budget are both given, or a time is none.
        SettingsError: A setting, a weight or a name can't be.
        NotFoundError: The version is not registered.
    """
    if asked.threshold is not None and asked.alerts_per_day is not None:
        raise InputError("give a threshold, or alerts a day; not both")
    for name in asked.settings:
        if name.partition(".")[0].lower() not in TRYABLE:
            raise SettingsError(
                f"{name!r} can't be tried on what is stored; there can be "
                f"{' and '.join(f'{table}.…' for table in TRYABLE)}"
            )
    changed(settings, asked.settings)
    asked.change.check()
    for text in (asked.since, asked.until):
        _moment(text, settings.zone)
    if asked.artifact is not None:
        wiring.registry(settings).check(asked.artifact)


def run(
    settings: Settings,
    stores: wiring.Stores,
    asked: Asked,
    progress: Progress = lambda _what, _share: None,
    artifact: Artifact | None = None,
) -> Done:
    """Try something on what is stored. Nothing is kept of it.

    Args:
        settings: By which sites and rules things are judged now.
        stores: Where scans, feedback and deployments are.
        asked: What is tried.
        progress: Told what is being done, and which share is done.
        artifact: One that is tried though it is not registered.

    Raises:
        InputError: The stretch is empty or too long; or as `check`.
        SettingsError, NotFoundError: As `check`.
        ArtifactError: A version can't be read.
    """
    check(asked, settings)
    progress("looking", 0.0)
    zone = settings.zone
    span = span_of(
        stores.windows, _moment(asked.since, zone), _moment(asked.until, zone),
        settings.backtest_most_scans,
    )  # fmt: skip
    engines = _engines(settings, stores, asked, artifact)
    found = judged(stores, span, engines, lambda share: progress("judging", 0.9 * share))
    progress("comparing", 0.9)
    present, tried = found[0], found[-1]
    threshold = asked.threshold
    if asked.alerts_per_day is not None:
        threshold = threshold_for(tried.scans, asked.alerts_per_day, every_day=asked.every_day)
    labels, dismissed = _known(stores)
    return Done(
        told=backtest(present.scans, tried.scans, threshold, labels, dismissed),
        threshold=threshold,
        span=span,
        scans=len(present.scans),
        versions=(_version(engines[0]), _version(engines[-1])),
        degraded=tuple(sorted({*present.degraded, *tried.degraded})),
    )


def run_job(
    settings: Settings, stores: wiring.Stores, job: Job, progress: Progress
) -> dict[str, str | None]:
    """Do a backtest that was asked for; its result is `document`."""
    done = run(settings, stores, msgspec.convert(job.asked, Asked), progress)
    told = done.told
    return {
        "message": f"{told.tried.per_day:.1f} alerts a day instead of {told.present.per_day:.1f}: "
        f"{len(told.found):,} found besides, {len(told.lost):,} lost",
        "result": msgspec.json.encode(document(done)).decode(),
    }


def document(done: Done) -> dict[str, Any]:
    """What a backtest found, ready for JSON; of many cases the first by day."""
    told = done.told
    every = [*_lines("found", told.found), *_lines("lost", told.lost)]
    threshold = done.threshold
    if threshold is not None and math.isinf(threshold):
        threshold = -1.0  # below all scores: every item
    return {
        "since": utc(done.span.begin),
        "until": utc(done.span.end),
        "days": told.days,
        "scans": done.scans,
        "threshold": threshold,
        "present": {"version": done.versions[0], **_side(told.present)},
        "tried": {"version": done.versions[1], **_side(told.tried)},
        "found": _cases(told.found),
        "lost": _cases(told.lost),
        "confirmed": told.labelled,
        "byKind": told.by_kind.to_dicts(),
        "bySite": told.by_site.to_dicts(),
        "cases": every,
        "casesLeftOut": len(told.found) + len(told.lost) - len(every),
        "degraded": done.degraded,
    }


def _known(stores: wiring.Stores) -> tuple[pl.DataFrame | None, pl.Series]:
    """Items that people confirmed (`epc_code`; None: nothing was said yet), and dismissed."""
    said = stores.feedback.known_items()
    codes = [pl.Series("epc_code", [code for code, yes in said.items() if yes is real], pl.String)
             for real in (True, False)]  # fmt: skip
    return codes[0].to_frame() if said else None, codes[1]


def _engines(
    settings: Settings, stores: wiring.Stores, asked: Asked, artifact: Artifact | None
) -> list[wiring.Engine]:
    """Who judges now, and, if that is somebody else, who would."""
    rules = wiring.engine(settings, learned=False)
    champion = wiring.rollout(rules, stores).champion()
    present = rules.with_artifact(champion)
    if not asked.change and asked.artifact is None and artifact is None:
        return [present]
    other = artifact or champion
    if asked.artifact is not None:
        registry = wiring.registry(settings)
        other = None if asked.artifact == NONE else registry.load(asked.artifact)
    rules = replace(rules, settings=changed(rules.settings, asked.settings))
    return [present, asked.change.on(rules.with_artifact(other))]


def _version(engine: wiring.Engine) -> str:
    return engine.artifact.version if engine.artifact else NONE


def _moment(text: str | None, zone: str) -> int | None:
    """A time as microseconds since 1970, UTC."""
    if text is None:
        return None
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(
            f"'{text[:40]}' is no time; expected ISO 8601, e.g. 2025-09-01 or 2025-09-01T06:00"
        ) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(zone))
    return microseconds(moment)


def _side(side: Side) -> dict[str, Any]:
    return {**_cases(side.alerts), "perDay": side.per_day, "busiestDay": side.busiest}


def _cases(cases: Cases) -> dict[str, Any]:
    return {"alerts": len(cases), "confirmed": cases.real, "dismissed": cases.false}


def _lines(change: str, cases: Cases) -> list[dict[str, Any]]:
    return [
        {"change": change, "epcCode": code, "day": day.isoformat(), "site": site, "kind": kind,
         "score": score}
        for code, day, site, kind, score in cases.alerts.head(_MOST_CASES).iter_rows()
    ]  # fmt: skip
