"""What is usual: counts and robust times of history, and how far each scan is from them.

Surprises are in nats: -log of a share, smoothed so that what was never seen is as surprising as the
amount of history allows. What a whole batch does at once is one observation, not a hundred.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from scantrail.errors import ArtifactError
from scantrail.features.clocks import clock_ahead, hour_logs
from scantrail.features.coding import AGAIN, CLOCKS, STEPS, Coded, Vocabulary
from scantrail.features.groups import combined

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_STEPS: Final = len(STEPS)
_BELIEF: Final = 20.0  # observations that a coarser table is worth
_MAD_TO_SIGMA: Final = 1.4826  # of a normal distribution
_LEAST_SPREAD: Final = 0.15  # of log hours
_LEAST_MOVES: Final = 5  # fewer tell nothing of usual times
_HERE: Final = np.array([1.5, 3.5, 9.5])  # alone, a few, some, many
_LEFT: Final = np.array([0.001, 0.5, 0.9])  # nobody left before, some, most, nearly all
_CAME: Final = np.array([0.5, 1.5, 5.5, 20.0])
#: Kinds of company: how many go along, by how many of the former companions had left.
COMPANY: Final = (len(_HERE) + 1) * (len(_LEFT) + 1)
_RARE: Final = ("steps", "lanes", "origins", "company")  # tables of counts
#: All tables, by name.
TABLES: Final = (*_RARE, "clocks", "times", "hours", "again", "missed")
_KERNEL: Final = {0: 0.3, -1: 0.2, 1: 0.2, -2: 0.1, 2: 0.1, -3: 0.05, 3: 0.05}  # of late days


def company(coded: Coded) -> Ints:
    """The kind of company that each event moves in, 0 to `COMPANY - 1`."""
    here = np.digitize(coded.with_whom.here, _HERE)
    return here * (len(_LEFT) + 1) + np.digitize(coded.with_whom.left_before, _LEFT)


def came_in(coded: Coded) -> Ints:
    """How large the company was before, in five classes; 0 where there was none."""
    return np.digitize(coded.with_whom.came_with, _CAME)


@dataclass(frozen=True)
class Usual:
    """Counts of history, as plain arrays.

    Attributes:
        steps: (steps, steps) moves from step to step; a journey starts from step 0.
        lanes: (sites + 1, sites + 1) batches from site to site.
        clocks: (sites + 1, `CLOCKS`) batches by hour.
        origins: (products + 1, sites + 1) items by the site where their journey starts.
        company: (steps, steps, came, `COMPANY`) moves by kind of company.
        times: (steps, steps, sites + 1, 3) median and robust spread of log hours, batches.
        hours: (sites + 1, steps, 24) batches by hour of day.
        again: (2,) median and spread of the log hours between reads of the same.
        missed: () share of moves that miss a link of the chain.
    """

    steps: Floats
    lanes: Floats
    clocks: Floats
    origins: Floats
    company: Floats
    times: Floats
    hours: Floats
    again: Floats
    missed: Floats

    @classmethod
    def learn(
        cls, coded: Coded, known: Vocabulary, keep: npt.NDArray[np.bool_] | None = None
    ) -> Self:
        """Count a history that is mostly normal; of `keep`, (n,), only the events that are true."""
        sites, whom = len(known.sites) + 1, coded.with_whom
        keep = np.ones(len(coded), bool) if keep is None else keep
        moves = np.flatnonzero(~whom.again & keep)
        batch = _batches(coded)
        batch = batch[keep[batch]]
        step, before = coded.step, coded.came_from
        moved = batch[whom.before[batch] >= 0]
        gaps = np.log(np.maximum(whom.gap[whom.again & keep], 1e-4))
        skips = _skips(coded)[moves[whom.before[moves] >= 0]]
        usual = cls(
            steps=_count((before[moves], step[moves]), (_STEPS, _STEPS)),
            lanes=_count((coded.site[whom.before[moved]], coded.site[moved]), (sites, sites)),
            clocks=_count((coded.site[batch], coded.clock[batch]), (sites, CLOCKS)),
            origins=_origins(coded, moves, (len(known.products) + 1, sites)),
            company=_count(
                (before[moves], step[moves], came_in(coded)[moves], company(coded)[moves]),
                (_STEPS, _STEPS, len(_CAME) + 1, COMPANY),
            ),
            times=_times(coded, moved, sites),
            hours=_count((coded.site[batch], coded.step[batch], coded.clock[batch] % 24),
                         (sites, _STEPS, 24)),
            again=np.array(_middle(gaps) if len(gaps) else (-4.8, 1.0)),
            missed=np.array(skips.mean() if len(skips) else 0.0),
        )  # fmt: skip
        return cls.from_arrays(usual.arrays(), known)  # what is stored is what is trained with

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Everything as plain float32 arrays."""
        return {name: getattr(self, name).astype(np.float32) for name in TABLES}

    @classmethod
    def from_arrays(cls, arrays: dict[str, npt.NDArray[Any]], known: Vocabulary) -> Self:
        """What `arrays` gave.

        Raises:
            ArtifactError: An array is missing or has another shape than the vocabulary implies.
        """
        sites = len(known.sites) + 1
        shapes = {
            "steps": (_STEPS, _STEPS),
            "lanes": (sites, sites),
            "clocks": (sites, CLOCKS),
            "origins": (len(known.products) + 1, sites),
            "company": (_STEPS, _STEPS, len(_CAME) + 1, COMPANY),
            "times": (_STEPS, _STEPS, sites, 3),
            "hours": (sites, _STEPS, 24),
            "again": (2,),
            "missed": (),
        }
        for name, shape in shapes.items():
            got = arrays[name].shape if name in arrays else None
            if got != shape:
                raise ArtifactError(
                    f"the table '{name}' of what is usual should have shape {shape}, got {got}; "
                    "fetch the artifact again, or train anew"
                )
        return cls(**{name: arrays[name].astype(np.float64) for name in shapes})

    def plus(self, later: Usual, known: Vocabulary) -> Usual:
        """With what a later history of the same vocabulary counted; every batch counts the same.

        Usual times become those of both histories as one mixture, which is wide where they differ.
        """
        own, more = self.times[..., 2], later.times[..., 2]
        total = np.maximum(own + more, 1e-9)
        middle = (own * self.times[..., 0] + more * later.times[..., 0]) / total
        variance = sum(
            count * (each.times[..., 1] ** 2 + (each.times[..., 0] - middle) ** 2) / total
            for count, each in ((own, self), (more, later))
        )
        spread = np.where(own + more > 0, np.sqrt(variance), 1.0)
        share = own[..., 0].sum() / max(float((own + more)[..., 0].sum()), 1e-9)
        tables = {
            name: share * getattr(self, name) + (1 - share) * getattr(later, name)
            for name in ("again", "missed")
        } | {
            name: getattr(self, name) + getattr(later, name) for name in (*_RARE, "clocks", "hours")
        }
        tables["times"] = np.stack([middle, spread, own + more], axis=-1)
        arrays = {name: np.asarray(table, np.float32) for name, table in tables.items()}
        return Usual.from_arrays(arrays, known)

    @cached_property
    def _nats(self) -> dict[str, Floats]:
        """How rare every entry of the tables is; made once, since requests are many and small."""
        tables = {name: _rarity(getattr(self, name)) for name in _RARE}
        return tables | {"clocks": self._clock_nats()}

    @cached_property
    def _hour_logs(self) -> Floats:
        return hour_logs(self.hours)

    def hours_of(self, coded: Coded) -> tuple[Floats, Floats]:
        """Middle and spread of the usual log hours since the previous move, (n,) each.

        Those of each event's site, drawn to those of all sites; the middle is NaN where too few
        moves tell what is usual.
        """
        before, step = coded.came_from, coded.step
        table, pooled = self.times[before, step, coded.site], self.times[before, step, 0]
        own = table[:, 2] / (table[:, 2] + _BELIEF)
        middle = own * table[:, 0] + (1 - own) * pooled[:, 0]
        spread = np.sqrt(own * table[:, 1] ** 2 + (1 - own) * pooled[:, 1] ** 2)
        middle[pooled[:, 2] < _LEAST_MOVES] = np.nan
        return middle, np.maximum(spread, _LEAST_SPREAD)

    def time_z(self, coded: Coded, hours: tuple[Floats, Floats]) -> Floats:
        """Robust deviations of the log hours since the previous move from what `hours_of` says."""
        middle, spread = hours
        z: Floats = (np.log(np.maximum(coded.with_whom.hours, 1e-3)) - middle) / spread
        return z

    def surprise(self, coded: Coded) -> dict[str, Floats]:
        """Nats by which each event departs from what is usual, one array per aspect."""
        whom, before = coded.with_whom, coded.came_from
        move = ~whom.again
        moved = move & (whom.before >= 0)
        start = move & (whom.before < 0)
        from_site = coded.site[whom.before]
        return {
            "step": np.where(move, self._step(coded, before), 0.0),
            "lane": np.where(
                moved & (from_site != coded.site), self._nats["lanes"][from_site, coded.site], 0.0
            ),
            "clock": np.where(move, self._nats["clocks"][coded.site, coded.clock], 0.0),
            "origin": np.where(
                start & (coded.step == 1) & (coded.product > 0) & (coded.site > 0),
                self._nats["origins"][coded.product, coded.site],
                0.0,
            ),
            "company": np.where(
                moved,
                self._nats["company"][before, coded.step, came_in(coded), company(coded)],
                0.0,
            ),
        }

    def _step(self, coded: Coded, before: Ints) -> Floats:
        """A single missed read is no rarer than missed reads are, wherever it happens."""
        nats = self._nats["steps"][before, coded.step]
        one_missed = _skips(coded) & (coded.step == before + 2)
        ordinary = -np.log(np.maximum(float(self.missed), 1e-3))
        return np.where(one_missed, np.minimum(nats, ordinary), nats)

    def _clock_nats(self) -> Floats:
        """How rare each hour is at each site, neighbours helping: (sites + 1, `CLOCKS`)."""
        whole = self.clocks.reshape(-1, 3, 24)
        near = sum(share * np.roll(whole, hours, -1) for hours, share in _KERNEL.items())
        counts = np.asarray(near).reshape(-1, CLOCKS)
        shares = counts + 0.3 / CLOCKS
        nats: Floats = np.log(shares.max(axis=1, keepdims=True) / shares)
        return nats

    def missed_together(self, coded: Coded) -> Floats:
        """Nats against chance that so many of a batch lack the same link; 0 where none is missed.

        One item in a hundred is missed by a reader; a third of a batch is not.
        """
        whom = coded.with_whom
        lacking = _skips(coded) & (whom.here > 1)
        expected = np.maximum(whom.here * max(float(self.missed), 1e-4), 1e-3)
        many = whom.alike.astype(np.float64)
        # Chernoff's bound on the Poisson tail, shared among those that it speaks of
        nats = many * np.log(many / expected) - many + expected - np.log(many)
        return np.where(lacking & (many > expected), np.maximum(nats, 0.0), 0.0)

    def clock_ahead(self, coded: Coded, hours: tuple[Floats, Floats]) -> Floats:
        """Log odds, in nats, of scans by a clock that runs ahead; see `clocks.clock_ahead`."""
        return clock_ahead(coded, self._hour_logs, *hours)


def _batches(coded: Coded) -> Ints:
    """One event of each batch, as it came from one step: what a batch does is one observation."""
    moves = np.flatnonzero(~coded.with_whom.again)
    pair = combined(coded.with_whom.group[moves], coded.came_from[moves])
    return moves[np.unique(pair, return_index=True)[1]]


def _skips(coded: Coded) -> npt.NDArray[np.bool_]:
    """Moves that miss at least one of the ten stages."""
    before = coded.came_from
    return (before > 0) & (coded.step > before + 1) & (coded.step < AGAIN - 1)


def _count(parts: tuple[Ints, ...], shape: tuple[int, ...]) -> Floats:
    flat = np.ravel_multi_index(parts, shape)
    return np.bincount(flat, minlength=int(np.prod(shape))).reshape(shape).astype(np.float64)


def _origins(coded: Coded, moves: Ints, shape: tuple[int, int]) -> Floats:
    starts = moves[(coded.with_whom.before[moves] < 0) & (coded.step[moves] == 1)]
    return _count((coded.product[starts], coded.site[starts]), shape)


def _rarity(counts: Floats) -> Floats:
    """Along the last axis: log(most frequent / own share), smoothed by half a count."""
    nats: Floats = np.log((counts.max(axis=-1, keepdims=True) + 0.5) / (counts + 0.5))
    return nats


def _middle(logs: Floats) -> tuple[float, float]:
    middle = float(np.median(logs))
    return middle, max(_MAD_TO_SIGMA * float(np.median(np.abs(logs - middle))), _LEAST_SPREAD)


def _times(coded: Coded, moved: Ints, sites: int) -> Floats:
    """Median, spread and count of log hours per steps and site; site 0 pools all sites."""
    table = np.zeros((_STEPS, _STEPS, sites, 3))
    table[..., 1] = 1.0
    before, step, site = coded.came_from[moved], coded.step[moved], coded.site[moved]
    logs = np.log(np.maximum(coded.with_whom.hours[moved], 1e-3))
    for at in (np.zeros_like(site), site):
        key = np.ravel_multi_index((before, step, at), (_STEPS, _STEPS, sites))
        order = np.argsort(key, kind="stable")
        starts = np.flatnonzero(np.diff(key[order], prepend=-1))
        for part in np.split(order, starts[1:]):
            if len(part):
                place = before[part[0]], step[part[0]], at[part[0]]
                table[place] = (*_middle(logs[part]), len(part))
    return table
