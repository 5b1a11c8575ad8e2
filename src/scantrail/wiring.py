"""The only place that chooses implementations: readers, site lists, detectors, stores."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import msgspec
import polars as pl

from scantrail import pipeline
from scantrail.aftercare import Aftercare
from scantrail.artifact import Artifact, read_artifact, read_card
from scantrail.datasets.build import build, take
from scantrail.datasets.folder import Dataset, read
from scantrail.datasets.lineage import origin
from scantrail.datasets.manifest import NAME, Recipe
from scantrail.detectors.catalog import PROFILES
from scantrail.detectors.rule_set import RuleSet
from scantrail.errors import SettingsError, SitesError, TrainingError
from scantrail.gaps import fill_gaps
from scantrail.ingest.catalog import read_log
from scantrail.ingest.quality import standardise
from scantrail.journeys import link
from scantrail.lanes import Network, learn, read_network, write_network
from scantrail.probe import probe
from scantrail.registry import Registry
from scantrail.rollout import Rollout
from scantrail.settings import Settings
from scantrail.sites import Sites, no_sites, read_sites
from scantrail.stores.alerts import AlertLog
from scantrail.stores.audit import Audit
from scantrail.stores.cache import InProcess
from scantrail.stores.database import Database
from scantrail.stores.deployments import Deployments
from scantrail.stores.evaluations import Evaluations
from scantrail.stores.feedback import FeedbackStore
from scantrail.stores.jobs import Jobs
from scantrail.stores.keys import Keys
from scantrail.stores.outbox import OutboxStore
from scantrail.stores.outcomes import Outcomes
from scantrail.stores.reports import Reports
from scantrail.stores.shadows import Shadows
from scantrail.stores.trails import Trails
from scantrail.stores.trials import Trials
from scantrail.stores.windows import Windows
from scantrail.stores.workers import Workers
from scantrail.trialing import Trialing
from scantrail.vocabulary.bounds import UNBOUNDED, Bounds
from scantrail.vocabulary.events import Events, RawLog
from scantrail.vocabulary.findings import Report
from scantrail.vocabulary.language import ENGLISH, LANGUAGES
from scantrail.vocabulary.protocols import Ask, CountingCache, Detector, Journeys

#: The bundled demo chain.
DEMO: Final = Path(str(files("scantrail") / "data" / "demo"))
#: What was learned from it.
DEMO_ARTIFACT: Final = DEMO / "artifact"
#: The companies that make the demo chain's goods.
DEMO_COMPANIES: Final = ("8804823", "8805843", "8809437")
_COMPANIES: Final = pl.Schema({"company": pl.String()})
_COMPANIES_FILE: Final = "companies.csv"
_COMPANY_SHARE: Final = 0.002  # a company that makes less of a log than this is no known one


@dataclass(frozen=True)
class Engine:
    """Everything that scoring needs, put together once.

    `without`: kinds of rules, and names of detectors, that are switched off.

    `missing`: learned detectors that should judge and can't; every answer says so.
    """

    settings: Settings
    network: Network
    artifact: Artifact | None = None
    without: frozenset[str] = frozenset()
    missing: tuple[str, ...] = ()

    @cached_property
    def _rules(self) -> dict[str, RuleSet]:
        return {
            name: RuleSet(
                tuple(rule for rule in rules if rule.kind not in self.without),
                self.settings.thresholds,
                self.network,
            )
            for name, rules in PROFILES.items()
        }

    def detectors(self, profile: str | None = None, *, ml: bool = True) -> tuple[Detector, ...]:
        """The detectors of a rule profile, the configured one if None, and the learned ones.

        The profile of the earlier service knows no learned detectors.
        """
        rules = self._rules[profile or self.settings.rules]
        artifact = self._learned(profile, ml=ml)
        every = (rules, artifact.lstm, artifact.svm) if artifact else (rules,)
        return tuple(one for one in every if one.columns and one.name not in self.without)

    def _learned(self, profile: str | None, *, ml: bool) -> Artifact | None:
        """The artifact, if its detectors are to judge."""
        source = (profile or self.settings.rules) == "source"
        return self.artifact if ml and not source else None

    def understand(self, raw: RawLog) -> Events:
        """Type the raw columns by this engine's zones."""
        return standardise(raw, zone=self.settings.zone, site_zones=self.network.sites.zones)

    def judge(
        self,
        events: Events,
        profile: str | None = None,
        progress: Callable[[str], None] = lambda _: None,
        *,
        ml: bool = True,
        history: Events | None = None,
    ) -> Report:
        """Judge events by the configured detectors.

        Args:
            events: What to judge.
            profile: A rule profile; the configured one if None.
            progress: Told of each stage.
            ml: Whether learned detectors judge too, if there are any.
            history: Earlier events that journeys may have begun with; they get no verdicts.
        """
        report = pipeline.judge(
            events if history is None else _after(history, events),
            self.network,
            self.detectors(profile, ml=ml),
            progress,
            self._manner(profile or self.settings.rules, ml=ml),
        )
        return report if history is None else _of(report, len(history.frame))

    def judge_journeys(
        self,
        events: pl.DataFrame,
        profile: str | None = None,
        *,
        ml: bool = True,
        ask: Ask = pipeline.ask_all,
    ) -> tuple[Report, Journeys]:
        """What detectors say of events (see `judge`), and the journeys that they saw."""
        manner = self._manner(profile or self.settings.rules, ml=ml)
        journeys = pipeline.see(events, self.network, manner.language)
        return self.decide(journeys, profile, ml=ml, ask=ask), journeys

    def decide(
        self,
        journeys: Journeys,
        profile: str | None = None,
        *,
        ml: bool = True,
        ask: Ask = pipeline.ask_all,
    ) -> Report:
        """Judge journeys that an engine of the same network has seen."""
        manner = self._manner(profile or self.settings.rules, ml=ml)
        detectors = self.detectors(profile, ml=ml)
        report = pipeline.decide(journeys, detectors, manner=manner, ask=ask)
        if self.missing and ml and (profile or self.settings.rules) != "source":
            report = replace(report, degraded=(*report.degraded, *self.missing))
        return report

    def _manner(self, profile: str, *, ml: bool) -> pipeline.Manner:
        """How verdicts are made; the earlier service spoke English only."""
        artifact = self._learned(profile, ml=ml)
        combination = artifact.combination if artifact else None
        language = ENGLISH if profile == "source" else LANGUAGES[self.settings.language]
        return pipeline.Manner(combination, self.settings.ensemble, language)

    def with_artifact(self, artifact: Artifact | None, missing: tuple[str, ...] = ()) -> Engine:
        """The same engine with other learned detectors."""
        settings = with_alert_score(self.settings, artifact)
        return replace(self, settings=settings, artifact=artifact, missing=missing)

    def try_out(self, artifact: Artifact) -> None:
        """Have an artifact judge journeys that are known to be ordinary, or odd.

        Raises:
            ArtifactError: It must not judge; the message says why.
        """
        judging = self.with_artifact(artifact)
        listed = self.network.sites.table["location_id"].to_list()
        probe(artifact, lambda raw: judging.judge(judging.understand(raw), "default"), listed)

    def with_tiers_seen(self, events: Events) -> Engine:
        """An engine in which sites of unknown tier have the one that their scans show."""
        return replace(self, network=Network(self.network.sites.with_tiers_seen(events.frame)))

    def knowing(self, events: Events) -> Engine:
        """An engine that knows lanes: this one if it does, else one that learned from a log."""
        if self.network.knows_lanes:
            return self
        return self.with_tiers_seen(events).learned_from(events)

    def learned_from(self, events: Events) -> Engine:
        """An engine whose lanes, and whose companies if none are configured, are this log's."""
        linked, _ = link(fill_gaps(events.frame, self.network.sites), self.network)
        network = learn(linked.frame, self.network.sites)
        thresholds = self.settings.thresholds
        if not thresholds.companies:
            thresholds = msgspec.structs.replace(thresholds, companies=companies_of(events.frame))
        return replace(
            self,
            settings=msgspec.structs.replace(self.settings, thresholds=thresholds),
            network=network,
        )


def _after(history: Events, events: Events) -> Events:
    """Both, history first; its rows come before all others, and what is in both counts once."""
    same = ["epc_code", "time", "location_id", "scan_location", "business_step", "event_type"]
    first = history.frame.join(events.frame, on=same, how="anti", nulls_equal=True)
    begin = len(history.frame)
    first = first.with_columns(
        row=pl.int_range(len(first), dtype=pl.UInt32),
        event_id=pl.lit(None).cast(events.frame.schema["event_id"]),
    )
    later = events.frame.with_columns(row=(pl.col("row") + begin).cast(pl.UInt32))
    return Events(pl.concat([first, later]), events.rejects, events.source)


def _of(report: Report, begin: int) -> Report:
    """What a report says of events from row `begin` on, as if these were all."""
    later = (pl.col("row") - begin).cast(pl.UInt32)
    return replace(
        report,
        verdicts=report.verdicts.filter(pl.col("row") >= begin).with_columns(row=later),
        claims=report.claims.filter(pl.col("row") >= begin).with_columns(row=later),
    )


def engine(settings: Settings, *, learned: bool = True) -> Engine:
    """Put an engine together by settings.

    Args:
        settings: The settings.
        learned: Whether to load the configured artifact.

    Raises:
        SitesError: The site list can't be used.
        ArtifactError: The artifact can't be used.
    """
    path = Path(settings.sites) if settings.sites else DEMO
    thresholds = settings.thresholds
    if not thresholds.companies:
        companies = _companies_at(path) if settings.sites else DEMO_COMPANIES
        thresholds = msgspec.structs.replace(thresholds, companies=companies)
    settings = msgspec.structs.replace(settings, thresholds=thresholds)
    artifact = remembering(artifact_of(settings), cache_of(settings)) if learned else None
    return Engine(with_alert_score(settings, artifact), network_at(path), artifact)


def with_alert_score(settings: Settings, artifact: Artifact | None) -> Settings:
    """Settings in which a budget of alerts, or what feedback told, has become the alert score."""
    budget = settings.ensemble.alerts_per_10k
    if artifact is None:
        return settings
    told = artifact.card.about.get("alert_score")
    if budget is not None:
        score = artifact.alert_score(budget)
    elif told is not None:
        score = float(told)
    else:
        return settings
    ensemble = msgspec.structs.replace(settings.ensemble, alert_score=score)
    return msgspec.structs.replace(settings, ensemble=ensemble)


def artifact_of(settings: Settings) -> Artifact | None:
    """The configured artifact; with the demo chain the bundled one, if none is named.

    Raises:
        ArtifactError: The artifact can't be used.
    """
    folder = artifact_folder(settings)
    return None if folder is None else read_artifact(folder)


def artifact_folder(settings: Settings) -> Path | None:
    """Where the configured artifact is, None for rules alone."""
    if settings.artifacts == "none" or not (settings.artifacts or not settings.sites):
        return None
    return DEMO_ARTIFACT if settings.artifacts in ("", "demo") else Path(settings.artifacts)


def registry(settings: Settings) -> Registry:
    """The configured registry: by default beside the database's file, or else here."""
    if settings.models:
        return Registry(Path(settings.models))
    file = settings.database_url.partition("sqlite:///")[2]
    return Registry((Path(file).parent if file else Path()) / "scantrail-models")


def rollout(engine: Engine, stores: Stores) -> Rollout:
    """What changes which version judges."""
    settings = engine.settings
    folder = artifact_folder(settings)
    return Rollout(
        stores.deployments, registry(settings), engine.try_out, folder, settings.gate.required
    )


def trialing(engine: Engine, stores: Stores) -> Trialing:
    """What conducts trials of a challenger."""
    return Trialing(
        stores.trials,
        stores.shadows,
        stores.outcomes,
        stores.feedback,
        stores.audit,
        rollout(engine, stores),
        engine.settings.trials,
    )


def aftercare(engine: Engine, stores: Stores) -> Aftercare:
    """What watches promotions."""
    settings = engine.settings.aftercare
    changes = rollout(engine, stores)
    return Aftercare(
        changes, stores.outcomes, stores.feedback, stores.trials, stores.audit, settings,
        engine.settings.monitoring.clock,
    )  # fmt: skip


def remembering(artifact: Artifact | None, cache: CountingCache | None) -> Artifact | None:
    """The artifact with a cache, which may be that of other versions, too."""
    if artifact is None or artifact.lstm.cache is cache:
        return artifact
    return replace(artifact, lstm=replace(artifact.lstm, cache=cache))


def cache_of(settings: Settings) -> CountingCache | None:
    """What keeps predictions: Redis if it is configured, else this process, if it may.

    Raises:
        SettingsError: The URL of Redis can't be used, or the extra `redis` is not installed.
    """
    if not settings.redis_url:
        return InProcess(settings.cache.mb * 2**20) if settings.cache.mb else None
    try:
        from scantrail.stores.redis import Redis
    except ImportError as error:
        raise SettingsError(
            "redis_url is set, but its client is not installed: pip install 'scantrail[redis]'"
        ) from error
    return Redis(settings.redis_url, settings.cache)


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


def dataset_of(
    paths: Sequence[Path], settings: Settings, recipe: Recipe, labels: pl.DataFrame | None = None
) -> Dataset:
    """Build a dataset from logs of any known format and folders of datasets.

    Raises:
        InputError: A log can't be read.
        DatasetError: A dataset was changed, or nothing can be built; see `datasets.build`.
    """
    path = Path(settings.sites) if settings.sites else DEMO
    sites = network_at(path).sites
    inputs = [take(one, lambda log: read_events(log, settings, sites)) for one in paths]
    return build(inputs, recipe, sites, labels)


def dataset_at(path: Path, settings: Settings, labels: pl.DataFrame | None = None) -> Dataset:
    """The dataset in a folder, or the one that a log makes with the usual options.

    Raises:
        InputError: The log can't be read.
        DatasetError: The dataset was changed, or labels fit no event.
    """
    if (path / NAME).is_file() and labels is None:
        return read(path)
    return dataset_of([path], settings, Recipe(zone=settings.zone), labels)


def train(
    learned: Engine,
    events: Events,
    folder: Path,
    progress: Callable[[str, float], None],
    **given: Any,
) -> Any:
    """Train on events by an engine's rules and network; see `training.train.train`.

    Args:
        learned: Whose rules say what is surely odd.
        events: The log.
        folder: Where the artifact goes.
        progress: Told what is being done, and which share is done.
        given: `seed`; maybe `epochs`, `parameters` (a file), `dataset` (where events are from) and
            `known` (EPCs of which people know whether they are anomalous).

    Raises:
        TrainingError: Nothing can be learned from this log, or the extra `train` is not installed.
    """
    with _with_extra():
        from scantrail.training.parameters import read_parameters
        from scantrail.training.train import TrainSettings
        from scantrail.training.train import train as run
    file, dataset = given.get("parameters"), given.get("dataset")
    settings = read_parameters(file) if file else TrainSettings()
    fit = settings.fit
    if given.get("epochs"):
        fit = msgspec.structs.replace(fit, epochs=given["epochs"])
    settings = msgspec.structs.replace(settings, seed=given["seed"], fit=fit)
    journeys, scores = _suspected(learned, events)
    lineage = origin(dataset) if dataset else {}
    known = given.get("known", {})
    return run(journeys, scores, folder, settings, progress, lineage, known=known)


def update(
    learned: Engine,
    version: str,
    events: Events,
    folder: Path,
    progress: Callable[[str, float], None],
    **given: Any,
) -> Any:
    """Update a registered version by newer events; see `training.update.update`.

    Args:
        learned: Whose rules say what is surely odd.
        version: The version.
        events: The log.
        folder: Where the new version goes.
        progress: Told what is being done, and which share is done.
        given: `since` and `said` of `training.update.update`.

    Raises:
        NotFoundError, ArtifactError: The version is not there, or keeps nothing to go on from.
        TrainingError: There is too little to learn from, or the extra `train` is not installed.
    """
    with _with_extra():
        from scantrail.training.update import update as run
    known = registry(learned.settings)
    parent = known.load(version), known.folder / version
    journeys, scores = _suspected(learned, events)
    return run(parent, journeys, scores, folder, progress, **given)


def tune(
    learned: Engine,
    dataset: Dataset,
    folder: Path,
    progress: Callable[[str, float], None],
    **given: Any,
) -> Any:
    """Tune on a dataset; see `training.tune.tune`.

    Args:
        learned: Whose rules say what is surely odd.
        dataset: The data; its labels, if there are any, say what is to be found.
        folder: Where the studies go.
        progress: Told what is being done, and which share is done.
        given: The fields of `training.tune.TuneSettings`.

    Raises:
        TrainingError: Nothing can be tuned on this log, or the extra `train` is not installed.
    """
    with _with_extra():
        from scantrail.training.ground import ground_of
        from scantrail.training.tune import TuneSettings
        from scantrail.training.tune import tune as run
    journeys, scores = _suspected(learned, dataset.events)
    ground = ground_of(journeys, learned.network, scores, dataset.tables["labels"])
    return run(ground, folder, TuneSettings(**given), dataset.version, progress)


def _suspected(learned: Engine, events: Events) -> tuple[Journeys, pl.DataFrame]:
    """Linked events, and what rules think of them."""
    journeys = pipeline.see(events.frame, learned.network)
    (rules,) = learned.detectors("default", ml=False)
    return journeys, rules.judge(journeys).scores


def check_extra() -> None:
    """Refuse to begin what needs the extra `train` where it is not installed.

    Raises:
        TrainingError: It isn't.
    """
    with _with_extra():
        import scantrail.training.train  # noqa: F401 - to see whether it can be


@contextmanager
def _with_extra() -> Iterator[None]:
    """Name the extra if what training needs is not there."""
    try:
        yield
    except ImportError as error:
        raise TrainingError(
            f"training needs more than scoring does ({error.name} is missing): "
            "pip install 'scantrail[train]'"
        ) from error


def version_of(folder: Path) -> str:
    """The version of the artifact in a folder."""
    return read_card(folder)[1]


@dataclass(frozen=True)
class Stores:
    """Everything that is kept, in one database."""

    database: Database

    @property
    def url(self) -> str | None:
        """Where other processes find it; None if it is in this one's memory."""
        url = self.database.engine.url
        memory = self.database.sqlite and not url.database
        return None if memory else url.render_as_string(hide_password=False)

    @cached_property
    def trails(self) -> Trails:
        """Scans, and what was said of them."""
        return Trails(self.database)

    @cached_property
    def reports(self) -> Reports:
        """Past detections, read back."""
        return Reports(self.database)

    @cached_property
    def keys(self) -> Keys:
        """Who may call."""
        return Keys(self.database)

    @cached_property
    def audit(self) -> Audit:
        """What administrators did."""
        return Audit(self.database)

    @cached_property
    def deployments(self) -> Deployments:
        """Which version judges."""
        return Deployments(self.database)

    @cached_property
    def feedback(self) -> FeedbackStore:
        """What people said of alerts."""
        return FeedbackStore(self.database)

    @cached_property
    def trials(self) -> Trials:
        """What was done about trials of a challenger."""
        return Trials(self.database)

    @cached_property
    def shadows(self) -> Shadows:
        """What challengers in the shadow think."""
        return Shadows(self.database)

    @cached_property
    def outcomes(self) -> Outcomes:
        """What became of items."""
        return Outcomes(self.database)

    @cached_property
    def jobs(self) -> Jobs:
        """Work in the background."""
        return Jobs(self.database)

    @cached_property
    def workers(self) -> Workers:
        """Who works in the background."""
        return Workers(self.database)

    @cached_property
    def windows(self) -> Windows:
        """Stretches of the log of predictions."""
        return Windows(self.database)

    @cached_property
    def evaluations(self) -> Evaluations:
        """What monitoring found."""
        return Evaluations(self.database)

    @cached_property
    def alerts(self) -> AlertLog:
        """Alerts of monitoring."""
        return AlertLog(self.database)

    @cached_property
    def outbox(self) -> OutboxStore:
        """Notices to be delivered."""
        return OutboxStore(self.database)

    def close(self) -> None:
        """Let go of the database."""
        self.database.close()


def stores(settings: Settings) -> Stores:
    """Open the configured database.

    Raises:
        StoreError: It can't be reached or used.
    """
    return Stores(Database(settings.database_url))


def network_at(path: Path) -> Network:
    """The network in a site list (lanes unknown) or in a folder written by `sites learn`."""
    if path.is_dir():
        return read_network(path, read_sites(path / "sites.csv"))
    return Network(read_sites(path))


def read_events(
    path: Path, settings: Settings, sites: Sites | None = None, bounds: Bounds = UNBOUNDED
) -> Events:
    """Read a log file of any known format, which may hold so much."""
    zones = (sites or no_sites()).zones
    return standardise(read_log(path, bounds=bounds), zone=settings.zone, site_zones=zones)


def companies_of(events: pl.DataFrame) -> tuple[str, ...]:
    """Company codes that a log itself vouches for: those of at least 0.2 % of its scans.

    A small log teaches nothing: there, every company is a known one.
    """
    code = pl.col("epc_code")
    company = code.str.extract(r"^[0-9]{3}\.([0-9]{7})\.[0-9]{7}\.[0-9]{6}\.[0-9]{8}\.[0-9]{9}$")
    counts = events.lazy().select(company=company).drop_nulls().group_by("company").len().collect()
    enough = counts.filter(pl.col("len") >= _COMPANY_SHARE * len(events))
    return tuple(enough["company"].sort())
