"""How two versions compare: at the gate, in the shadow, and by the items that each judged."""

from __future__ import annotations

from rich.markup import escape

from scantrail.lifecycle.place import ADMIN
from scantrail.lifecycle.year import Json, Year


def tell_gate(year: Year, version: str) -> Json:
    """What the gate says of a version, check by check; all of it."""
    told: Json = year.place.get(f"{ADMIN}/models/{version}/gate")
    said = "[bold green]passed[/]" if told["passed"] else "[bold red]refused[/]"
    marks = {True: "[green]✓[/]", False: "[red]✗[/]"}
    year.page.row(
        "Gate", f"{version} against {told['champion']}: {said}",
        *(f"{marks[one['passed']]} {escape(one['reason'])}" for one in told["checks"]),
    )  # fmt: skip
    return told


def tell_agreement(year: Year, told: Json) -> None:
    """What the shadow thought of the same scans."""
    same = told["agreement"]
    rows = [
        (who, f"{same[name]:,}", *(f"{n:,}" for n in told["said"].get(name, {}).values()))
        for who, name in (("both", "both"), ("the champion alone", "champion"),
                          ("the candidate alone", "challenger"), ("neither", "neither"))
    ]  # fmt: skip
    year.page.row("Shadow", f"it judged {told['scored'] or 0:.1%} of the scans; both say the same "
                  f"of {same['agreed'] or 0:.2%} of the items")  # fmt: skip
    year.page.table("", ("items suspect to", "items", "confirmed", "dismissed"), rows)


def tell_arms(year: Year, told: Json) -> None:
    """What became of the items that each judged."""
    split = told["split"]
    year.page.row("Split", f"{split['meant']:.0%} meant, {split['effective'] or 0:.1%} of "
                  f"{split['items']:,} items (p = {split['p']:.2g})")  # fmt: skip
    rows = [
        (name, f"{arm['scans']:,}", f"{arm['items']:,}", f"{arm['alerts']:,}",
         f"{arm['per10k'] or 0:.0f}", f"{arm['confirmed']:,}", f"{arm['dismissed']:,}")
        for name, arm in (("champion", told["arms"]["champion"]),
                          ("candidate", told["arms"]["challenger"]))
    ]  # fmt: skip
    head = ("", "scans", "items", "alerts", "per 10,000", "confirmed", "dismissed")
    year.page.table("Arms", head, rows)
    alerts = told["alerts"]
    if alerts["difference"] is not None:
        year.page.row("", f"items with an alert: {alerts['difference']:+.1%} ({alerts['low']:+.1%} "
                      f"to {alerts['high']:+.1%}); of precision: {told['outcome']}")  # fmt: skip
