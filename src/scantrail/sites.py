"""Location master data: where each site is, its tier, its opening hours, and which sites belong.

A site's index is its place in the list; the index `len(sites)` stands for "unknown site", whose
geography and tier are null.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl

from scantrail.errors import InputError, SettingsError, SitesError
from scantrail.ingest.files import read_bytes, to_utf8
from scantrail.ingest.times import zone_of
from scantrail.vocabulary.chain import Tier, meaning

EARTH_RADIUS_KM: Final = 6371.0088  # mean radius, IUGG

_SMALL_ID: Final = 1 << 20  # up to here, a table from id to index is small enough

#: Site list, one row a site. `tier` is null where unknown; `opens`/`closes` are minutes after
#: midnight of the local clock, null where the site never closes; `zone` is an IANA name or null;
#: `plant` is the index of a warehouse's own factory, null where it has none.
SITES: Final = pl.Schema(
    {
        "location_id": pl.Int64(),
        "scan_location": pl.String(),
        "latitude": pl.Float64(),
        "longitude": pl.Float64(),
        "tier": pl.Int8(),
        "opens": pl.Int16(),
        "closes": pl.Int16(),
        "zone": pl.String(),
        "plant": pl.Int32(),
    }
)

#: Words that name a tier, the most telling first: a retailer's name may contain its
#: wholesaler's, and a plant warehouse's the plant's.
_TIER_WORDS: Final = (
    (Tier.RETAILER, ("소매", "매장", "retail", "shop", "store", "reseller", "pharmacy", "pharmacie",
                     "pos")),
    (Tier.WHOLESALER, ("도매", "wholesale", "distributor", "dealer")),
    (Tier.HUB, ("물류", "허브", "hub", "logihub", "logistic", "distribution center",
                "distribution centre", "cross-dock", "terminal")),
    (Tier.WAREHOUSE, ("창고", "warehouse", "wms", "depot")),
    (Tier.FACTORY, ("공장", "factory", "plant", "works", "mill")),
)  # fmt: skip

_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")


def tier_of_name(name: str | None) -> Tier | None:
    """The tier that a site's name tells, None where it tells none.

    >>> tier_of_name("인천공장창고"), tier_of_name("도매상1_권역_소매상2"), tier_of_name("X17")
    (<Tier.WAREHOUSE: 1>, <Tier.RETAILER: 4>, None)
    """
    spaced = _CAMEL.sub(" ", name or "").lower()
    for tier, words in _TIER_WORDS:
        if any(
            re.search(rf"(?<![a-z]){word}(?:r|s|rs|er|ers)?(?![a-z])", spaced)
            if word.isascii()
            else word in spaced
            for word in words
        ):
            return tier
    return None


@dataclass(frozen=True)
class Sites:
    """The site list and the lookups that scoring needs."""

    table: pl.DataFrame

    def __len__(self) -> int:
        """Number of known sites."""
        return len(self.table)

    @cached_property
    def tier(self) -> npt.NDArray[np.int8]:
        """(n + 1,) int8; -1 where unknown."""
        tiers = self.table["tier"].fill_null(-1).to_numpy()
        return np.append(tiers, -1).astype(np.int8)

    @cached_property
    def plant(self) -> npt.NDArray[np.int32]:
        """(n + 1,) int32: the site's own factory, -1 where none."""
        return np.append(self.table["plant"].fill_null(-1).to_numpy(), -1).astype(np.int32)

    @cached_property
    def radians(self) -> npt.NDArray[np.float64]:
        """(n + 1, 2) latitude and longitude in radians; NaN where unknown."""
        degrees = self.table.select("latitude", "longitude").fill_null(float("nan")).to_numpy()
        radians: npt.NDArray[np.float64] = np.radians(np.vstack([degrees, [np.nan, np.nan]]))
        return radians

    @cached_property
    def tiers_present(self) -> frozenset[int]:
        """Tiers that the chain has. Of an unknown chain: all but hubs, which not every one has."""
        present = frozenset(int(tier) for tier in self.table["tier"].unique().drop_nulls())
        return present or frozenset(set(Tier) - {Tier.HUB})

    @cached_property
    def zones(self) -> dict[int, str]:
        """Zone by location id, for sites that name one."""
        named = self.table.filter(pl.col("zone").is_not_null())
        return dict(zip(named["location_id"], named["zone"], strict=True))

    @cached_property
    def names(self) -> pl.DataFrame:
        """`location_id` and `scan_location`."""
        return self.table.select("location_id", "scan_location")

    @cached_property
    def called(self) -> dict[str, str]:
        """What sites are called, by location id as text."""
        return {str(site): name for site, name in self.names.drop_nulls().iter_rows()}

    @cached_property
    def _by_id(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
        ids = self.table["location_id"].to_numpy()
        order = np.argsort(ids)
        return ids[order], order.astype(np.int32)

    def _found(self, wanted: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
        """The index of each location id, `len(self)` where it is not listed."""
        table = self._by_small_id
        if table is not None:
            top = len(table) - 1
            return table[np.where((wanted >= 0) & (wanted < top), wanted, top)]
        ids, order = self._by_id
        if not len(ids):
            return np.full(len(wanted), len(self), np.int32)
        at = np.minimum(np.searchsorted(ids, wanted), len(ids) - 1)
        return np.where(ids[at] == wanted, order[at], len(self)).astype(np.int32)

    @cached_property
    def _by_small_id(self) -> npt.NDArray[np.int32] | None:
        """Index by location id, if ids are small; the last place stands for every other id."""
        ids, order = self._by_id
        if not len(ids) or ids[0] < 0 or ids[-1] >= _SMALL_ID:
            return None
        table = np.full(int(ids[-1]) + 2, len(self), np.int32)
        table[ids] = order
        return table

    @cached_property
    def _by_name(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.table["scan_location"]) if name is not None}

    def index(self, location_id: pl.Series, scan_location: pl.Series) -> npt.NDArray[np.int32]:
        """The site index of each event.

        Args:
            location_id: Int64, may hold nulls.
            scan_location: String, may hold nulls; asked only where the id is null.

        Returns:
            int32: index of the site, `len(self)` where a named site is unknown, -1 where the event
            names no site at all.
        """
        unknown = len(self)
        nulls = location_id.is_null().to_numpy() if location_id.null_count() else None
        wanted = (location_id.fill_null(-1) if nulls is not None else location_id).to_numpy()
        found = self._found(wanted)
        if nulls is not None:
            names = scan_location.filter(pl.Series(nulls))
            table = {name: self._by_name.get(name, unknown) for name in names.unique().drop_nulls()}
            found[nulls] = [-1 if name is None else table[name] for name in names]
        return found

    def kilometres(
        self, start: npt.NDArray[np.int32], end: npt.NDArray[np.int32]
    ) -> npt.NDArray[np.float32]:
        """Great-circle distance between sites by index, in km; NaN where a place is unknown."""
        a, b = self.radians[start], self.radians[end]
        half = np.sin((b - a) / 2) ** 2
        chord = half[:, 0] + np.cos(a[:, 0]) * np.cos(b[:, 0]) * half[:, 1]
        chord = np.minimum(chord, 1)  # rounding may exceed it between antipodes
        km: npt.NDArray[np.float64] = 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(chord))
        return km.astype(np.float32)

    def with_tiers_seen(self, events: pl.DataFrame) -> Sites:
        """A list in which sites of unknown tier have the one that their scans show.

        Args:
            events: `vocabulary.events.EVENTS`.

        Returns:
            The list; a tier is taken where at least nine in ten of the scans at the site whose
            words name a single tier name that one, and at least three do.
        """
        if not self.table["tier"].null_count():
            return self
        seen = _tiers_seen(events, self)
        table = self.table.with_row_index("site").join(seen, on="site", how="left")
        filled = table.with_columns(tier=pl.coalesce("tier", "seen"))
        return Sites(filled.select(SITES.names()))

    def name(self, index: int) -> str | None:
        """The name of a site by index, None where unknown."""
        return str(self.table["scan_location"][index]) if 0 <= index < len(self) else None


def _tiers_seen(events: pl.DataFrame, sites: Sites) -> pl.DataFrame:
    """`site` (index) and `seen` (tier) where a site's scans agree on one."""
    words = ["business_step", "event_type"]
    at = sites.index(events["location_id"], events["scan_location"])
    counted = (
        events.select(words)
        .with_columns(site=pl.Series(at).cast(pl.Int64))
        .group_by("site", *words)
        .len()
        .rows(named=True)
    )
    votes = [
        {"site": row["site"], "seen": tiers.bit_length() - 1, "len": row["len"]}
        for row in counted
        if (tiers := meaning(row["business_step"], row["event_type"]).tiers).bit_count() == 1
    ]
    schema = {"site": pl.UInt32, "seen": pl.Int8, "len": pl.UInt32}
    known = [vote for vote in votes if 0 <= vote["site"] < len(sites)]
    table = pl.DataFrame(known, schema=schema).group_by("site", "seen").agg(pl.col("len").sum())
    share = pl.col("len") / pl.col("len").sum().over("site")
    return table.filter((share >= 0.9) & (pl.col("len") >= 3)).select("site", "seen")


def no_sites() -> Sites:
    """An empty list: every location is unknown, no rule can use geography."""
    return Sites(pl.DataFrame(schema=SITES))


def read_sites(path: Path) -> Sites:
    """Read a site list (CSV or TSV).

    Columns: `location_id`, `scan_location`; optional `Latitude`, `Longitude`, `tier` (a word or
    0-4), `opens`, `closes` (HH:MM), `zone` (IANA name), `factory_locations` (a warehouse's own
    plants, by name or id).

    Raises:
        SitesError: Unreadable, a needed column is missing, or a cell can't be understood; the
            message names line and column.
    """
    try:
        text = to_utf8(_bytes(path), path.name)
    except InputError as error:
        raise SitesError(str(error)) from error
    if b"\n" not in text:
        text = text.replace(b"\r", b"\n")
    first = text.split(b"\n", 1)[0]
    separator = "\t" if first.count(b"\t") > first.count(b",") else ","
    try:
        raw = pl.read_csv(text, separator=separator, infer_schema=False)
    except pl.exceptions.PolarsError as error:
        reason = str(error).splitlines()[0]
        raise SitesError(f"{path} is no readable site list: {reason}") from error
    return sites_from(raw, path.name)


def _bytes(path: Path) -> bytes:
    if path.is_dir():
        raise SitesError(f"{path} is a folder; expected a CSV file of sites")
    if not path.exists():
        raise SitesError(f"{path} does not exist; give a CSV file of sites with --sites")
    data = read_bytes(path)
    if not data.strip():
        raise SitesError(f"{path} is empty; expected a header with location_id and scan_location")
    return data


def sites_from(raw: pl.DataFrame, source: str = "site list") -> Sites:
    """Make a site list of a table with the columns of `read_sites`, text or typed."""
    folded: dict[str, str] = {}
    for given in raw.columns:
        name = re.sub(r"_duplicated_[0-9]+$", "", given.lower().strip())
        if name in folded:
            raise SitesError(f"{source} has the column {name} twice; rename or remove one")
        folded[name] = given
    for name in ("location_id", "scan_location"):
        if name not in folded:
            raise SitesError(
                f"{source} has no column {name}; expected location_id, scan_location, Latitude, "
                f"Longitude, found: {', '.join(raw.columns)}"
            )
    text = raw.rename({old: new for new, old in folded.items()}).cast(pl.String)
    reader = _Cells(text, source)
    names = reader.texts("scan_location")
    tiers = [
        given if given is not None else tier_of_name(name)
        for given, name in zip(reader.parsed("tier", _tier), names, strict=True)
    ]
    table = pl.DataFrame(
        {
            "location_id": reader.ids(),
            "scan_location": names,
            "latitude": reader.degrees("latitude", 90),
            "longitude": reader.degrees("longitude", 180),
            "tier": [None if t is None else int(t) for t in tiers],
            "opens": reader.parsed("opens", _minutes),
            "closes": reader.parsed("closes", _minutes),
            "zone": reader.parsed("zone", _zone),
        },
        schema={name: dtype for name, dtype in SITES.items() if name != "plant"},
    )
    return Sites(_with_plants(table, reader.texts("factory_locations")))


_Parsed = TypeVar("_Parsed")


class _Cells:
    """Cells of a site list, with errors that name line and column."""

    def __init__(self, text: pl.DataFrame, source: str) -> None:
        rows = text.with_row_index("", offset=2)  # a line of a file; blank ones are no sites
        rows = rows.filter(pl.any_horizontal(pl.all().exclude("").is_not_null()))
        self.lines: list[int] = rows[""].to_list()
        self.text, self.source = rows.drop(""), source

    def texts(self, name: str) -> list[str | None]:
        if name not in self.text.columns:
            return [None] * len(self.text)
        return [(cell or "").strip() or None for cell in self.text[name]]

    def numbered(self, name: str) -> Iterable[tuple[int, str | None]]:
        return zip(self.lines, self.texts(name), strict=True)

    def parsed(self, name: str, parse: Callable[[str], _Parsed]) -> list[_Parsed | None]:
        values: list[_Parsed | None] = []
        for line, cell in self.numbered(name):
            try:
                values.append(None if cell is None else parse(cell))
            except ValueError as error:
                raise self._wrong(line, name, cell, str(error)) from None
        return values

    def ids(self) -> list[int]:
        seen: dict[int, int] = {}
        for line, cell in self.numbered("location_id"):
            if cell is None or not re.fullmatch(r"[+-]?[0-9]{1,18}(\.0+)?", cell):
                raise self._wrong(line, "location_id", cell, "expected a whole number")
            number = int(cell.split(".")[0])
            if number in seen:
                why = f"the same location_id stands on line {seen[number]}; ids must differ"
                raise self._wrong(line, "location_id", cell, why)
            seen[number] = line
        return list(seen)

    def degrees(self, name: str, limit: int) -> list[float | None]:
        values: list[float | None] = []
        for line, cell in self.numbered(name):
            try:
                value = None if cell is None else float(cell)
            except ValueError:
                value = float("nan")
            if value is not None and not abs(value) <= limit:
                why = f"expected degrees from -{limit} to {limit}"
                raise self._wrong(line, name, cell, why)
            values.append(value)
        return values

    def _wrong(self, line: int, name: str, cell: str | None, why: str) -> SitesError:
        return SitesError(f"{self.source}, line {line}, column {name}: '{cell or ''}': {why}")


def _tier(cell: str) -> int:
    if cell.isdigit() and int(cell) < len(Tier):
        return int(cell)
    tier = tier_of_name(cell)
    if tier is None:
        raise ValueError("expected factory, warehouse, hub, wholesaler, retailer or 0 to 4")
    return int(tier)


def _zone(cell: str) -> str:
    try:
        return zone_of(cell).key
    except SettingsError:
        raise ValueError("expected an IANA time zone such as Asia/Seoul") from None


def _minutes(cell: str) -> int:
    match = re.fullmatch(r"([01]?[0-9]|2[0-4]):([0-5][0-9])(?::[0-5][0-9])?", cell)
    if not match or int(match[1]) * 60 + int(match[2]) > 24 * 60:
        raise ValueError("expected a time of day as HH:MM")
    return int(match[1]) * 60 + int(match[2])


def _with_plants(table: pl.DataFrame, owners: Iterable[str | None]) -> pl.DataFrame:
    """Each warehouse's own factory: as given, else the one whose name its name begins with."""
    by_key: dict[str, int] = {}
    factories: dict[str, int] = {}
    for i, (ident, name, tier) in enumerate(
        table.select("location_id", "scan_location", "tier").iter_rows()
    ):
        if tier == Tier.FACTORY:
            by_key |= {str(ident): i, str(name): i}
            factories[str(name)] = i
    plants = [
        _plant(name, owner, by_key, factories) if tier == Tier.WAREHOUSE else None
        for name, tier, owner in zip(table["scan_location"], table["tier"], owners, strict=True)
    ]
    return table.with_columns(pl.Series("plant", plants, SITES["plant"]))


def _plant(
    name: str | None, owner: str | None, by_key: Mapping[str, int], factories: Mapping[str, int]
) -> int | None:
    for given in re.split(r"[;|,]", owner or ""):
        if given.strip() in by_key:
            return by_key[given.strip()]
    for factory, index in factories.items():
        if (name or "").startswith(factory):
            return index
    return None
