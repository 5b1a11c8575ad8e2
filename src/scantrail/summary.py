"""What the command line tells a person: short, aligned, the worst first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from scantrail.explain import severity
from scantrail.lanes import Network
from scantrail.report import kinds, worst
from scantrail.vocabulary.events import FLAG_NAMES, Events
from scantrail.vocabulary.findings import Report

if TYPE_CHECKING:
    from scantrail.simulate import Simulation

_SHOWN_REJECTS: Final = 3  # reasons
_SHOWN_LETTERS: Final = 60  # of a rejected value
_SHOWN_EXAMPLES: Final = 3
_PLACE: Final = ("location_id", "scan_location")
_COLOURS: Final = {"HIGH": "red", "MEDIUM": "yellow", "LOW": "cyan", "NORMAL": "dim"}


def show(
    report: Report,
    events: Events,
    network: Network,
    written: Sequence[Path],
    seconds: float,
    lanes: str = "",
) -> None:
    """Print what a detection found; `lanes` says where the network's lanes are from."""
    console = Console(highlight=False)
    suspect = int(report.verdicts["anomaly"].sum())
    total = len(report.verdicts)
    items = report.verdicts["epc_code"].n_unique()
    rejected = len(report.rejects)
    console.print(
        f"{_count(total, 'event')} of {_count(items, 'EPC')} in {_said(events.source)}, "
        f"{_count(rejected, 'row') if rejected else 'no row'} rejected, judged in {seconds:.1f} s",
        soft_wrap=True,
    )
    if suspect:
        hit = report.verdicts.filter("anomaly")["epc_code"].n_unique()
        console.print(
            f"{_count(suspect, 'suspect event')} ({_share(suspect / total)}) on "
            f"{_count(hit, 'EPC')}"
        )
        console.print(_kinds(report))
        console.print(_causes(report))
        _show_places(console, report, events, network)
        _show_examples(console, report)
    elif total and report.verdicts["finalConfidence"].null_count() == total:
        console.print("Nothing could be judged.")
    elif total:
        console.print("Nothing suspect found.")
    else:
        console.print("There was no event to judge.")
    if report.degraded:
        console.print(f"[bold red]degraded[/]: {', '.join(report.degraded)} did not answer")
    _show_rejects(console, report.rejects)
    _show_grounds(console, report, network, lanes)
    for path in written:
        console.print(f"wrote {_said(str(path))}", soft_wrap=True)


def _count(number: int, noun: str) -> str:
    return f"[bold]{number:,}[/] {noun}{'' if number == 1 else 's'}"


def _share(share: float) -> str:
    """A share in percent, in per million where it would read as 0.0 %.

    >>> _share(0.0123), _share(0.000003)
    ('1.2 %', '3 per million')
    """
    return f"{share * 100:.1f} %" if share >= 0.001 else f"{share * 1e6:.0f} per million"


def _said(text: str, most: int | None = None) -> str:
    """Foreign text, safe to print: no markup, no control characters, not too long.

    >>> _said(f"a{chr(27)}bcd", most=4)
    'a·b…'
    """
    clean = "".join(c if c.isprintable() else "·" for c in text)
    if most is not None and len(clean) > most:
        clean = clean[: most - 1] + "…"
    return escape(clean)


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


def _causes(report: Report) -> str:
    """How many suspect events each cause class is likeliest for: most are no deed of anybody's."""
    counted = report.verdicts.filter("anomaly")["cause"].value_counts()
    order = counted.sort("count", "cause", descending=[True, False])
    said = ", ".join(f"{cause} {count:,}" for cause, count in order.iter_rows())
    return f"likeliest causes: {said}\n"


def _names(events: Events, network: Network) -> pl.DataFrame:
    """`site`: what people call the place of each event."""
    site = pl.Series(network.sites.index(*(events.frame[name] for name in _PLACE)))
    listed = network.sites.table["scan_location"].gather(
        site.set((site < 0) | (site >= len(network.sites)), None)
    )
    return events.frame.select(
        site=pl.coalesce(
            listed, "scan_location", pl.format("location {}", "location_id"), pl.lit("(no place)")
        )
    )


def _show_places(console: Console, report: Report, events: Events, network: Network) -> None:
    here = _names(events, network)
    before = pl.col("site").shift(1).over("epc_code", order_by=["time", "row"])
    lanes = events.frame.with_columns(here).select(
        start=pl.when(before != pl.col("site")).then(before), end="site"
    )
    table = _table("worst sites", "suspect", "events", "share", "mostly")
    for site, suspect, count, share, kind in worst(report, here, ["site"]).iter_rows():
        table.add_row(_said(site), f"{suspect:,}", f"{count:,}", _share(share), kind)
    console.print(table)
    table = _table("worst lanes", "suspect", "events", "share", "mostly")
    for start, end, suspect, count, share, kind in worst(
        report, lanes, ["start", "end"]
    ).iter_rows():
        lane = f"{_said(start)} → {_said(end)}"
        table.add_row(lane, f"{suspect:,}", f"{count:,}", _share(share), kind)
    if table.row_count:
        console.print(table)


def _show_examples(console: Console, report: Report) -> None:
    top = report.verdicts.filter("anomaly").sort("finalConfidence", "row", descending=[True, False])
    runbooks = dict(report.claims.select("kind", "runbook").unique().iter_rows())
    console.print("[bold]highest[/]")
    for row in top.unique("kind", keep="first", maintain_order=True)[:_SHOWN_EXAMPLES].to_dicts():
        console.print(
            f"{row['finalConfidence']:5.0f}  event {_said(str(row['event_id']))}, "
            f"{_said(str(row['epc_code']), _SHOWN_LETTERS)}"
        )
        _show_under(console, 7, _said(row["explanation"]))
        cause = f"likeliest cause: {row['cause']}. {runbooks[row['kind']]}"
        _show_under(console, 7, f"[dim]{_said(cause)}[/]")
    console.print()


def _show_under(console: Console, indent: int, text: str) -> None:
    """Text that may take several lines, all of them indented."""
    console.print(Padding(text, (0, 0, 0, indent), expand=False))


def _show_rejects(console: Console, rejects: pl.DataFrame) -> None:
    """The commonest reasons why rows were rejected, each with its first row."""
    if not len(rejects):
        return
    table = rejects.group_by("reason", maintain_order=True).agg(pl.len(), pl.all().first())
    noun = "row" if len(rejects) == 1 else "rows"
    console.print(f"[bold yellow]{len(rejects):,} {noun} rejected[/]")
    for row in table.sort("len", descending=True, maintain_order=True)[:_SHOWN_REJECTS].to_dicts():
        place = row["file"] if row["line"] is None else f"{row['file']}:{row['line']}"
        column = f", column {row['column']}" if row["column"] else ""
        value = f" '{_said(row['value'], _SHOWN_LETTERS)}'" if row["value"] else ""
        console.print(f"{row['len']:5,}  {_said(row['reason'])}")
        first = "first " if row["len"] > 1 else ""
        _show_under(console, 7, f"[dim]{first}at {_said(place + column)}{value}[/]")
        _show_under(console, 7, f"[dim]to mend it: {_said(row['fix'])}[/]")
    if len(table) > _SHOWN_REJECTS:
        others = len(table) - _SHOWN_REJECTS
        console.print(f"       and {others:,} other reason{'s' if others > 1 else ''}")
    console.print()


def _show_grounds(console: Console, report: Report, network: Network, lanes: str) -> None:
    """What was doubtful, and what the verdicts rest on."""
    flags = report.verdicts["flags"]
    counted = {name: int((flags & int(bit) > 0).sum()) for bit, name in FLAG_NAMES.items()}
    said = [f"{name.replace('_', ' ')} {n:,}" for name, n in counted.items() if n]
    if said:
        console.print(f"[dim]flagged: {', '.join(said)}[/]")
    limit = network.speed_limit_kmh
    speed = f", usual speeds up to {limit:.0f} km/h" if limit else ""
    origin = f" ({_said(lanes)})" if lanes else ""
    console.print(
        f"[dim]measured against {len(network.sites):,} sites, {len(network.lanes):,} lanes"
        f"{speed}{origin}[/]",
        soft_wrap=True,
    )


def show_network(network: Network, events: Events, out: Path) -> None:
    """Print what was learned of a chain."""
    console = Console(highlight=False)
    rejected = len(events.rejects)
    console.print(
        f"{_count(len(network.sites), 'site')}, {_count(len(network.lanes), 'lane')} learned from "
        f"{_count(len(events.frame), 'event')} in {_said(events.source)}, "
        f"{_count(rejected, 'row') if rejected else 'no row'} rejected",
        soft_wrap=True,
    )
    names = dict(network.sites.table.select("location_id", "scan_location").iter_rows())
    table = _table("busiest lanes", "trips", "hours")
    for lane in network.lanes.sort("trips", descending=True)[:8].to_dicts():
        way = f"{names[lane['from_location_id']]} → {names[lane['to_location_id']]}"
        hours = lane["hours_median"]
        table.add_row(_said(way), f"{lane['trips']:,}", "–" if hours is None else f"{hours:.1f}")
    if table.row_count:
        console.print(table)
    else:
        console.print("No item was seen going from one listed site to another.")
    if network.speed_limit_kmh:
        console.print(f"99.9 % of usual trips are slower than {network.speed_limit_kmh:g} km/h")
    _show_rejects(console, events.rejects)
    console.print(f"wrote {_said(str(out))}; use it as --sites", soft_wrap=True)


def show_simulation(made: Simulation, paths: Mapping[str, Path], seconds: float) -> None:
    """Print what was simulated."""
    console = Console(highlight=False)
    scans, labels = made.scans, made.labels
    items = scans["epc_code"].n_unique()
    console.print(
        f"{_count(len(scans), 'event')} of {_count(items, 'EPC')} simulated in {seconds:.1f} s, "
        f"{_count(labels['epc_code'].n_unique(), 'EPC')} with a planted anomaly",
        soft_wrap=True,
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
        console.print(f"wrote {_said(str(path))}", soft_wrap=True)
