"""What the command line tells of how good verdicts are, which version is better, and of trials."""

from __future__ import annotations

import math
from typing import Any, Final

import polars as pl
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from scantrail.evaluation.assessment import Assessment
from scantrail.evaluation.backtest import Backtest, Cases, Side
from scantrail.evaluation.blocks import Interval
from scantrail.evaluation.comparison import Comparison, Outcome, Pair
from scantrail.evaluation.items import JUDGES, SUMS
from scantrail.evaluation.words import chance, length, points, sentence
from scantrail.work.backtesting import Done

_WEAK: Final = 0.75  # recall below is shown in red
_SHOWN: Final = 12  # rows of a table of kinds or sites
_COLOURS: Final = {
    Outcome.BETTER: "green", Outcome.NOT_WORSE: "blue", Outcome.WORSE: "red",
    Outcome.UNKNOWN: "yellow",
}  # fmt: skip


def show_assessment(told: Assessment) -> None:
    """Print what each judge found at the budget, by kind, and how sure that is."""
    console = Console(highlight=False)
    evaluation = told.evaluation
    console.print(
        f"[bold]{evaluation.scans:,}[/] scans; {evaluation.items['all']:,} of "
        f"{evaluation.items['all'] + evaluation.honest:,} items are labelled "
        f"({evaluation.prevalence:.1%}). Found at "
        f"[bold]{evaluation.per_10k:g} false alerts per 10,000 scans[/]:",
        soft_wrap=True,
    )
    console.print(Padding(_judges(told), (1, 0, 0, 0)))
    console.print(_budgets(told))
    if evaluation.gain:
        ratio, low, high = evaluation.gain
        console.print(
            f"Together they find [bold]{ratio:.2f}×[/] ({low:.2f}-{high:.2f}) as many anomalous "
            "items as the rules alone at the same budget (95 % bootstrap interval).",
            soft_wrap=True,
        )
    if told.delay:
        every = told.delay.by_kind.row(0, named=True)
        console.print(
            f"Of those found, {_percent(every['at_once'])} are at their first anomalous scan; nine "
            f"in ten {'within ' if every['hours_90'] else ''}{length(every['hours_90'])}.",
            soft_wrap=True,
        )
    blocks = " and ".join(f"{many:,} {by}s" for by, many in told.ranges.blocks.items())
    console.print(f"Intervals: 95 %, whole lots or days resampled ({blocks}).", style="dim")


def _judges(told: Assessment) -> Table:
    evaluation = told.evaluation
    found = {name: evaluation.found[name] for name in JUDGES if name in evaluation.found}
    table = _table("kind", "items", *(JUDGES[name] for name in found))
    for kind, items in evaluation.items.items():
        recalls = [each.recall[kind] for each in found.values()]
        style = "bold" if kind in SUMS else None
        table.add_row(escape(kind), f"{items:,}", *map(_recall, recalls), style=style)
    table.add_section()
    for label, field, form in (
        ("precision", "precision", ".2f"), ("F1", "f1", ".2f"), ("ROC-AUC", "roc_auc", ".3f"),
        ("PR-AUC", "pr_auc", ".3f"), ("threshold", "threshold", ".1f"),
        ("false alerts", "false_alerts", ",d"),
    ):  # fmt: skip
        table.add_row(label, "", *(_form(getattr(each, field), form) for each in found.values()))
    return table


def _budgets(told: Assessment) -> Table:
    """All judges together, at each budget, with intervals."""
    table = _table("all together", "threshold", "found, %", "precision, %", "F1, %")
    for at in told.ranges.at.values():
        table.add_row(
            f"at {at.per_10k:g} per 10,000", f"{at.threshold:.1f}",
            *(_interval(each) for each in (at.recall["all"], at.precision, at.f1)),
        )  # fmt: skip
    return table


def show_comparison(told: Comparison, names: tuple[str, str]) -> None:
    """Print both versions side by side, and which is better."""
    console = Console(highlight=False)
    console.print(f"A: {escape(names[0])}\nB: {escape(names[1])}\n", soft_wrap=True)
    console.print(f"[bold {_COLOURS[told.outcome]}]{sentence(told)}[/]", soft_wrap=True)
    table = _table("", "A", "B", "B less A", "95 % interval")
    for budget, recall in told.recall.items():
        _pair(table, f"found at {budget:g} per 10,000", recall["all"])
        _pair(table, "  precision there", told.precision[budget])
    _pair(table, "ROC-AUC", told.roc_auc)
    _pair(table, "PR-AUC", told.pr_auc)
    table.add_section()
    for kind, pair in told.recall[told.per_10k].items():
        if kind != "all" and (pair.a != pair.b or kind in SUMS):
            _pair(table, f"{escape(kind)} at {told.per_10k:g}", pair)
    console.print(Padding(table, (1, 0, 0, 0)))
    same = sum(p.a == p.b for k, p in told.recall[told.per_10k].items() if k not in SUMS)
    if same:
        console.print(f"Of {same} more kinds both find the same share.")
    test = told.mcnemar
    console.print(
        f"Labelled items found by A alone: {test.only_a:,}; by B alone: {test.only_b:,} (McNemar's "
        f"exact test: p {chance(test.p)}, were items independent).",
        soft_wrap=True,
    )
    blocks = " and ".join(f"{many:,} {by}s" for by, many in told.blocks.items())
    console.print(f"Intervals: paired, whole lots or days resampled ({blocks}).", style="dim")


def _pair(table: Table, label: str, pair: Pair) -> None:
    low, high = pair.difference.low, pair.difference.high
    colour = "green" if low > 0 else "red" if high < 0 else "default"
    table.add_row(
        label, _percent(pair.a), _percent(pair.b), f"[{colour}]{points(pair.difference.value)}[/]",
        f"{points(low)} to {points(high)}",
    )  # fmt: skip


def show_backtest(told: Backtest, threshold: float | None) -> None:
    """Print what another way of judging would have changed on a log."""
    console = Console(highlight=False)
    _show_backtest(console, told, threshold, f"a log of {told.days:,} days")
    if told.labelled:
        _caught(console, told, "labelled")
    _changes(console, told)


def show_stored_backtest(done: Done) -> None:
    """Print what another way of judging would have changed on what is stored."""
    console = Console(highlight=False)
    told = done.told
    names = ["rules alone" if one == "none" else one for one in done.versions]
    who = "is tried as well" if len({*names}) == 1 else f"is tried against [bold]{names[1]}[/]"
    console.print(f"[bold]{names[0]}[/] judges at present, and {who}.")
    source = f"{done.scans:,} stored scans of {told.days:,} days"
    _show_backtest(console, told, done.threshold, source, ("confirmed", "dismissed"))
    if told.labelled is None:
        console.print("Nobody has said yet which alerts are real.\n", style="dim")
    elif told.labelled:
        _caught(console, told, "confirmed")
    _changes(console, told)
    if done.degraded:
        console.print(f"[yellow]Detectors that failed meanwhile: {', '.join(done.degraded)}.[/]")


def _show_backtest(
    console: Console,
    told: Backtest,
    threshold: float | None,
    source: str,
    known: tuple[str, ...] = ("labelled",),
) -> None:
    passed = "" if threshold is None else f" above [bold]{threshold:.1f}[/]"
    console.print(f"On {source}, alerts{passed} would have been:\n", soft_wrap=True)
    known = () if told.labelled is None else known
    table = _table("", "alerts", "a day", "busiest", *known, *(["precision"] if known else []))
    for name, side in (("at present", told.present), ("tried", told.tried)):
        table.add_row(name, *_cells(side.alerts, known, side))
    for name, cases in (("found besides", told.found), ("lost", told.lost)):
        table.add_row(name, *_cells(cases, known))
    console.print(table)


def _caught(console: Console, told: Backtest, called: str) -> None:
    total, caught = told.labelled or 0, [s.alerts.real or 0 for s in (told.present, told.tried)]
    console.print(
        f"Of {total:,} {called} items {caught[0]:,} are found at present "
        f"({caught[0] / total:.1%}), {caught[1]:,} as tried ({caught[1] / total:.1%}).\n",
        soft_wrap=True,
    )


def _changes(console: Console, told: Backtest) -> None:
    for by, counted in (("kind", told.by_kind), ("site", told.by_site)):
        console.print(_counted(by, counted))
        if len(counted) > _SHOWN:
            console.print(f"and {len(counted) - _SHOWN:,} more {by}s\n", style="dim")
    console.print("No setting, artifact or stored verdict was touched.", style="dim")


def _cells(cases: Cases, known: tuple[str, ...], side: Side | None = None) -> list[str]:
    """Cells of a row: how many alerts, how often, and what is known of them."""
    often = (f"{side.per_day:.1f}", f"{side.busiest:,}") if side else ("", "")
    said = [f"{count or 0:,}" for count in (cases.real, cases.false)][: len(known)]
    if known:
        said.append("-" if cases.precision is None else f"{cases.precision:.0%}")
    return [f"{len(cases):,}", *often, *said]


def _counted(by: str, counted: pl.DataFrame) -> Table:
    table = _table(by, "at present", "tried", "found besides", "lost")
    for name, *counts in counted.head(_SHOWN).iter_rows():
        table.add_row(escape(str(name)), *(f"{count:,}" for count in counts))
    return table


def _table(first: str, *others: str) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    table.add_column(first, no_wrap=True)
    for name in others:
        table.add_column(name, justify="right")
    return table


def _recall(share: float) -> str:
    text = _form(share, ".2f")
    return f"[red]{text}[/]" if share < _WEAK else text


def _form(value: Any, form: str) -> str:
    return "-" if math.isnan(value) else format(value, form)


def _percent(share: float | None) -> str:
    return "-" if share is None or math.isnan(share) else f"{share * 100:.1f} %"


def _interval(share: Interval) -> str:
    if math.isnan(share.value):
        return "-"
    return f"{share.value * 100:.1f} ({share.low * 100:.1f}-{share.high * 100:.1f})"
