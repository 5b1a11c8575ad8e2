"""From trails to rows: the source's columns, in the order in which files receive scans."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from scantrail.simulate.anomalies.catalog import KINDS
from scantrail.simulate.items import item_table
from scantrail.simulate.network import DAY
from scantrail.simulate.noise import upload_delay
from scantrail.simulate.trails import SLOT_STAGE, Extra
from scantrail.vocabulary.chain import STAGES, Tier
from scantrail.vocabulary.events import SOURCE_COLUMNS

if TYPE_CHECKING:
    from scantrail.simulate.network import Ints, Network, Site
    from scantrail.simulate.trails import Trails

COLUMNS: Final = ("event_id", "file_id", *SOURCE_COLUMNS)

_TYPES: Final = (*STAGES, "Return")
_STEPS: Final = (
    "Factory",
    "WMS",
    "WMS",
    "Logistics_HUB",
    "Logistics_HUB",
    *STAGES[5:],
    "R_Return",
)
_PARTS: Final = ("header", "company", "product", "lot", "manufacture", "serial")
_HUB_ENDINGS: Final = {
    Tier.FACTORY: "Factory",
    Tier.WAREHOUSE: "WMS",
    Tier.HUB: "Logi_HUB",
}


def flatten(trails: Trails) -> Extra:
    """All scans that the log has, one after the other, in no particular order."""
    item, slot = (a.astype(np.int64) for a in np.nonzero(trails.visible))
    slots = Extra(
        item=item,
        stage=SLOT_STAGE[slot],
        site=trails.site[item, slot].astype(np.int64),
        time=trails.time[item, slot],
        kind=trails.kind[item, slot].astype(np.int64),
        code=trails.code[item, slot].astype(np.int64),
        actor=trails.actor[item, slot].astype(np.int64),
    )
    parts = [slots, *trails.extra]
    names = Extra.__slots__
    every = Extra(**{n: np.concatenate([getattr(p, n) for p in parts]) for n in names})
    return _take(every, np.flatnonzero(every.time < trails.cal.end))


def _take(scans: Extra, rows: Ints) -> Extra:
    return Extra(**{n: getattr(scans, n)[rows] for n in Extra.__slots__})


def in_file_order(trails: Trails, scans: Extra, rng: np.random.Generator) -> Extra:
    """Plant file by plant file, in the order of upload."""
    base = np.lexsort((scans.code, scans.kind, scans.site, scans.stage, scans.time, scans.item))
    scans = _take(scans, base)
    upload = scans.time + upload_delay(scans.time.size, trails.config.noise.late, rng)
    order = np.lexsort((np.arange(upload.size), upload, trails.items.plant[scans.item]))
    return _take(scans, order)


def _place_word(site: Site) -> str:
    if site.tier in _HUB_ENDINGS:
        return f"{site.prefix}_{_HUB_ENDINGS[site.tier]}"
    shop = f"_Rsell{site.r + 1}" if site.tier is Tier.RETAILER else ""
    return f"{site.prefix}_WS{site.w + 1}{shop}"


def _hub_types(net: Network) -> list[str]:
    """`hub_type` of every site and stage, site by site: the place and what was done there."""
    words = []
    for site in net.sites:
        place = _place_word(site)
        for kind in _TYPES:
            if kind == "Aggregation":
                words.append(place)
            elif kind in ("POS_Sell", "Return"):
                words.append(f"{place}_{kind}")
            else:
                stock = "Stock_" if site.tier >= Tier.WHOLESALER else ""
                words.append(f"{place}_{stock}{kind.rsplit('_', 1)[-1]}")
    return words


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _code_table(codes: pl.Series) -> pl.DataFrame:
    """Codes with their parts as integers, null where a part is missing or is no number."""
    rows = []
    for code in codes.to_list():
        parts = code.split(".")
        rows.append([_number(p) for p in parts] if len(parts) == len(_PARTS) else [None] * 6)
    schema = {f"epc_{name}": pl.Int64() for name in _PARTS}
    return pl.DataFrame(rows, schema=schema, orient="row").insert_column(0, codes)


def _clean_code_table(codes: pl.Series) -> pl.DataFrame:
    """The same for well-formed codes, by position."""
    places = zip(_PARTS, (0, 4, 12, 20, 27, 36), (3, 7, 7, 6, 8, 9), strict=True)
    columns = [
        codes.str.slice(start, length).cast(pl.Int64).alias(f"epc_{name}")
        for name, start, length in places
    ]
    return pl.DataFrame([codes, *columns])


def _actors(scans: Extra, ids: Ints) -> tuple[Ints, Ints]:
    """Operator and device ids: four operators and two devices per site."""
    turn = (scans.time // (DAY // 2) + scans.stage) % 4 + 1
    operator = np.where(scans.actor > 0, scans.actor, turn)
    return ids * 10 + operator, ids * 10 + (operator + 1) // 2


def scan_frame(trails: Trails, scans: Extra) -> pl.DataFrame:
    """Every written column of the scans, in their order; event ids count from 1."""
    net = trails.net
    items = item_table(net, trails.items)
    own = _clean_code_table(items["epc_code"])
    wrong = _code_table(pl.Series("epc_code", trails.codes, dtype=pl.String))
    table = pl.concat([own, wrong])
    code = np.where(scans.code >= 0, scans.code + len(own), scans.item)
    ids = net.location_id[scans.site]
    operator, device = _actors(scans, ids)
    lookup = {
        "scan_location": pl.Series([s.name for s in net.sites]).gather(scans.site),
        "hub_type": pl.Series(_hub_types(net)).gather(scans.site * len(_TYPES) + scans.stage),
        "business_step": pl.Series(_STEPS).gather(scans.stage),
        "event_type": pl.Series(_TYPES).gather(scans.stage),
    }
    scan = pl.DataFrame(
        {
            "event_id": np.arange(1, scans.time.size + 1),
            "location_id": ids,
            "operator_id": operator,
            "device_id": device,
            "event_time": pl.from_epoch(pl.Series(scans.time), time_unit="s").dt.strftime(
                "%Y-%m-%d %H:%M:%S"
            ),
            **lookup,
        }
    )
    rest = items.drop("epc_code")[scans.item]
    return pl.concat([scan, table[code], rest], how="horizontal").select(COLUMNS)


def label_frame(scans: Extra, frame: pl.DataFrame) -> pl.DataFrame:
    """One row per anomalous scan: event_id, epc_code as written, kind, rule_visible."""
    odd = np.flatnonzero(scans.kind)
    number = scans.kind[odd] - 1
    return frame[odd].select(
        "event_id",
        "epc_code",
        pl.Series("kind", list(KINDS), dtype=pl.String).gather(number),
        pl.Series("rule_visible", [k.rule_visible for k in KINDS.values()]).gather(number),
    )
