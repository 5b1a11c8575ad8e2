"""The command line: detect, train, evaluate, sites learn, simulate, serve."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, NoReturn, Protocol

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from scantrail.cli_models import models_app
from scantrail.errors import InputError, ScantrailError, SettingsError
from scantrail.settings import read_settings

app = typer.Typer(
    name="scantrail",
    help="Reads the scan trails of a supply chain and says which scans are suspect, how sure it "
    "is, and why.\n\n[bold]Example:[/] scantrail simulate --out demo/, then "
    "scantrail detect demo/scans.tsv --sites demo/sites.csv --out verdicts.csv",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
)
sites_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Site lists: learn lanes from history.\n\n[bold]Example:[/] scantrail sites learn "
    "scans.tsv --sites sites.csv --out network/",
)
app.add_typer(sites_app, name="sites")
app.add_typer(models_app, name="models")

_stderr = Console(stderr=True, highlight=False)
_FOUND: Final = 3  # exit code of `--fail-on`
_ERROR: Final = 1
_STOPPED: Final = 130  # as shells have it: 128 and the number of the signal
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


class RuleProfile(StrEnum):
    """Which rules judge."""

    DEFAULT = "default"
    SOURCE = "source"


class Language(StrEnum):
    """In which language scans are explained."""

    ENGLISH = "en"
    KOREAN = "ko"


Log = Annotated[Path, typer.Argument(help="Scan log: CSV, TSV (also .gz), Parquet, JSON, EPCIS.")]
SitesOption = Annotated[
    Path | None,
    typer.Option(
        "--sites",
        help="Site list (CSV), or a folder written by [bold]scantrail sites learn[/]. Default: "
        "the bundled demo chain.",
    ),
]
Zone = Annotated[
    str | None,
    typer.Option(help="Time zone of times without an offset, e.g. Asia/Seoul (the default)."),
]


class StageCall(Protocol):
    """Told of each stage's name as it begins."""

    def __call__(self, name: str, /) -> None:
        """Begin a stage."""


@app.command()
def detect(
    log: Log,
    sites: SitesOption = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Verdicts: .parquet, .csv, .json or .jsonl; one row an event."),
    ] = None,
    rejects: Annotated[
        Path | None,
        typer.Option(
            help="Where to write rejected rows (CSV). Default: beside OUT, if there are any."
        ),
    ] = None,
    rules: Annotated[
        RuleProfile | None,
        typer.Option(
            help="default: all seven rules; source: the earlier service's five, faults and all."
        ),
    ] = None,
    language: Annotated[
        Language | None,
        typer.Option(help="Of explanations. Default: en; --rules source has English only."),
    ] = None,
    zone: Zone = None,
    companies: Annotated[
        str | None,
        typer.Option(help="Known company codes, by comma. Default: as learned with the lanes."),
    ] = None,
    artifacts: Annotated[
        str | None,
        typer.Option(
            help="What was learned: a folder written by [bold]scantrail train[/], [bold]demo[/] "
            "(the bundled one, for the demo chain), or [bold]none[/]. Default: none, unless the "
            "demo chain is judged.",
        ),
    ] = None,
    history: Annotated[
        Path | None,
        typer.Option(
            help="An earlier log of the same chain: journeys that began there are judged from "
            "their beginning. It gets no verdicts."
        ),
    ] = None,
    fail_on: Annotated[
        int | None,
        typer.Option(min=1, help=f"Exit with {_FOUND} if at least this many events are suspect."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No summary, no progress.")] = False,
) -> None:
    """Judge every scan of a log and say what is suspect, and why.

    Lanes come from the site folder; with a bare site list, from the log itself.

    [bold]Example:[/] scantrail detect scans.tsv --sites sites.csv --out verdicts.parquet
    """
    from scantrail import output, summary, wiring

    started = time.perf_counter()
    inputs = [path for path in (log, sites, history) if path]
    output.check_targets(out, rejects, *inputs)
    settings = read_settings(
        rules=rules and rules.value,
        language=language and language.value,
        zone=zone,
        sites=str(sites) if sites else None,
        artifacts=artifacts,
        thresholds=None if companies is None else {"companies": _companies(companies)},
    )
    engine = wiring.engine(settings)
    learning = not engine.network.knows_lanes
    with _stages(4 + learning + bool(out or rejects), quiet=quiet) as stage:
        stage("reading")
        events = wiring.read_events(log, settings, engine.network.sites)
        earlier = wiring.read_events(history, settings, engine.network.sites) if history else None
        if learning:
            stage("learning lanes")
            engine = engine.with_tiers_seen(events).learned_from(earlier or events)
        report = engine.judge(events, progress=stage, history=earlier)
        if out or rejects:
            stage("writing")
        written = output.write(report, out, rejects)
    if not quiet:
        lanes = "learned from this log" if learning else settings.sites or "the demo chain"
        seconds = time.perf_counter() - started
        summary.show(report, events, engine.network, written, seconds, lanes)
    if fail_on and report.verdicts["anomaly"].sum() >= fail_on:
        raise typer.Exit(_FOUND)


@app.command()
def train(
    log: Log,
    out: Annotated[Path, typer.Option(help="Folder to write the artifact to.")],
    sites: Annotated[
        Path, typer.Option(help="Site list (CSV), or a folder written by 'sites learn'.")
    ],
    zone: Zone = None,
    seed: Annotated[int, typer.Option(help="The same seed and log give the same artifact.")] = 0,
    epochs: Annotated[int, typer.Option(min=1, max=200, help="Passes over a long log.")] = 4,
) -> None:
    r"""Learn what is normal from your own log, without labels; a few anomalies in it do no harm.

    Needs the extra [bold]train[/]: pip install 'scantrail\[train]'. A training that was stopped
    goes on where it was. Use the folder as [bold]--artifacts[/] of detect and serve.

    [bold]Example:[/] scantrail train scans.tsv --sites network/ --out artifact/
    """
    from scantrail import output, wiring
    from scantrail.summary_of_learning import show_training

    output.check_folder(out)
    started = time.perf_counter()
    settings = read_settings(zone=zone, sites=str(sites), artifacts="none")
    engine = wiring.engine(settings)
    with _shares() as share:
        share("reading", 0.0)
        events = wiring.read_events(log, settings, engine.network.sites)
        if not engine.network.knows_lanes:
            engine = engine.with_tiers_seen(events).learned_from(events)
        with output.folder_at(out):
            trained = wiring.train(engine, events, out, share, seed=seed, epochs=epochs)
    seconds = time.perf_counter() - started
    show_training(trained.card.about, wiring.version_of(out), out, seconds)


@app.command()
def evaluate(
    verdicts: Annotated[Path, typer.Argument(help="Verdicts written by detect.")],
    labels: Annotated[
        Path, typer.Argument(help="CSV with event_id, epc_code, kind, and maybe rule_visible.")
    ],
    per_10k: Annotated[
        float, typer.Option("--per-10k", help="False alerts per 10,000 scans that are bearable.")
    ] = 3.0,
) -> None:
    """Tell how much of what is labelled was found, at so many false alerts per 10,000 scans.

    An alert is an item whose highest score passes the threshold.

    [bold]Example:[/] scantrail evaluate verdicts.parquet demo/labels.csv
    """
    from scantrail.evaluation import evaluate as measure
    from scantrail.evaluation import read_labels, read_verdicts
    from scantrail.summary_of_learning import show_evaluation

    show_evaluation(measure(read_verdicts(verdicts), read_labels(labels), per_10k))


@sites_app.command("learn")
def sites_learn(
    log: Log,
    out: Annotated[
        Path, typer.Option(help="Folder to write sites.csv, lanes.csv, dwells.csv … to.")
    ],
    sites: Annotated[Path, typer.Option(help="Site list (CSV) with coordinates.")],
    zone: Zone = None,
) -> None:
    """Learn lanes, their travel times and the sites' dwell times from a mostly normal log.

    Use the folder as [bold]--sites[/] of detect and serve.

    [bold]Example:[/] scantrail sites learn scans.tsv --sites sites.csv --out network/
    """
    from scantrail import output, summary, wiring

    output.check_folder(out)
    settings = read_settings(zone=zone, sites=str(sites))
    engine = wiring.engine(settings)
    with _stages(2, quiet=False) as stage:
        stage("reading")
        events = wiring.read_events(log, settings, engine.network.sites)
        if not len(events.frame):
            raise InputError(f"{log} has no readable event to learn from")
        stage("learning lanes")
        learned = engine.with_tiers_seen(events).learned_from(events)
        with output.folder_at(out):
            wiring.write_learned(learned, out)
    summary.show_network(learned.network, events, out)


@app.command()
def simulate(
    out: Annotated[Path, typer.Option(help="Folder for scans.tsv, sites.csv and labels.csv.")],
    epcs: Annotated[int, typer.Option(min=1, help="How many items.")] = 20_000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same files.")] = 7,
    chain: Annotated[str, typer.Option(help="Which supply chain: demo, or second.")] = "demo",
    anomalies: Annotated[
        float, typer.Option(min=0, max=0.5, help="Share of items with an anomaly; 0: none.")
    ] = 0.05,
) -> None:
    """Write a realistic, labelled supply chain, with ordinary noise and planted anomalies.

    [bold]Example:[/] scantrail simulate --epcs 20000 --seed 7 --out demo/
    """
    from scantrail import output, summary
    from scantrail.simulate import SimulationConfig, write
    from scantrail.simulate import simulate as run

    output.check_folder(out)
    started = time.perf_counter()
    with _stages(2, quiet=False) as stage:
        stage("simulating")
        made = run(SimulationConfig(epcs=epcs, seed=seed, chain=chain, anomaly_rate=anomalies))
        stage("writing")
        with output.folder_at(out):
            paths = write(made, out)
    summary.show_simulation(made, paths, time.perf_counter() - started)


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 picks a free one.")] = 8000,
    sites: SitesOption = None,
    artifacts: Annotated[
        str | None,
        typer.Option(help="Folder written by [bold]scantrail train[/], or demo, or none."),
    ] = None,
    insecure_local: Annotated[
        bool,
        typer.Option("--insecure-local", help="No keys needed; listens on this machine only."),
    ] = False,
) -> None:
    """Start the HTTP service.

    There are no keys yet, so it listens on this machine only.

    [bold]Example:[/] scantrail serve --port 8000 --sites network/
    """
    if host not in _LOOPBACK:
        why = " with --insecure-local" if insecure_local else ", since it has no keys yet"
        raise SettingsError(f"'{host}' is refused: the service listens on 127.0.0.1 only{why}")
    from scantrail import wiring
    from scantrail.serve import run

    settings = read_settings(sites=str(sites) if sites else None, artifacts=artifacts)
    run.serve(wiring.engine(settings, learned=False), host, port)


@app.command()
def version() -> None:
    """Print the version.

    [bold]Example:[/] scantrail version
    """
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        typer.echo(f"scantrail {installed('scantrail')}")
    except PackageNotFoundError as error:
        raise ScantrailError("the version is unknown, since scantrail is not installed") from error


def _companies(text: str) -> list[str]:
    """Company codes by comma; a wrong one would make every code of that company suspect."""
    codes = [code.strip() for code in text.split(",") if code.strip()]
    odd = [code for code in codes if not (code.isascii() and code.isdigit())]
    if odd or not codes:
        wrong = f"'{odd[0]}' is no company code" if odd else "no company code is given"
        raise SettingsError(f"--companies: {wrong}; expected digits, e.g. 8804823,8805843")
    return codes


@contextmanager
def _stages(total: int, *, quiet: bool) -> Iterator[StageCall]:
    """A progress bar over named stages, on stderr, gone when done."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<16}"),
        BarColumn(),
        TimeElapsedColumn(),
    )
    hidden = quiet or not _stderr.is_terminal
    with Progress(*columns, console=_stderr, transient=True, disable=hidden) as progress:
        task = progress.add_task("", total=total)
        begun = 0

        def stage(name: str) -> None:
            nonlocal begun
            progress.update(task, description=name, completed=begun)
            begun += 1

        yield stage


@contextmanager
def _shares() -> Iterator[Callable[[str, float], None]]:
    """A progress bar over shares of the whole, on stderr, gone when done."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<24}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns, console=_stderr, transient=True, disable=not _stderr.is_terminal
    ) as progress:
        task = progress.add_task("", total=1.0)
        yield lambda name, share: progress.update(task, description=name, completed=share)


def main() -> None:
    """Run the command line; errors are one sentence on stderr and exit code 1."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # place names in a terminal that lacks letters
            stream.reconfigure(errors="replace")
    try:
        code = app(prog_name="scantrail", standalone_mode=False)
    except ScantrailError as error:
        _fail(str(error))
    except (KeyboardInterrupt, typer.Abort):
        _fail("stopped", _STOPPED)
    except Exception as error:
        usage = getattr(error, "format_message", None)  # Typer's own usage errors
        if usage is None:
            raise
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "scantrail"
        text = usage().rstrip(".") or "No command was given"  # its help has been shown
        _fail(f"{text}; see '{command} --help'")
    else:
        sys.exit(code or 0)


def _fail(text: str, code: int = _ERROR) -> NoReturn:
    _stderr.print("[bold red]error:[/]", escape(" ".join(text.splitlines())), soft_wrap=True)
    sys.exit(code)
