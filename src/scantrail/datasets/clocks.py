"""Sites whose clock seems to run ahead for a while, told from the log itself.

The same filter that judges scans (`features.clocks`) goes over the whole log. A clock that is wrong
from the first scan to the last can't be told from what is usual at its site, and isn't told.
"""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from scantrail.features.coding import Vocabulary, code
from scantrail.features.usual import Usual
from scantrail.vocabulary.protocols import Journeys

Flags = npt.NDArray[np.bool_]

_SURE: Final = 3.0  # nats: odds of twenty to one
_LEAST_DAYS: Final = 2  # a day on which everything is late is no wrong clock


class Spell(msgspec.Struct, frozen=True):
    """A time in which a site's clock seems to run ahead.

    `begin`, `end`: days, local. `hours`: roughly how far ahead, by how much longer than on trips to
    all such sites goods seemed to take, the median; None where none came from another site.
    `odds`: the highest log odds, nats.
    """

    location_id: int
    name: str
    begin: str
    end: str
    scans: int
    hours: float | None
    odds: float


def wrong_clocks(journeys: Journeys) -> tuple[Spell, ...]:
    """Spells of wrong clocks, the surest first."""
    if not len(journeys.linked):
        return ()
    known = Vocabulary.learn(journeys)
    coded = code(journeys, known)
    usual = Usual.learn(coded, known)
    odds = usual.clock_ahead(coded, usual.hours_of(coded))
    before = coded.with_whom.before
    trip = (before >= 0) & (coded.site[before] != coded.site) & ~coded.with_whom.again
    # at all sites together: what is usual at this one may be learned from the wrong clock itself
    usually = np.exp(usual.times[coded.came_from, coded.step, 0, 0])
    scans = pl.DataFrame(
        {
            "site": coded.site,
            "second": coded.second,
            "day": journeys.linked["local"].dt.date(),
            "odds": odds,
            "later": np.where(trip, coded.with_whom.hours - usually, np.nan),
        }
    ).filter(pl.col("site") > 0)
    spells = _spells(scans).sort("odds", descending=True)
    names = dict(journeys.names.iter_rows())
    return tuple(_told(row, known, names) for row in spells.iter_rows(named=True))


def _spells(scans: pl.DataFrame) -> pl.DataFrame:
    """One row per run of scans of a site over which the odds stay in favour of a wrong clock."""
    return (
        scans.sort("site", "second", "odds")
        .with_columns(ahead=pl.col("odds") > 0)
        .with_columns(run=pl.struct("site", "ahead").rle_id())
        .filter("ahead")
        .group_by("run", "site")
        .agg(
            begin=pl.col("day").min().cast(pl.String),
            end=pl.col("day").max().cast(pl.String),
            days=pl.col("day").n_unique(),
            scans=pl.len(),
            later=pl.col("later").drop_nans().median(),
            odds=pl.col("odds").max(),
        )
        .filter((pl.col("odds") >= _SURE) & (pl.col("days") >= _LEAST_DAYS))
    )


def _told(row: dict[str, object], known: Vocabulary, names: dict[int, str | None]) -> Spell:
    ident = known.sites[int(str(row["site"])) - 1]
    later = row["later"]
    return Spell(
        location_id=ident,
        name=names.get(ident) or str(ident),
        begin=str(row["begin"]),
        end=str(row["end"]),
        scans=int(str(row["scans"])),
        hours=round(later, 1) if isinstance(later, float) else None,
        odds=round(float(str(row["odds"])), 1),
    )
