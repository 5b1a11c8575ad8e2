"""What is told of past detections: reports, figures, trips, stock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import polars as pl

from scantrail.journeys import link
from scantrail.lanes import Network
from scantrail.report import kinds
from scantrail.serve.detection import found
from scantrail.vocabulary.chain import SALE_STAGE, STAGES, TIER_STEP
from scantrail.vocabulary.findings import AnomalyKind
from scantrail.vocabulary.protocols import Kept

Json = dict[str, Any]
_DISPATCHED: Final = STAGES.index("WMS_Outbound")


def report_line(kept: Kept) -> Json:
    """One line of the list of reports."""
    return {"id": kept.report_id, "label": kept.label, "created_at": kept.created_at}


def report_detail(kept: Kept, network: Network) -> Json:
    """A report in full: every suspect event, and how often each kind was found."""
    linked, _ = link(kept.events, network)
    places = _named(kept.events, network)
    position = linked.select("row", "position")
    rows = (
        kept.report.verdicts.filter("anomaly")
        .join(kept.events.select("row", "time", "offset"), on="row")
        .join(places, on="row")
        .join(position, on="row")
    )
    details = [_detail(row) for row in rows.sort("row").rows(named=True)]
    epcs = {row["kind"]: row["epcs"] for row in kinds(kept.report).rows(named=True)}
    several = rows.group_by("epc_code").agg(pl.col("kind").n_unique()).filter(pl.col("kind") > 1)
    return {
        "title": kept.label,
        "details": details,
        "summaryStats": {kind.value: epcs.get(kind.value, 0) for kind in AnomalyKind},
        "multiAnomalyCount": len(several),
        "sequenceProblems": [d for d in details if "evtOrderErr" in d["anomalyTypes"]],
    }


def _detail(row: Json) -> Json:
    scores = found(row)
    return {
        "epcCode": row["epc_code"],
        "timestamp": _local(row["time"], row["offset"]),
        "anomalyTypes": list(scores),
        "sequencePosition": row["position"] + 1,
        "location": row["place"],
        "scores": scores,
        "problemStep": row["explanation"],
    }


def _local(time: Any, offset: int) -> str:
    """The wall clock's time with its offset, ISO 8601."""
    hours, minutes = divmod(abs(offset), 60)
    local = time.timestamp() + offset * 60
    text = pl.Series([local * 1e6]).cast(pl.Int64).cast(pl.Datetime("us")).dt.to_string("iso")[0]
    return f"{text[:19].replace(' ', 'T')}{'-' if offset < 0 else '+'}{hours:02d}:{minutes:02d}"


def _named(events: pl.DataFrame, network: Network) -> pl.DataFrame:
    """`row`, `place` (name) and `site` (index, null where unlisted) of each event."""
    index = network.sites.index(events["location_id"], events["scan_location"])
    names = network.sites.table["scan_location"]
    site = pl.Series("site", index).cast(pl.UInt32, strict=False)
    known = (site < len(network.sites)).fill_null(value=False)
    site = site.set(~known, None)
    frame = events.select("row", "location_id", "scan_location").hstack([site])
    return frame.select(
        "row",
        "site",
        place=pl.coalesce(
            names.gather(site), "scan_location", pl.format("location {}", "location_id")
        ),
    )


def nodes(network: Network) -> list[Json]:
    """The sites of the chain."""
    return [
        {
            "hubType": None if row["tier"] is None else TIER_STEP[row["tier"]],
            "scanLocation": row["scan_location"],
            "businessStep": None if row["tier"] is None else TIER_STEP[row["tier"]],
            "coord": [row["longitude"], row["latitude"]],
            "location_id": row["location_id"],
        }
        for row in network.sites.table.rows(named=True)
    ]


def trips(kept: Sequence[Kept], network: Network, *, suspect: bool) -> list[Json]:
    """Moves between places, or, if `suspect`, every suspect event with where it came from."""
    return [trip for one in kept for trip in _trips(one, network, suspect=suspect)]


def _trips(kept: Kept, network: Network, *, suspect: bool) -> list[Json]:
    linked, _ = link(kept.events, network)
    before = pl.when(pl.col("position") > 0).then(pl.col("row").shift(1))
    told = linked.select("row", prev_row=before, moved=pl.col("place") != pl.col("prev_place"))
    places = _named(kept.events, network).join(
        kept.events.select("row", "time", "offset"), on="row"
    )
    rows = (
        kept.report.verdicts.join(told, on="row")
        .filter(pl.col("anomaly") if suspect else pl.col("moved"))
        .join(places, on="row")
        .join(places, left_on="prev_row", right_on="row", how="left", suffix="_from")
    )
    coordinates = network.sites.table.select("longitude", "latitude").rows()
    return [_trip(row, coordinates) for row in rows.sort("row").rows(named=True)]


def _trip(row: Json, coordinates: list[tuple[float, float]]) -> Json:
    def end(suffix: str) -> Json | None:
        if row[f"place{suffix}"] is None:
            return None
        site = row[f"site{suffix}"]
        return {
            "scanLocation": row[f"place{suffix}"],
            "coord": None if site is None else list(coordinates[site]),
            "eventTime": _local(row[f"time{suffix}"], row[f"offset{suffix}"]),
        }

    scores = found(row)
    return {
        "eventId": row["event_id"],
        "epcCode": row["epc_code"],
        "from": end("_from"),
        "to": end(""),
        "anomalyTypes": list(scores),
        "scores": scores,
        "explanation": row["explanation"],
    }


def inventory(kept: Sequence[Kept], network: Network) -> list[Json]:
    """Items per site and step: each item where it was seen last, sold ones left out."""
    last = _last(kept, network)
    stock = last.filter(pl.col("stage").is_null() | (pl.col("stage") != SALE_STAGE))
    counted = stock.group_by("place", "step").agg(items=pl.len()).sort("place", "step")
    return [
        {"scanLocation": row["place"], "businessStep": row["step"], "items": row["items"]}
        for row in counted.rows(named=True)
    ]


def _history(kept: Sequence[Kept], network: Network) -> pl.DataFrame:
    """Linked events of all kept detections, numbered anew; an event sent twice counts once."""
    columns = ["epc_code", "location_id", "scan_location", "event_type", "business_step", "time"]
    events = pl.concat([one.events.drop("event_id") for one in kept]).unique(
        columns, keep="first", maintain_order=True
    )
    events = events.drop("row").with_row_index("row").with_columns(event_id=pl.lit(None, pl.Int64))
    linked, codes = link(events, network)
    return (
        linked.with_columns(epc_code=codes.gather(linked["epc"]))
        .join(_named(events, network).drop("site"), on="row", suffix="_name")
        .rename({"place_name": "where"})
        .join(events.select("row", step=pl.coalesce("event_type", "business_step")), on="row")
        .sort("epc", "position")
    )


def _last(kept: Sequence[Kept], network: Network) -> pl.DataFrame:
    if not kept:
        return pl.DataFrame(schema={"place": pl.String, "step": pl.String, "stage": pl.Int8})
    history = _history(kept, network)
    return history.group_by("epc", maintain_order=True).last().with_columns(place="where")


def figures(kept: Sequence[Kept], network: Network) -> Json:
    """Key figures over all kept detections. Rates are shares from 0 to 1, lead time is in hours."""
    if not kept:
        names = ("totalTripCount", "uniqueProductCount", "anomalyCount", "codeCount")
        rates = ("anomalyRate", "salesRate", "dispatchRate", "inventoryRate")
        return dict.fromkeys(names, 0) | dict.fromkeys(rates, 0.0) | {"avgLeadTime": None}
    history = _history(kept, network)
    items = history.group_by("epc_code").agg(
        sold=pl.col("is_sale").any(),
        dispatched=(pl.col("stage") >= _DISPATCHED).any(),
        stock=pl.col("stage").last() != SALE_STAGE,
        lead=(pl.col("time").filter(pl.col("is_sale")).min() - pl.col("time").min())
        .dt.total_seconds() / 3600,
    )  # fmt: skip
    product = pl.col("epc_code").str.extract(r"^[^.]*\.([^.]*\.[^.]*)\.")
    suspect = sum(int(one.report.verdicts["anomaly"].sum()) for one in kept)
    judged = sum(len(one.report.verdicts) for one in kept)
    lead = items["lead"].mean()
    return {
        "totalTripCount": int((history["place"] != history["prev_place"]).sum()),
        "uniqueProductCount": items.select(product.drop_nulls().n_unique()).item(),
        "anomalyCount": suspect,
        "anomalyRate": _share(suspect, judged),
        "salesRate": _share(int(items["sold"].sum()), len(items)),
        "codeCount": len(items),
        "dispatchRate": _share(int(items["dispatched"].sum()), len(items)),
        "inventoryRate": _share(int(items["stock"].fill_null(value=True).sum()), len(items)),
        "avgLeadTime": round(lead, 2) if isinstance(lead, float) else None,
    }


def _share(part: int, whole: int) -> float:
    return round(part / whole, 6) if whole else 0.0
