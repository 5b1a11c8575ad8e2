"""What the command line tells of drift: what changed, where, how strong, since when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding

from scantrail.lanes import Network
from scantrail.monitoring.alerts import Alert
from scantrail.monitoring.baseline import Baseline
from scantrail.monitoring.signals import Signal
from scantrail.monitoring.watch import Evaluation

_STRONG: Final = 4.0
_SHOWN: Final = 4  # symptoms of a place, and places


def show_drift(
    baseline: Baseline, played: Sequence[Evaluation], network: Network, source: str
) -> None:
    """Print alerts, the strongest first, and what they rest on."""
    console = Console(highlight=False)
    last = played[-1]
    days = (baseline.last - baseline.first).days + 1
    often = "once" if len(played) == 1 else f"{len(played)} times"
    console.print(
        f"[bold]{escape(source)}[/] evaluated {often}, up to {last.now:%Y-%m-%d}, against {days} "
        f"usual days from {baseline.first} on ({baseline.scans:,} scans)",
        soft_wrap=True,
    )
    alerts = last.book.open
    names = network.sites.called
    if not alerts:
        console.print("[green]All as usual.[/]")
    for alert in alerts:
        _show_alert(console, alert, names)
    ended = {one.alert.key: one for each in played for one in each.notices if one.what == "end"}
    for key, notice in ended.items():
        if key not in {alert.key for alert in alerts}:
            console.print(
                f"[dim]over since {notice.at:%Y-%m-%d}: {_where(notice.alert.lead, names)}, "
                f"{escape(notice.alert.lead.what)}[/]"
            )


def _where(signal: Signal, names: dict[str, str]) -> str:
    if not signal.place:
        return "the whole chain"
    return escape(names.get(signal.place, signal.place))


def _show_alert(console: Console, alert: Alert, names: dict[str, str]) -> None:
    """Place by place, the strongest symptom first."""
    colour = "red" if alert.lead.strength >= _STRONG else "yellow"
    console.print(
        f"\n[bold {colour}]●[/] [bold]{_where(alert.lead, names)}[/] since {alert.since}",
        soft_wrap=True,
    )
    symptoms = sorted(alert.symptoms.values(), key=lambda one: (-one.strength, one.key))
    places = dict.fromkeys(one.place for one in symptoms)
    for place in list(places)[:_SHOWN]:
        here = [one for one in symptoms if one.place == place]
        if place != alert.lead.place:
            console.print(f"  [dim]and[/] {_where(here[0], names)}")
        for one in here[:_SHOWN]:
            text = f"[{colour}]{one.check}[/]: {escape(one.what)} [dim]({_sizes(one)})[/]"
            console.print(Padding(text, (0, 0, 0, 4), expand=False))
    if len(places) > _SHOWN:
        more = len(places) - _SHOWN
        console.print(f"  [dim]and {more} more place{'' if more == 1 else 's'}[/]")


def _sizes(signal: Signal) -> str:
    shown = {"psi": "PSI", "js": "JS", "ks": "KS", "ratio": "×"}
    parts = [f"{shown[name]} {size:.2f}" for name, size in signal.effect.items()
             if name in shown and size]  # fmt: skip
    return ", ".join([f"strength {signal.strength:.1f}", *parts])


def drift_document(baseline: Baseline, played: Sequence[Evaluation]) -> dict[str, Any]:
    """The same for programs: JSON-ready."""
    last = played[-1]
    document: dict[str, Any] = msgspec.to_builtins(
        {
            "baseline": {
                "digest": baseline.digest,
                "first": baseline.first,
                "last": baseline.last,
                "scans": baseline.scans,
                "versions": baseline.versions,
            },
            "evaluated": [one.now for one in played],
            "alerts": [
                {
                    "key": alert.key,
                    "since": alert.since,
                    "strength": alert.lead.strength,
                    "places": sorted({one.place for one in alert.symptoms.values()}),
                    "symptoms": list(alert.symptoms.values()),
                }
                for alert in last.book.open
            ],
            "notices": [
                {"id": one.id, "what": one.what, "at": one.at, "key": one.alert.key}
                for each in played
                for one in each.notices
            ],
            "signals": last.signals,
        }
    )
    return document
