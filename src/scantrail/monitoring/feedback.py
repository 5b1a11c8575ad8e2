"""How good are alerts, as far as people have looked? Precision from feedback, recall from audits.

Whoever looks at alerts only never learns what was missed. So every week a random sample of items
without an alert is looked at too; what is found among them, scaled up, is what was missed.
"""

from __future__ import annotations

import hashlib
import heapq
import math
from collections.abc import Iterable
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from scantrail.errors import MonitoringError

_Z: Final = 1.959964  # 95 %
_DRAWS: Final = 20_000
_SEED: Final = 0  # of the interval's draws


class Estimate(msgspec.Struct, frozen=True):
    """A share with its 95 % interval, and how many looks it rests on."""

    value: float
    low: float
    high: float
    looks: int


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """What a week's looks found.

    Attributes:
        alerted: Items with an alert.
        confirmed: Of those looked at, the ones that were anomalous.
        dismissed: … and the ones that weren't.
        silent: Items without an alert.
        looked_at: Of those, the sampled ones that were looked at.
        missed: Of these, the anomalous ones.
    """

    alerted: int
    confirmed: int
    dismissed: int
    silent: int
    looked_at: int
    missed: int

    def __post_init__(self) -> None:
        looks = self.confirmed + self.dismissed
        if min(msgspec.structs.astuple(self)) < 0 or looks > self.alerted:
            raise MonitoringError(f"{looks} looks at {self.alerted} alerted items")
        if not self.missed <= self.looked_at <= self.silent:
            raise MonitoringError(
                f"{self.missed} missed, {self.looked_at} looked at, {self.silent} without alert: "
                "each must be at most the next"
            )


def precision(feedback: pl.DataFrame) -> Estimate:
    """The share of alerts that were confirmed.

    Args:
        feedback: `confirmed` Boolean, and `case`: what hangs together (a lot, a day at a site), so
            that a hundred items of one pallet aren't a hundred looks.

    Returns:
        Wilson's interval (1927) at the effective number of looks.

    Raises:
        MonitoringError: There is no feedback.
    """
    n = len(feedback)
    if not n:
        raise MonitoringError("there is no feedback yet; confirm or dismiss some alerts first")
    share = float(feedback["confirmed"].cast(pl.Float64).mean() or 0.0)  # type: ignore[arg-type]
    cases = feedback.group_by("case").agg(size=pl.len(), yes=pl.col("confirmed").sum())
    size, yes = cases["size"].to_numpy(), cases["yes"].to_numpy()
    effect = 1.0
    if len(cases) > 1 and 0 < share < 1:
        between = ((yes - share * size) ** 2).sum() * len(cases) / (len(cases) - 1)
        effect = max(float(between / (share * (1 - share) * n)), 1.0)
    elif n > 1:
        effect = n / len(cases)  # all alike: nothing shows how alike cases are within
    low, high = wilson(share, n / effect)
    return Estimate(share, low, high, n)


def wilson(share: float, n: float) -> tuple[float, float]:
    """95 % interval of a share seen in n looks.

    >>> [round(end, 3) for end in wilson(0.9, 10)]
    [0.596, 0.982]
    """
    middle = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * math.sqrt(share * (1 - share) / n + _Z**2 / (4 * n * n))
    return max(middle - half, 0.0), min(middle + half, 1.0)


def audit_sample(codes: Iterable[str], size: int, week: str, seed: int = 0) -> list[str]:
    """Items to look at this week, drawn at random, the same for the same week and seed.

    Each item's lot is drawn by a hash, so the order of items doesn't matter, and items that come
    in late change little: a sample of more is the same sample and some.

    Args:
        codes: EPCs without an alert; repeats count once.
        size: How many.
        week: What names the week, such as "2025-W36".
        seed: Another seed, another sample.

    >>> audit_sample(["a", "b", "c", "d"], 2, "2025-W36")
    ['b', 'a']
    """
    sampler = Sampler(size, week, seed)
    for code in codes:
        sampler.offer(code)
    return sampler.drawn()


class Sampler:
    """Draws from items that come one by one; keeps no more of them than are drawn."""

    def __init__(self, size: int, week: str, seed: int = 0) -> None:
        """Draw nothing yet; see `audit_sample`.

        Raises:
            MonitoringError: A sample of no item.
        """
        if size < 1:
            raise MonitoringError(f"a sample of {size} items says nothing; ask for at least 1")
        self._size, self._prefix = size, f"{seed}/{week}/"
        self._best: list[tuple[int, str]] = []  # a heap, the highest lot first
        self._codes: set[str] = set()

    def offer(self, code: str) -> None:
        """Consider an item; one that came before counts once."""
        digest = hashlib.blake2b(f"{self._prefix}{code}".encode(), digest_size=16).digest()
        lot = -int.from_bytes(digest, "big")
        if code in self._codes:
            return
        if len(self._best) < self._size:
            heapq.heappush(self._best, (lot, code))
        elif lot > self._best[0][0]:
            _, gone = heapq.heapreplace(self._best, (lot, code))
            self._codes.discard(gone)
        else:
            return
        self._codes.add(code)

    def drawn(self) -> list[str]:
        """The items drawn so far, the lowest lot first."""
        return [code for _, code in sorted(self._best, reverse=True)]


def recall(audits: Iterable[Audit]) -> Estimate:
    """The share of anomalous items that had an alert.

    Each week's finds are scaled up by that week's sample. The interval is that of draws from the
    Jeffreys posteriors of both shares (Beta, with half an item added to both sides), of which the
    value is the median: of shares near zero, plain ratios mislead.

    Raises:
        MonitoringError: Nobody has looked at either alerts or silent items.
    """
    weeks = list(audits)
    looked, silent = (sum(one.confirmed + one.dismissed for one in weeks),
                      sum(one.looked_at for one in weeks))  # fmt: skip
    if not looked or not silent:
        what = "alerts" if not looked else "items without an alert"
        raise MonitoringError(f"recall is unknown as long as nobody has looked at {what}")
    right = _scaled([(one.alerted, one.confirmed + one.dismissed, one.confirmed) for one in weeks])
    wrong = _scaled([(one.silent, one.looked_at, one.missed) for one in weeks])
    low, value, high = np.quantile(right / (right + wrong), [0.025, 0.5, 0.975])
    return Estimate(float(value), float(low), float(high), looked + silent)


def _scaled(weeks: list[tuple[int, int, int]]) -> npt.NDArray[np.float64]:
    """Draws of how many of all items are anomalous, by (all, looked at, anomalous) of each week."""
    looked = [week for week in weeks if week[1]]
    looks = sum(week[1] for week in looked)
    share = sum(n * hits / seen for n, seen, hits in looked) / sum(week[0] for week in looked)
    rng = np.random.default_rng(_SEED)
    draws = rng.beta(share * looks + 0.5, (1 - share) * looks + 0.5, _DRAWS)
    return draws * sum(week[0] for week in weeks)
