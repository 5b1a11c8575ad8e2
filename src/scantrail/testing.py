"""Builders and contract checks for the tests of your own rules and detectors.

A rule's own cases are its first test, and a detector keeps a contract whatever it looks for:

>>> from scantrail.detectors.catalog import RULES
>>> from scantrail.detectors.rule_set import RuleSet
>>> for rule in RULES:
...     check_rule(rule)
>>> check_detector(RuleSet(RULES, SETTINGS, network()), journeys([*RULES[1].cases]))
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import polars as pl
from fastapi import FastAPI
from polars.testing import assert_frame_equal

from scantrail import pipeline
from scantrail.detectors.rule import Case, Rule, RuleSettings, Scan
from scantrail.detectors.rule_set import RuleSet
from scantrail.ingest.quality import standardise
from scantrail.lanes import LANES, Network
from scantrail.serve.api import create_app
from scantrail.sites import Sites, sites_from
from scantrail.stores.database import Database
from scantrail.vocabulary.events import EVENTS, RAW, RawLog
from scantrail.vocabulary.findings import AnomalyKind, Cause, score_column
from scantrail.vocabulary.protocols import FOUND, Detector, Findings, Journeys
from scantrail.wiring import Engine, Stores

#: The sites that cases speak of: id, name, latitude, longitude, tier, the plant it belongs to.
#: Location 99 is not listed, on purpose.
SITES: Final = (
    (1, "Alder Plant", 37.450, 126.650, "factory", None),
    (2, "Alder Plant Warehouse", 37.460, 126.660, "warehouse", "1"),
    (3, "Birch Hub", 36.600, 127.000, "hub", None),
    (4, "Cedar Wholesale", 36.300, 127.250, "wholesaler", None),
    (5, "Cedar Shop One", 36.305, 127.255, "retailer", None),
    (7, "Dogwood Wholesale", 34.300, 128.800, "wholesaler", None),
    (8, "Cedar Shop Two", 36.310, 127.240, "retailer", None),
    (11, "Elm Plant", 35.330, 129.040, "factory", None),
)

#: Settings that cases take for granted: the default ones, and one known company.
SETTINGS: Final = RuleSettings(companies=("8804823",))


class Lane(NamedTuple):
    """What history knows of the way between two sites."""

    start: int  #: location id
    end: int
    trips: int = 100
    batches: int = 100
    hours: float = 8.0  #: the median
    log_spread: float = 0.3


def sites() -> Sites:
    """The site list of `SITES`."""
    names = ("location_id", "scan_location", "Latitude", "Longitude", "tier", "factory_locations")
    return sites_from(pl.DataFrame(list(SITES), schema=names, orient="row"))


def network(lanes: Iterable[Lane] = (), speed_limit_kmh: float | None = None) -> Network:
    """A small chain: a plant, its warehouse, a hub, two wholesalers, two shops, another plant.

    Args:
        lanes: What history knows; by default nothing, so that no lane can be called unknown.
        speed_limit_kmh: What history taught, if anything.

    >>> len(network().sites)
    8
    """
    table = pl.DataFrame(list(lanes), schema=LANES, orient="row")
    return Network(sites(), lanes=table, speed_limit_kmh=speed_limit_kmh)


def events(scans: Sequence[Scan], epc: str | Sequence[str | None] = Case("", (), ()).epc,
           zone: str = "UTC") -> pl.DataFrame:  # fmt: skip
    """Scans as the pipeline judges them (`vocabulary.events.EVENTS`), in the order given.

    Args:
        scans: As in a rule's cases: time, location id, business step, event type.
        epc: The item's code, or one code per scan.
        zone: Of times without an offset.

    >>> events([("2025-07-01 10:00:00", 1, "Factory", "Aggregation")])["location_id"].item()
    1
    """
    codes = [epc] * len(scans) if isinstance(epc, str) else list(epc)
    times, places, steps, kinds = zip(*scans, strict=True) if scans else ((),) * 4
    columns = {
        "epc_code": codes,
        "location_id": [None if place is None else str(place) for place in places],
        "business_step": steps,
        "event_type": kinds,
        "event_time": times,
    }
    frame = pl.DataFrame(columns, schema={name: RAW[name] for name in columns})
    understood = standardise(RawLog(frame), zone=zone)
    if len(understood.rejects):
        bad = understood.rejects.row(0, named=True)
        raise ValueError(f"scan {bad['row']}: {bad['reason']}: {bad['value']!r}; {bad['fix']}")
    return understood.frame.cast(EVENTS)


def journeys(cases: Iterable[Case], on: Network | None = None) -> Journeys:
    """What a detector sees of the items of some cases, each under a code of its own.

    Args:
        cases: Their scans; where two share a code, the later gets another serial.
        on: The network; `network()` if None.
    """
    scans: list[Scan] = []
    codes: list[str] = []
    for serial, case in enumerate(cases, start=1):
        taken = case.epc in codes
        code = f"{case.epc.rpartition('.')[0]}.{serial:09}" if taken else case.epc
        scans.extend(case.scans)
        codes.extend([code] * len(case.scans))
    return pipeline.see(events(scans, codes), on or network())


def judge_case(
    rule: Rule, case: Case, settings: RuleSettings = SETTINGS, on: Network | None = None
) -> list[float | None]:
    """The rule's scores of a case's scans, in the order given.

    >>> from scantrail.detectors.rules import jump
    >>> judge_case(jump.RULE, jump.RULE.cases[0])
    [0.0, 95.0]
    """
    chain = on or network()
    seen = pipeline.see(events(case.scans, case.epc), chain)
    findings = RuleSet((rule,), settings, chain).judge(seen)
    scores = findings.scores.with_columns(seen.linked["row"]).sort("row")
    return scores[score_column(rule.kind)].to_list()


def check_rule(rule: Rule, settings: RuleSettings = SETTINGS, on: Network | None = None) -> None:
    """Check that a rule scores its cases as they say, and explains each that it finds.

    Raises:
        AssertionError: It does not; the message names the case.
    """
    assert rule.cases, f"{rule.kind} has no cases; give one that fires and one that stays silent"
    chain = on or network()
    detector = RuleSet((rule,), settings, chain)
    for case in rule.cases:
        named = f"{rule.kind}, case '{case.name}'"
        scores = judge_case(rule, case, settings, chain)
        close = len(scores) == len(case.scores) and all(
            got == want if got is None or want is None else abs(got - want) <= 1e-6
            for got, want in zip(scores, case.scores, strict=True)
        )
        assert close, f"{named}: scores {scores}, expected {list(case.scores)}"
        check_detector(detector, pipeline.see(events(case.scans, case.epc), chain))
    highest = [max(score or 0 for score in case.scores) for case in rule.cases]
    assert max(highest) > 0, f"{rule.kind} has no case that fires"
    assert min(highest) == 0, f"{rule.kind} has no case that stays silent"


def check_detector(detector: Detector, seen: Journeys) -> None:
    """Check what every detector promises, over some journeys.

    One row of scores per linked event, in the columns that it declares; scores from 0 to 100 or
    null, never NaN; claims about events that are there, with all their words; each claim's score
    is one that its column gives, each score above 0 has its claim; the same answer twice.

    Raises:
        AssertionError: It breaks a promise; the message names it.
    """
    assert detector.name, "a detector needs a name"
    assert detector.version, f"{detector.name} has no version"
    findings = detector.judge(seen)
    _check_scores(detector, findings.scores, len(seen.linked))
    _check_found(detector, findings, seen)
    again = detector.judge(seen)
    message = f"{detector.name} answers differently when asked twice"
    for one, other in ((findings.scores, again.scores), (findings.found, again.found)):
        try:
            assert_frame_equal(one, other)
        except AssertionError as error:
            raise AssertionError(f"{message}: {error}") from error


def _check_scores(detector: Detector, scores: pl.DataFrame, count: int) -> None:
    name = detector.name
    assert tuple(scores.columns) == detector.columns, (
        f"{name} gives columns {scores.columns}, declared {list(detector.columns)}"
    )
    assert len(scores) == count, f"{name} gives {len(scores)} rows of scores for {count} events"
    for column in scores.get_columns():
        assert column.name.endswith("Score"), f"{name}: {column.name} is not named …Score"
        assert column.dtype == pl.Float64, f"{name}: {column.name} is {column.dtype}, not Float64"
        assert not column.is_nan().any(), f"{name}: {column.name} holds NaN; null = cannot say"
        wrong = column.filter((column < 0) | (column > 100))
        assert not len(wrong), f"{name}: {column.name} holds {wrong[0]}, expected 0 to 100"


def _check_found(detector: Detector, findings: Findings, seen: Journeys) -> None:
    name, found = detector.name, findings.found
    assert found.schema == FOUND, f"{name}: found is {found.schema}, expected {FOUND}"
    for claim in found.iter_rows(named=True):
        told = f"{name}, row {claim['row']}, {claim['kind']}"
        for word in ("kind", "reason", "expected", "cause", "runbook"):
            assert (claim[word] or "").strip(), f"{told}: {word} is empty"
        assert claim["cause"] in set(Cause), f"{told}: '{claim['cause']}' is no cause"
        for word in ("reason", "expected", "runbook"):
            assert "fake" not in claim[word].lower().replace(AnomalyKind.EPC_FAKE.lower(), ""), (
                f"{told}: {word} says 'fake'; say 'suspect'"
            )
        assert claim["score"] > 0, f"{told}: a claim's score is above 0, not {claim['score']}"
    rows = seen.linked["row"]
    scores = findings.scores.with_columns(rows).unpivot(index="row", value_name="score")
    scored = set(scores.filter(pl.col("score") > 0).select("row", "score").iter_rows())
    claimed = set(found.select("row", "score").iter_rows())
    assert not claimed - scored, f"{name} claims what its scores don't say: {claimed - scored}"
    unclaimed = {row for row, _ in scored} - {row for row, _ in claimed}
    assert not unclaimed, f"{name} scores rows {sorted(unclaimed)} but says nothing of them"
    repeated = found.filter(found.select("row", "kind").is_duplicated())
    assert not len(repeated), f"{name} says the same kind twice of row {repeated['row'][:1]}"


def app_in_memory(engine: Engine, *, insecure_local: bool = True) -> FastAPI:
    """The service around an engine, with a database of its own that is gone with it.

    By default it asks for no keys; call it as `http://localhost`.
    """
    return create_app(engine, Stores(Database("sqlite://")), insecure_local=insecure_local)
