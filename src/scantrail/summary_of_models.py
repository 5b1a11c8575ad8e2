"""Versions and deployments as a person reads them in a terminal."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from scantrail.gate import Gated
from scantrail.registry import Entry
from scantrail.stores.deployments import Deployment
from scantrail.vocabulary.times import in_table, utc


def show_versions(
    entries: Sequence[Entry], deployed: Deployment | None, configured: Path | None
) -> None:
    """All versions, and which one is deployed."""
    console = Console(highlight=False)
    if not entries:
        console.print("no version is registered; 'scantrail models add FOLDER' registers one")
    else:
        table = Table("version", "trained", "scans", "items", "1 % reached by", "", box=None)
        for entry in entries:
            table.add_row(*_version(entry, deployed))
        console.print(table)
    if deployed is None:
        served = f"the artifact in {configured}" if configured else "rules alone"
        console.print(f"nothing is deployed; by its settings, {served} judges", soft_wrap=True)
    elif deployed.action == "pin":
        console.print(f"{deployed.version} is pinned by {deployed.actor}: {deployed.reason}")


def _version(entry: Entry, deployed: Deployment | None) -> tuple[str, ...]:
    mark = "[bold green]judges[/]" if deployed and deployed.version == entry.version else ""
    if entry.card is None or entry.fault:
        return entry.version, "", "", "", "", f"[red]{entry.fault}[/]"
    about = entry.card.about
    data, rates = about.get("data", {}), about.get("seen_rates", {}).get("ml", {})
    return (
        entry.version,
        entry.card.created[:16].replace("T", " "),
        f"{data.get('events', 0):,}",
        f"{data.get('items', 0):,}",
        f"{rates['0.01']:.2%}" if "0.01" in rates else "",
        mark,
    )


def show_history(deployments: Sequence[Deployment]) -> None:
    """Deployments, in the order given."""
    console = Console(highlight=False)
    if not deployments:
        console.print("nothing was deployed yet; the settings say what judges")
        return
    table = Table("id", "from (UTC)", "action", "version", "by", "reason", box=None)
    for one in deployments:
        when = in_table(one.at, "seconds")
        table.add_row(str(one.id), when, one.action, one.version, one.actor, one.reason)
    console.print(table)


def show_moment(
    moment: dt.datetime, deployed: Deployment | None, judged: Mapping[str, Any] | None
) -> None:
    """What judged at a moment."""
    console = Console(highlight=False)
    if deployed is None:
        console.print(f"at {moment:%Y-%m-%d %H:%M:%S %Z}: nothing was deployed yet")
    else:
        console.print(
            f"at {moment:%Y-%m-%d %H:%M:%S %Z}: {deployed.version} judged, by deployment "
            f"{deployed.id} ({deployed.action} by {deployed.actor}, {utc(deployed.at)})",
            soft_wrap=True,
        )
    if judged is None:
        console.print("no report had been made until then")
        return
    versions = ", ".join(f"{name} {version}" for name, version in judged["versions"].items())
    console.print(f"the last report until then is {judged['id']}, of {utc(judged['at'])}, "
                  f"made by {versions}", soft_wrap=True)  # fmt: skip


def show_gated(told: Gated, models: Path) -> None:
    """What became of a version at the gate."""
    console = Console(highlight=False)
    said = "[bold green]passed[/]" if told.passed else "[bold red]refused[/]"
    console.print(f"{told.version} against {told.champion}: {said}\n", soft_wrap=True)
    for check in told.checks:
        mark = "[green]✓[/]" if check.passed else "[red]✗[/]"
        console.print(f"  {mark} {check.reason}", soft_wrap=True)
    since = told.data.get("since")
    if since:
        console.print(f"\nMeasured by scans after {since}, which neither learned from.")
    elif told.data:
        console.print("\nWhat they learned from is not dated: they may know these scans.")
    console.print(f"Kept in {models / 'gates' / told.version}.json", soft_wrap=True)
