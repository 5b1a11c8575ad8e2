"""What the command line tells of tuning."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from scantrail.training.tune import Tried, Tuned

_SHOWN: Final = 5  # trials of a model, the best first
_NAMES: Final = {"lstm": "LSTM", "svm": "one-class SVM"}


def show_tuning(tuned: Sequence[Tuned], per_10k: float, file: Path, *, labelled: bool) -> None:
    """Print the best trials of each model, against the usual parameters.

    Args:
        tuned: What was found.
        per_10k: The budget of false alerts.
        file: Where the best parameters are.
        labelled: Whether labels said what was to be found, or anomalies were planted.
    """
    console = Console(highlight=False)
    what = "labelled items that rules don't see" if labelled else "planted anomalies"
    console.print(
        f"Share of [bold]{what}[/] found at {per_10k:g} false alerts per 10,000 scans, on later "
        "scans of other lots:",
        soft_wrap=True,
    )
    for one in tuned:
        console.print(_table(one))
        console.print(_conclusion(one), soft_wrap=True)
    console.print(
        f"wrote {escape(str(file))}; use it as --params of train. The figures are of the scans "
        "that the parameters were chosen by: expect somewhat less elsewhere.",
        soft_wrap=True,
    )


def trial_table(tuned: Sequence[Tuned]) -> pl.DataFrame:
    """All trials, one row each; parameters of the other model are null."""
    rows: list[dict[str, Any]] = [
        {
            "model": one.model,
            "trial": trial.number,
            "state": trial.state,
            "recall": trial.recall,
            **{f"fold_{number}": recall for number, recall in enumerate(trial.folds, start=1)},
            "seconds": trial.seconds,
            "note": trial.note,
            **trial.parameters,
        }
        for one in tuned
        for trial in one.trials
    ]
    return pl.DataFrame(rows, infer_schema_length=None)


def _table(one: Tuned) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    table.add_column(_NAMES[one.model])
    for name in ("found", "by fold", "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("parameters", overflow="fold")
    ranked = sorted(one.trials, key=lambda tried: (tried.state != "complete", -tried.recall))
    shown = ranked[:_SHOWN]
    if one.usual and one.usual not in shown:
        shown.append(one.usual)
    for tried in shown:
        table.add_row(*_row(tried, one), style="bold" if tried is one.best else None)
    if len(ranked) > len(shown):
        states = [tried.state for tried in one.trials]
        cut, failed = states.count("pruned"), states.count("failed")
        rest = f"{len(ranked)} trials, {cut} of them cut short" + (
            f", {failed} failed" * (failed > 0)
        )
        table.add_row(rest, style="dim")
    return table


def _row(tried: Tried, one: Tuned) -> tuple[str, ...]:
    name = f"trial {tried.number}"
    if tried is one.usual:
        name += ", as usual"
    if tried.state != "complete":
        name += f" ({tried.state})"
    return (
        name,
        f"{tried.recall:.2f}",
        " ".join(f"{recall:.2f}" for recall in tried.folds),
        f"{tried.seconds:.0f}",
        ", ".join(f"{key} {_value(value)}" for key, value in tried.parameters.items()),
    )


def _value(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _conclusion(one: Tuned) -> str:
    if not one.usual:
        return f"best: {one.best.recall:.2f}"
    if one.best is one.usual:
        return f"Nothing was better than the usual parameters ({one.usual.recall:.2f})."
    return f"best: [bold]{one.best.recall:.2f}[/], with the usual parameters {one.usual.recall:.2f}"
