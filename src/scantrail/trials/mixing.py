"""One report of two: each item's verdicts are those of the version that it was drawn for.

Both versions judge everything that is asked about, each with its own session and cache, and nothing
of one is ever an input of the other; only whole verdicts are picked.
"""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from scantrail.vocabulary.findings import Challenge, Report


def mixed(champion: Report, challenger: Report, drawn: pl.Series, challenge: Challenge) -> Report:
    """Pick verdicts and claims.

    Args:
        champion: On some events.
        challenger: On the same events.
        drawn: (n,) Boolean, per row of `verdicts`: whether the challenger's counts.
        challenge: The trial.
    """
    ours, theirs = (
        _part(report, which, challenger=flag)
        for report, which, flag in ((champion, ~drawn, False), (challenger, drawn, True))
    )
    verdicts = pl.concat([ours.verdicts, theirs.verdicts], how="diagonal").sort("row")
    return replace(
        champion,
        verdicts=verdicts,
        claims=pl.concat([ours.claims, theirs.claims]),
        degraded=tuple(dict.fromkeys((*champion.degraded, *challenger.degraded))),
        challenge=challenge,
    )


def _part(report: Report, which: pl.Series, *, challenger: bool) -> Report:
    verdicts = report.verdicts.filter(which)
    rows = verdicts["row"].implode()
    claims = report.claims.filter(pl.col("row").is_in(rows))
    marked = verdicts.with_columns(challenger=pl.lit(challenger))
    return replace(report, verdicts=marked, claims=claims)
