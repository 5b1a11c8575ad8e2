"""How much likelier would a trace be after one small repair?

A trace that was tampered with is one edit away from a likely one; a trace that is merely unusual is
not. The edits undo what may have happened: take up to three neighbouring events out (inserted or
done again), move up to two (too early, too late), put one or two usual events in (skipped). Counts
propose the best edits of each sort, the network weighs them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from logs import Log

from scantrail.detectors.lstm.sequences import Sequences

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_OUT, _MOVED, _SHIFT = 3, 2, 5  # events taken out or moved together; places moved by
_CANDIDATES, _SECOND = 4, 2  # usual followers tried where one event is put in, and after it
_LONGEST = 40  # events; longer traces are not repaired
_KEPT = 8  # edits of a sort that the network weighs, per trace
_AT_ONCE = 400_000  # events

#: How many places an edit of a sort is free to choose; each costs the logarithm of the length.
PLACES = {"out": 2, "moved": 2, "in": 1}


@dataclass(frozen=True)
class Repairs:
    """Edited traces, as rows of a pool.

    `rows`: the edited traces' events, end to end; those from `pool.events` of the log on are usual
    events put in. `offsets`: where each begins. `owner`: the variant that each came from.
    `sort`: key of `PLACES`.
    """

    rows: Rows
    offsets: Rows
    owner: Rows
    sort: npt.NDArray[np.str_]


@dataclass(frozen=True)
class Variants:
    """Distinct traces: the `first` trace of each, and each trace's `variant`."""

    first: Rows
    variant: Rows


def variants(log: Log) -> Variants:
    """Group equal traces."""
    codes, offsets = log.sequences.codes, log.sequences.offsets
    seen: dict[bytes, int] = {}
    first: list[int] = []
    variant = np.empty(len(log.sequences), dtype=np.int64)
    for trace, (start, end) in enumerate(pairwise(offsets)):
        key = codes[start:end].tobytes()
        if key not in seen:
            seen[key] = len(first)
            first.append(trace)
        variant[trace] = seen[key]
    return Variants(np.array(first), variant)


def pool(log: Log) -> npt.NDArray[np.int32]:
    """All events of the log, then per activity one with its most frequent attributes."""
    codes = log.sequences.codes
    usual = np.zeros((log.sizes[0], codes.shape[1]), dtype=np.int32)
    usual[:, 0] = np.arange(log.sizes[0])
    for column in range(1, codes.shape[1]):
        counts = np.zeros((log.sizes[0], log.sizes[column]))
        np.add.at(counts, (codes[:, 0], codes[:, column]), 1)
        usual[:, column] = counts.argmax(axis=1)
    return np.concatenate([codes, usual])


@cache
def _patterns(length: int) -> dict[str, list[Rows]]:
    """Places kept, in order, per way to take events out of `length` or to move them."""
    places = np.arange(length)
    out = [
        np.array([np.delete(places, range(at, at + size)) for at in range(length - size + 1)])
        for size in range(1, min(_OUT, length - 1) + 1)
    ]
    moved = {
        (*rest[:to], *places[at : at + size], *rest[to:])
        for size in range(1, _MOVED + 1)
        for at in range(length - size + 1)
        for rest in [np.delete(places, range(at, at + size))]
        for to in range(max(0, at - _SHIFT), min(len(rest), at + _SHIFT) + 1)
    } - {tuple(places)}
    return {"out": out, "moved": [np.array(sorted(moved))] if moved else []}


def _followers(log: Log) -> Rows:
    """Per activity (0: the beginning) its usual followers but the end, the most usual first.

    0 where there are no more.
    """
    activity, offsets = log.sequences.codes[:, 0], log.sequences.offsets
    before = np.roll(activity, 1)
    before[offsets[:-1]] = 0
    counts = np.zeros((log.sizes[0], log.sizes[0]))
    np.add.at(counts, (before, activity), 1)
    counts[:, activity[offsets[1] - 1]] = 0
    usual = np.argsort(-counts, axis=1, kind="stable")[:, :_CANDIDATES]
    return np.where(np.take_along_axis(counts, usual, axis=1) > 0, usual, 0)


def _put_in(log: Log, traces: Rows, followers: Rows) -> Iterator[tuple[Rows, Rows]]:
    """Traces `[n, T + 1]` and `[n, T + 2]` with usual events put in, and the origin of each."""
    activity, size = log.sequences.codes[:, 0], log.sequences.events
    single: list[tuple[Rows, Rows]] = []
    double: list[tuple[Rows, Rows]] = []
    for gap in range(traces.shape[1]):
        left = activity[traces[:, gap - 1]] if gap else np.zeros(len(traces), dtype=np.int64)
        for one in followers[left].T:
            single.append(_with(traces, gap, (one,), size))
            double += [_with(traces, gap, (one, two), size) for two in followers[one].T[:_SECOND]]
    for blocks in (single, double):
        rows, origins = zip(*blocks, strict=True)
        yield np.concatenate(rows), np.concatenate(origins)


def _with(traces: Rows, gap: int, new: tuple[Rows, ...], size: int) -> tuple[Rows, Rows]:
    """Traces with the activities `new` before `gap`, where there are such, and which those are."""
    some = np.flatnonzero(np.all(np.stack(new) > 0, axis=0))
    middle = np.stack(new, axis=1)[some] + size
    return np.concatenate([traces[some, :gap], middle, traces[some, gap:]], axis=1), some


def _edits(log: Log, found: Variants) -> Iterator[tuple[str, Rows, Rows]]:
    """Sort, variant and rows `[n, T]` of all edits."""
    starts = log.sequences.offsets[found.first]
    lengths = log.sequences.lengths[found.first]
    followers = _followers(log)
    for length in np.unique(lengths[lengths <= _LONGEST + 1]):
        same = np.flatnonzero(lengths == length)
        for some in np.array_split(same, -(-len(same) * int(length) ** 2 * 20 // _AT_ONCE)):
            traces = starts[some, None] + np.arange(length)
            for sort, patterns in _patterns(int(length) - 1).items():
                for pattern in patterns:
                    ended = np.pad(pattern, ((0, 0), (0, 1)), constant_values=length - 1)
                    rows = traces[:, ended].reshape(-1, ended.shape[1])
                    yield sort, np.repeat(some, len(ended)), rows
            for rows, which in _put_in(log, traces, followers):
                yield "in", some[which], rows


def propose(log: Log, found: Variants, likelihood: Callable[[Sequences], Floats]) -> Repairs:
    """The likeliest edits of every variant, by `likelihood` `[N, K]` of events, 8 of each sort."""
    events = pool(log)
    kept: dict[str, list[tuple[Rows, Floats, Rows]]] = {sort: [] for sort in PLACES}
    for sort, owner, rows in _edits(log, found):
        if not len(rows):
            continue
        lengths = np.full(len(rows), rows.shape[1])
        gain = _total(log, events, rows.ravel(), lengths, likelihood)
        best = _best(owner, gain)
        kept[sort].append((owner[best], gain[best], rows[best]))
    return _gathered(kept)


def _best(owner: Rows, gain: Floats) -> Rows:
    """Rows of the `_KEPT` highest gains per owner."""
    order = np.lexsort((-gain, owner))
    first = np.flatnonzero(np.diff(owner[order], prepend=-1))
    rank = np.arange(len(order)) - np.repeat(first, np.diff(np.append(first, len(order))))
    return order[rank < _KEPT]


def _gathered(kept: dict[str, list[tuple[Rows, Floats, Rows]]]) -> Repairs:
    """The best of all blocks, one after the other."""
    rows: list[Rows] = []
    owners: list[Rows] = []
    sorts: list[str] = []
    for sort, blocks in kept.items():
        if not blocks:
            continue
        owner = np.concatenate([block[0] for block in blocks])
        traces = [trace for block in blocks for trace in block[2]]
        best = _best(owner, np.concatenate([block[1] for block in blocks]))
        rows += [traces[i] for i in best]
        owners.append(owner[best])
        sorts += [sort] * len(best)
    lengths = np.array([len(trace) for trace in rows])
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return Repairs(np.concatenate(rows), offsets, np.concatenate(owners), np.array(sorts))


def gains(
    log: Log, found: Variants, repairs: Repairs, likelihood: Callable[[Sequences], Floats]
) -> Floats:
    """Per trace, log of (likelihood of all its repairs, weighted / its own likelihood).

    `likelihood`: of events, `[N, K]`. Each place that an edit chooses costs the log of the length.
    Traces that are too long to repair get the lowest gain of all.
    """
    events, lengths = pool(log), log.sequences.lengths[found.first]
    own = _total(log, events, *_rows(log, found), likelihood)
    total = _total(log, events, repairs.rows, np.diff(repairs.offsets), likelihood)
    places = np.array([PLACES[sort] for sort in repairs.sort])
    gain = np.full(len(lengths), -np.inf)
    cost = places * np.log(np.maximum(lengths[repairs.owner] - 1, 1))
    np.logaddexp.at(gain, repairs.owner, total - own[repairs.owner] - cost)
    lowest = gain[np.isfinite(gain)].min()
    return np.where(np.isfinite(gain), gain, lowest)[found.variant]


def _rows(log: Log, found: Variants) -> tuple[Rows, Rows]:
    """Rows of one trace of each variant, end to end, and their lengths."""
    starts, lengths = log.sequences.offsets[found.first], log.sequences.lengths[found.first]
    begin = np.cumsum(lengths) - lengths
    return np.repeat(starts - begin, lengths) + np.arange(lengths.sum()), lengths


def _total(
    log: Log,
    events: npt.NDArray[np.int32],
    rows: Rows,
    lengths: Rows,
    likelihood: Callable[[Sequences], Floats],
) -> Floats:
    """Log-likelihood per trace; the attributes of events that were put in count for nothing."""
    none = np.zeros((len(rows), 0), dtype=np.float32)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    each = likelihood(Sequences(events[rows], none, none, offsets))
    each[rows >= log.sequences.events, 1:] = 0
    return np.add.reduceat(each.sum(axis=1), offsets[:-1])
