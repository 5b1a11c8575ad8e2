"""Each EPC's scans in event order, each linked to the one before it.

The order is total, so that the same events always give the same journeys, however they arrive:
instant, stage, place, words, event id, and last the row. Events that are equal in all but the row
are interchangeable.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from scantrail.ingest.gs1 import looks_gs1, parse_gs1
from scantrail.lanes import Network
from scantrail.vocabulary.chain import STAGE_TIER, Direction, meaning, stage_of
from scantrail.vocabulary.linked import Linked

_GS1_SPELLING: Final = r"^(?:urn:|\]|\(|[Hh][Tt]{2}[Pp]|[0-9]{8})"  # what looks_gs1 may accept
Arrays = dict[str, npt.NDArray[Any]]
_Ints = npt.NDArray[np.int64]
_MICROSECONDS: Final = np.int64(60_000_000)  # in a minute
_HOURS_PER_MICROSECOND: Final = 1 / 3_600_000_000
_FEW: Final = 2000  # texts; so few are counted sooner one by one
_FEW_WORDS: Final = 256  # distinct steps or types of a log; more is free text
_NONE: Final = -1  # in integer arrays: null
_IN: Final = int(Direction.IN)

#: Stage of (tier, direction), -1 where there is none.
_STAGE_TABLE: Final = np.array(
    [[_NONE if (s := stage_of(t, d)) is None else s for d in Direction] for t in range(5)], np.int8
)


def link(events: pl.DataFrame, network: Network) -> tuple[Linked, pl.Series]:
    """Order events per EPC and link each to the one before.

    Args:
        events: `vocabulary.events.EVENTS`, any order, gaps filled as far as they can be
            (`gaps.fill_gaps`).
        network: What the journeys are measured against.

    Returns:
        The events in journey order, and the distinct EPC codes that their `epc` indexes.
    """
    epc, codes = _one_code_per_item(*_codes(events["epc_code"]))
    words, meanings = _words(events)
    known = {
        "epc": epc,
        "time": events["time"].cast(pl.Int64).to_numpy(),
        "place": _places(events, network),
        "words": words,
    }
    known["stage"] = _stages(known, meanings, network)
    order = _order(events, known)
    ordered = {name: values[order] for name, values in known.items()}
    ordered["row"] = events["row"].to_numpy()[order]
    ordered["local"] = ordered["time"] + events["offset"].to_numpy()[order] * _MICROSECONDS
    ordered |= _facts(ordered, meanings, network)
    same = np.zeros(len(order), bool)
    same[1:] = ordered["epc"][1:] == ordered["epc"][:-1]
    ordered |= _history(ordered, same) | _seconds(ordered, same, network)
    ordered |= _lanes(ordered, same, network) | {"hours": _hours(ordered, same)}
    ordered |= {name: ordered[name].view("datetime64[us]") for name in ("time", "local")}
    return Linked(ordered), codes


def _one_code_per_item(
    epc: npt.NDArray[np.uint32], codes: pl.Series
) -> tuple[npt.NDArray[np.uint32], pl.Series]:
    """Different spellings of one GS1 code (URN, Digital Link, element string) are one item."""
    few = len(codes) <= _FEW
    spelled = codes if few else codes.filter(codes.str.contains(_GS1_SPELLING))
    canonical = {
        code: parse_gs1(code).canonical or code
        for code in spelled.to_list()
        if code is not None and looks_gs1(code)
    }
    if len(set(canonical.values())) == len(canonical):  # each is spelled in one way only
        return epc, codes
    item, _ = _codes(codes.replace(canonical))
    _, first = np.unique(item, return_index=True)
    return item[epc], codes[first]


def _codes(texts: pl.Series) -> tuple[npt.NDArray[np.uint32], pl.Series]:
    """Dense codes by first appearance and, for each, its text."""
    if len(texts) <= _FEW:
        seen: dict[str | None, int] = {}
        few = [seen.setdefault(text, len(seen)) for text in texts.to_list()]
        return np.array(few, np.uint32), pl.Series(list(seen), dtype=pl.String)
    kind = pl.Categorical(pl.Categories.random())  # a dictionary of its own, freed after use
    coded = texts.cast(kind)
    nulls = coded.null_count()
    codes = coded.to_physical().fill_null(0).to_numpy().astype(np.uint32, copy=False)
    top = int(codes.max()) + 1 if nulls < len(codes) else 0
    values = _texts(kind, top)
    if nulls:
        codes = np.where(coded.is_null().to_numpy(), np.uint32(top), codes)
        values = values.extend(pl.Series([None], dtype=pl.String))
    return codes, values


def _texts(kind: pl.Categorical, count: int) -> pl.Series:
    numbers = pl.Series("t", np.arange(count, dtype=np.uint32))
    return numbers.to_frame().select(pl.col("t").cat.to(kind).cast(pl.String)).to_series()


def _words(events: pl.DataFrame) -> tuple[npt.NDArray[np.uint32], Arrays]:
    """A code per event for its step and type, and what each code means.

    The meanings are arrays that the code indexes: `tiers` is a bit set, `tier` the only one in it;
    -1 stands for null.
    """
    step, steps = _telling(*_codes(events["business_step"]))
    kind, types = _telling(*_codes(events["event_type"]))
    return step * np.uint32(len(types)) + kind, _meanings(tuple(steps), tuple(types))


@lru_cache(maxsize=64)  # most requests speak with the same words
def _meanings(steps: tuple[str | None, ...], types: tuple[str | None, ...]) -> Arrays:
    told = [meaning(step, kind) for step in steps for kind in types]
    return {
        "tiers": np.array([m.tiers for m in told], np.uint8),
        "tier": np.array([_single(m.tiers) for m in told], np.int8),
        "direction": np.array([m.direction for m in told], np.int8),
        "stage": np.array([_NONE if m.stage is None else m.stage for m in told], np.int8),
        "is_sale": np.array([m.is_sale for m in told], bool),
        "is_return": np.array([m.is_return for m in told], bool),
    }


def _single(tiers: int) -> int:
    """The tier of a bit set that names just one, else -1."""
    return tiers.bit_length() - 1 if tiers.bit_count() == 1 else _NONE


def _stages(known: Arrays, meanings: Arrays, network: Network) -> npt.NDArray[np.int8]:
    """The stage that the words name, else the one of the site's tier; -1 where neither tells."""
    stage: npt.NDArray[np.int8] = meanings["stage"][known["words"]]
    unsaid = np.flatnonzero(stage < 0)
    if len(unsaid):
        words = known["words"][unsaid]
        tier = _tiers(_sites(known["place"][unsaid], network), words, meanings, network)
        stage[unsaid] = np.where(tier < 0, _NONE, _STAGE_TABLE[tier, meanings["direction"][words]])
    return stage


def _sites(place: npt.NDArray[np.int32], network: Network) -> npt.NDArray[np.int32]:
    return np.where(place < len(network.sites), place, np.int32(_NONE))


def _tiers(
    site: npt.NDArray[np.int32], words: _Ints, meanings: Arrays, network: Network
) -> npt.NDArray[np.int8]:
    """The site's tier, else the only one that the words allow, else -1."""
    tier: npt.NDArray[np.int8] = network.sites.tier[site]  # index -1: the unknown site
    unknown = tier < 0
    return np.where(unknown, meanings["tier"][words], tier) if unknown.any() else tier


def _facts(ordered: Arrays, meanings: Arrays, network: Network) -> Arrays:
    """What place and words of each event say."""
    words = ordered["words"]
    site = _sites(ordered["place"], network)
    tier = _tiers(site, words, meanings, network)
    tiers = meanings["tiers"][words]
    said = {name: meanings[name][words] for name in ("direction", "is_sale", "is_return")}
    fits = (tiers == 0) | (site < 0) | (tier < 0) | ((tiers >> np.maximum(tier, 0)) & 1 > 0)
    return {"site": site, "tier": tier, "step_fits": fits, **said}


def _telling(
    codes: npt.NDArray[np.uint32], words: pl.Series
) -> tuple[npt.NDArray[np.uint32], list[str | None]]:
    """The same codes; in a column of ever different words, those that mean nothing become one."""
    if len(words) <= _FEW_WORDS:
        return codes, words.to_list() or [None]
    nothing = meaning(None, None)
    told = [w for w in words if meaning(w, None) != nothing or meaning(None, w) != nothing]
    place = {word: at for at, word in enumerate(told, start=1)}
    return np.array([place.get(w, 0) for w in words], np.uint32)[codes], [None, *told]


def _places(events: pl.DataFrame, network: Network) -> npt.NDArray[np.int32]:
    """Site index where listed, n + 1 … for each other named place, -1 where none is named."""
    place = network.sites.index(events["location_id"], events["scan_location"])
    unlisted = place == len(network.sites)
    if unlisted.any():
        named = events.filter(pl.Series(unlisted)).select(
            key=pl.coalesce(pl.col("location_id").cast(pl.String), "scan_location")
        )
        rank = named["key"].rank("dense").to_numpy().astype(np.int32)
        place[unlisted] = len(network.sites) + rank
    return place


def _order(events: pl.DataFrame, known: Arrays) -> _Ints:
    """The permutation into journey order."""
    time = known["time"]
    if not len(time):
        return np.zeros(0, np.int64)
    time = time - time.min()
    if not (time % 1_000_000).any():
        time //= 1_000_000
    parts = [known["epc"], time, known["stage"] + 1, known["place"] + 1]
    spans = [int(part.max()).bit_length() for part in parts]
    if sum(spans) <= 63:  # one integer holds them all: sorting it is several times faster
        key = parts[0].astype(np.int64)
        for part, bits in zip(parts[1:], spans[1:], strict=True):
            key <<= bits
            key |= part
        order = np.argsort(key, kind="stable")
        key = key[order]
        tied = key[1:] == key[:-1]
    else:
        order = np.lexsort(parts[::-1])
        tied = np.logical_and.reduce([part[order][1:] == part[order][:-1] for part in parts])
    return _untie(events, order, tied) if tied.any() else order


def _untie(events: pl.DataFrame, order: _Ints, tied: npt.NDArray[np.bool_]) -> _Ints:
    """Order events that are equal so far by their words, event id and row."""
    again = np.append(False, tied)
    member = again.copy()
    member[:-1] |= tied
    rows = order[member]
    group = np.cumsum(~again[member])
    table = events[rows].select("business_step", "event_type", "event_id", "row")
    table = table.with_columns(group=pl.Series(group), at=pl.Series(rows))
    keys = ["group", "business_step", "event_type", "event_id", "row"]
    order[member] = table.sort(keys)["at"].to_numpy()
    return order


def _history(ordered: Arrays, same: npt.NDArray[np.bool_]) -> Arrays:
    """Position and what happened earlier in the same journey."""
    place = np.arange(len(same), dtype=np.uint32)
    position = place - np.maximum.accumulate(np.where(same, np.uint32(0), place))
    inbound = (ordered["direction"] == _IN) * (ordered["stage"] + np.uint8(1))
    # EPC codes grow along the frame, so a running maximum of (code, stage) restarts by itself
    furthest = np.maximum.accumulate((ordered["epc"] << np.uint32(4)) | inbound)
    before = np.full(len(same), _NONE, np.int8)
    before[1:] = np.where(same[1:], (furthest[:-1] & 15).astype(np.int8) - 1, _NONE)
    return {"position": position, "max_in_stage": before, "sold": _sold(ordered, same)}


def _sold(columns: Arrays, same: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Whether a till sold the item before this event, and no return was scanned since."""
    sold = np.zeros(len(same), bool)
    sales = np.flatnonzero(columns["is_sale"])
    if not len(sales):
        return sold
    has_sale = np.zeros(int(columns["epc"][-1]) + 1, bool)
    has_sale[columns["epc"][sales]] = True
    member = np.flatnonzero(has_sale[columns["epc"]])  # few journeys end at a till
    count = np.arange(len(member))
    start = np.maximum.accumulate(np.where(same[member], 0, count))
    sale = _shifted(np.maximum.accumulate(np.where(columns["is_sale"][member], count, _NONE)))
    back = _shifted(np.maximum.accumulate(np.where(columns["is_return"][member], count, _NONE)))
    sold[member] = (sale >= start) & (sale > back) & same[member]
    return sold


def _shifted(values: _Ints) -> _Ints:
    shifted = np.empty_like(values)
    shifted[1:] = values[:-1]
    shifted[:1] = _NONE
    return shifted


def _seconds(ordered: Arrays, same: npt.NDArray[np.bool_], network: Network) -> Arrays:
    """Several scans of one EPC in one second: at how many places, and is it a plant's hand-over."""
    places = np.zeros(len(same), np.uint8)
    steps, own = np.zeros(len(same), bool), np.zeros(len(same), bool)
    time = ordered["time"]
    again = same.copy()
    again[1:] &= time[1:] - time[:-1] < 1_000_000
    near = np.flatnonzero(again)
    again[near] = time[near] // 1_000_000 == time[near - 1] // 1_000_000
    if not again.any():
        return {"second_places": places, "second_steps": steps, "own_plant": own}
    member = again.copy()
    member[:-1] |= again[1:]
    group = np.cumsum(~again[member])
    table = pl.DataFrame(
        {"group": group}
        | {name: ordered[name][member] for name in ("place", "site", "tier", "words")}
    ).with_columns(plant=pl.Series(network.sites.plant[ordered["site"][member].astype(np.int32)]))
    counted = table.select(
        steps=pl.col("words").n_unique().over("group") > 1,
        places=pl.col("place").filter(pl.col("place") >= 0).n_unique().over("group"),
        # just two places, plant and warehouse, and if both are listed, they belong together
        own=(pl.col("place").filter(pl.col("place") >= 0).n_unique() == 2).over("group")
        & (pl.col("tier").min() == 0).over("group")
        & (pl.col("tier").max() == 1).over("group")
        & ((pl.col("plant").max() == pl.col("site").filter(pl.col("tier") == 0).first())
           | (pl.col("site").min() < 0)).over("group"),
    )  # fmt: skip
    places[member] = np.minimum(counted["places"].to_numpy(), 255)
    steps[member] = counted.select(pl.col("steps") & (pl.col("places") == 1)).to_series()
    own[member] = counted["own"].fill_null(value=False).to_numpy()
    return {"second_places": places, "second_steps": steps, "own_plant": own}


def _lanes(ordered: Arrays, same: npt.NDArray[np.bool_], network: Network) -> Arrays:
    site, unknown = ordered["site"], np.int32(len(network.sites))
    here = np.where(site < 0, unknown, site)
    before = np.full(len(site), unknown, np.int32)
    before[1:] = np.where(same[1:], here[:-1], unknown)
    return dict(network.between(before, here))


def _hours(ordered: Arrays, same: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Since the event before; NaN where there is none."""
    hours, time = np.full(len(same), np.nan), ordered["time"]
    np.multiply(time[1:] - time[:-1], _HOURS_PER_MICROSECOND, out=hours[1:], where=same[1:])
    return hours


assert len(STAGE_TIER) == 10  # max_in_stage packs a stage into four bits
