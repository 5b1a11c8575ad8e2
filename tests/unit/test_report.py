"""What a whole input adds up to."""

import polars as pl
import pytest

from scantrail.report import (
    COUNTERS,
    epc_statistics,
    file_statistics,
    flag_words,
    kinds,
    worst,
)
from scantrail.vocabulary.events import Flag, empty_rejects
from scantrail.vocabulary.findings import AnomalyKind, Report, score_column
from scantrail.vocabulary.protocols import FOUND


def report(*rows, kinds_run=tuple(AnomalyKind)):
    """Verdicts from (file, EPC, {kind: score}), and their claims."""
    table = [
        {"row": i, "file_id": file, "epc_code": epc, "anomaly": bool(scores),
         "kind": max(scores, key=scores.get) if scores else None}
        | {score_column(kind): float(scores.get(kind, 0)) for kind in kinds_run}
        for i, (file, epc, scores) in enumerate(rows)
    ]  # fmt: skip
    claims = [
        (i, str(kind), float(score), "why", "else", "item", "do")
        for i, (_, _, scores) in enumerate(rows)
        for kind, score in scores.items()
    ]
    schema = {"row": pl.UInt32, "file_id": pl.Int64, "epc_code": pl.String,
              "anomaly": pl.Boolean, "kind": pl.String}  # fmt: skip
    schema |= {score_column(kind): pl.Float64 for kind in kinds_run}
    return Report(
        pl.DataFrame(table, schema=schema),
        empty_rejects(),
        pl.DataFrame(claims, schema=FOUND, orient="row"),
    )


JUMP, DUP, SALE = AnomalyKind.JUMP, AnomalyKind.EPC_DUP, AnomalyKind.AFTER_SALE
SOME = report(
    (2, "B", {}),
    (1, "A", {JUMP: 70, DUP: 90}),
    (2, "B", {DUP: 80}),
    (1, "A", {JUMP: 95}),
    (3, "C", {SALE: 80}),
)


def counted(frame):
    return [
        {name: value for name, value in row.items() if value not in (0, None)}
        for row in frame.to_dicts()
    ]


def test_per_epc_only_those_with_a_finding_of_the_five_kinds_by_first_finding():
    assert counted(epc_statistics(SOME)) == [
        {"file_id": 1, "epc_code": "A", "totalEvents": 3, "jumpCount": 2, "epcDupCount": 1},
        {"file_id": 2, "epc_code": "B", "totalEvents": 1, "epcDupCount": 1},
    ]


def test_per_file_all_of_them_by_first_appearance():
    assert counted(file_statistics(SOME)) == [
        {"file_id": 2, "totalEvents": 1, "epcDupCount": 1},
        {"file_id": 1, "totalEvents": 3, "jumpCount": 2, "epcDupCount": 1},
        {"file_id": 3},
    ]


def test_a_kind_that_did_not_run_counts_zero():
    told = file_statistics(report((1, "A", {JUMP: 70}), kinds_run=(JUMP,)))
    assert told.row(0) == (1, 1, 1, 0, 0, 0, 0)
    assert told.columns == ["file_id", "totalEvents", *COUNTERS]


def test_kinds_by_events_epcs_and_highest():
    assert kinds(SOME).rows() == [
        ("epcDup", 2, 2, 90), ("jump", 2, 1, 95), ("afterSale", 1, 1, 80)
    ]  # fmt: skip
    assert len(kinds(report())) == 0


def test_the_worst_places_first_with_what_is_mostly_found_there():
    sites = pl.DataFrame({"site": ["X", "X", "Y", "X", None]})
    assert worst(SOME, sites, ["site"]).rows() == [
        ("X", 2, 3, pytest.approx(2 / 3), "epcDup"), ("Y", 1, 1, 1, "epcDup")
    ]  # fmt: skip
    assert worst(SOME, sites, ["site"], most=1)["site"].to_list() == ["X"]
    lanes = pl.DataFrame({"start": [None, "X", "X", "X", "X"], "end": ["X", "Y", "Y", "Z", "Z"]})
    assert worst(SOME, lanes, ["start", "end"])["suspect"].to_list() == [2, 2]


def test_flags_as_words():
    bits = pl.DataFrame({"f": [0, Flag.SITE_UNKNOWN, Flag.CORRECTED | Flag.SITE_INFERRED]})
    assert bits.select(flag_words(pl.col("f"))).to_series().to_list() == [
        None, "site_unknown", "site_inferred|corrected"
    ]  # fmt: skip
