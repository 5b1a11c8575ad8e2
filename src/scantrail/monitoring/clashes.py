"""Codes that seem to be at two places at once: read here and, sooner than anybody drives, there.

Clones, and clocks that are hours off. A clash belongs to both its places: which of two twins is
the true one, the log doesn't say.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from scantrail.monitoring.rates import Rate
from scantrail.monitoring.signals import Signal, onset
from scantrail.monitoring.tails import poisson_tail

Floats = npt.NDArray[np.float64]

_FASTEST: Final = 150.0  # km/h, as the crow flies
_NEAR: Final = 5.0  # km: sites so near to each other may be taken for one


def clashes(read: pl.DataFrame) -> pl.DataFrame:
    """Codes that clash, told once a day of each of both places: `site`, `other`, `day`, `epc_code`.

    Args:
        read: `observe.OBSERVED` that was read.
    """
    way = pl.col("distance").fill_nan(None)
    far = (way > _NEAR) & (way > _FASTEST * pl.col("travel"))
    met = read.filter(far).select("site", "day", "epc_code", other="came_from")
    back = met.select("day", "epc_code", site="other", other="site")
    both = pl.concat([met, back], how="diagonal").drop_nulls("site")
    return both.unique(["site", "day", "epc_code"], keep="first", maintain_order=True)


def clash_signals(
    usual: dict[str, Rate],
    found: tuple[pl.DataFrame, dict[str, Floats], dict[str, Floats]],
    days: list[Any],
    bearable: tuple[float, float],
) -> Iterator[Signal]:
    """Whether more codes clash than usual, site by site.

    Args:
        usual: Clashes per scan.
        found: The clashes, and by site and day, (days,), how many there are, and scans.
        days: On which days.
        bearable: Factor on the usual number, and how many more.
    """
    table, counted, scans = found
    partners = table.group_by("site").agg(pl.col("other").drop_nulls().mode().sort().first())
    partner = dict(partners.iter_rows())
    for site, rate in usual.items():
        if site not in scans or not scans[site].any():
            continue
        here = counted.get(site, np.zeros(len(days)))
        rest = float(here.sum() - here.max())  # one bad day is no trend
        expected = float(scans[site].sum() * rate.share)
        per_10k = 1e4 * here.sum() / scans[site].sum()
        ratio = rest / max(expected, 1e-9)
        most = f", most of them with {partner[site]}" if partner.get(site) else ""
        yield Signal(
            check="clash",
            view="clashes",
            place=site,
            since=days[onset((here - scans[site] * rate.share * (1 + ratio) / 2).tolist())],
            p=poisson_tail(rest / rate.spread**2, expected / rate.spread**2),
            effect={"ratio": ratio, "per_10k": per_10k},
            strength=max(min(ratio / bearable[0], (rest - expected) / bearable[1]), 0.0),
            what=f"codes at two places at once, per 10,000 scans: {1e4 * rate.share:.0f} → "
            f"{per_10k:.0f}{most}",
        )
