"""The command line of monitoring: drift."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from scantrail.errors import InputError, SettingsError

if TYPE_CHECKING:
    import polars as pl

    from scantrail.monitoring.baseline import Baseline
    from scantrail.monitoring.watch import Evaluation
    from scantrail.vocabulary.events import Events
    from scantrail.wiring import Engine

_FOUND: Final = 3  # exit code of `--fail-on`
_BASELINE_BEGINS: Final = b'{"format":'


def drift(
    baseline: Annotated[
        Path, typer.Argument(help="A log of usual days, 14 at least; or a baseline saved from one.")
    ],
    log: Annotated[Path, typer.Argument(help="A later log, a week at least.")],
    sites: Annotated[
        Path | None, typer.Option(help="Site list (CSV), or a folder written by 'sites learn'.")
    ] = None,
    artifacts: Annotated[
        str | None, typer.Option(help="Folder written by 'train', or demo, or none.")
    ] = None,
    zone: Annotated[str | None, typer.Option(help="Time zone of times without an offset.")] = None,
    closed: Annotated[
        str | None, typer.Option(help="Holidays, by comma: no site is expected to work then.")
    ] = None,
    days: Annotated[
        int, typer.Option(min=1, help="Days compared each time; whole weeks are best.")
    ] = 7,
    save: Annotated[
        Path | None, typer.Option(help="Where to keep the baseline (JSON), for the next time.")
    ] = None,
    fail_on: Annotated[
        int | None, typer.Option(min=1, help=f"Exit with {_FOUND} if so many alerts are open.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what changed since usual days: where, how strong, since when.

    Both logs are judged. Then, day by day, the last week is compared with the usual days: what is
    scanned and how, what verdicts say, how often there is an alarm, how data comes in.

    [bold]Example:[/] scantrail drift usual.tsv week.tsv --sites network/ --save usual.json
    """
    import msgspec

    from scantrail import wiring
    from scantrail.settings import read_settings
    from scantrail.summary_of_monitoring import drift_document, show_drift

    settings = read_settings(zone=zone, sites=str(sites) if sites else None, artifacts=artifacts)
    holidays = _days(closed or "")
    engine = wiring.engine(settings)
    usual, observed, engine = _judged(engine, baseline, log)
    if save:
        _save(usual, save)
    played = _played(usual, observed, engine, (days, holidays))
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(drift_document(usual, played))).decode())
    else:
        show_drift(usual, played, engine.network, log.name)
    if fail_on and len(played[-1].book.open) >= fail_on:
        raise typer.Exit(_FOUND)


def _judged(engine: Engine, baseline: Path, log: Path) -> tuple[Baseline, pl.DataFrame, Engine]:
    """What is usual, what was observed later, and the engine that judged it."""
    from scantrail import wiring
    from scantrail.monitoring.baseline import learn_baseline, read_baseline
    from scantrail.monitoring.observe import observe

    later = _events(log, engine)
    if _is_baseline(baseline):
        usual, earlier = read_baseline(baseline), None
    else:
        earlier = wiring.read_events(baseline, engine.settings, engine.network.sites)
    if not engine.network.knows_lanes:
        engine = engine.with_tiers_seen(earlier or later).learned_from(earlier or later)
    if earlier is not None:
        report = engine.judge(earlier)
        usual = learn_baseline(observe(earlier, report, engine.network), report.versions)
    report = engine.judge(later, history=earlier)
    return usual, observe(later, report, engine.network, history=earlier), engine


def _events(log: Path, engine: Engine) -> Events:
    from scantrail import wiring

    events = wiring.read_events(log, engine.settings, engine.network.sites)
    if not len(events.frame):
        raise InputError(f"{log} has no readable event to compare")
    return events


def _is_baseline(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_BASELINE_BEGINS)) == _BASELINE_BEGINS
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}") from error


def _played(
    usual: Baseline, observed: pl.DataFrame, engine: Engine, given: tuple[int, tuple[dt.date, ...]]
) -> list[Evaluation]:
    """Evaluations at every midnight that has enough days before it."""
    from scantrail.monitoring.alerts import AlertSettings
    from scantrail.monitoring.drift import DriftSettings
    from scantrail.monitoring.watch import WatchSettings, midnights, neighbours, play

    compared = DriftSettings(days=given[0], closed=given[1])
    times = midnights(observed, compared)
    alerts = AlertSettings(start_after=min(2, len(times)))  # one look has to do, if there is one
    watch = WatchSettings(drift=compared, alerts=alerts)
    return list(play(usual, observed, times, watch, neighbours(engine.network)))


def _save(usual: Baseline, path: Path) -> None:
    try:
        path.write_bytes(usual.to_json())
    except OSError as error:
        raise InputError(f"{path} can't be written: {error.strerror}") from error


def _days(text: str) -> tuple[dt.date, ...]:
    try:
        return tuple(
            dt.date.fromisoformat(part.strip()) for part in text.split(",") if part.strip()
        )
    except ValueError as error:
        raise SettingsError(f"--closed: {error}; expected days as 2025-12-25,2026-01-01") from error
