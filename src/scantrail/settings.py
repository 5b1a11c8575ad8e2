"""Settings: frozen, read once from the environment (`SCANTRAIL_…`) and, optionally, a TOML file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec

from scantrail.detectors.rule import RuleSettings
from scantrail.ensemble import EnsembleSettings
from scantrail.errors import SettingsError
from scantrail.gate import GateSettings
from scantrail.guard import Budgets
from scantrail.logs import Format, Level
from scantrail.monitoring.settings import (
    MonitoringSettings,
    RetrainingSettings,
    WebhookSettings,
)
from scantrail.stores.cache import CacheSettings
from scantrail.trials.plan import TrialSettings
from scantrail.trials.worse import AftercareSettings

PREFIX: Final = "SCANTRAIL_"


class OidcSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose bearer tokens are trusted (OpenID Connect)."""

    issuer: str = ""  #: who signs; empty: nobody's tokens are taken
    audience: str = ""  #: whom they must be made for
    jwks: str = ""  #: URL (https) or file of the issuer's keys
    algorithms: tuple[str, ...] = ("RS256", "ES256")  #: of signatures by private keys only
    scope_claim: str = "scope"  #: where a token's scopes are; a path like realm_access.roles too
    #: which words there stand for which scope
    scopes: dict[str, str] = msgspec.field(
        default_factory=lambda: {
            f"scantrail:{name}": name for name in ("detect", "read", "review", "admin")
        }
    )
    leeway_seconds: float = 30.0  #: by which clocks may differ
    refresh_seconds: float = 300.0  #: after which keys are fetched again
    timeout_seconds: float = 3.0  #: for fetching them


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that can be set. Each field `x` is read from `SCANTRAIL_X`.

    Rule thresholds are in the file's table `[thresholds]`, or one by one as
    `SCANTRAIL_THRESHOLDS__JUMP_SCORE` and so on.
    """

    zone: str = "Asia/Seoul"  #: IANA zone of times that carry no offset
    rules: Literal["default", "source"] = "default"  #: rule profile
    language: Literal["en", "ko"] = "en"  #: of explanations; the profile `source` has English only
    sites: str = ""  #: site list, or a folder written by `sites learn`; empty: the demo chain
    #: folder written by `train`; "demo": the bundled one; "none": rules alone. Empty: the bundled
    #: one with the demo chain, none with other sites
    artifacts: str = ""
    models: str = ""  #: folder of registered versions; empty: `scantrail-models` by the database
    load_models: Literal["start", "first_use"] = "start"  #: when the artifact is read
    keep_models_seconds: float = 60.0  #: so long a version that no longer judges stays loaded
    unload_idle_minutes: float = 0.0  #: so long unused, the artifact is unloaded; 0: never
    worker: Literal["child", "none"] = "child"  #: whether the service starts one for itself
    monitoring: MonitoringSettings = MonitoringSettings()
    retraining: RetrainingSettings = RetrainingSettings()  #: what starts one by itself
    webhook: WebhookSettings = WebhookSettings()  #: where notices of alerts go
    #: scans of stored history that a backtest may take; a longer stretch is refused
    backtest_most_scans: Annotated[int, msgspec.Meta(ge=1)] = 1_000_000
    datasets: str = ""  #: folder of logs that retraining may use by name; empty: stored scans only
    trials: TrialSettings = TrialSettings()  #: how a challenger is tried
    gate: GateSettings = GateSettings()  #: what a candidate has to hold
    aftercare: AftercareSettings = AftercareSettings()  #: when a promotion is taken back by itself
    thresholds: RuleSettings = RuleSettings()
    ensemble: EnsembleSettings = EnsembleSettings()
    max_body_bytes: int = 64 * 1024 * 1024  #: larger request bodies are answered with 413
    max_records: int = 100_000  #: more records in one request are answered with 413
    #: where the service keeps scans and verdicts: sqlite:///FILE or postgresql+psycopg://…
    database_url: str = "sqlite:///scantrail.sqlite"
    max_waiting_events: int = 200_000  #: more that wait to be judged are answered with 503
    max_memory_mb: int = 4_096  #: while the process takes more, only one request is taken at a time
    budgets: Budgets = Budgets()  #: how long detectors may take
    cache: CacheSettings = CacheSettings()
    redis_url: str = ""  #: redis://…, where processes share what they can do without
    rate_limit: str = "60000/minute"  #: calls of one key, or one address without; or none
    failure_limit: str = "60/minute"  #: refusals (401) of one address; more are answered with 429
    oidc: OidcSettings = OidcSettings()
    hsts_seconds: int = 0  #: for which browsers shall use https only; 0: they aren't told
    trusted_proxies: tuple[str, ...] = ()  #: addresses whose X-Forwarded-For is believed
    cors_origins: tuple[str, ...] = ()  #: origins that browsers may call from; none by default
    log_format: Format = "auto"  #: json or text; auto: text on a terminal, json elsewhere
    log_level: Level = "info"  #: what is less important isn't logged
    metrics_open: bool = False  #: whether /metrics is answered without a key
    otlp_endpoint: str = ""  #: URL of a collector of traces (OTLP over HTTP); empty: no traces


def read_settings(
    environ: Mapping[str, str] | None = None, file: Path | None = None, **given: Any
) -> Settings:
    """Read settings; later sources win: defaults, file, environment, `given`.

    Args:
        environ: The environment; `os.environ` if None. `SCANTRAIL_CONFIG` may name the file.
        file: A TOML file.
        given: Values from the command line; None means "not given".

    Raises:
        SettingsError: Unknown name, or a value of the wrong kind; the message names it.
    """
    environ = os.environ if environ is None else environ
    if file is None and environ.get(f"{PREFIX}CONFIG"):
        file = Path(environ[f"{PREFIX}CONFIG"])
    values: dict[str, Any] = _from_file(file) if file else {}
    for name, text in environ.items():
        if name.startswith(PREFIX) and name != f"{PREFIX}CONFIG":
            _put(values, name.removeprefix(PREFIX).lower().split("__"), text)
    _merge(values, {name: value for name, value in given.items() if value is not None})
    return _converted(values)


def changed(settings: Settings, texts: Mapping[str, str]) -> Settings:
    """Settings in which some are others.

    Args:
        settings: The settings.
        texts: Names, tables by a dot ("thresholds.jump_score"), to values as the environment has
            them.

    Raises:
        SettingsError: Unknown name, or a value of the wrong kind; the message names it.

    >>> changed(Settings(), {"thresholds.jump_score": "80"}).thresholds.jump_score
    80.0
    """
    values: dict[str, Any] = msgspec.to_builtins(settings)
    for name, text in texts.items():
        _put(values, name.lower().split("."), text)
    return _converted(values)


def _converted(values: dict[str, Any]) -> Settings:
    try:
        return msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(
            f"a setting can't be used: {error}; docs/settings.md lists all"
        ) from error


def _put(values: dict[str, Any], path: list[str], text: str) -> None:
    *tables, name = path
    for table in tables:
        inner = values.setdefault(table, {})
        if not isinstance(inner, dict):
            raise SettingsError(
                f"a setting can't be used: {PREFIX}{table.upper()} is a table; "
                f"set {PREFIX}{'__'.join(path).upper()} and its like alone"
            )
        values = inner
    lists = (
        "algorithms", "closed", "companies", "cors_origins", "lane_z_fast", "lane_z_slow",
        "lane_z_scores", "missed_scores", "on", "optional_tiers", "steps", "trusted_proxies",
    )  # fmt: skip
    values[name] = (
        [part.strip() for part in text.split(",") if part.strip()] if name in lists else text
    )


def _merge(values: dict[str, Any], given: Mapping[str, Any]) -> None:
    """Put given values over others; a table's other entries stay."""
    for name, value in given.items():
        if isinstance(value, Mapping) and isinstance(values.get(name), dict):
            _merge(values[name], value)
        else:
            values[name] = value


def _from_file(file: Path) -> dict[str, Any]:
    try:
        values = msgspec.toml.decode(file.read_bytes())
    except OSError as error:
        raise SettingsError(f"{file} can't be read: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} is no valid TOML: {error}") from error
    assert isinstance(values, dict)
    return values
