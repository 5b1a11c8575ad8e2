"""The command `scantrail tune`."""

from __future__ import annotations

import json
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from scantrail.cli_parts import LogOrDataset, Zone, shares
from scantrail.settings import read_settings

_PARAMETERS: Final = "parameters.json"
_TRIALS: Final = "trials.csv"


class Models(StrEnum):
    """Which models are tuned."""

    BOTH = "both"
    LSTM = "lstm"
    SVM = "svm"


class Sampler(StrEnum):
    """How the next parameters are chosen."""

    TPE = "tpe"
    GRID = "grid"


def tune(
    log: LogOrDataset,
    out: Annotated[Path, typer.Option(help="Folder for the study and what it finds.")],
    sites: Annotated[
        Path, typer.Option(help="Site list (CSV), or a folder written by 'sites learn'.")
    ],
    labels: Annotated[
        Path | None,
        typer.Option(help="CSV with event_id, epc_code, kind, maybe rule_visible, of a log."),
    ] = None,
    model: Annotated[Models, typer.Option(help="What to tune.")] = Models.BOTH,
    minutes: Annotated[float, typer.Option(min=0.05, help="Budget, for all together.")] = 30.0,
    trials: Annotated[int | None, typer.Option(min=1, help="At most so many of a model.")] = None,
    sampler: Annotated[
        Sampler, typer.Option(help="tpe: learns from trials; grid: every combination of a few.")
    ] = Sampler.TPE,
    folds: Annotated[int, typer.Option(min=2, max=10, help="Of the cross-validation.")] = 3,
    per_10k: Annotated[
        float, typer.Option("--per-10k", help="False alerts per 10,000 scans that are bearable.")
    ] = 3.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same trials.")] = 0,
    zone: Zone = None,
) -> None:
    r"""Find parameters for training that find more at a bearable number of false alerts.

    Needs the extra [bold]train[/]: pip install 'scantrail\[train]'. Trials are judged on later
    scans of other lots; labels say what is to be found there, without any, anomalies are planted.
    A study that was stopped goes on where it was.

    [bold]Example:[/] scantrail tune scans.tsv --sites network/ --out tuned/, then scantrail train
    scans.tsv --sites network/ --params tuned/parameters.json --out artifact/
    """
    from scantrail import output, wiring
    from scantrail.evaluation import read_labels
    from scantrail.summary_of_tuning import show_tuning, trial_table

    output.check_folder(out)
    started = time.perf_counter()
    settings = read_settings(zone=zone, sites=str(sites), artifacts="none")
    with shares() as share:
        share("reading", 0.0)
        known = read_labels(labels) if labels else None
        dataset = wiring.dataset_at(log, settings, known)
        engine = wiring.engine(settings).knowing(dataset.events)
        tuned = wiring.tune(
            engine,
            dataset,
            out,
            share,
            models=("svm", "lstm") if model is Models.BOTH else (model.value,),
            sampler=sampler.value,
            minutes=minutes,
            trials=trials,
            folds=folds,
            per_10k=per_10k,
            seed=seed,
        )
    from scantrail.training.tune import best_parameters  # with the extra only

    with output.folder_at(out):
        found = json.dumps(best_parameters(tuned), indent=1)
        (out / _PARAMETERS).write_text(found + "\n", encoding="utf-8")
        trial_table(tuned).write_csv(out / _TRIALS)
    has_labels = bool(dataset.tables["labels"].height)
    show_tuning(tuned, per_10k, out / _PARAMETERS, labelled=has_labels)
    typer.echo(f"{time.perf_counter() - started:.0f} s; all trials are in {out / _TRIALS}")
