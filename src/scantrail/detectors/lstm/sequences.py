"""Many sequences of events in flat arrays, and their batches of one length."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from scantrail.detectors.lstm.spec import NetworkSpec
from scantrail.errors import InputError

Rows = npt.NDArray[np.int64]
#: An index into a table like `Rows`.
Counted = tuple[slice, slice] | npt.NDArray[np.bool_]

_LONGEST: Final = 512  # events that a network reads in one piece; attention costs their square
_FEW: Final = 1_024  # events; another run costs as much as so many
_OVERLAP: Final = 256  # events that a later piece reads again before it scores


@dataclass(frozen=True, slots=True)
class Sequences:
    """Sequences end to end, one row per event.

    `codes`: `[N, K]` int32, 0 = unknown. `numerics`: `[N, D]` float32, finite and of unit scale.
    `times`: `[N, M]` float32 hours above 0, NaN where there is none. `offsets`: `[S + 1]` int64;
    sequence `i` has the rows from `offsets[i]` to `offsets[i + 1]`.
    """

    codes: npt.NDArray[np.int32]
    numerics: npt.NDArray[np.float32]
    times: npt.NDArray[np.float32]
    offsets: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def events(self) -> int:
        """Number of events in all sequences."""
        return len(self.codes)

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Events per sequence, `[S]`."""
        return np.diff(self.offsets)

    def check(self, spec: NetworkSpec) -> None:
        """InputError unless the arrays are what a network of this spec reads."""
        shapes = (self.codes.shape, self.numerics.shape, self.times.shape)
        n = int(self.offsets[-1]) if len(self.offsets) else 0
        wanted = ((n, len(spec.fields)), (n, len(spec.numerics)), (n, len(spec.densities)))
        if shapes != wanted:
            raise InputError(f"sequences have the shapes {shapes}, the network reads {wanted}")
        lowest, highest = self.codes.min(axis=0, initial=0), self.codes.max(axis=0, initial=0)
        for field, low, high in zip(spec.fields, lowest.tolist(), highest.tolist(), strict=True):
            if low < 0 or high >= field.size:
                raise InputError(
                    f"codes of {field.name!r} run from {low} to {high}, "
                    f"the network knows 0 to {field.size - 1}"
                )
        if not np.isfinite(self.numerics).all():
            raise InputError("numeric inputs of the network must be finite; some are not")
        if (self.times <= 0).any():
            raise InputError("times must be above 0 hours, or NaN where there is none")

    def take(self, items: Rows) -> Sequences:
        """The sequences `items`, in that order."""
        lengths = self.lengths[items]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        rows = np.repeat(self.offsets[items] - offsets[:-1], lengths) + np.arange(offsets[-1])
        return Sequences(self.codes[rows], self.numerics[rows], self.times[rows], offsets)

    def cut(self) -> Sequences:
        """The same events with sequences of more than 512 cut into windows of up to that many."""
        lengths = self.lengths
        windows = -(-lengths // _LONGEST)
        place = np.arange(windows.sum()) - np.repeat(np.cumsum(windows) - windows, windows)
        starts = np.repeat(self.offsets[:-1], windows) + place * _LONGEST
        offsets = np.append(starts, self.offsets[-1])
        return Sequences(self.codes, self.numerics, self.times, offsets)

    def padded(self, items: Rows) -> Rows:
        """Rows of the sequences `items`, `[B, T]`; short ones repeat their last row."""
        lengths = self.lengths[items]
        steps = np.minimum(np.arange(lengths.max()), lengths[:, None] - 1)
        rows: Rows = self.offsets[items][:, None] + steps
        return rows

    def buckets(self, most: int = 16_384) -> Iterator[tuple[Rows, int]]:
        """Rows `[B, T]` of pieces of one length, at most about `most` events each, and a `skip`.

        Every row is in exactly one piece at or after column `skip`; columns before it only warm
        the network up. A sequence of up to 512 events is one piece without `skip`. Where a row is
        scored depends on its place in the sequence alone, never on what follows it.
        """
        starts, lengths, skips = self._pieces()
        order = np.lexsort((starts, skips, lengths))
        edges = np.flatnonzero(np.diff(lengths[order]) | np.diff(skips[order])) + 1
        for group in np.split(order, edges):
            if not len(group):
                continue
            length, skip = int(lengths[group[0]]), int(skips[group[0]])
            size = max(1, most // length)
            for first in range(0, len(group), size):
                chunk = starts[group[first : first + size]]
                yield chunk[:, None] + np.arange(length), skip

    def batches(self, most: int) -> Iterator[tuple[Rows, Counted]]:
        """Rows `[B, T]` for a network, and which of them count: every event counts once.

        Buckets (see there); or, where sequences are so few that a run costs more than the events
        in it, all of them at once, short ones padded.
        """
        lengths = self.lengths
        if len(self) * int(lengths.max(initial=0)) > _FEW or not lengths.all():
            for rows, skip in self.buckets(most):
                yield rows, np.s_[:, skip:]
        elif len(self):
            yield (
                self.padded(np.arange(len(self))),
                np.arange(lengths.max()) < lengths[:, None],
            )

    def _pieces(self) -> tuple[Rows, Rows, Rows]:
        """Starts, lengths and skips of the pieces of all sequences."""
        lengths = self.lengths
        if (lengths <= _LONGEST).all():
            whole = np.flatnonzero(lengths)
            return self.offsets[whole], lengths[whole], np.zeros_like(whole)
        more = np.maximum(-(-(lengths - _LONGEST) // (_LONGEST - _OVERLAP)), 0)
        which = np.repeat(np.arange(len(self)), more + 1)
        piece = np.arange(len(which)) - np.repeat(np.cumsum(more + 1) - more - 1, more + 1)
        begin = piece * (_LONGEST - _OVERLAP)
        some = lengths[which] > 0
        starts = (self.offsets[which] + begin)[some]
        sizes = np.minimum(lengths[which] - begin, _LONGEST)[some]
        return starts, sizes, np.where(piece > 0, _OVERLAP, 0)[some]

    def digest(self) -> str:
        """Hash of all values, in hexadecimal."""
        state = hashlib.blake2b(digest_size=16)
        for array in (self.codes, self.numerics, self.times, self.offsets):
            state.update(np.ascontiguousarray(array).tobytes())
        return state.hexdigest()
