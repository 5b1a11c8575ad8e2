"""What is kept of a time that counts as usual: histograms, rates and rhythms, no scans."""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from scantrail.errors import MonitoringError
from scantrail.monitoring.batches import Batches, learn_batches
from scantrail.monitoring.clashes import clashes
from scantrail.monitoring.distance import design_effect
from scantrail.monitoring.paces import Paces, learn_paces
from scantrail.monitoring.peers import Peer, learn_peers
from scantrail.monitoring.rates import Rate, Volume, learn_rate, learn_volume, none_steadier
from scantrail.monitoring.rhythm import Rhythm, learn_rhythm
from scantrail.monitoring.views import CHAIN, View, crowds, labels_of, tally, views_of

Floats = npt.NDArray[np.float64]

FORMAT: Final = 1
_LEAST_DAYS: Final = 14
_MOST_KNOWN: Final = 20_000  # values that are remembered as known
_WEEK: Final = 7


class Reference(msgspec.Struct, frozen=True):
    """A histogram: counts by class, and how many scans are worth one independent one."""

    counts: list[int]
    design: float


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """The days that later ones are compared with.

    Attributes:
        format: Of this structure.
        first: The first day.
        last: The last day.
        scans: How many scans there were.
        versions: Which detector versions judged them.
        labels: View to the names that are counted each by itself.
        references: View to place ("": the whole chain) to histogram.
        known: View to every value that was seen.
        rates: Place to its usual share of suspect scans.
        volumes: Place to its usual scans a week.
        rhythms: Site to its rhythm.
        peers: Site to its share of what sites of its kind scan.
        clashes: Site to its usual share of codes that are at two places at once.
        paces: Usual hours on the way, lane by lane.
        batches: Usual sizes of batches.
    """

    format: int = FORMAT
    first: dt.date
    last: dt.date
    scans: int
    versions: dict[str, str] = {}
    labels: dict[str, list[str]]
    references: dict[str, dict[str, Reference]]
    known: dict[str, list[str]]
    rates: dict[str, Rate]
    volumes: dict[str, Volume]
    rhythms: dict[str, Rhythm]
    peers: dict[str, Peer] = {}  # none of these in what was learned before there were such tests
    clashes: dict[str, Rate] = {}
    paces: Paces = Paces()
    batches: Batches = Batches()

    @property
    def digest(self) -> str:
        """Twelve hex digits that name this content."""
        return hashlib.sha256(self.to_json()).hexdigest()[:12]

    def to_json(self) -> bytes:
        """JSON; the same for the same scans, whatever their order."""
        return msgspec.json.encode(self, order="deterministic")


def from_json(content: bytes) -> Baseline:
    """What `to_json` gave.

    Raises:
        MonitoringError: It is damaged, or of another format.
    """
    try:
        seen = msgspec.json.decode(content)
        found = seen.get("format") if isinstance(seen, dict) else None
        if found != FORMAT:
            raise MonitoringError(
                f"this is no baseline of format {FORMAT} (found {found!r}); make it again from the "
                "log that it was made from"
            )
        return msgspec.convert(seen, Baseline)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise MonitoringError(f"the baseline is damaged: {error}; make it again") from error


def read_baseline(path: Path) -> Baseline:
    """A baseline from its file.

    Raises:
        MonitoringError: It can't be read or used.
    """
    try:
        return from_json(path.read_bytes())
    except OSError as error:
        raise MonitoringError(f"{path} can't be read: {error.strerror}") from error
    except MonitoringError as error:
        raise MonitoringError(f"{path}: {error}") from error


def learn_baseline(observed: pl.DataFrame, versions: dict[str, str] | None = None) -> Baseline:
    """Keep what is usual.

    Args:
        observed: `observe.OBSERVED` and scores of at least 14 days, better 8 weeks.
        versions: Which detector versions judged.

    Raises:
        MonitoringError: Fewer than 14 days.
    """
    days = days_of(observed)
    if len(days) < _LEAST_DAYS:
        raise MonitoringError(
            f"a baseline needs {_LEAST_DAYS} days at least, to know how days differ; this log has "
            f"{len(days)}"
        )
    read = observed.filter(pl.col("rejected") == "read")
    views = views_of(observed.columns)
    labels = {view.name: labels_of(observed, view) for view in views}
    alerts, scans = daily(read, "alert", days), daily(read, None, days)
    clashing = daily(clashes(read), None, days)
    return Baseline(
        first=days[0],
        last=days[-1],
        scans=len(read),
        versions=versions or {},
        labels=labels,
        references={
            view.name: _references(observed, view, labels[view.name], days) for view in views
        },
        known={view.name: _known(read, view.name) for view in views if view.news},
        rates=_rates(alerts, scans),
        volumes=_volumes(scans),
        rhythms=_rhythms(read, len(days) / _WEEK),
        peers=learn_peers(read, scans),
        clashes={site: one for site, one in _rates(clashing, scans).items() if site != CHAIN},
        paces=learn_paces(read, days),
        batches=learn_batches(read, days),
    )


def _volumes(scans: dict[str, Floats]) -> dict[str, Volume]:
    """Every place's usual scans a week."""
    weeks = {site: n[len(n) % _WEEK :].reshape(-1, _WEEK) for site, n in sorted(scans.items())}
    return none_steadier({site: learn_volume(n.sum(axis=1)) for site, n in weeks.items()})


def _rates(counted: dict[str, Floats], scans: dict[str, Floats]) -> dict[str, Rate]:
    """Every place's usual share of scans that are counted."""
    chain = counted[CHAIN].sum() / max(scans[CHAIN].sum(), 1.0)
    none = np.zeros_like(scans[CHAIN])
    return {
        site: learn_rate(counted.get(site, none), n, chain) for site, n in sorted(scans.items())
    }


def _references(
    observed: pl.DataFrame, view: View, labels: list[str], days: list[Any]
) -> dict[str, Reference]:
    """A view's histogram of every place."""
    least = crowds(observed) if view.shared else {}
    return {
        place: Reference(
            counts.sum(axis=0).astype(int).tolist(),
            round(max(design_effect(counts, ordered=bool(view.edges)), least.get(place, 1.0)), 3),
        )
        for place, counts in sorted(tally(observed, view, labels, days).items())
    }


def days_of(observed: pl.DataFrame) -> list[Any]:
    """Every day from the first to the last."""
    days = observed["day"].drop_nulls()
    if not len(days):
        return []
    first, last = days.min(), days.max()
    assert isinstance(first, dt.date)
    assert isinstance(last, dt.date)
    return pl.date_range(first, last, eager=True).to_list()


def daily(read: pl.DataFrame, flag: str | None, days: list[Any]) -> dict[str, Floats]:
    """Scans a day, (days,), for the whole chain and every site; of those with a flag, if named."""
    value = pl.col(flag).sum() if flag else pl.len()
    counted = read.group_by("site", "day").agg(n=value.cast(pl.Float64))
    counted = counted.filter(pl.col("day").is_in(days))
    at = {day: i for i, day in enumerate(days)}
    found = {CHAIN: np.zeros(len(days))}
    for site, day, n in counted.iter_rows():
        found.setdefault(site, np.zeros(len(days)))[at[day]] = n
        found[CHAIN][at[day]] += n
    return found


def visits(read: pl.DataFrame) -> dict[str, npt.NDArray[np.int64]]:
    """Per site, the hours in which scans came in: ascending, distinct, since 1970, local."""
    hour = (pl.col("seen").dt.epoch("s") // 3600).alias("hour")
    table = read.select("site", hour).unique().sort("site", "hour")
    return {
        str(site): rows["hour"].to_numpy().astype(np.int64)
        for (site,), rows in table.group_by("site", maintain_order=True)
    }


def _rhythms(read: pl.DataFrame, weeks: float) -> dict[str, Rhythm]:
    learned = {site: learn_rhythm(hours, weeks) for site, hours in visits(read).items()}
    return {site: rhythm for site, rhythm in learned.items() if rhythm}


def _known(read: pl.DataFrame, column: str) -> list[str]:
    values = read[column].drop_nulls().unique().sort()
    if len(values) > _MOST_KNOWN:
        raise MonitoringError(
            f"the column '{column}' has {len(values):,} different values; at most {_MOST_KNOWN:,} "
            "can be told apart"
        )
    return values.to_list()
