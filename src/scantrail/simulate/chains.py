"""The invented supply chains: plants, regions, products, paces. Names and places are made up."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Plant:
    """A factory with the warehouse next to it.

    Attributes:
        name: The factory's scan location.
        warehouse: The warehouse's scan location.
        prefix: Short name in `hub_type` and `factory`.
        at: Latitude and longitude in degrees.
        share: Its share of all items.
        funnel: Shares of its items that ship to a hub, a wholesaler, a retailer, and are sold.
        hubs: Per region, the weight with which its batches go to that region's hub.
        products: Indices into the chain's products that are made here, and only these.
        lots: The first two digits of its lot numbers.
    """

    name: str
    warehouse: str
    prefix: str
    at: tuple[float, float]
    share: float
    funnel: tuple[float, float, float, float]
    hubs: tuple[float, ...]
    products: tuple[int, ...]
    lots: str


@dataclass(frozen=True, slots=True)
class Region:
    """A hub and the wholesalers and retailers that it serves.

    Attributes:
        prefix: Short name in `hub_type`.
        hub: The hub's scan location.
        wholesaler: Name pattern with the number `{w}`.
        retailer: Name pattern with the numbers `{w}` and `{r}`.
        at: Latitude and longitude of the hub in degrees.
    """

    prefix: str
    hub: str
    wholesaler: str
    retailer: str
    at: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Chain:
    """A whole network.

    Attributes:
        plants: Factories, in the order of their file ids.
        regions: Regions; the next one in the tuple is a region's neighbour.
        wholesalers: Wholesalers per region.
        retailers: Retailers per wholesaler.
        first_id: Location id of the first site; the others count on from it.
        products: Company and product code, seven digits each.
        dwell_days: Median stay in the warehouse, hub, wholesaler, shop store, and on the shelf.
    """

    plants: tuple[Plant, ...]
    regions: tuple[Region, ...]
    wholesalers: int
    retailers: int
    first_id: int
    products: tuple[tuple[str, str], ...]
    dwell_days: tuple[float, float, float, float, float]


_A, _B, _C = "8804823", "8805843", "8809437"

_ENGLISH: Final = ("{n}_Wholesaler{{w}}", "{n}_Wholesaler{{w}}_Area_Retailer{{r}}")
_KOREAN: Final = ("{n}_도매상{{w}}", "{n}_도매상{{w}}_권역_소매상{{r}}")


def _region(
    prefix: str, hub: str, name: str, patterns: tuple[str, str], at: tuple[float, float]
) -> Region:
    wholesaler, retailer = (p.format(n=name) for p in patterns)
    return Region(prefix, hub, wholesaler, retailer, at)


_DEMO: Final = Chain(
    plants=(
        Plant(
            "Haneul Plant",
            "Haneul Plant Warehouse",
            "HNL",
            (37.3412, 126.7631),
            0.5,
            (0.608, 0.324, 0.212, 0.042),
            (0.5, 0.3, 0.2, 0.0),
            (0, 1, 2, 3, 4, 5),
            "01",
        ),
        Plant(
            "한빛공장",
            "한빛공장창고",
            "HBT",
            (37.0184, 127.8725),
            0.25,
            (0.678, 0.308, 0.222, 0.0),
            (0.25, 0.5, 0.0, 0.25),
            (4, 6, 7, 8),
            "05",
        ),
        Plant(
            "다온공장",
            "다온공장창고",
            "DAO",
            (34.9876, 127.6043),
            0.15,
            (0.523, 0.39, 0.29, 0.0),
            (0.0, 0.2, 0.8, 0.0),
            (9, 10, 11),
            "10",
        ),
        Plant(
            "Sorae Factory",
            "Sorae Factory Warehouse",
            "SOR",
            (36.0527, 129.2918),
            0.1,
            (0.98, 0.525, 0.45, 0.29),
            (0.0, 0.3, 0.0, 0.7),
            (5, 12, 13, 14),
            "15",
        ),
    ),
    regions=(
        _region("HGN", "Hangang Logistics Hub", "Hangang", _ENGLISH, (37.4473, 127.3318)),
        _region("CHC", "충청물류센터", "충청", _KOREAN, (36.5219, 127.4406)),
        _region("HNM", "호남물류센터", "호남", _KOREAN, (35.2381, 126.9124)),
        _region("NDG", "Nakdong Logistics Hub", "Nakdong", _ENGLISH, (35.6452, 128.6937)),
    ),
    wholesalers=3,
    retailers=3,
    first_id=1001,
    products=(
        (_A, "1310452"),
        (_C, "1184207"),
        (_B, "2907116"),
        (_C, "1250933"),
        (_B, "0114820"),
        (_A, "4190375"),
        (_A, "2048861"),
        (_B, "3765904"),
        (_C, "1076648"),
        (_B, "2213579"),
        (_C, "1228350"),
        (_A, "1432096"),
        (_B, "3840217"),
        (_A, "2056713"),
        (_C, "1207789"),
    ),
    dwell_days=(20.0, 13.0, 20.0, 8.0, 25.0),
)

_SECOND: Final = Chain(
    plants=(
        Plant(
            "가람공장",
            "가람공장창고",
            "GRM",
            (36.7815, 126.4508),
            0.6,
            (0.70, 0.40, 0.27, 0.08),
            (0.5, 0.5, 0.0),
            (0, 1, 2, 3),
            "21",
        ),
        Plant(
            "Miru Plant",
            "Miru Plant WMS",
            "MRU",
            (35.4937, 129.3561),
            0.3,
            (0.60, 0.33, 0.22, 0.05),
            (0.0, 0.4, 0.6),
            (3, 4, 5),
            "27",
        ),
        Plant(
            "Byeol Factory",
            "Byeol Factory Warehouse",
            "BYL",
            (37.7502, 128.8743),
            0.1,
            (0.80, 0.30, 0.20, 0.0),
            (0.7, 0.0, 0.3),
            (6, 7),
            "33",
        ),
    ),
    regions=(
        _region("BKB", "북부물류센터", "북부", _KOREAN, (37.5908, 127.7104)),
        _region("JAB", "Jungbu Distribution Hub", "Jungbu", _ENGLISH, (36.2047, 127.1862)),
        _region("DNB", "동남물류센터", "동남", _KOREAN, (35.5216, 128.4379)),
    ),
    wholesalers=3,
    retailers=2,
    first_id=2001,
    products=(
        (_B, "3120478"),
        (_C, "1301265"),
        (_A, "2276104"),
        (_A, "1890537"),
        (_C, "0208841"),
        (_B, "2471903"),
        (_C, "1149026"),
        (_A, "4055318"),
    ),
    dwell_days=(9.0, 5.0, 26.0, 11.0, 12.0),
)

CHAINS: Final[Mapping[str, Chain]] = MappingProxyType({"demo": _DEMO, "second": _SECOND})
