"""What the command line tells of training."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.padding import Padding
from rich.table import Table

_RATES: Final = {"0.1": "1 in 10", "0.01": "1 in 100", "0.001": "1 in 1,000"}
_NAMES: Final = {"lstm": "LSTM", "svm": "one-class SVM", "ml": "models together"}


def show_training(about: dict[str, Any], version: str, folder: Path, seconds: float) -> None:
    """Print what was learned: from how much, how it went, and whether its scores can be trusted.

    Args:
        about: The card's `about`.
        version: The artifact's.
        folder: Where it is.
        seconds: How long it took.
    """
    console = Console(highlight=False)
    data, history = about["data"], about["history"]
    parts = data["parts"]
    console.print(
        f"learned from [bold]{data['events']:,}[/] events of [bold]{data['items']:,}[/] items in "
        f"{seconds / 60:.1f} min: {parts['train']:,} items to learn from, {parts['valid']:,} to "
        f"calibrate, {parts['test']:,} to check; {data['left_out']:,} left out, since rules "
        f"suspect them, and {data['strange']:,} that are strange by what the others teach",
        soft_wrap=True,
    )
    _warn_of_dirt(console, data, about["settings"]["contamination"])
    best = about["best_epoch"]
    console.print(
        f"the LSTM was best after pass {best + 1} of {len(history)}: {history[best]['valid_loss']}"
        " nats a scan on items that it had not seen",
        soft_wrap=True,
    )
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    table.add_column("share of checked items that reach a score meant for")
    for name in _RATES.values():
        table.add_column(name, justify="right")
    for name, seen in about["seen_rates"].items():
        table.add_row(_NAMES[name], *(f"{seen[rate]:.2%}" for rate in _RATES))
    console.print(Padding(table, (1, 0, 0, 0)))
    console.print(
        "More than stated means anomalies among the checked items, which nobody has labelled.",
        style="dim",
        soft_wrap=True,
    )
    console.print(f"wrote artifact [bold]{version}[/] to {folder}", soft_wrap=True)


def _warn_of_dirt(console: Console, data: dict[str, Any], reckoned: float) -> None:
    """Say so if rules find more odd items than training reckons with."""
    odd = data["left_out"] / data["items"]
    if odd > reckoned:
        console.print(
            f"[bold yellow]rules suspect {odd:.1%} of the items, training reckons with "
            f"{reckoned:.0%}[/]: what rules can't see may be as frequent, was learned from, and "
            "will look normal; mend the causes that 'scantrail detect' names first, or give a "
            "better log",
            soft_wrap=True,
        )
