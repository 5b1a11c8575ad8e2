"""A chain's sites as arrays: tier, region, coordinates, hours, distances, and who serves whom."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from scantrail.simulate.chains import CHAINS
from scantrail.vocabulary.chain import Tier

if TYPE_CHECKING:
    from scantrail.simulate.chains import Chain

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

DAY: Final = 86_400
_EARTH_KM: Final = 6371.0088
_KM_PER_DEGREE: Final = 111.195

#: Opening hours in seconds of the day, taken in turn by the sites of a tier.
_HOURS: Final = {
    Tier.FACTORY: ((0, 24),),
    Tier.WAREHOUSE: ((6, 22),),
    Tier.HUB: ((0, 24),),
    Tier.WHOLESALER: ((7, 19), (8, 18), (8.5, 17.5)),
    Tier.RETAILER: ((10, 21), (9, 22), (10, 22), (9.5, 20.5)),
}
_ALWAYS_OPEN_RETAILER: Final = 17  # every so many-th shop never closes


@dataclass(frozen=True, slots=True)
class Site:
    """One place; `region`, `w` and `r` are -1 where they mean nothing."""

    name: str
    prefix: str
    tier: Tier
    at: tuple[float, float]
    region: int = -1
    w: int = -1
    r: int = -1
    served_by: str = ""


@dataclass(frozen=True, slots=True)
class Network:
    """Sites by index. The last two are unlisted: they occur in no site list.

    Attributes:
        chain: What it was built from.
        sites: All sites, the unlisted two last.
        location_id: Int64 id per site.
        tier: Tier per site, 0-4.
        region: Region per site, -1 for plants and their warehouses.
        opens: Second of the day at which each site opens.
        closes: Second of the day at which it closes, 86,400 where it opens at 0 and never does.
        km: Great-circle distance between two sites in kilometres.
        warehouse: Site of each plant's warehouse (a plant's own site is its index).
        hub: Site of each region's hub.
        wholesaler: Sites, region by number within it.
        retailer: Sites, region by number within it, ordered by wholesaler.
        pace: Each site's own factor on the chain's median stay.
    """

    chain: Chain
    sites: tuple[Site, ...]
    location_id: Ints
    tier: Ints
    region: Ints
    opens: Ints
    closes: Ints
    km: Floats
    warehouse: Ints
    hub: Ints
    wholesaler: Ints
    retailer: Ints
    pace: Floats

    @property
    def listed(self) -> int:
        """How many sites the site list has."""
        return len(self.sites) - 2


def _around(at: tuple[float, float], km: float, turn: float) -> tuple[float, float]:
    angle = 2 * np.pi * turn
    lat = at[0] + km * np.sin(angle) / _KM_PER_DEGREE
    lon = at[1] + km * np.cos(angle) / (_KM_PER_DEGREE * np.cos(np.radians(at[0])))
    return round(float(lat), 4), round(float(lon), 4)


def _upstream(chain: Chain) -> list[Site]:
    plants = [Site(p.name, p.prefix, Tier.FACTORY, p.at) for p in chain.plants]
    stores = [
        Site(p.warehouse, p.prefix, Tier.WAREHOUSE, _around(p.at, 1.4, 0.2 * i), served_by=p.name)
        for i, p in enumerate(chain.plants)
    ]
    hubs = []
    for i, region in enumerate(chain.regions):
        served = ";".join(p.name for p in chain.plants if p.hubs[i])
        hubs.append(Site(region.hub, region.prefix, Tier.HUB, region.at, i, served_by=served))
    return [*plants, *stores, *hubs]


def _downstream(chain: Chain) -> list[Site]:
    wholesalers, retailers = [], []
    for i, region in enumerate(chain.regions):
        for w in range(chain.wholesalers):
            at = _around(region.at, 17 + 8 * w, (w + 0.15 + 0.21 * i) / chain.wholesalers)
            name = region.wholesaler.format(w=w + 1)
            wholesalers.append(Site(name, region.prefix, Tier.WHOLESALER, at, i, w))
            for r in range(chain.retailers):
                name = region.retailer.format(w=w + 1, r=r + 1)
                near = _around(at, 3 + 3.5 * r, (r + 0.4 * w) / chain.retailers + 0.1 * i)
                retailers.append(Site(name, region.prefix, Tier.RETAILER, near, i, w, r))
    return [*wholesalers, *retailers]


def _hours(sites: list[Site]) -> tuple[Ints, Ints]:
    count: dict[Tier, int] = {}
    hours = []
    for site in sites:
        turn = count.get(site.tier, 0)
        count[site.tier] = turn + 1
        choices = _HOURS[site.tier]
        always = site.tier is Tier.RETAILER and turn % _ALWAYS_OPEN_RETAILER == 5
        hours.append((0, 24) if always else choices[turn % len(choices)])
    seconds = (np.array(hours, dtype=np.float64) * 3600).astype(np.int64)
    return seconds[:, 0], seconds[:, 1]


def distances(lat: Floats, lon: Floats) -> Floats:
    """Great-circle distances in kilometres between all pairs of points in degrees.

    >>> float(distances(np.array([0.0, 0.0]), np.array([0.0, 1.0]))[0, 1].round(1))
    111.2
    """
    phi, lam = np.radians(lat), np.radians(lon)
    half_phi = np.sin((phi[:, None] - phi) / 2) ** 2
    half_lam = np.sin((lam[:, None] - lam) / 2) ** 2
    chord = half_phi + np.cos(phi)[:, None] * np.cos(phi) * half_lam
    result: Floats = 2 * _EARTH_KM * np.arcsin(np.sqrt(np.clip(chord, 0, 1)))
    return result


@lru_cache(maxsize=4)
def network(chain_name: str) -> Network:
    """Build a named chain's network; the same every time, whatever the seed.

    >>> network("demo").listed
    60
    """
    chain = CHAINS[chain_name]
    up, down = _upstream(chain), _downstream(chain)
    lost = [
        Site("미등록지점", "XXX", Tier.WHOLESALER, _around(chain.regions[0].at, 60, 0.3), 0, 0),
        Site("Unlisted Depot", "XXY", Tier.HUB, _around(chain.regions[-1].at, 50, 0.6), 0),
    ]
    sites = [*up, *down, *lost]
    opens, closes = _hours(sites)
    lat, lon = np.array([s.at for s in sites], dtype=np.float64).T
    ids = chain.first_id + np.arange(len(sites), dtype=np.int64)
    ids[-2:] += 840
    plants, regions = len(chain.plants), len(chain.regions)
    shops = chain.wholesalers * chain.retailers
    first_w = len(up)
    first_r = first_w + regions * chain.wholesalers
    turn = np.arange(len(sites))
    return Network(
        chain=chain,
        sites=tuple(sites),
        location_id=ids,
        tier=np.array([s.tier for s in sites], dtype=np.int64),
        region=np.array([s.region for s in sites], dtype=np.int64),
        opens=opens,
        closes=closes,
        km=distances(lat, lon),
        warehouse=np.arange(plants, 2 * plants, dtype=np.int64),
        hub=np.arange(2 * plants, 2 * plants + regions, dtype=np.int64),
        wholesaler=np.arange(first_w, first_r, dtype=np.int64).reshape(regions, -1),
        retailer=np.arange(first_r, first_r + regions * shops, dtype=np.int64).reshape(regions, -1),
        pace=(0.8 + 0.4 * ((turn * 0.618034) % 1.0)).astype(np.float64),
    )


def _clock(seconds: int, *, always: bool) -> str | None:
    return None if always else f"{seconds // 3600:02d}:{seconds % 3600 // 60:02d}"


def site_table(net: Network) -> pl.DataFrame:
    """The site list: ids, names, coordinates in degrees, tier as a word, local opening hours.

    `opens` and `closes` are 'HH:MM' in the site's own time, both null where it never closes.
    """
    n = net.listed
    always = [bool(net.closes[i] - net.opens[i] == DAY) for i in range(n)]
    sites = net.sites[:n]
    return pl.DataFrame(
        {
            "seq": list(range(1, n + 1)),
            "location_id": net.location_id[:n],
            "scan_location": [s.name for s in sites],
            "Latitude": [s.at[0] for s in sites],
            "Longitude": [s.at[1] for s in sites],
            "factory_locations": [s.served_by or None for s in sites],
            "tier": [s.tier.name.lower() for s in sites],
            "opens": [_clock(int(net.opens[i]), always=always[i]) for i in range(n)],
            "closes": [_clock(int(net.closes[i]), always=always[i]) for i in range(n)],
        }
    )


def demo_sites() -> pl.DataFrame:
    """The demo chain's site list, the same for every seed.

    >>> demo_sites()["location_id"].min()
    1001
    """
    return site_table(network("demo"))
