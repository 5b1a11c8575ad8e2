"""The only place that chooses implementations: readers, site lists, detectors, stores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Final

import msgspec
import polars as pl

from scantrail import pipeline
from scantrail.detectors.catalog import PROFILES
from scantrail.detectors.rule_set import RuleSet
from scantrail.errors import SitesError
from scantrail.gaps import fill_gaps
from scantrail.ingest.catalog import read_log
from scantrail.ingest.quality import standardise
from scantrail.journeys import link
from scantrail.lanes import Network, learn, read_network, write_network
from scantrail.settings import Settings
from scantrail.sites import Sites, no_sites, read_sites
from scantrail.stores.memory import MemoryReports
from scantrail.vocabulary.events import Events, RawLog
from scantrail.vocabulary.findings import Report
from scantrail.vocabulary.protocols import ReportStore

#: The bundled demo chain.
DEMO: Final = Path(str(files("scantrail") / "data" / "demo"))
#: The companies that make the demo chain's goods.
DEMO_COMPANIES: Final = ("8804823", "8805843", "8809437")
_COMPANIES: Final = pl.Schema({"company": pl.String()})
_COMPANIES_FILE: Final = "companies.csv"
_COMPANY_SHARE: Final = 0.002  # a company that makes less of a log than this is no known one


@dataclass(frozen=True)
class Engine:
    """Everything that scoring needs, put together once."""

    settings: Settings
    network: Network

    @cached_property
    def _detectors(self) -> dict[str, tuple[RuleSet, ...]]:
        return {
            name: (RuleSet(rules, self.settings.thresholds, self.network),)
            for name, rules in PROFILES.items()
        }

    def detectors(self, profile: str | None = None) -> tuple[RuleSet, ...]:
        """The detectors of a rule profile; the configured one if None."""
        return self._detectors[profile or self.settings.rules]

    def understand(self, raw: RawLog) -> Events:
        """Type the raw columns by this engine's zones."""
        return standardise(raw, zone=self.settings.zone, site_zones=self.network.sites.zones)

    def judge(
        self,
        events: Events,
        profile: str | None = None,
        progress: Callable[[str], None] = lambda _: None,
    ) -> Report:
        """Judge events by the configured detectors."""
        return pipeline.judge(events, self.network, self.detectors(profile), progress)

    def with_tiers_seen(self, events: Events) -> Engine:
        """An engine in which sites of unknown tier have the one that their scans show."""
        return replace(self, network=Network(self.network.sites.with_tiers_seen(events.frame)))

    def learned_from(self, events: Events) -> Engine:
        """An engine whose lanes, and whose companies if none are configured, are this log's."""
        network = learn(
            link(fill_gaps(events.frame, self.network.sites), self.network)[0], self.network.sites
        )
        thresholds = self.settings.thresholds
        if not thresholds.companies:
            thresholds = msgspec.structs.replace(thresholds, companies=companies_of(events.frame))
        return replace(
            self,
            settings=msgspec.structs.replace(self.settings, thresholds=thresholds),
            network=network,
        )


def engine(settings: Settings) -> Engine:
    """Put an engine together by settings.

    Raises:
        SitesError: The site list can't be used.
    """
    path = Path(settings.sites) if settings.sites else DEMO
    thresholds = settings.thresholds
    if not thresholds.companies:
        companies = _companies_at(path) if settings.sites else DEMO_COMPANIES
        thresholds = msgspec.structs.replace(thresholds, companies=companies)
    return Engine(msgspec.structs.replace(settings, thresholds=thresholds), network_at(path))


def write_learned(learned: Engine, folder: Path) -> None:
    """Write what `learned_from` learned, for `network_at`: the network and `companies.csv`."""
    write_network(learned.network, folder)
    companies = pl.DataFrame({"company": learned.settings.thresholds.companies}, _COMPANIES)
    companies.write_csv(folder / _COMPANIES_FILE)


def _companies_at(path: Path) -> tuple[str, ...]:
    """The companies learned with a network; none where only sites are known."""
    file = path / _COMPANIES_FILE
    if not file.is_file():
        return ()
    try:
        return tuple(pl.read_csv(file, schema=_COMPANIES)["company"].drop_nulls())
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = str(error).splitlines()[0]
        raise SitesError(f"{file} can't be used: {reason}; write it with 'sites learn'") from error


def report_store(settings: Settings) -> ReportStore:
    """Where past detections are kept."""
    return MemoryReports(settings.kept_reports)


def network_at(path: Path) -> Network:
    """The network in a site list (lanes unknown) or in a folder written by `sites learn`."""
    if path.is_dir():
        return read_network(path, read_sites(path / "sites.csv"))
    return Network(read_sites(path))


def read_events(path: Path, settings: Settings, sites: Sites | None = None) -> Events:
    """Read a log file of any known format."""
    zones = (sites or no_sites()).zones
    return standardise(read_log(path), zone=settings.zone, site_zones=zones)


def companies_of(events: pl.DataFrame) -> tuple[str, ...]:
    """Company codes that a log itself vouches for: those of at least 0.2 % of its scans.

    A small log teaches nothing: there, every company is a known one.
    """
    code = pl.col("epc_code")
    company = code.str.extract(r"^[0-9]{3}\.([0-9]{7})\.[0-9]{7}\.[0-9]{6}\.[0-9]{8}\.[0-9]{9}$")
    counts = events.lazy().select(company=company).drop_nulls().group_by("company").len().collect()
    enough = counts.filter(pl.col("len") >= _COMPANY_SHARE * len(events))
    return tuple(enough["company"].sort())
