"""Probing an artifact before it may judge: does it still tell ordinary journeys from odd ones?

The journeys are made from what the artifact itself holds for usual (its own sites, products, lanes
and hours), so that any chain's artifact can be probed. Batches travel the most usual way; one item
of each is odd: its way runs backwards, or it is somewhere else within minutes.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from scantrail.artifact import Artifact
from scantrail.ensemble import ML_COLUMN
from scantrail.errors import ArtifactError
from scantrail.vocabulary.chain import STAGES
from scantrail.vocabulary.events import RAW, RawLog
from scantrail.vocabulary.findings import Report

#: From raw scans to a report by the artifact that is probed.
Judge = Callable[[RawLog], Report]

_BATCH: Final = 12  # items that travel together
_PRODUCTS: Final = 3  # at most, for each oddity
_LONGEST: Final = 12  # scans of a journey
_SHORTEST: Final = 3  # of fewer there is nothing to turn round
_START: Final = dt.datetime(2025, 7, 1, 10)  # noqa: DTZ001 - any local time; a Tuesday
_LISTED: Final = 0.5  # of an artifact's sites; some may have been closed since
_SHARE: Final = 0.8  # of the probes that have to be told apart
_BELOW: Final = 60.0  # ordinary items score less
_FARTHER: Final = 3.0  # and odd ones more than any ordinary one; one learned from little sees less


@dataclass(frozen=True, slots=True)
class Stop:
    """One scan of a journey: site (location id), stage, hours after the scan before."""

    site: int
    stage: int
    hours: float


@dataclass(frozen=True, slots=True)
class Probed:
    """Highest score of items by one detector: the `ordinary`, and the `odd` one of each batch."""

    ordinary: tuple[float, ...]
    odd: tuple[float, ...]


def probe(artifact: Artifact, judge: Judge, listed: Collection[int]) -> dict[str, Probed]:
    """Have an artifact judge ordinary journeys and odd ones.

    Args:
        artifact: The artifact; what it holds for usual makes the journeys.
        judge: Judges by that artifact, as the service would.
        listed: Location ids of the sites that are listed there.

    Returns:
        What was seen, by score column.

    Raises:
        ArtifactError: A detector fails or can't say, or odd items don't stand out.
    """
    sites = artifact.card.vocabulary.sites
    known = len(set(sites) & set(listed))
    if known < _LISTED * len(sites):
        raise ArtifactError(
            f"version {artifact.version} was trained on other sites: of its {len(sites)}, {known} "
            "are listed here; train it on this chain's log"
        )
    batches = list(_batches(artifact))
    report = judge(RawLog(pl.concat([frame for frame, _ in batches])))
    if report.degraded or len(report.rejects):
        raise ArtifactError(
            f"version {artifact.version} fails on its own journeys: "
            f"{', '.join(report.degraded) or 'their scans are rejected'}"
        )
    odd = [code for _, code in batches]
    columns = (*artifact.lstm.columns, *artifact.svm.columns, ML_COLUMN)
    return {column: _probed(artifact.version, report, column, odd) for column in columns}


def _probed(version: str, report: Report, column: str, odd: list[str]) -> Probed:
    highest = report.verdicts.group_by("epc_code").agg(pl.col(column).max())
    if highest[column].null_count() or not highest[column].is_finite().all():
        raise ArtifactError(
            f"version {version} has no {column} of journeys between its own sites; train it again"
        )
    strange = highest["epc_code"].is_in(odd)
    probed = Probed(*(tuple(highest[column].filter(each).sort()) for each in (~strange, strange)))
    low = np.mean(np.array(probed.ordinary) < _BELOW)
    high = np.mean(np.array(probed.odd) > max(probed.ordinary) + _FARTHER)
    if min(low, high) < _SHARE:
        raise ArtifactError(
            f"version {version} doesn't tell ordinary journeys from odd ones: by {column}, "
            f"{low:.0%} of the ordinary score below {_BELOW:.0f} and {high:.0%} of the odd more "
            f"than {_FARTHER:.0f} above them, expected {_SHARE:.0%} of each; train it again"
        )
    return probed


def _batches(artifact: Artifact) -> Iterator[tuple[pl.DataFrame, str]]:
    """Scans of batches, each with the code of its odd item."""
    known = artifact.card.vocabulary
    products = known.products or ("8804823.1293291",)
    often = artifact.svm.usual.origins.sum(axis=1)[1 : len(products) + 1]
    chosen = np.argsort(-often, kind="stable")[:_PRODUCTS].tolist() or [0]
    for number, product in enumerate(chosen * 2):
        way = usual_way(artifact, product)
        odd = backwards(way) if number < len(chosen) else elsewhere(way, known.sites)
        code = _codes(products[product], number)
        ways = {serial: odd if serial == _BATCH // 2 else way for serial in range(_BATCH)}
        yield _scans(ways, code), code(_BATCH // 2)


def usual_way(artifact: Artifact, product: int) -> list[Stop]:
    """The most usual journey of a product (its place in the vocabulary)."""
    usual, sites = artifact.svm.usual, artifact.card.vocabulary.sites
    row = usual.origins[min(product + 1, len(usual.origins) - 1)]
    step = 0
    site = int(np.argmax(row[1:])) + 1
    way: list[Stop] = []
    seen: set[int] = set()
    while len(way) < _LONGEST:
        counts = usual.steps[step, 1 : len(STAGES) + 1].copy()
        counts[[one - 1 for one in seen]] = 0.0
        if counts.max() <= 0:
            break
        before, step = step, int(np.argmax(counts)) + 1
        if way:
            there = usual.lanes[site, 1:] * (usual.hours[1:, step].sum(axis=1) > 0)
            site = int(np.argmax(there)) + 1
            hours = float(np.exp(usual.times[before, step, site, 0]))
        else:
            hours = 0.0
        seen.add(step)
        way.append(Stop(sites[site - 1], step - 1, hours))
    if len(way) < _SHORTEST:
        raise ArtifactError(
            f"version {artifact.version} knows no journey of {_SHORTEST} scans; train it on a log "
            "in which goods move"
        )
    return way


def backwards(way: list[Stop]) -> list[Stop]:
    """The same stops in reverse order, at the same pace."""
    hours = [0.0, *(stop.hours for stop in way[:0:-1])]
    return [Stop(s.site, s.stage, h) for s, h in zip(way[::-1], hours, strict=True)]


def elsewhere(way: list[Stop], sites: tuple[int, ...]) -> list[Stop]:
    """The same stages, every other one of them within minutes at a site that is not on the way."""
    others = [site for site in sites if site not in {stop.site for stop in way}] or [way[0].site]
    return [
        Stop(others[at % len(others)], stop.stage, 0.05) if at % 2 else stop
        for at, stop in enumerate(way)
    ]


def _codes(product: str, number: int) -> Callable[[int], str]:
    return lambda serial: f"001.{product}.{number + 1:06}.{_START:%Y%m%d}.{serial + 1:09}"


def _scans(ways: dict[int, list[Stop]], code: Callable[[int], str]) -> pl.DataFrame:
    rows = []
    for serial, way in ways.items():
        time = _START
        for stop in way:
            time += dt.timedelta(seconds=round(stop.hours * 3600))
            name = STAGES[stop.stage]
            rows.append((code(serial), str(stop.site), name, name, f"{time:%Y-%m-%d %H:%M:%S}"))
    names = ("epc_code", "location_id", "business_step", "event_type", "event_time")
    return pl.DataFrame(rows, {name: RAW[name] for name in names}, orient="row")
