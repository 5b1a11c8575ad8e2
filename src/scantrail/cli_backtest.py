"""The command that tries other ways of judging, on a log or on what is stored: backtest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scantrail.cli_parts import SitesOption, Zone, shares, stages, stored, wrote
from scantrail.errors import InputError
from scantrail.settings import Settings, read_settings

if TYPE_CHECKING:
    from scantrail.evaluation.backtest import Backtest
    from scantrail.evaluation.trying import Change

app = typer.Typer(rich_markup_mode="rich")


@app.command()
def backtest(
    log: Annotated[
        Path | None,
        typer.Argument(
            help="Scan log: CSV, TSV (also .gz), Parquet, JSON, EPCIS. Default: what the service "
            "stored, in SCANTRAIL_DATABASE_URL."
        ),
    ] = None,
    sites: SitesOption = None,
    zone: Zone = None,
    artifacts: Annotated[
        str | None,
        typer.Option(
            help="Artifact to try instead of the present one: a registered version, a folder, "
            "demo or none."
        ),
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(help="Try alerts on items whose confidence is above this.")
    ] = None,
    alerts_per_day: Annotated[
        float | None, typer.Option(min=0, help="Try the threshold that gives at most so many.")
    ] = None,
    every_day: Annotated[
        bool, typer.Option("--every-day", help="… on every single day, not only on average.")
    ] = False,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="Try a setting, e.g. thresholds.jump_score=80; repeatable."),
    ] = None,
    weight: Annotated[
        list[str] | None,
        typer.Option(help="Try a weight of the ensemble, e.g. lstm=2; repeatable."),
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(help="Switch off a rule or detector, e.g. jump, svm; repeatable."),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(help="Stored scans made from then on, e.g. 2025-09-01 or 2025-09-01T06:00."),
    ] = None,
    until: Annotated[str | None, typer.Option(help="… and before then.")] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            help="Labels of the log, to tell which found and lost cases are real. Of stored scans, "
            "feedback tells."
        ),
    ] = None,
    history: Annotated[
        Path | None, typer.Option(help="An earlier log in which journeys may have begun.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Cases found and lost: .parquet, .csv, .json or .jsonl.")
    ] = None,
) -> None:
    """Try other settings, weights, rules or artifacts on a log, or on what the service stored.

    What is tried is held against what judges now. Nothing is stored or changed.

    [bold]Example:[/] scantrail backtest scans.tsv --sites network/ --artifacts artifact/
    --alerts-per-day 20

    [bold]Example:[/] scantrail backtest --since 2025-09-01 --artifacts 8bb2db7e7584
    """
    from scantrail.output import check_targets, write_table

    check_targets(out, None, *(path for path in (log, sites, labels, history) if path))
    if threshold is not None and alerts_per_day is not None:
        raise InputError("give --threshold or --alerts-per-day, not both")
    change = _change(setting, weight, without)
    tried = (threshold, alerts_per_day, every_day)
    given: dict[str, Any] = {"sites": str(sites) if sites else None, "zone": zone}
    if log is None:
        _only("a log", "name one", labels=labels, history=history)
        told = _on_stored(given, change, (since, until), tried, artifacts)
    else:
        _only("stored scans", "name no log", since=since, until=until)
        told = _on_log(log, given, change, tried, (artifacts, labels, history))
    if out:
        write_table(told.cases(), out)
    wrote(out)


def _on_log(
    log: Path,
    given: dict[str, Any],
    change: Change,
    tried: tuple[float | None, float | None, bool],
    more: tuple[str | None, Path | None, Path | None],
) -> Backtest:
    from scantrail.evaluation.backtest import backtest as hold_against
    from scantrail.evaluation.backtest import threshold_for
    from scantrail.evaluation.files import read_labels
    from scantrail.evaluation.trying import History
    from scantrail.summary_of_evaluation import show_backtest

    artifacts, labels, history = more
    threshold, alerts_per_day, every_day = tried
    settings = read_settings(**given)
    if artifacts not in (None, "demo", "none"):
        artifacts = str(_artifact(artifacts, settings)[1])
    other = change.read(**given, artifacts=artifacts)
    with stages(3, quiet=False) as stage:
        stage("reading")
        real = read_labels(labels) if labels else None
        history_of = History.read(log, settings, history)
        stage("judging as now")
        present = history_of.judged(settings)
        stage("judging as tried")
        same = other == settings and not change
        then = present if same else history_of.judged(other, change)
        if alerts_per_day is not None:
            threshold = threshold_for(then, alerts_per_day, every_day=every_day)
        told = hold_against(present, then, threshold, real)
    show_backtest(told, threshold)
    return told


def _on_stored(
    given: dict[str, Any],
    change: Change,
    stretch: tuple[str | None, str | None],
    tried: tuple[float | None, float | None, bool],
    artifacts: str | None,
) -> Backtest:
    from scantrail.artifact import read_artifact
    from scantrail.summary_of_evaluation import show_stored_backtest
    from scantrail.work.backtesting import Asked, run

    settings = read_settings(**given)
    version, folder = _artifact(artifacts, settings) if artifacts else (None, None)
    asked = Asked(
        since=stretch[0], until=stretch[1], artifact=version,
        threshold=tried[0], alerts_per_day=tried[1], every_day=tried[2],
        settings=dict(change.settings), weights=dict(change.weights),
        without=sorted(change.without),
    )  # fmt: skip
    given_artifact = None if version or folder is None else read_artifact(folder)
    with stored(settings) as stores, shares() as progress:
        done = run(settings, stores, asked, progress, given_artifact)
    show_stored_backtest(done)
    return done.told


def _artifact(name: str, settings: Settings) -> tuple[str | None, Path | None]:
    """The registered version of a name, and the folder where an artifact of that name is."""
    from scantrail import wiring
    from scantrail.registry import NONE

    if name == NONE:
        return NONE, None
    if name == "demo":
        return None, wiring.DEMO_ARTIFACT
    if Path(name).is_dir():
        return None, Path(name)
    registry = wiring.registry(settings)
    if name in registry.versions():
        return name, registry.folder / name
    listed = ", ".join(registry.versions()) or "none"
    raise InputError(
        f"--artifacts: there is no folder '{name}', and no version of that name is registered in "
        f"{registry.folder} (there are: {listed})"
    )


def _only(where: str, cure: str, **options: object) -> None:
    """Refuse options that belong to the other kind of history."""
    for name, value in options.items():
        if value is not None:
            raise InputError(f"--{name} goes with {where}: {cure}, or leave it out")


def _change(
    setting: list[str] | None, weight: list[str] | None, without: list[str] | None
) -> Change:
    from scantrail.evaluation.trying import Change

    weights = {}
    for name, text in (_pair(each, "--weight") for each in weight or []):
        try:
            weights[name] = float(text)
        except ValueError as error:
            raise InputError(f"--weight: '{text}' is no number; write e.g. lstm=2") from error
    settings = dict(_pair(each, "--set") for each in setting or [])
    return Change(settings, weights, frozenset(without or []))


def _pair(text: str, option: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise InputError(f"{option}: '{text}' sets nothing; write NAME=VALUE")
    return name.strip(), value.strip()
