"""What monitoring noticed of a change, as its alerts tell it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Final

from rich.markup import escape

from scantrail.lifecycle.place import MONITORING
from scantrail.lifecycle.year import Json, Year

_SHOWN: Final = 3  # symptoms of an alert
_MOST: Final = 3  # alerts
_LOUD: Final = 3.0  # deviations of a control chart


def noticed(year: Year, place: str, words: Sequence[str], begun: dt.datetime) -> list[Json]:
    """Open alerts of a change: with a symptom at its place, or that names one of the words."""
    return [
        alert for alert in year.alerts()
        if dt.date.fromisoformat(alert["last"][:10]) >= begun.date()
        and any(_tells(one, place, words) and one["since"] >= f"{begun - _EARLY:%Y-%m-%d}"
                for one in alert["symptoms"])
    ]  # fmt: skip


_EARLY: Final = dt.timedelta(days=7)  # by which a symptom may seem to have begun before


def _tells(symptom: Json, place: str, words: Sequence[str]) -> bool:
    return symptom["place"] == place or any(word in symptom["what"] for word in words)


def tell_alerts(year: Year, found: Sequence[Json], begun: dt.datetime) -> None:
    """The alerts of a change, the strongest first, and when they were first seen."""
    first = min(dt.datetime.fromisoformat(one["first"]) for one in found)
    days = max((first - begun).days, 0)
    lines = [f"by the {_nth(days)} midnight after it, in {len(found)} "
             f"alert{'' if len(found) == 1 else 's'}:"]  # fmt: skip
    for alert in sorted(found, key=lambda one: -one["strength"])[:_MOST]:
        mine = sorted(alert["symptoms"], key=lambda one: -one["strength"])[:_SHOWN]
        lines += [
            f"[yellow]●[/] {year.called(one['place'])}: [bold]{one['check']}[/], "
            f"{escape(one['what'])} [dim](strength {one['strength']:.1f})[/]"
            for one in mine
        ]
    year.page.say("Noticed", *lines)


def tell_rates(year: Year) -> None:
    """Where alerts are more frequent than they are usually."""
    sites = year.place.get(f"{MONITORING}/alerts-rate")["sites"]
    high = [one for one in sites if one["chart"] and one["chart"][-1] >= _LOUD]
    lines = [
        f"{year.called(one['site'])}: {one['rate']:,.0f} alerts per 10,000 scans, usual "
        f"{one['usualRate']:,.0f}"
        for one in high[:_MOST]
    ]
    if lines:
        year.page.say("Rates", *lines)


def _nth(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10 if number // 10 % 10 != 1 else 0, "th")
    return f"{number}{ending}"
