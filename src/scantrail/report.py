"""What a whole input adds up to: counts per EPC and per file, and where the trouble is."""

from __future__ import annotations

from typing import Final

import polars as pl

from scantrail.vocabulary.events import FLAG_NAMES
from scantrail.vocabulary.findings import SOURCE_KINDS, AnomalyKind, Report, score_column

#: The counters of the answers, in their order, and the kinds that they count.
COUNTERS: Final = {
    "jumpCount": AnomalyKind.JUMP,
    "evtOrderErrCount": AnomalyKind.EVT_ORDER_ERR,
    "epcFakeCount": AnomalyKind.EPC_FAKE,
    "epcDupCount": AnomalyKind.EPC_DUP,
    "locErrCount": AnomalyKind.LOC_ERR,
}


def counts(verdicts: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """Anomaly counters per group, in order of first appearance.

    Args:
        verdicts: `findings.Report.verdicts`, or some rows of it.
        by: Columns to group by; none gives one row over all.

    Returns:
        The group columns, `totalEvents` (the sum of the five counters, as callers know it) and
        one Int64 counter per earlier kind.
    """
    hits = {
        name: (pl.col(score_column(kind)) > 0).sum().cast(pl.Int64)
        for name, kind in COUNTERS.items()
        if score_column(kind) in verdicts.columns
    }
    hits |= {name: pl.lit(0, pl.Int64) for name in COUNTERS if name not in hits}
    table = verdicts.lazy()
    counted = table.group_by(by, maintain_order=True).agg(**hits) if by else table.select(**hits)
    total = pl.sum_horizontal(*COUNTERS).alias("totalEvents")
    return counted.select(*by, total, *COUNTERS).collect()


def epc_statistics(report: Report) -> pl.DataFrame:
    """Counters per file and EPC, only EPCs with a finding of the five kinds, by first finding."""
    found = report.verdicts.filter("anomaly")
    return counts(found, ["file_id", "epc_code"]).filter(pl.col("totalEvents") > 0)


def file_statistics(report: Report) -> pl.DataFrame:
    """Counters per file, clean files included, in order of first appearance."""
    return counts(report.verdicts, ["file_id"])


def kinds(report: Report) -> pl.DataFrame:
    """Events, EPCs and highest score per kind found: `kind`, `events`, `epcs`, `highest`."""
    claims = report.claims
    codes = report.verdicts.select("row", "epc_code")
    return (
        claims.lazy()
        .join(codes.lazy(), on="row")
        .group_by("kind")
        .agg(
            events=pl.col("row").n_unique(),
            epcs=pl.col("epc_code").n_unique(),
            highest=pl.col("score").max(),
        )
        .sort("events", "kind", descending=[True, False])
        .collect()
    )


def worst(report: Report, places: pl.DataFrame, by: list[str], most: int = 5) -> pl.DataFrame:
    """Groups with the most suspect events: the group, `suspect`, `events`, `share`, main `kind`.

    Args:
        report: The report.
        places: A column per name in `by`, one row per verdict.
        by: What to group by: a site, or the two sites of a lane.
        most: How many groups.
    """
    table = report.verdicts.select("anomaly", "kind").hstack(places)
    return (
        table.lazy()
        .drop_nulls(by)
        .group_by(by)
        .agg(
            suspect=pl.col("anomaly").sum(),
            events=pl.len(),
            share=pl.col("anomaly").mean(),
            kind=pl.col("kind").drop_nulls().mode().sort().first(),
        )
        .filter(pl.col("suspect") > 0)
        .sort("suspect", *by, descending=[True, *(False for _ in by)])
        .head(most)
        .collect()
    )


def flag_words(flags: pl.Expr) -> pl.Expr:
    """Flag bits as words, joined by `|`; null where none is set."""
    words = pl.concat_str(
        [pl.when(flags & int(bit) > 0).then(pl.lit(name)) for bit, name in FLAG_NAMES.items()],
        separator="|",
        ignore_nulls=True,
    )
    return pl.when(words != "").then(words)


assert tuple(sorted(COUNTERS.values())) == tuple(sorted(SOURCE_KINDS))
