"""What the command line tells a person: short, aligned, the worst first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from scantrail.explain import severity
from scantrail.lanes import Network
from scantrail.report import kinds, worst
from scantrail.vocabulary.events import FLAG_NAMES, Events
from scantrail.vocabulary.findings import Report

if TYPE_CHECKING:
    from scantrail.simulate import Simulation

_SHOWN_REJECTS: Final = 3
_SHOWN_EXAMPLES: Final = 3
_COLOURS: Final = {"HIGH": "red", "MEDIUM": "yellow", "LOW": "cyan", "NORMAL": "dim"}


def show(
    report: Report, events: Events, network: Network, written: Sequence[Path], seconds: float
) -> None:
    """Print what a detection found."""
    console = Console(highlight=False)
    suspect = int(report.verdicts["anomaly"].sum())
    total = len(report.verdicts)
    items = report.verdicts["epc_code"].n_unique()
    console.print(
        f"[bold]{total:,}[/] events of [bold]{items:,}[/] EPCs in {escape(events.source)}, "
        f"judged in {seconds:.1f} s"
    )
    if suspect:
        hit = report.verdicts.filter("anomaly")["epc_code"].n_unique()
        console.print(
            f"[bold]{suspect:,}[/] suspect events ({_rate(suspect, total)}) on "
            f"[bold]{hit:,}[/] EPCs"
        )
        console.print(_kinds(report))
        _show_places(console, report, events)
        _show_examples(console, report)
    else:
        console.print("Nothing suspect found.")
    _show_doubts(console, report, network)
    for path in written:
        console.print(f"wrote {escape(str(path))}", soft_wrap=True)


def _rate(part: int, total: int) -> str:
    return f"{part / total * 10_000:.1f} per 10,000" if total else "none"


def _table(*columns: str) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for name in columns:
        numeric = name in (
            "events",
            "EPCs",
            "highest",
            "suspect",
            "share",
            "trips",
            "hours",
            "items",
        )
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    return table


def _kinds(report: Report) -> Table:
    table = _table("kind", "events", "EPCs", "highest", "severity")
    for kind, events, epcs, highest in kinds(report).iter_rows():
        word = severity(highest).value
        table.add_row(
            kind, f"{events:,}", f"{epcs:,}", f"{highest:.0f}", f"[{_COLOURS[word]}]{word}[/]"
        )
    return table


def _show_places(console: Console, report: Report, events: Events) -> None:
    place = pl.coalesce(
        "scan_location", pl.format("location {}", "location_id"), pl.lit("(no place)")
    )
    here = events.frame.select(site=place)
    before = pl.col("site").shift(1).over("epc_code", order_by=["time", "row"])
    lanes = events.frame.with_columns(here).select(
        start=pl.when(before != pl.col("site")).then(before), end="site"
    )
    table = _table("worst sites", "suspect", "events", "share", "mostly")
    for site, suspect, count, share, kind in worst(report, here, ["site"]).iter_rows():
        table.add_row(escape(site), f"{suspect:,}", f"{count:,}", f"{share:.2%}", kind)
    console.print(table)
    table = _table("worst lanes", "suspect", "events", "share", "mostly")
    for start, end, suspect, count, share, kind in worst(
        report, lanes, ["start", "end"]
    ).iter_rows():
        lane = f"{escape(start)} → {escape(end)}"
        table.add_row(lane, f"{suspect:,}", f"{count:,}", f"{share:.2%}", kind)
    if table.row_count:
        console.print(table)


def _show_examples(console: Console, report: Report) -> None:
    top = report.verdicts.filter("anomaly").sort("finalConfidence", "row", descending=[True, False])
    runbooks = dict(report.claims.select("kind", "runbook").unique().iter_rows())
    console.print("[bold]highest[/]")
    for row in top.unique("kind", keep="first", maintain_order=True)[:_SHOWN_EXAMPLES].to_dicts():
        console.print(
            f"  {row['finalConfidence']:.0f}  event {row['event_id']}, "
            f"{escape(str(row['epc_code'])[:60])}\n"
            f"      {escape(row['explanation'])}\n"
            f"      [dim]likeliest cause: {row['cause']}. {escape(runbooks[row['kind']])}[/]",
            soft_wrap=True,
        )
    console.print()


def _show_doubts(console: Console, report: Report, network: Network) -> None:
    """Rejects, flags, failed detectors, and what the verdicts rest on."""
    if report.degraded:
        console.print(f"[bold red]degraded[/]: {', '.join(report.degraded)} did not answer")
    if len(report.rejects):
        console.print(f"[bold yellow]{len(report.rejects):,} rows rejected[/], the first:")
        for row in report.rejects[:_SHOWN_REJECTS].to_dicts():
            what = f", column {row['column']}" if row["column"] else ""
            value = f" '{row['value']}'" if row["value"] else ""
            console.print(
                f"  {escape(row['file'])}, line {row['line']}{what}{escape(value)}: "
                f"{escape(row['reason'])}; {escape(row['fix'])}",
                soft_wrap=True,
            )
    flags = report.verdicts["flags"]
    counted = {name: int((flags & int(bit) > 0).sum()) for bit, name in FLAG_NAMES.items()}
    said = [f"{name.replace('_', ' ')} {n:,}" for name, n in counted.items() if n]
    if said:
        console.print(f"[dim]flagged: {', '.join(said)}[/]")
    limit = network.speed_limit_kmh
    speed = f", usual speeds up to {limit:.0f} km/h" if limit else ""
    console.print(f"[dim]measured against {len(network.sites):,} sites, "
                  f"{len(network.lanes):,} lanes{speed}[/]")  # fmt: skip


def show_network(network: Network, events: Events, out: Path) -> None:
    """Print what was learned of a chain."""
    console = Console(highlight=False)
    console.print(
        f"[bold]{len(network.sites):,}[/] sites, [bold]{len(network.lanes):,}[/] lanes learned "
        f"from {len(events.frame):,} events"
    )
    names = dict(network.sites.table.select("location_id", "scan_location").iter_rows())
    table = _table("busiest lanes", "trips", "hours")
    for lane in network.lanes.sort("trips", descending=True)[:8].to_dicts():
        way = f"{names[lane['from_location_id']]} → {names[lane['to_location_id']]}"
        hours = lane["hours_median"]
        table.add_row(escape(way), f"{lane['trips']:,}", "–" if hours is None else f"{hours:.1f}")
    console.print(table)
    if network.speed_limit_kmh:
        console.print(f"99.9 % of usual trips are slower than {network.speed_limit_kmh:g} km/h")
    console.print(f"wrote {escape(str(out))}; use it as --sites", soft_wrap=True)


def show_simulation(made: Simulation, paths: Mapping[str, Path], seconds: float) -> None:
    """Print what was simulated."""
    console = Console(highlight=False)
    scans, labels = made.scans, made.labels
    items = scans["epc_code"].n_unique()
    console.print(
        f"[bold]{len(scans):,}[/] events of [bold]{items:,}[/] EPCs simulated in {seconds:.1f} s; "
        f"{labels['epc_code'].n_unique():,} EPCs with a planted anomaly"
    )
    if len(labels):
        table = _table("kind", "items", "events", "seen by")
        counted = labels.group_by("kind", "rule_visible").agg(
            items=pl.col("epc_code").n_unique(), events=pl.len()
        )
        for kind, visible, count, rows in counted.sort(
            "rule_visible", "kind", descending=[True, False]
        ).iter_rows():
            table.add_row(kind, f"{count:,}", f"{rows:,}", "rules" if visible else "learning")
        console.print(table)
    for path in paths.values():
        console.print(f"wrote {escape(str(path))}", soft_wrap=True)
