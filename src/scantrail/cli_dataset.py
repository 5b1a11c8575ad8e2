"""The commands `scantrail dataset …`: build, list, show, diff, lineage, measure, check."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated, Final

import typer

from scantrail.cli_parts import SitesOption, Zone, stages
from scantrail.errors import SettingsError
from scantrail.settings import read_settings

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Versions of what is learned from: build, look at, compare, trace back.\n\n"
    "[bold]Example:[/] scantrail dataset build scans.tsv --sites sites.csv, then "
    "scantrail train datasets/075a51d76929fa42 --sites network/ --out artifact/",
)

_ROOT: Final = Path("datasets")
_DAY: Final = "%Y-%m-%d"

Version = Annotated[
    str, typer.Argument(help="A dataset's folder, its version, or how that begins.")
]
Root = Annotated[Path, typer.Option("--in", help="Folder that the datasets are in.")]


@app.command()
def build(
    logs: Annotated[
        list[Path], typer.Argument(help="Scan logs of any format, and folders of datasets.")
    ],
    sites: SitesOption = None,
    out: Annotated[
        Path, typer.Option(help="Folder to put the dataset in, below its version.")
    ] = _ROOT,
    labels: Annotated[
        Path | None,
        typer.Option(
            help="CSV with event_id, epc_code, kind, and maybe rule_visible; "
            "the kind 'honest' (or none) says that a scan was looked at and is in order."
        ),
    ] = None,
    balance: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Draw balanced sets for the LSTM and the SVM: at most so many of a kind.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the balanced sets.")] = 0,
    since: Annotated[
        dt.datetime | None, typer.Option(formats=[_DAY], help="First day, UTC.")
    ] = None,
    until: Annotated[
        dt.datetime | None, typer.Option(formats=[_DAY], help="Day after the last, UTC.")
    ] = None,
    without_site: Annotated[
        list[int] | None, typer.Option(help="Location id to leave out; may be given often.")
    ] = None,
    keep_repeats: Annotated[
        bool, typer.Option("--keep-repeats", help="Keep scans that were uploaded twice.")
    ] = False,
    zone: Zone = None,
) -> None:
    """Build a version: read, check, clean, and keep what was done.

    The same logs and options give the same version again.

    [bold]Example:[/] scantrail dataset build scans.tsv --sites sites.csv --labels labels.csv
    """
    from scantrail import output, summary_of_datasets, wiring
    from scantrail.datasets import folder
    from scantrail.datasets.manifest import Balance, Recipe
    from scantrail.evaluation import read_labels

    output.check_folder(out)
    settings = read_settings(zone=zone, sites=str(sites) if sites else None, artifacts="none")
    recipe = Recipe(
        zone=settings.zone,
        since=_utc(since),
        until=_utc(until),
        without_sites=tuple(sorted(set(without_site or ()))),
        keep_repeats=keep_repeats,
        balance=Balance(balance, seed) if balance else None,
    )
    if recipe.since and recipe.until and recipe.since >= recipe.until:
        raise SettingsError("--since is not before --until; nothing would be left")
    with stages(2, quiet=False) as stage:
        stage("reading")
        known = read_labels(labels) if labels else None
        dataset = wiring.dataset_of(logs, settings, recipe, known)
        stage("writing")
        there = folder.write(dataset, out)
    summary_of_datasets.show(dataset.manifest)
    summary_of_datasets.show_place(there)


def _utc(moment: dt.datetime | None) -> dt.datetime | None:
    return moment.replace(tzinfo=dt.UTC) if moment else None


@app.command()
def show(
    version: Version,
    root: Root = _ROOT,
    json: Annotated[bool, typer.Option("--json", help="The manifest as it is.")] = False,
    full: Annotated[bool, typer.Option("--all", help="Every site and lane.")] = False,
) -> None:
    """Show what a version holds, how good it is, and what cleaning did.

    [bold]Example:[/] scantrail dataset show 075a
    """
    from scantrail import summary_of_datasets
    from scantrail.datasets import folder
    from scantrail.datasets.manifest import NAME, read_manifest

    place = folder.find(version, root)
    manifest = read_manifest(place)
    if json:
        typer.echo((place / NAME).read_text(encoding="utf-8"), nl=False)
        return
    summary_of_datasets.show(manifest, full=full)


@app.command("list")
def list_versions(root: Root = _ROOT) -> None:
    """List the versions in a folder, the oldest first.

    [bold]Example:[/] scantrail dataset list
    """
    from scantrail import summary_of_datasets
    from scantrail.datasets import folder
    from scantrail.datasets.manifest import read_manifest

    summary_of_datasets.show_list(
        [read_manifest(root / name) for name in folder.versions(root)], root
    )


@app.command()
def diff(first: Version, second: Version, root: Root = _ROOT) -> None:
    """Tell two versions apart: events, labels, sources, options, quality.

    [bold]Example:[/] scantrail dataset diff 075a cd92
    """
    from scantrail import summary_of_datasets
    from scantrail.datasets import folder
    from scantrail.datasets.difference import difference

    both = [folder.read(folder.find(word, root)) for word in (first, second)]
    summary_of_datasets.show_difference(difference(*both))


@app.command()
def lineage(
    what: Annotated[str, typer.Argument(help="An artifact's folder, or a dataset as above.")],
    root: Root = _ROOT,
) -> None:
    """Trace an artifact or a dataset back to the files that it came from.

    [bold]Example:[/] scantrail dataset lineage artifact/
    """
    from scantrail import summary_of_datasets
    from scantrail.datasets import folder
    from scantrail.datasets.lineage import of_artifact, of_dataset

    is_artifact = (Path(what) / "card.json").is_file()
    node = (
        of_artifact(Path(what), root) if is_artifact else of_dataset(folder.find(what, root), root)
    )
    summary_of_datasets.show_lineage(node)


@app.command()
def measure(
    version: Version,
    artifacts: Annotated[
        str, typer.Option(help="A folder written by [bold]scantrail train[/], or demo.")
    ],
    sites: SitesOption = None,
    root: Root = _ROOT,
) -> None:
    """Measure an artifact's LSTM and one-class SVM on a version's balanced sets.

    [bold]Example:[/] scantrail dataset measure 075a --artifacts artifact/ --sites network/
    """
    from scantrail import summary_of_datasets, wiring
    from scantrail.datasets import folder
    from scantrail.evaluation_of_sets import measure as told

    dataset = folder.read(folder.find(version, root))
    settings = read_settings(sites=str(sites) if sites else None, artifacts=artifacts)
    with stages(3, quiet=False) as stage:
        engine = wiring.engine(settings).knowing(dataset.events)
        report = engine.judge(dataset.events, progress=stage)
    summary_of_datasets.show_sets(told(dataset, report), dataset.version)


@app.command()
def check(
    versions: Annotated[
        list[str] | None, typer.Argument(help="Versions or folders. Default: all.")
    ] = None,
    root: Root = _ROOT,
) -> None:
    """Check that versions are what they were when they were written.

    [bold]Example:[/] scantrail dataset check
    """
    from scantrail import summary_of_datasets
    from scantrail.datasets import folder

    words = versions or folder.versions(root)
    places = [folder.find(word, root) for word in words]
    for place in places:
        summary_of_datasets.show_checked(folder.read(place).manifest)
    if not places:
        summary_of_datasets.show_list([], root)
