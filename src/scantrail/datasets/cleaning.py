"""What is left out of a dataset, and a record of it: nothing goes silently.

Cleaning takes out what is no scan of its own, or was not asked for. What is merely odd stays, for
oddities are what is looked for; gaps are filled when journeys are linked, the same way in training
and in scoring.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Final, NamedTuple

import polars as pl

from scantrail.datasets.canonical import SCAN
from scantrail.datasets.manifest import Recipe, Step

_BEGIN: Final = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)

#: What cleaning needs beside the columns of a scan: `kind` is its label, null for none.
_LABEL: Final = "kind"


class Cleaned(NamedTuple):
    """`kept` and `removed` rows (these with `why`), and what was done."""

    kept: pl.DataFrame
    removed: pl.DataFrame
    steps: tuple[Step, ...]


class _Rule(NamedTuple):
    """Rows to leave out: those for which `odd` holds."""

    what: str
    why: str
    odd: pl.Expr


def clean(frame: pl.DataFrame, recipe: Recipe) -> Cleaned:
    """Leave out what the recipe says, step by step.

    Args:
        frame: Events in canonical order with their labels (`kind`, `rule_visible`).
        recipe: What was asked for.
    """
    steps, removed = [], [frame.head(0).with_columns(why=pl.lit("", pl.String))]
    for rule in _rules(recipe):
        if rule.what == "repeat":
            frame = _labels_shared(frame)
        marked = frame.with_columns(odd=rule.odd.fill_null(value=False))
        out = marked.filter("odd").drop("odd")
        frame = marked.filter(~pl.col("odd")).drop("odd")
        if len(out):
            removed.append(out.with_columns(why=pl.lit(rule.what)))
            steps.append(_recorded(rule, out))
    return Cleaned(frame, pl.concat(removed), tuple(steps))


def _rules(recipe: Recipe) -> Iterator[_Rule]:
    time = pl.col("time")
    yield _Rule("clock never set", "its time is before the year 2000", time < _BEGIN)
    if recipe.since:
        why = f"it was scanned before {recipe.since.isoformat()}, which was not asked for"
        yield _Rule("before", why, time < recipe.since)
    if recipe.until:
        why = f"it was not scanned before {recipe.until.isoformat()}, which was asked for"
        yield _Rule("after", why, time >= recipe.until)
    if recipe.without_sites:
        sites = ", ".join(map(str, recipe.without_sites))
        why = f"it was scanned at a site that is to be left out ({sites})"
        yield _Rule("site", why, pl.col("location_id").is_in(recipe.without_sites))
    if not recipe.keep_repeats:
        why = "the same scan is there already: it was uploaded twice"
        yield _Rule("repeat", why, ~pl.struct(SCAN).is_first_distinct())


def _labels_shared(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows of one and the same scan have the label that any of them has."""
    labels = [_LABEL, "rule_visible"]
    if frame[_LABEL].null_count() == len(frame):
        return frame
    return frame.with_columns(pl.col(labels).drop_nulls().first().over(SCAN))


def _recorded(rule: _Rule, out: pl.DataFrame) -> Step:
    first = out.row(0, named=True)
    return Step(
        what=rule.what,
        why=rule.why,
        removed=len(out),
        items=out["epc_code"].n_unique(),
        labels=0 if rule.what == "repeat" else len(out) - out[_LABEL].null_count(),
        example=f"{first['epc_code']} at {first['location_id']}, {first['time'].isoformat()}",
    )
