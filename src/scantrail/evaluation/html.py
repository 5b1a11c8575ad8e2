"""One self-contained HTML page of an assessment, or of a comparison: no script, no network."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final

import polars as pl
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from scantrail.evaluation import plots
from scantrail.evaluation.assessment import Assessment
from scantrail.evaluation.blocks import Interval
from scantrail.evaluation.comparison import Comparison
from scantrail.evaluation.delay import Delay, delays
from scantrail.evaluation.items import JUDGES, MAIN, SUMS, Judged
from scantrail.evaluation.mistakes import HONEST, SILENT, Mistake, journey_of
from scantrail.evaluation.ranges import curve
from scantrail.evaluation.words import chance, length, points, sentence

_FEW_BLOCKS: Final = 20
_SHOWN_ALONE: Final = 6


def assessment_page(told: Assessment, given: Judged, title: str, version: str = "") -> str:
    """The page of one version.

    Args:
        told: What was measured.
        given: What it was measured by.
        title: What people read first.
        version: Which artifact judged, if known.
    """
    all_, main = told.evaluation, told.ranges.at[told.evaluation.per_10k]
    least = 1 / max(all_.honest, 1)
    drawn = {
        "curves": plots.recall_curves(
            {JUDGES[name]: told.curves[name] for name in JUDGES if name in told.curves},
            {JUDGES[MAIN]: {b: at.recall["all"] for b, at in told.ranges.at.items()}},
        ),
        "kinds": plots.shares_by_kind(_kinds(main.recall)),
        "promises": plots.kept_promises(
            told.promises[0].promised, {p.judge: p.seen for p in told.promises}, least
        ),
    }
    if told.delay:
        waited = told.delay.items["hours"].cast(pl.Float64).fill_null(math.nan).to_numpy()
        drawn["delays"] = plots.found_within({JUDGES[MAIN]: waited})
    return _render(
        "assessment",
        title=title,
        version=version,
        all=all_,
        main=main,
        ranges=told.ranges,
        budgets=list(told.ranges.at.values()),
        judges=[{"name": JUDGES[n], "found": all_.found[n]} for n in JUDGES if n in all_.found],
        sums=SUMS,
        delay=_delay_table(told.delay),
        promises=told.promises,
        confusion=_heat(told.confusion),
        worst=[_shown(mistake) for mistake in told.worst],
        threshold=main.threshold,
        timed=given.timed,
        plots=_marked(drawn),
        **_blocks(told.ranges.blocks),
    )


def comparison_page(
    told: Comparison, a: Judged, b: Judged, names: tuple[str, str], title: str
) -> str:
    """The page of two versions; `names` are what people call them."""
    drawn = {
        "curves": plots.recall_curves({"A": curve(a), "B": curve(b)}, {}),
        "differences": plots.differences_by_kind(
            {k: p.difference for k, p in _kinds(told.recall[told.per_10k]).items()}, told.margin
        ),
    }
    both = a.timed and b.timed
    waited = [delays(*pair) for pair in zip((a, b), told.thresholds, strict=True)] if both else []
    if waited:
        hours = [each.items["hours"].cast(pl.Float64).fill_null(math.nan) for each in waited]
        drawn["delays"] = plots.found_within({"A": hours[0].to_numpy(), "B": hours[1].to_numpy()})
    alone = told.only.filter(
        pl.int_range(pl.len()).over("kind", "found_by") < 1
    ).head(_SHOWN_ALONE)  # fmt: skip
    examples = [_alone(row, a, b, told) for row in alone.to_dicts()]
    return _render(
        "comparison",
        title=title,
        names=names,
        outcome=told.outcome.value,
        sentence=sentence(told),
        scans=len(a.scans),
        items=len(a.items),
        labelled=int(a.labelled.sum()),
        main=told.main,
        thresholds=told.thresholds,
        mcnemar=told.mcnemar,
        recalls=told.recall,
        precisions=told.precision,
        roc_auc=told.roc_auc,
        pr_auc=told.pr_auc,
        delays=_delay_rows([each.by_kind.row(0, named=True) for each in waited]),
        per_10k=told.per_10k,
        margin=told.margin,
        examples=examples,
        hidden=len(told.only) - len(examples),
        timed=both,
        plots={"delays": None, **_marked(drawn)},
        **_blocks(told.blocks),
    )


def write_page(page: str, path: Path) -> None:
    """Write a page whole or not at all.

    Raises:
        OSError: The disk refuses.
    """
    part = path.with_name(f".{path.name}.part")
    part.write_text(page, encoding="utf-8")
    part.replace(path)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("scantrail.evaluation", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Callable[..., str]] = {
        "percent": _percent, "span": _span, "points": points, "hours": length,
        "number": _number, "chance": chance, "plain_points": lambda share: f"{share * 100:g}",
    }  # fmt: skip
    environment.filters |= filters
    return environment


def _render(name: str, **told: Any) -> str:
    return _environment().get_template(f"{name}.html.j2").render(**told)


def _marked(drawn: dict[str, str]) -> dict[str, Markup]:
    return {name: Markup(svg) for name, svg in drawn.items()}  # noqa: S704 - Matplotlib escapes


def _blocks(blocks: dict[str, int]) -> dict[str, Any]:
    return {"blocks": blocks, "few": min(blocks.values()) < _FEW_BLOCKS}


def _kinds(by_group: dict[str, Any]) -> dict[str, Any]:
    return {kind: value for kind, value in by_group.items() if kind not in SUMS}


def _heat(confusion: pl.DataFrame) -> dict[str, Any]:
    """Cells with how strongly to shade each: its share of the row."""
    columns = confusion.columns[1:]
    rows = []
    for kind, *counts in confusion.iter_rows():
        total = max(sum(counts), 1)
        wrong = [(name == SILENT) != (kind == HONEST) for name in columns]
        cells = [
            {"count": count, "heat": 60 * math.sqrt(count / total), "wrong": bad}
            for count, bad in zip(counts, wrong, strict=True)
        ]
        rows.append({"kind": kind, "cells": cells})
    return {"columns": columns, "rows": rows}


def _shown(mistake: Mistake) -> dict[str, Any]:
    shown = {name: getattr(mistake, name) for name in Mistake.__slots__}
    return shown | {"scans": [_scan(row) for row in mistake.scans.to_dicts()]}


def _scan(row: dict[str, Any]) -> dict[str, Any]:
    scan = {
        "event_id": row["event_id"], "score": row[MAIN], "kind": row["kind"],
        "said": row.get("explanation"),
    }  # fmt: skip
    if "time" not in row:
        return scan
    steps = [text for text in (row["business_step"], row["event_type"]) if text]
    return scan | {
        "when": _local(row), "place": row["scan_location"] or row["location_id"] or "–",
        "step": " · ".join(dict.fromkeys(steps)),
    }  # fmt: skip


def _local(row: dict[str, Any]) -> str:
    """The time by the clock at the site."""
    zone = dt.timezone(dt.timedelta(minutes=int(row["offset"] or 0)))
    return f"{row['time'].astimezone(zone):%Y-%m-%d %H:%M:%S}"


def _alone(row: dict[str, Any], a: Judged, b: Judged, told: Comparison) -> dict[str, Any]:
    """An item that one version alone found, as that version saw it."""
    finder = {"A": 0, "B": 1}[row["found_by"]]
    scans, more = journey_of((a, b)[finder], row["epc_code"])
    return {
        "by": row["found_by"], "kind": row["kind"], "epc_code": row["epc_code"],
        "scores": (row["score_a"], row["score_b"]), "threshold": told.thresholds[finder],
        "scans": [_scan(each) for each in scans.to_dicts()], "more": more,
    }  # fmt: skip


def _delay_table(delay: Delay | None) -> dict[str, Any] | None:
    """Rows of the kinds that take time, and names of those that are found at once."""
    if delay is None:
        return None
    every = delay.by_kind
    prompt = (pl.col("at_once") == 1) & (pl.col("found") == pl.col("items"))
    slow = every.filter((pl.col("kind") == "all") | ~prompt.fill_null(value=False))
    return {
        "all": every.row(0, named=True),
        "slow": slow.to_dicts(),
        "prompt": [kind for kind in every["kind"] if kind not in slow["kind"]],
    }


def _delay_rows(both: list[dict[str, Any]]) -> list[dict[str, str]]:
    if not both:
        return []
    a, b = both
    return [
        {"label": label, "a": show(a[name]), "b": show(b[name])}
        for label, name, show in (
            ("found at the first anomalous scan", "at_once", _percent),
            ("nine in ten found within", "hours_90", length),
            ("… and within scans", "scans_90", _number),
        )
    ]


def _percent(share: float | Interval | None, digits: int = 1) -> str:
    value = share.value if isinstance(share, Interval) else share
    return "–" if value is None or math.isnan(value) else f"{value * 100:.{digits}f} %"


def _span(share: Interval) -> str:
    if math.isnan(share.low):
        return ""
    return f"{share.low * 100:.1f}–{share.high * 100:.1f}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:g}"
