"""The command line: detect, sites learn, simulate, serve."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final, NoReturn, Protocol

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from scantrail.errors import InputError, ScantrailError, SettingsError
from scantrail.settings import read_settings

app = typer.Typer(
    name="scantrail",
    help="Reads the scan trails of a supply chain and says which scans are suspect, how sure it "
    "is, and why.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
)
sites_app = typer.Typer(no_args_is_help=True, help="Site lists: learn lanes from history.")
app.add_typer(sites_app, name="sites")

_stderr = Console(stderr=True, highlight=False)
_FOUND: Final = 3  # exit code of `--fail-on`
_ERROR: Final = 1
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")

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
        str | None, typer.Option(help="Rule profile: [bold]default[/] or [bold]source[/].")
    ] = None,
    zone: Zone = None,
    companies: Annotated[
        str | None,
        typer.Option(help="Known company codes, by comma. Default: learned from the log."),
    ] = None,
    fail_on: Annotated[
        int | None,
        typer.Option(min=1, help=f"Exit with {_FOUND} if at least this many events are suspect."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No summary, no progress.")] = False,
) -> None:
    """Judge every scan of a log and say what is suspect, and why.

    Lanes and their usual times come from the site folder; with a bare site list they are learned
    from the log itself.

    [bold]Example:[/] scantrail detect scans.tsv --sites sites.csv --out verdicts.parquet
    """
    from scantrail import output, summary, wiring

    started = time.perf_counter()
    output.check_target(out)
    settings = read_settings(
        rules=rules,
        zone=zone,
        sites=str(sites) if sites else None,
        thresholds={"companies": companies.split(",")} if companies else None,
    )
    engine = wiring.engine(settings)
    with _stages(5, quiet=quiet) as stage:
        stage("reading")
        events = wiring.read_events(log, settings, engine.network.sites)
        if sites is not None and not engine.network.knows_lanes:
            stage("learning lanes")
            engine = engine.with_tiers_seen(events).learned_from(events)
        report = engine.judge(events, progress=stage)
        written = output.write(report, out, rejects) if out or rejects else []
    if not quiet:
        seconds = time.perf_counter() - started
        summary.show(report, events, engine.network, written, seconds)
    if fail_on and report.verdicts["anomaly"].sum() >= fail_on:
        raise typer.Exit(_FOUND)


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
    from scantrail import lanes, summary, wiring

    settings = read_settings(zone=zone, sites=str(sites))
    engine = wiring.engine(settings)
    with _stages(2, quiet=False) as stage:
        stage("reading")
        events = wiring.read_events(log, settings, engine.network.sites)
        if not len(events.frame):
            raise InputError(f"{log} has no readable event to learn from")
        stage("learning lanes")
        network = engine.with_tiers_seen(events).learned_from(events).network
        lanes.write_network(network, out)
    summary.show_network(network, events, out)


@app.command()
def simulate(
    out: Annotated[Path, typer.Option(help="Folder for scans.tsv, sites.csv and labels.csv.")],
    epcs: Annotated[int, typer.Option(min=1, help="How many items.")] = 20_000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same files.")] = 7,
    chain: Annotated[str, typer.Option(help="Which supply chain: demo or second.")] = "demo",
    anomalies: Annotated[
        float, typer.Option(min=0, max=0.5, help="Share of items with an anomaly; 0: none.")
    ] = 0.05,
) -> None:
    """Write a realistic, labelled supply chain, with ordinary noise and planted anomalies.

    [bold]Example:[/] scantrail simulate --epcs 20000 --seed 7 --out demo/
    """
    from scantrail import summary
    from scantrail.simulate import SimulationConfig, write
    from scantrail.simulate import simulate as run

    started = time.perf_counter()
    with _stages(2, quiet=False) as stage:
        stage("simulating")
        made = run(SimulationConfig(epcs=epcs, seed=seed, chain=chain, anomaly_rate=anomalies))
        stage("writing")
        paths = write(made, out)
    summary.show_simulation(made, paths, time.perf_counter() - started)


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 picks a free one.")] = 8000,
    sites: SitesOption = None,
    insecure_local: Annotated[
        bool,
        typer.Option("--insecure-local", help="No keys needed; listens on this machine only."),
    ] = False,
) -> None:
    """Start the HTTP service.

    There are no keys yet, so it listens on this machine only.
    """
    from scantrail import wiring
    from scantrail.serve import run

    if host not in _LOOPBACK:
        why = " with --insecure-local" if insecure_local else ", since it has no keys yet"
        raise SettingsError(f"'{host}' is refused: the service listens on 127.0.0.1 only{why}")
    settings = read_settings(sites=str(sites) if sites else None)
    run.serve(wiring.engine(settings), host, port)


@app.command()
def version() -> None:
    """Print the version."""
    from importlib.metadata import version as installed

    typer.echo(f"scantrail {installed('scantrail')}")


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


def main() -> None:
    """Run the command line; errors are one sentence on stderr and exit code 1."""
    try:
        code = app(standalone_mode=False)
    except ScantrailError as error:
        _fail(str(error))
    except typer.Abort:
        _fail("stopped")
    except Exception as error:
        usage = getattr(error, "format_message", None)  # Typer's own usage errors
        if usage is None:
            raise
        if not usage():  # no command was given: the help has been shown
            sys.exit(_ERROR)
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "scantrail"
        _fail(f"{usage().rstrip('.')}; see '{command} --help'")
    else:
        sys.exit(code or 0)


def _fail(text: str) -> NoReturn:
    _stderr.print("[bold red]error:[/]", escape(text), soft_wrap=True)
    sys.exit(_ERROR)
