"""The people of the demo: they look at some alerts a week and say what they find.

They know what the simulation planted, as people who take a carton from the shelf know what is in
it. What they have not looked at, nobody tells.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from scantrail.ingest.gs1 import item_of
from scantrail.lifecycle.place import Place, PlaceError
from scantrail.lifecycle.world import World

LOOKS: Final = 40  #: alerts that they look at in a week


def look(place: Place, world: World, suspects: Iterable[Mapping[str, Any]]) -> tuple[int, int]:
    """Look at alerts, the first ones first; how many were confirmed, and dismissed."""
    codes = dict.fromkeys(
        one["epcCode"] for one in suspects if one.get("epcCode") and not one.get("dismissed")
    )
    confirmed = dismissed = 0
    for code in list(codes)[:LOOKS]:
        odd = item_of(code) in world.odd
        verdict, reason = ("confirm", "looked at: it is not in order") if odd else (
            "dismiss", "looked at: all in order")  # fmt: skip
        try:
            place.post("/api/feedback", verdict=verdict, reason=reason, epcCode=code)
        except PlaceError:  # what is said of it changed meanwhile: there is nothing to dismiss
            continue
        confirmed, dismissed = confirmed + odd, dismissed + (not odd)
    return confirmed, dismissed
