"""The command that tries other ways of judging on a log: backtest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scantrail.cli_parts import Log, SitesOption, Zone, stages, wrote
from scantrail.errors import InputError
from scantrail.settings import read_settings

if TYPE_CHECKING:
    from scantrail.evaluation.trying import Change

app = typer.Typer(rich_markup_mode="rich")


@app.command()
def backtest(
    log: Log,
    sites: SitesOption = None,
    zone: Zone = None,
    artifacts: Annotated[
        str | None, typer.Option(help="Artifact to try instead of the present one; or demo, none.")
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
    labels: Annotated[
        Path | None, typer.Option(help="Labels, to tell which found and lost cases are real.")
    ] = None,
    history: Annotated[
        Path | None, typer.Option(help="An earlier log in which journeys may have begun.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Cases found and lost: .parquet, .csv, .json or .jsonl.")
    ] = None,
) -> None:
    """Try other settings, weights, rules or artifacts on a log; nothing is stored or changed.

    What is tried is held against the present settings (environment and TOML file).

    [bold]Example:[/] scantrail backtest scans.tsv --sites network/ --artifacts artifact/
    --alerts-per-day 20
    """
    from scantrail.evaluation.backtest import backtest as hold_against
    from scantrail.evaluation.backtest import threshold_for
    from scantrail.evaluation.files import read_labels
    from scantrail.evaluation.trying import History
    from scantrail.output import check_targets, write_table
    from scantrail.summary_of_evaluation import show_backtest

    check_targets(out, None, *(path for path in (log, sites, labels, history) if path))
    if threshold is not None and alerts_per_day is not None:
        raise InputError("give --threshold or --alerts-per-day, not both")
    change = _change(setting, weight, without)
    given: dict[str, Any] = {"sites": str(sites) if sites else None, "zone": zone}
    settings, other = read_settings(**given), change.read(**given, artifacts=artifacts)
    with stages(3, quiet=False) as stage:
        stage("reading")
        real = read_labels(labels) if labels else None
        history_of = History.read(log, settings, history)
        stage("judging as now")
        present = history_of.judged(settings)
        stage("judging as tried")
        same = other == settings and not change
        tried = present if same else history_of.judged(other, change)
        if alerts_per_day is not None:
            threshold = threshold_for(tried, alerts_per_day, every_day=every_day)
        told = hold_against(present, tried, threshold, real)
    show_backtest(told, threshold)
    if out:
        write_table(told.cases(), out)
    wrote(out)


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
