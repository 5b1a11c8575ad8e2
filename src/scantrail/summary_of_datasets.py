"""What the command line tells of datasets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.tree import Tree

from scantrail.datasets.balance import JOURNEYS, SCANS
from scantrail.datasets.coverage import THIN
from scantrail.datasets.difference import Difference, Sides
from scantrail.datasets.lineage import Node
from scantrail.datasets.manifest import Manifest, Source
from scantrail.datasets.quality import Quality
from scantrail.evaluation_of_sets import Told

_SHOWN: Final = 5  # rows of a table, unless all are asked for
_HASH: Final = 12  # hex digits of a file's digest


def show(manifest: Manifest, *, full: bool = False) -> None:
    """Print a version: sources, quality, cleaning, labels."""
    console, quality = _console(), manifest.quality
    tables = manifest.tables
    _say(
        console,
        f"dataset [bold]{manifest.version}[/]: [bold]{tables['events'].rows:,}[/] events of "
        f"{manifest.items:,} items, {manifest.begin} to {manifest.end}, "
        f"{tables['labels'].rows:,} labelled",
    )
    console.print(_sources(manifest.sources))
    console.print(_checks(quality))
    if quality.clocks:
        console.print(_clocks(quality))
    console.print(_sites(quality, full=full))
    console.print(_lanes(quality, full=full))
    _cleaning(console, manifest)
    if tables["sets"].rows and manifest.recipe.balance:
        wanted = manifest.recipe.balance
        _say(
            console,
            f"balanced sets: {tables['sets'].rows:,} members, half of them honest, at most "
            f"{wanted.per_kind} of a kind (seed {wanted.seed})",
        )
    _say(console, f"[dim]built {manifest.created} by scantrail {manifest.code}[/]")


def show_place(folder: Path) -> None:
    """Print where a version is."""
    _say(_console(), f"wrote {escape(str(folder))}; use it in place of a log in train and tune")


def show_checked(manifest: Manifest) -> None:
    """Print that a version is what it was."""
    rows = sum(table.rows for table in manifest.tables.values())
    _say(_console(), f"[green]unchanged[/] {manifest.version}: {rows:,} rows checked")


def show_list(manifests: Sequence[Manifest], root: Path) -> None:
    """Print one line a version."""
    if not manifests:
        _say(_console(), f"{escape(str(root))} has no dataset")
        return
    table = _table("=version", "#events", "#labelled", "=from", "=to", "made from")
    for one in manifests:
        events, labels = (f"{one.tables[name].rows:,}" for name in ("events", "labels"))
        names = escape(", ".join(source.name for source in one.sources))
        table.add_row(one.version, events, labels, one.begin, one.end, names)
    _console().print(table)


def show_difference(found: Difference) -> None:
    """Print what tells two versions apart."""
    console = _console()
    table = _table("", f"#only {found.first}", "#both", f"#only {found.second}")
    for name in ("events", "items", "labels"):
        sides: Sides = getattr(found, name)
        table.add_row(name, f"{sides.first:,}", f"{sides.both:,}", f"{sides.second:,}")
    console.print(table)
    if found.relabelled:
        _say(console, f"{found.relabelled:,} events have another label")
    changed = {f"option {name}": pair for name, pair in found.recipe.items()} | found.quality
    if changed:
        table = _table("", f"#{found.first}", f"#{found.second}")
        for name, pair in changed.items():
            table.add_row(name, *(_value(one) for one in pair))
        console.print(table)
    for version, names in zip((found.first, found.second), found.sources, strict=True):
        if names:
            _say(console, f"only {version} is built from {escape(', '.join(names))}")
    if not (found.events.first or found.events.second or found.relabelled or changed):
        _say(console, "They hold the same.")


def show_sets(told: Sequence[Told], version: str) -> None:
    """Print how well each model tells each kind from matched honest members."""
    table = _table("kind", "#journeys", "#LSTM", "#scans", "#SVM")
    by = {(one.set, one.kind): one for one in told}
    for kind in dict.fromkeys(one.kind for one in told):
        cells: list[str] = []
        for name in (JOURNEYS, SCANS):
            one = by.get((name, kind))
            cells += [f"{one.members:,}", f"{one.auc:.3f}"] if one else ["-", "-"]
        table.add_row(kind, *cells, style="bold" if kind == "all" else None)
    console = _console()
    _say(console, f"ROC-AUC on the balanced sets of dataset [bold]{version}[/]:")
    console.print(table)


def show_lineage(node: Node) -> None:
    """Print a tree of origins, the oldest innermost."""
    console = _console()
    console.print(_tree(node), soft_wrap=True)


def _tree(node: Node) -> Tree:
    facts = "".join(f"\n[dim]{escape(fact)}[/]" for fact in node.facts)
    tree = Tree(f"[bold]{escape(node.name)}[/]{facts}", guide_style="dim")
    for parent in node.parents:
        tree.children.append(_tree(parent))
    return tree


def _console() -> Console:
    return Console(highlight=False)


def _say(console: Console, text: str) -> None:
    console.print(text, soft_wrap=True)


def _value(value: object) -> str:
    """An option's value as people write it.

    >>> _value(None), _value(1030), _value((1030, 1031)), _value({"per_kind": 30, "seed": 0})
    ('none', '1,030', '1030, 1031', 'per_kind 30, seed 0')
    """
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {each}" for key, each in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(str, value)) or "none"
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else escape(str(value))


def _table(*columns: str) -> Table:
    """A table; columns that begin with # hold numbers, those with = words that stay whole."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for name in columns:
        right, whole = name.startswith("#"), name.startswith(("#", "="))
        table.add_column(
            name.lstrip("#="),
            justify="right" if right else "left",
            no_wrap=whole,
            overflow="fold",
        )
    return table


def _sources(sources: Iterable[Source]) -> Table:
    table = _table("built from", "#rows", "#rejected", "digest")
    for one in sources:
        digest = one.digest if one.kind == "dataset" else one.digest[:_HASH] + "…"
        name = f"{one.kind} {escape(one.name)}"
        table.add_row(name, f"{one.rows:,}", f"{one.rejected:,}", digest)
    return table


def _checks(quality: Quality) -> Table:
    """One line a check; what is not in order is shown in yellow."""
    table = _table("quality of what was read", "#rows", "#share", "what it means")
    repeats, order = quality.repeats, quality.order
    sites = ", ".join(f"{one.place} {one.events:,}" for one in quality.unknown[:3])
    rows = [
        ("rejected", quality.rejected, "; ".join(one.reason for one in quality.rejects[:2])),
        *((f"missing {name}", count, "filled from the journey where it tells")
          for name, count in quality.missing.items()),
        ("uploaded twice", repeats.scans, f"the same scan again, of {repeats.items:,} items"),
        ("event ids used twice", repeats.ids, "for different scans"),
        ("late rows", order.late, f"over an hour behind their file, up to {order.hours:g} h"),
        ("items out of order", order.items, "their scans stand in another order than they came"),
        ("at unknown sites", quality.unknown_events, sites),
        ("sites without scans", len(quality.silent), ", ".join(quality.silent[:3])),
    ]  # fmt: skip
    total = max(quality.events + quality.rejected, 1)
    for name, count, meaning in rows:
        style = "yellow" if count else "dim"
        of_rows = name not in {"items out of order", "sites without scans"}
        share = f"{count / total:.2%}" if count and of_rows else ""
        table.add_row(name, f"{count:,}", share, escape(meaning) if count else "", style=style)
    return table


def _clocks(quality: Quality) -> Table:
    table = _table("clocks that seem ahead", "#hours", "=from", "=to", "#scans", "#log odds")
    for one in quality.clocks:
        hours = "" if one.hours is None else f"{one.hours:+.1f}"
        name = f"{escape(one.name)} ({one.location_id})"
        table.add_row(name, hours, one.begin, one.end, f"{one.scans:,}", f"{one.odds:.1f}")
    return table


def _sites(quality: Quality, *, full: bool) -> Table:
    table = _table("sites, least known first", "#events", "#items", "#days", "=from", "=to",
                   "#quiet days")  # fmt: skip
    ranked = sorted(quality.sites, key=lambda site: (site.events, site.location_id))
    for one in ranked if full else ranked[:_SHOWN]:
        table.add_row(
            f"{escape(one.name)} ({one.location_id})", f"{one.events:,}", f"{one.items:,}",
            f"{one.days:,}", one.begin, one.end, f"{one.quiet_days:.1f}",
        )  # fmt: skip
    return _with_rest(table, len(ranked), "sites", full=full)


def _lanes(quality: Quality, *, full: bool) -> Table:
    thin = sum(lane.batches < THIN for lane in quality.lanes)
    table = _table("lanes, busiest first", "#trips", "#batches", "#hours")
    for one in quality.lanes if full else quality.lanes[:_SHOWN]:
        hours = "" if one.hours is None else f"{one.hours:.1f}"
        way = f"{escape(one.start)} → {escape(one.end)}"
        table.add_row(way, f"{one.trips:,}", f"{one.batches:,}", hours)
    note = f"lanes, {thin:,} of all with fewer than {THIN} batches: too few to know their time"
    return _with_rest(table, len(quality.lanes), note, full=full)


def _with_rest(table: Table, count: int, noun: str, *, full: bool) -> Table:
    if not full and count > _SHOWN:
        table.add_row(f"… and {count - _SHOWN:,} other {noun}", style="dim")
    return table


def _cleaning(console: Console, manifest: Manifest) -> None:
    if not manifest.cleaning:
        _say(console, "cleaning: nothing had to be left out or changed")
        return
    table = _table("cleaning", "#left out", "#changed", "#items", "#labels lost", "why")
    for one in manifest.cleaning:
        counts = (one.removed, one.changed, one.items, one.labels)
        table.add_row(one.what, *(f"{count:,}" for count in counts), escape(one.why))
    console.print(table)
