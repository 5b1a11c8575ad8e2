"""What a simulated chain is made from: sizes, seed, mix of anomalies, shares of ordinary noise."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from scantrail.errors import SettingsError
from scantrail.simulate.chains import CHAINS

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_EPCS: Final = 10_000_000

#: Share of the anomalous items that each kind gets (any positive unit; only ratios count).
DEFAULT_MIX: Final[Mapping[str, float]] = MappingProxyType(
    {
        "epcFake": 8,
        "epcDup": 6,
        "jump": 6,
        "evtOrderErr": 8,
        "locErr": 6,
        "afterSale": 5,
        "missedScan": 6,
        "scanCorruption": 5,
        "diversion": 6,
        "dwellShort": 5,
        "dwellLong": 5,
        "offHours": 5,
        "productOrigin": 4,
        "cohortSplit": 5,
        "rareClone": 4,
        "travelSlow": 5,
        "burst": 2,
        "readRateDrop": 5,
        "clockSkew": 4,
        "actorConcentration": 4,
        "doubleCommissioning": 4,
    }
)


def _check_share(name: str, value: float, highest: float = 1.0) -> None:
    # written so that NaN fails too
    if not 0 <= value <= highest:
        raise SettingsError(f"{name} is {value}; it must be a share from 0 to {highest:g}")


def _check_whole(name: str, value: object, lowest: int, highest: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
        raise SettingsError(
            f"{name} is {value!r}; it must be a whole number from {lowest:,} to {highest:,}"
        )


@dataclass(frozen=True, slots=True)
class Noise:
    """Shares of what happens in every honest chain; none of it is ever labelled.

    Attributes:
        missed: Of all scans, those that were never read (never two in a row of one item).
        double: Of all scans, those read again 2-60 seconds later.
        late: Of all scans, those uploaded 2-72 hours after they were made.
        rare_lane: Of the batches that ship to a wholesaler, those that go by a secondary but
            legal lane: by way of the next region's hub, or to that region's wholesaler.
        mid_life: Of all batches, those whose history starts at the hub.
        returned: Of all sold items, those brought back to the shop by the customer.
        overtime: Of all departures, those up to 40 minutes after closing time.
        slow_day: Of all days of a site, those when everything is 2-6 hours late there.
    """

    missed: float = 0.01
    double: float = 0.005
    late: float = 0.01
    rare_lane: float = 0.02
    mid_life: float = 0.005
    returned: float = 0.02
    overtime: float = 0.01
    slow_day: float = 0.005

    def __post_init__(self) -> None:
        for item in fields(self):
            _check_share(f"noise.{item.name}", getattr(self, item.name), 0.5)

    @classmethod
    def none(cls) -> Noise:
        """A chain in which nothing ever goes slightly wrong.

        >>> Noise.none().missed
        0.0
        """
        return cls(*(0.0 for _ in fields(cls)))


@dataclass(frozen=True, slots=True)
class SimulationConfig:
    """Everything that a simulation depends on; equal settings give equal bytes.

    Attributes:
        epcs: Number of items made; about 4.6 times as many events come out.
        seed: Any whole number from 0.
        chain: Which network: "demo" or "second" (other sites, lanes, products and paces).
        anomaly_rate: Share of the items that get an anomaly, 0 to 0.5.
        mix: Weight per kind of anomaly; kinds that are absent get none.
        noise: Shares of ordinary, unlabelled noise.
        start: First day of the log, local to the sites (Asia/Seoul).
        days: Length of the log in days; what would happen later is not in it.
        production_days: Over how many of the first working days the items are made.
        batch: Items that are shipped together.
        lot_size: Items per lot; by default a hundredth of `epcs`, 100 to 2,000.
    """

    epcs: int
    seed: int = 0
    chain: str = "demo"
    anomaly_rate: float = 0.05
    mix: Mapping[str, float] = field(default_factory=lambda: DEFAULT_MIX)
    noise: Noise = field(default_factory=Noise)
    start: dt.date = dt.date(2025, 7, 1)
    days: int = 168
    production_days: int = 10
    batch: int = 100
    lot_size: int | None = None

    def __post_init__(self) -> None:
        _check_whole("epcs", self.epcs, 1, MAX_EPCS)
        _check_whole("seed", self.seed, 0, 2**63 - 1)
        _check_whole("days", self.days, 1, 1_500)
        _check_whole("production_days", self.production_days, 1, 1_000)
        _check_whole("batch", self.batch, 1, 10_000)
        _check_whole("lot_size", self.items_per_lot, 1, 1_000_000)
        if self.epcs > 9_000 * self.items_per_lot:
            raise SettingsError(
                f"lot_size is {self.items_per_lot}; {self.epcs:,} items need lots of at least "
                f"{math.ceil(self.epcs / 9_000)}, because a lot number has four digits"
            )
        if self.chain not in CHAINS:
            raise SettingsError(f"chain is {self.chain!r}; it must be one of {', '.join(CHAINS)}")
        _check_share("anomaly_rate", self.anomaly_rate, 0.5)
        self._check_start()
        self._check_mix()

    @property
    def items_per_lot(self) -> int:
        """Items per lot, worked out from the number of items where it is not set."""
        if self.lot_size is not None:
            return self.lot_size
        return min(2_000, max(100, -(-self.epcs // 10_000) * 100))

    def _check_start(self) -> None:
        if type(self.start) is not dt.date or not 2000 <= self.start.year <= 2100:
            raise SettingsError(
                f"start is {self.start!r}; it must be a date from 2000-01-01 to 2100-12-31"
            )

    def _check_mix(self) -> None:
        for kind, weight in self.mix.items():
            if kind not in DEFAULT_MIX:
                raise SettingsError(
                    f"mix names {kind!r}; the kinds of anomaly are {', '.join(DEFAULT_MIX)}"
                )
            if not 0 <= weight < math.inf:
                raise SettingsError(f"mix[{kind!r}] is {weight}; it must be a number from 0")
        if self.anomaly_rate > 0 and not any(self.mix.values()):
            raise SettingsError("mix has no kind with a weight; set one, or anomaly_rate to 0")
