"""What is watched for drift: columns of `observe.OBSERVED`, how they are counted, and where."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

Counts = npt.NDArray[np.float64]

Part = Literal["features", "scores", "verdicts", "feeds"]
OTHER: Final = "(other)"
CHAIN: Final = ""  # the place that is everywhere
_MOST_LABELS: Final = 200
_RARE: Final = 0.001  # values of a smaller share are counted together


class View(NamedTuple):
    """One watched column.

    Attributes:
        name: The column.
        about: What it says to people.
        part: What it belongs to.
        edges: Upper bounds of the classes of a number; none for names.
        by: Over what it is watched besides the whole chain: "site", "feed", or nothing.
        news: Whether a value that was never there before is worth a word.
        shared: Whether what is scanned at one moment has it in common, as a pallet has its road.
    """

    name: str
    about: str
    part: Part
    edges: tuple[float, ...] = ()
    by: str = ""
    news: bool = False
    shared: bool = True


def _growing(first: float, last: float, factor: float) -> tuple[float, ...]:
    count = int(np.ceil(np.log(last / first) / np.log(factor)))
    return tuple(round(first * factor**i, 3) for i in range(count + 1))


_SCORES: Final = (0.0, *(float(edge) for edge in range(10, 100, 10)))

REJECTED: Final = View("rejected", "rows that can't be read", "feeds", by="feed", shared=False)

#: Everything but scores, which depend on who judges.
VIEWS: Final = (
    View("site", "where scans are made", "features", news=True),
    View("product", "what is scanned", "features", news=True),
    View("step", "which step follows which", "features", by="site"),
    View("came_from", "where goods come from", "features", by="site"),
    View("hour", "the hour of the scan", "features", tuple(map(float, range(23))), by="site"),
    View("travel", "hours on the way", "features", _growing(0.25, 200, 1.25), by="site"),
    View("stay", "hours between scans at one place", "features", _growing(0.05, 3000, 1.5),
         by="site"),
    View("distance", "kilometres from the site before", "features", _growing(2, 500, 1.5)),
    View("together", "scans made at one moment", "features", _growing(1, 200, 1.35)),
    View("kind", "what verdicts say", "verdicts", shared=False),
    View("delay", "hours from scan to arrival", "feeds", _growing(0.25, 100, 2.0), by="site",
         shared=False),
    REJECTED,
)  # fmt: skip


def views_of(columns: Iterable[str]) -> tuple[View, ...]:
    """All views on an observation with these columns; every score is one.

    A rule's score is nearly always 0: what it says is watched as the kind of the verdict.
    """
    learned = ("lstmSequenceScore", "svmOutlierScore", "mlCombinedScore", "finalConfidence")
    scores = (View(name, f"{name} of scans", "scores", _SCORES, shared=False) for name in learned)
    return (*VIEWS, *(view for view in scores if view.name in set(columns)))


def labels_of(frame: pl.DataFrame, view: View) -> list[str]:
    """The values of names that are counted each by itself, the commonest first."""
    if view.edges:
        return []
    counted = frame[view.name].drop_nulls().value_counts(name="n").sort(
        "n", view.name, descending=[True, False]
    )  # fmt: skip
    usual = counted.filter(pl.col("n") >= _RARE * pl.col("n").sum())
    return usual[view.name].head(_MOST_LABELS).to_list()


def classes(frame: pl.DataFrame, view: View, labels: list[str]) -> pl.Series:
    """The class of each row, Int64; null where the row says nothing."""
    column = frame[view.name]
    if view.edges:
        at = np.searchsorted(np.array(view.edges), column.to_numpy(), side="left")
        return pl.Series("class", at.astype(np.int64)).set(column.is_null(), None)
    places = {label: i for i, label in enumerate(labels)}
    found = column.replace_strict(places, default=len(labels), return_dtype=pl.Int64)
    return found.set(column.is_null(), None).alias("class")


def class_names(view: View, labels: list[str]) -> list[str]:
    """What people call the classes.

    >>> class_names(View("x", "", "features", (1.0, 2.5)), [])
    ['up to 1', '1 to 2.5', 'above 2.5']
    """
    if not view.edges:
        return [*labels, OTHER]
    ends = [f"{edge:.3g}" for edge in view.edges]
    between = [f"{low} to {high}" for low, high in pairwise(ends)]
    return [f"up to {ends[0]}", *between, f"above {ends[-1]}"]


def tally(
    frame: pl.DataFrame, view: View, labels: list[str], days: list[object]
) -> dict[str, Counts]:
    """Counts by day and class, (days, classes), of the whole chain and of every place by itself."""
    width = (len(view.edges) or len(labels)) + 1
    table = frame.select(
        place=pl.col(view.by) if view.by else pl.lit(CHAIN),
        day=pl.col("day"),
        cls=classes(frame, view, labels),
    ).drop_nulls("cls")
    counted = table.group_by("place", "day", "cls").len().drop_nulls()
    places = pl.DataFrame({"day": days, "at": range(len(days))}, {"day": pl.Date, "at": pl.Int64})
    counted = counted.join(places, on="day")
    names = counted["place"].unique().sort()
    place = names.search_sorted(counted["place"]).to_numpy()
    cube = np.zeros((len(names), len(days), width))
    cube[place, counted["at"].to_numpy(), counted["cls"].to_numpy()] = counted["len"].to_numpy()
    found: dict[str, Counts] = {CHAIN: cube.sum(axis=0)}
    if view.by:
        prefix = "feed " if view.by == "feed" else ""
        found |= {f"{prefix}{name}": cube[i] for i, name in enumerate(names)}
    return found


def crowds(frame: pl.DataFrame) -> dict[str, float]:
    """With how many a scan is made at one moment, in the whole chain and at every site.

    Where these all say the same, so many scans are worth one independent one (Kish 1965).
    """
    sizes = frame.drop_nulls("together").group_by("site").agg(
        pl.len(), pl.col("together").sum()
    ).sort("site")  # fmt: skip
    scans, others = float(sizes["len"].sum()), float(sizes["together"].sum())
    found = {CHAIN: others / scans} if scans else {}
    return found | {str(site): total / n for site, n, total in sizes.iter_rows()}
