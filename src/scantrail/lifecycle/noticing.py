"""What monitoring noticed of a change, as its alerts tell it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Final

from rich.markup import escape

from scantrail.lifecycle.place import MONITORING
from scantrail.lifecycle.year import Json, Year

_SHOWN: Final = 3  # symptoms
_MOST: Final = 3  # sites
_EARLY: Final = dt.timedelta(days=7)  # by which a symptom may seem to have begun before
_LOUD: Final = 3.0  # deviations of a control chart


def noticed(
    year: Year, place: str, checks: Collection[str], begun: dt.datetime, word: str = ""
) -> list[Json]:
    """Symptoms of a change in open alerts, the strongest first.

    Args:
        year: Whose alerts.
        place: Where the change strikes: symptoms there are its own.
        checks: Of monitoring, which can see it.
        begun: When it began; what showed a week before is not of it.
        word: Symptoms elsewhere that name it are its own, too; if empty, there are none.
    """
    since = f"{begun - _EARLY:%Y-%m-%d}"
    mine = [
        symptom for alert in year.alerts() for symptom in alert["symptoms"]
        if symptom["since"] >= since and symptom["check"] in checks
        and (symptom["place"] == place or (word and word in symptom["what"]))
    ]  # fmt: skip
    return sorted(mine, key=lambda one: -one["strength"])


def tell_symptoms(year: Year, found: Sequence[Json]) -> None:
    """What monitoring says of a change, the strongest first."""
    lines = [
        f"[yellow]●[/] {year.called(one['place'])}: [bold]{one['check']}[/], "
        f"{escape(one['what'])} [dim](strength {one['strength']:.1f}, since {one['since']})[/]"
        for one in found[:_SHOWN]
    ]
    if len(found) > _SHOWN:
        lines.append(f"[dim]and {len(found) - _SHOWN} more[/]")
    year.page.row("Noticed", *lines)


def tell_place(year: Year, alert: Json) -> str:
    """An alert in a line: where, and what."""
    places = alert["places"] or [""]
    return f"{year.called(places[-1])}: {escape(alert['what'])}"


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
        year.page.row("Rates", *lines)
