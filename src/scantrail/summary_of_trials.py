"""Trials as a person reads them in a terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.table import Column, Table

from scantrail.stores.trials import Moved, Trial
from scantrail.trialing import Reading, Shadowed
from scantrail.trials.reading import Arm
from scantrail.trials.reading import Trial as Told
from scantrail.trials.sequential import Reading as Difference
from scantrail.trials.sequential import Tally
from scantrail.vocabulary.times import in_table

_MODES: Final = {"shadow": "in the shadow", "ab": "A/B", "canary": "canary"}
_ALONE: Final = {"both": "both", "champion": "the champion alone", "challenger": "the challenger "
                 "alone"}  # fmt: skip


def show_trials(trials: Sequence[Trial]) -> None:
    """Trials, in the order given."""
    console = Console(highlight=False)
    if not trials:
        console.print("nothing was tried yet; 'scantrail trial start VERSION' begins a trial")
        return
    table = Table("id", "from (UTC)", "kind", "champion", "challenger", "share", "state", box=None)
    for one in trials:
        share = "" if one.start.mode == "shadow" else f"{one.last.share:.0%}"
        state = f"[bold green]{one.state}[/]" if one.last.running else one.state
        table.add_row(
            str(one.number), in_table(one.start.at, "seconds"), _MODES[one.start.mode],
            one.start.champion, one.start.challenger, share, state,
        )  # fmt: skip
    console.print(table)


def show_reading(reading: Reading, todo: str | None) -> None:
    """A trial and what it has taught."""
    console = Console(highlight=False)
    trial, last = reading.trial, reading.trial.last
    console.print(
        f"Trial {trial.number}, {_MODES[last.mode]}, {trial.state}: {last.challenger} against "
        f"{last.champion}\n",
        soft_wrap=True,
    )
    for move in trial.moves:
        console.print(f"  {_move(move)}", soft_wrap=True)
    console.print()
    if reading.shadowed is not None:
        _show_shadowed(console, reading.shadowed)
    elif reading.told is not None:
        _show_told(console, reading.told, reading.crossed)
    if todo:
        console.print(f"next: {todo}", soft_wrap=True)


def _move(move: Moved) -> str:
    share = "" if move.mode == "shadow" or not move.running else f" at {move.share:.0%}"
    why = f": {move.reason}" if move.reason else ""
    return f"{in_table(move.at, 'seconds')} UTC  {move.action}{share} by {move.actor}{why}"


def _show_told(console: Console, told: Told, crossed: int) -> None:
    split = told.split
    effective = "no items yet" if not split.items else (
        f"{split.effective:.2%} of {split.items:,} items (p = {split.p:.2g})")  # fmt: skip
    console.print(f"Split: {split.share:.2%} meant, {effective}", soft_wrap=True)
    if crossed:
        console.print(f"{crossed:,} items that both judged are left out", soft_wrap=True)
    numbers = ("scans", "items", "alerts", "per 10,000 scans", "confirmed", "dismissed")
    table = Table("", *(Column(name, justify="right") for name in numbers), box=None)
    for name, arm in (("champion", told.champion), ("challenger", told.challenger)):
        table.add_row(name, *_arm(arm))
    console.print(table)
    console.print(f"Items with an alert:  {_difference(told.alerts)}", soft_wrap=True)
    console.print(f"Confirmed alerts:     {_difference(told.precision)}", soft_wrap=True)
    console.print(f"{told.outcome.value[0].upper()}{told.outcome.value[1:]}.", soft_wrap=True)


def _arm(arm: Arm) -> tuple[str, ...]:
    rate = "" if math.isnan(arm.per_10k) else f"{arm.per_10k:.1f}"
    return (f"{arm.scans:,}", f"{arm.items:,}", f"{arm.alerts:,}", rate, f"{arm.feedback.yes:,}",
            f"{arm.feedback.no:,}")  # fmt: skip


def _difference(told: Difference) -> str:
    if math.isnan(told.difference):
        return "cannot tell yet"
    return f"{told.difference:+.2%}, challenger less champion ({told.low:+.2%} to {told.high:+.2%})"


def _show_shadowed(console: Console, told: Shadowed) -> None:
    same = told.agreement
    share = f" ({told.scored / told.stored:.1%})" if told.stored else ""
    console.print(f"The shadow judged {told.scored:,} of {told.stored:,} scans{share}")
    numbers = ("", "confirmed", "dismissed")
    table = Table("items suspect to", *(Column(n, justify="right") for n in numbers), box=None)
    for name, count in (("both", same.both), ("champion", same.champion),
                        ("challenger", same.challenger)):  # fmt: skip
        tally: Tally = told.said[name]
        table.add_row(_ALONE[name], f"{count:,}", f"{tally.yes:,}", f"{tally.no:,}")
    table.add_row("none", f"{same.neither:,}", "", "")
    console.print(table)
    if not math.isnan(same.agreed):
        kappa = "" if math.isnan(same.kappa) else f", Cohen's kappa {same.kappa:.2f}"
        console.print(f"Both say the same of {same.agreed:.2%} of the items{kappa}")
    low, high = told.more
    if low > 0.5 or high < 0.5:
        which = "more" if low > 0.5 else "fewer"
        console.print(f"The challenger alerts on {which} items.")
