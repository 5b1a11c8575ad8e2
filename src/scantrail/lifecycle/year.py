"""How far the demo is: its world and place, who judges, and the weeks that have come in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rich.markup import escape

from scantrail.lifecycle.people import look
from scantrail.lifecycle.place import ADMIN, MONITORING, Place
from scantrail.lifecycle.telling import Page
from scantrail.lifecycle.world import World, monday

Json = dict[str, Any]
Progress = Callable[[str, float], None]


@dataclass
class Year:
    """The year as it goes on.

    `week`: the one that comes next. `looked`: alerts that people looked at so far, confirmed and
    dismissed.
    """

    world: World
    place: Place
    page: Page
    progress: Progress
    seed: int
    epochs: int
    week: int = 0
    looked: tuple[int, int] = (0, 0)
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def today(self) -> dt.datetime:
        """The day on which the next week begins."""
        return monday(self.week)

    def called(self, place: str) -> str:
        """A place by its name and id."""
        if not place:
            return "the whole chain"
        name = self.world.names.get(int(place)) if place.isdigit() else None
        return escape(f"{name} ({place})" if name else place)

    def go_on(self, weeks: int = 1, *, looking: bool = False) -> list[Json]:
        """Let weeks come in, monitored at the end; suspect scans that came with them.

        Args:
            weeks: How many.
            looking: Whether people look at alerts.
        """
        found: list[Json] = []
        for _ in range(weeks):
            self.progress(f"{self.today:%-d %b}: scans come in", self.week / 40)
            mine = self.place.send(self.world.came(self.week, self.week + 1))
            if looking:
                yes, no = look(self.place, self.world, mine)
                self.looked = (self.looked[0] + yes, self.looked[1] + no)
            self.week += 1
            found += mine
        self.monitor()
        return found

    def monitor(self) -> None:
        """Have the worker look at the midnights that have passed."""
        self.progress(f"{self.today:%-d %b}: monitoring", self.week / 40)
        self.place.wait(self.place.post(f"{MONITORING}/run"))

    def alerts(self) -> list[Json]:
        """Open alerts of monitoring."""
        told: list[Json] = self.place.get("/api/alerts")
        return told

    def job(self, path: str, what: str, **body: Any) -> Json:
        """Start a job under the models' endpoints, and wait for it."""
        return self.followed(self.place.post(f"{ADMIN}/{path}", **body), what)

    def followed(self, job: Json, what: str) -> Json:
        """Wait for a job of the worker."""
        done: Json = self.place.wait(
            job, lambda stage, _: self.progress(f"{what}: {stage}", self.week / 40)
        )
        return done

    def serving(self) -> str:
        """The version that judges."""
        return str(self.place.get(f"{ADMIN}/models")["serving"])
