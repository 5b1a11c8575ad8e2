"""The command line: detect, train, sites learn, simulate, serve; others in `cli_…` modules."""

from __future__ import annotations

import io
import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer
from rich.markup import escape

from scantrail import cli_backtest, cli_dataset, cli_evaluation, cli_jobs, cli_tune
from scantrail.cli_alerts import alerts_app
from scantrail.cli_feedback import feedback_app
from scantrail.cli_keys import audit, keys_app
from scantrail.cli_lifecycle import lifecycle_app
from scantrail.cli_models import models_app
from scantrail.cli_monitor import monitor_app
from scantrail.cli_monitoring import drift
from scantrail.cli_parts import STDERR, Log, LogOrDataset, SitesOption, Zone, shares, stages
from scantrail.cli_trials import trials_app
from scantrail.cli_worker import worker
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
app.add_typer(keys_app, name="keys")
app.command("audit")(audit)
app.add_typer(models_app, name="models")
for each in (cli_jobs.retrain, cli_jobs.jobs, cli_jobs.job, cli_jobs.cancel):
    models_app.command()(each)
app.add_typer(trials_app, name="trial")
app.add_typer(cli_evaluation.app)
app.add_typer(cli_backtest.app)
app.add_typer(cli_dataset.app, name="dataset")
app.command()(drift)
app.add_typer(monitor_app, name="monitor")
app.add_typer(alerts_app, name="alerts")
app.add_typer(feedback_app, name="feedback")
app.command()(worker)
app.add_typer(lifecycle_app, name="lifecycle")

_FOUND: Final = 3  # exit code of `--fail-on`
_ERROR: Final = 1
_STOPPED: Final = 130  # as shells have it: 128 and the number of the signal


class RuleProfile(StrEnum):
    """Which rules judge."""

    DEFAULT = "default"
    SOURCE = "source"


class Language(StrEnum):
    """In which language scans are explained."""

    ENGLISH = "en"
    KOREAN = "ko"


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
    with stages(4 + learning + bool(out or rejects), quiet=quiet) as stage:
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
    log: LogOrDataset,
    out: Annotated[Path, typer.Option(help="Folder to write the artifact to.")],
    sites: Annotated[
        Path, typer.Option(help="Site list (CSV), or a folder written by 'sites learn'.")
    ],
    zone: Zone = None,
    seed: Annotated[int, typer.Option(help="The same seed and log give the same artifact.")] = 0,
    epochs: Annotated[
        int | None, typer.Option(min=1, max=200, help="Passes over a long log. Default: 4.")
    ] = None,
    params: Annotated[
        Path | None,
        typer.Option(help="Parameters (.json, .toml), e.g. found by [bold]scantrail tune[/]."),
    ] = None,
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
    with shares() as share:
        share("reading", 0.0)
        dataset = wiring.dataset_at(log, settings)
        engine = engine.knowing(dataset.events)
        with output.folder_at(out):
            trained = wiring.train(
                engine, dataset.events, out, share,
                seed=seed, epochs=epochs, parameters=params, dataset=dataset,
            )  # fmt: skip
    seconds = time.perf_counter() - started
    show_training(trained.card.about, wiring.version_of(out), out, seconds)


app.command()(cli_tune.tune)


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
    with stages(2, quiet=False) as stage:
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
    with stages(2, quiet=False) as stage:
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

    Callers need keys; the first start makes one for the administrator and prints it.

    [bold]Example:[/] scantrail serve --port 8000 --sites network/
    """
    from scantrail import wiring
    from scantrail.serve import run

    if insecure_local:
        run.check_local(host)
    settings = read_settings(sites=str(sites) if sites else None, artifacts=artifacts)
    run.serve(wiring.engine(settings, learned=False), host, port, insecure_local=insecure_local)


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
    STDERR.print("[bold red]error:[/]", escape(" ".join(text.splitlines())), soft_wrap=True)
    sys.exit(code)
