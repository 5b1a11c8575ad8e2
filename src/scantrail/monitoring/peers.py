"""A site's share of what sites of its kind scan.

All plants make less in a slow week; that one of them makes less than the others is its own doing.
Against its peers a site is steady where its own counts swing, so a change of it is seen earlier
(common and special causes, Shewhart 1931).
"""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from scantrail.monitoring.distance import compare, design_effect
from scantrail.monitoring.observe import ARROW
from scantrail.vocabulary.chain import STAGE_TIER, STAGES

Floats = npt.NDArray[np.float64]

_TIERS: Final = dict(zip(STAGES, STAGE_TIER, strict=True))


class Peer(msgspec.Struct, frozen=True):
    """A site among its peers.

    Attributes:
        tier: What they have in common: the tier at which most of its scans are made.
        own: Its scans.
        others: Those of its peers.
        design: How many scans are worth one independent one.
    """

    tier: int
    own: int
    others: int
    design: float


def learn_peers(read: pl.DataFrame, daily: dict[str, Floats]) -> dict[str, Peer]:
    """Learn every site's share from scans that were read, and from their counts by day, (days,)."""
    tiers = _tiers(read)
    others = {site: _others(site, tiers, daily) for site in tiers}
    return {
        site: Peer(
            tiers[site], int(daily[site].sum()), int(rest.sum()),
            round(design_effect(np.column_stack([daily[site], rest]), ordered=False), 3),
        )
        for site, rest in others.items() if rest.any()
    }  # fmt: skip


def _tiers(read: pl.DataFrame) -> dict[str, int]:
    stage = pl.col("step").str.split(ARROW).list.last()
    counted = read.select("site", stage=stage).drop_nulls().filter(pl.col("stage").is_in(STAGES))
    table = counted.group_by("site").agg(pl.col("stage").mode().sort().first()).sort("site")
    return {str(site): _TIERS[stage] for site, stage in table.iter_rows()}


def _others(site: str, tiers: dict[str, int], daily: dict[str, Floats]) -> Floats:
    found = np.zeros_like(daily[site])
    for other, tier in tiers.items():
        if other != site and tier == tiers[site]:
            found += daily[other]
    return found


def peer_chances(
    peers: dict[str, Peer], daily: dict[str, Floats], odd: dict[str, int]
) -> dict[str, float]:
    """Per site, the probability of such a share of its peers' scans by chance, either way.

    Args:
        peers: What is usual.
        daily: Scans of each site by day, (days,).
        odd: Days that don't count, per site.
    """
    tiers = {site: peer.tier for site, peer in peers.items() if site in daily}
    found = {}
    for site, peer in peers.items():
        if site not in tiers:
            continue
        sample = np.array([daily[site], _others(site, tiers, daily)])
        rest = np.delete(sample, odd[site], axis=1).sum(axis=1)
        usual = np.array([peer.own, peer.others], float)
        distance = compare(usual, rest, peer.design, ordered=False)
        if distance:
            found[site] = distance.p
    return found
