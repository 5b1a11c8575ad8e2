"""Commands that measure: evaluate, compare."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from scantrail.cli_parts import SitesOption, Zone, stages, wrote
from scantrail.errors import InputError, ScantrailError
from scantrail.settings import read_settings

if TYPE_CHECKING:
    import polars as pl

    from scantrail.evaluation import Judged

app = typer.Typer(rich_markup_mode="rich")

_REPORT: Final = "pip install 'scantrail[report]'"

Labels = Annotated[
    Path, typer.Argument(help="CSV with event_id, epc_code, kind, and maybe rule_visible.")
]
Budget = Annotated[
    float, typer.Option("--per-10k", help="False alerts per 10,000 scans that are bearable.")
]
Html = Annotated[
    Path | None,
    typer.Option(help=f"A page to write, self-contained. Needs the extra report: {_REPORT}"),
]
JudgedLog = Annotated[
    Path | None, typer.Option("--log", help="The log that was judged: for times and journeys.")
]
Since = Annotated[
    str | None,
    typer.Option(
        help="Measure by items of lots that begin then or later, e.g. 2025-07-10 (UTC); with --log."
    ),
]
Touching = Annotated[
    str | None,
    typer.Option(
        help="Measure by journeys that touch these sites (location ids by comma); with --log."
    ),
]
Rounds = Annotated[int, typer.Option(min=1, help="Of resampling, for intervals.")]


@app.command()
def evaluate(
    verdicts: Annotated[Path, typer.Argument(help="Verdicts written by detect.")],
    labels: Labels,
    per_10k: Budget = 3.0,
    html: Html = None,
    log: JudgedLog = None,
    sites: SitesOption = None,
    zone: Zone = None,
    since: Since = None,
    touching: Touching = None,
    rounds: Rounds = 1000,
) -> None:
    """Tell how much of what is labelled was found, at so many false alerts per 10,000 scans.

    An alert is an item whose highest score passes the threshold. With the log, also how soon, and
    the worst errors with their journeys.

    [bold]Example:[/] scantrail evaluate verdicts.parquet demo/labels.csv --log demo/scans.tsv
    --html evaluation.html
    """
    from scantrail.evaluation.assessment import assess
    from scantrail.evaluation.blocks import Resampling
    from scantrail.summary_of_evaluation import show_assessment

    pages = _pages(html, verdicts, labels, log)
    with stages(2 + bool(html), quiet=False) as stage:
        stage("reading")
        events = _events(log, sites, zone)
        given = _judged(verdicts, labels, events)
        given = _part(given, events, since, touching)
        stage("measuring")
        told = assess(given, per_10k, Resampling(rounds))
        if html:
            stage("writing")
            _write(pages.assessment_page(told, given, f"How good is {verdicts.name}?"), html)
    show_assessment(told)
    wrote(html)


@app.command()
def compare(
    verdicts_a: Annotated[Path, typer.Argument(help="Verdicts of version A: what there is.")],
    verdicts_b: Annotated[Path, typer.Argument(help="Verdicts of version B: the candidate.")],
    labels: Labels,
    per_10k: Budget = 3.0,
    margin: Annotated[
        float, typer.Option(help="A loss of recall that counts as none, e.g. 0.02 for 2 points.")
    ] = 0.02,
    html: Html = None,
    log: JudgedLog = None,
    sites: SitesOption = None,
    zone: Zone = None,
    since: Since = None,
    touching: Touching = None,
    rounds: Rounds = 1000,
) -> None:
    """Tell whether version B is better than A, not worse, or worse, on the same log.

    Both are held to the same budget of false alerts, and differences are paired.

    [bold]Example:[/] scantrail compare old.parquet new.parquet demo/labels.csv --html compare.html
    """
    from scantrail.evaluation.blocks import Resampling
    from scantrail.evaluation.comparison import compare as measure
    from scantrail.summary_of_evaluation import show_comparison

    pages = _pages(html, verdicts_a, verdicts_b, labels, log)
    names = (str(verdicts_a), str(verdicts_b))
    with stages(2 + bool(html), quiet=False) as stage:
        stage("reading")
        events = _events(log, sites, zone)
        a, b = (
            _part(_judged(path, labels, events), events, since, touching)
            for path in (verdicts_a, verdicts_b)
        )
        stage("comparing")
        told = measure(a, b, per_10k, margin, Resampling(rounds))
        if html:
            stage("writing")
            _write(pages.comparison_page(told, a, b, names, "Which version is better?"), html)
    show_comparison(told, names)
    wrote(html)


def _judged(verdicts: Path, labels: Path, events: pl.DataFrame | None) -> Judged:
    from scantrail.evaluation import judged, read_labels, read_verdicts

    return judged(read_verdicts(verdicts), read_labels(labels), events)


def _events(log: Path | None, sites: Path | None, zone: str | None) -> pl.DataFrame | None:
    """The log, understood as detect understood it."""
    if log is None:
        return None
    from scantrail import wiring

    settings = read_settings(zone=zone, sites=str(sites) if sites else None, artifacts="none")
    network = wiring.engine(settings).network
    return wiring.read_events(log, settings, network.sites).frame


def _part(
    given: Judged, events: pl.DataFrame | None, since: str | None, touching: str | None
) -> Judged:
    """Only what is to be measured by."""
    from scantrail.evaluation.splits import by_site, by_time_and_item

    if events is None and (since or touching):
        raise InputError("--since and --touching need the log's times and places; give --log")
    if since and events is not None:
        given = given.only(by_time_and_item(events, _instant(since)).test)
    if touching and events is not None:
        given = given.only(by_site(events, _locations(touching)).test)
    return given


def _instant(text: str) -> dt.datetime:
    try:
        when = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"--since: '{text}' is no time; write e.g. 2025-07-10T00:00") from error
    return when if when.tzinfo else when.replace(tzinfo=dt.UTC)


def _locations(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError as error:
        raise InputError(
            f"--touching: '{text}' is no list of location ids; write e.g. 1005,1006"
        ) from error


def _pages(html: Path | None, *inputs: Path | None) -> Any:
    """The module that makes pages, if one is wanted, and only if it can be written."""
    if html is None:
        return None
    from scantrail.output import OutputError

    if html.resolve() in {path.resolve() for path in inputs if path}:
        raise OutputError(f"{html} would overwrite an input; name another file")
    if html.is_dir() or not html.absolute().parent.is_dir():
        raise OutputError(f"{html} can't be written; name a file in a folder that is there")
    try:
        from scantrail.evaluation import html as pages
    except ImportError as error:
        raise ScantrailError(
            f"pages need more than scoring does ({error.name} is missing): {_REPORT}"
        ) from error
    return pages


def _write(page: str, html: Path) -> None:
    from scantrail.evaluation.html import write_page
    from scantrail.output import folder_at

    with folder_at(html):
        write_page(page, html)
