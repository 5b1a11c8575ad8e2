"""What the command line tells of the last look: signals, alert rates, feeds, feedback."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from scantrail.monitoring.recalibration import Recommendation
from scantrail.settings import Settings
from scantrail.stores.evaluations import Sample
from scantrail.wiring import Stores
from scantrail.work.performance import performance
from scantrail.work.triggers import reasons

_SHOWN: Final = 8
_HIGH: Final = 3.0  # standard deviations that a classical chart bears


def document(settings: Settings, stores: Stores) -> dict[str, Any]:
    """All of it for programs: JSON-ready."""
    last = stores.evaluations.last()
    found: dict[str, Any] = msgspec.json.decode(last.found) if last else {}
    return {
        "until": last.until if last else None,
        "version": last.version if last else None,
        "baseline": last.baseline if last else None,
        "state": "nothing yet",
        **found,
        "performance": msgspec.to_builtins(performance(settings, stores)),
        "retraining": [one._asdict() for one in reasons(settings, stores)],
    }


def show_watch(found: dict[str, Any], names: Mapping[str, str]) -> None:
    """Print it for people; `names`: what sites are called, by location id."""
    console = Console(highlight=False)
    if found["until"] is None:
        console.print("Nobody has looked yet; 'scantrail monitor run' does, and workers by night.")
    elif found["state"] == "learning":
        console.print(
            f"What is usual is not known yet: {found['days']} days are stored, "
            f"{found['needed']} are needed."
        )
    else:
        _show_compared(console, found, names)
    _show_performance(console, found["performance"])
    for one in found["retraining"]:
        console.print(f"[yellow]a retraining is due[/] ({one['trigger']}): {escape(one['why'])}")


def _show_compared(console: Console, found: dict[str, Any], names: Mapping[str, str]) -> None:
    def called(place: str) -> str:
        return escape(names.get(place, place) or "the whole chain")

    scores = "" if found["withScores"] else ", scores left out: this version is new"
    console.print(
        f"[bold]Up to {found['until'][:10]}[/]: {found['scans']:,} scans against baseline "
        f"{found['baseline']}{scores}"
    )
    signals = found["signals"]
    for one in signals[:_SHOWN]:
        console.print(
            f"  [yellow]●[/] {called(one['place'])}  {one['check']}: "
            f"{escape(one['what'])} [dim](strength {one['strength']:.1f}, since {one['since']})[/]"
        )
    if len(signals) > _SHOWN:
        console.print(f"  [dim]and {len(signals) - _SHOWN} more[/]")
    if not signals:
        console.print("  [green]all as usual[/]")
    high = [one for one in found["charts"] if one["chart"] and one["chart"][-1] >= _HIGH]
    for one in high[:_SHOWN]:
        console.print(
            f"  {called(one['site'])}: {one['rate']:g} alerts per 10,000 scans, usual "
            f"{one['usualRate']:g} (chart {one['chart'][-1]:.1f})"
        )
    silent = [one["site"] for one in found["feeds"] if one["silent"]]
    if silent:
        console.print(f"  silent: {', '.join(map(called, silent[:_SHOWN]))}")


def _show_performance(console: Console, told: dict[str, Any]) -> None:
    looked = [one for one in told["precision"] if one["looks"] and one["version"] is None]
    if looked:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in ("alerts", "confirmed", "95 %", "looked at"):
            table.add_column(column, justify="left" if column == "alerts" else "right")
        for one in looked:
            table.add_row(one["kind"] or "all", f"{one['value']:.0%}",
                          f"{one['low']:.0%} to {one['high']:.0%}", str(one["looks"]))  # fmt: skip
        console.print(table)
    recall = told["recall"]
    if recall:
        console.print(
            f"recall about {recall['value']:.0%} ({recall['low']:.0%} to {recall['high']:.0%})"
        )
    else:
        console.print(f"[dim]{escape(told['unknown'])}[/]")


def sample_document(stores: Stores, sample: Sample) -> dict[str, Any]:
    """A week's sample, and what people found of it: JSON-ready."""
    given = {one.epc_code: one.verdict for one in stores.feedback.of_week(sample.week)}
    return {
        "week": sample.week,
        "alerted": sample.alerted,
        "silent": sample.silent,
        "items": [{"epcCode": code, "verdict": given.get(code)} for code in sample.items],
    }


def show_sample(found: dict[str, Any]) -> None:
    """Print a week's sample."""
    console = Console(highlight=False)
    for one in found["items"]:
        console.print(f"{escape(one['epcCode'])}  {one['verdict'] or '-'}", soft_wrap=True)
    looked = sum(one["verdict"] is not None for one in found["items"])
    console.print(
        f"[dim]{found['week']}: {len(found['items'])} of {found['silent']:,} items without an "
        f"alert, {looked} looked at; {found['alerted']:,} items had one[/]"
    )


def show_recommendation(found: Recommendation) -> None:
    """Print which alert score keeps a budget."""
    console = Console(highlight=False)
    now, best = found.present, found.recommended
    console.print(
        f"alert score [bold]{best.alert_score:g}[/] for {found.budget:g} false alerts per "
        f"10,000 scans (now {now.alert_score:g}): {found.why}"
    )
    for name, one in (("now", now), ("then", best)):
        console.print(
            f"  {name:<4}  {one.alerts_rate:g} alerts, about {one.false_rate:g} of them false, "
            f"per 10,000 scans; {one.looks} looked at"
        )
