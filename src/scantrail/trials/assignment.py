"""Which version judges an item: a stable draw by its code, the same everywhere and for ever.

An item is drawn by a keyed BLAKE2b digest of its code, so that all its scans are judged by one
version, on any machine, after any restart; another salt makes an independent draw, so that an item
isn't in every trial's challenger arm. Nothing is stored.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import polars as pl

from scantrail.errors import InputError

_DRAWS = float(2**64)


@dataclass(frozen=True, slots=True)
class Assignment:
    """A share of items for the challenger.

    Attributes:
        share: Of all items, 0 to 1.
        salt: The trial's name; up to 64 bytes of UTF-8.
    """

    share: float
    salt: str

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise InputError(f"a share of {self.share} can't be; give a number from 0 to 1")
        if not 0 < len(self.salt.encode()) <= 64:
            raise InputError(f"'{self.salt[:20]}' is no salt; give the trial a name of 1-64 bytes")

    def challenger(self, epc_code: str | None) -> bool:
        """Whether the challenger judges an item.

        >>> Assignment(0.5, "autumn").challenger("001.8804823.1293291.010004.20250701.000004002")
        False
        """
        digest = hashlib.blake2b(
            (epc_code or "").encode(), digest_size=8, key=self.salt.encode()
        ).digest()
        return int.from_bytes(digest) / _DRAWS < self.share

    def challengers(self, codes: pl.Series) -> pl.Series:
        """The same of many codes: Boolean, in their order."""
        distinct = codes.unique()
        arms = pl.Series("arm", [self.challenger(code) for code in distinct], pl.Boolean)
        table = pl.DataFrame({"code": distinct, "arm": arms})
        return (
            codes.to_frame("code")
            .join(table, on="code", how="left", nulls_equal=True, maintain_order="left")["arm"]
            .alias("challenger")
        )


def versions_of(item: str, made_by: Mapping[str, Any]) -> dict[str, str]:
    """The versions, by detector, that judged an item, by what is stored of a judgement."""
    challenge = made_by.get("challenge")
    if challenge and Assignment(challenge["share"], challenge["salt"]).challenger(item):
        return dict(challenge["versions"])
    return dict(made_by["versions"])


class Split(NamedTuple):
    """How items were really split.

    `p`: the chance of a split as far from the share, were the draw fair. Far below 0.001, items got
    lost on the way to one arm, and no figure of the trial can be trusted.
    """

    share: float
    items: int
    challenger: int
    p: float

    @property
    def effective(self) -> float:
        """The challenger's real share; NaN without items."""
        return self.challenger / self.items if self.items else math.nan


def split_of(codes: pl.Series, arm: pl.Series, share: float) -> Split:
    """The effective split of items, by what really judged each scan.

    Args:
        codes: Of each scan.
        arm: Whether the challenger judged it.
        share: As it was meant.

    Raises:
        InputError: An item was judged by both versions.
    """
    items = pl.DataFrame({"code": codes, "arm": arm}).unique()
    if items["code"].n_unique() != len(items):
        twice = items.filter(pl.col("code").is_duplicated())["code"].sort()[0]
        raise InputError(f"item {twice!r} was judged by both versions; their scores don't mix")
    total, drawn = len(items), int(items["arm"].sum())
    spread = math.sqrt(total * share * (1 - share))
    off = abs(drawn - total * share)
    if not spread:
        p = 1.0 if off == 0 else 0.0
    else:  # normal approximation, with continuity correction
        p = math.erfc(max(off - 0.5, 0.0) / spread / math.sqrt(2))
    return Split(share, total, drawn, p)
