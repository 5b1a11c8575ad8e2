"""One decision per event, and the words for it."""

import numpy as np
import polars as pl
import pytest

from scantrail.ensemble import combine
from scantrail.explain import EXPLAINED, causes, explain, severity
from scantrail.vocabulary.events import Flag
from scantrail.vocabulary.protocols import FOUND, Findings


def claims(*rows):
    told = [
        (row, kind, float(score), f"why {kind}", f"else {kind}", "data", f"do {kind}")
        for row, kind, score in rows
    ]
    return pl.DataFrame(told, schema=FOUND, orient="row")


def findings(found=(), **scores):
    columns = {name: np.array(values, float) for name, values in scores.items()}
    return Findings(columns, claims(*found))


def test_the_highest_score_decides_and_null_is_no_score():
    one = findings([(1, "jump", 70)], jumpScore=[0, 70, None, None])
    two = findings([(1, "locErr", 30)], locErrScore=[0, 30, 20, None])
    decision = combine({"one": one, "two": two}, 4)
    assert decision.confidence.tolist() == pytest.approx([0, 70, 20, np.nan], nan_ok=True)
    assert decision.anomaly.tolist() == [False, True, True, False]
    assert decision.claims.select("row", "kind").rows() == [(1, "jump"), (1, "locErr")]


def test_equal_claims_keep_the_order_of_the_detectors():
    one = findings([(3, "b", 50), (1, "a", 20)], aScore=[0], bScore=[0])
    two = findings([(1, "c", 20), (1, "d", 90)], cScore=[0])
    told = combine({"one": one, "two": two}, 1).claims
    assert told.select("row", "kind").rows() == [(1, "d"), (1, "a"), (1, "c"), (3, "b")]


@pytest.mark.parametrize("count", [0, 3])
def test_where_nobody_answered_nothing_is_decided(count):
    decision = combine({}, count)
    assert np.isnan([decision.confidence, decision.combined]).all()
    assert not decision.anomaly.any()
    assert decision.claims.schema == FOUND
    assert len(decision.claims) == 0


def test_an_explanation_tells_every_claim_and_takes_the_rest_from_the_first():
    told = explain(claims((5, "jump", 70), (5, "locErr", 30), (7, "epcDup", 90)))
    assert told.schema == EXPLAINED
    assert told.rows() == [
        (5, "jump", "data", "suspect jump: why jump; suspect locErr: why locErr", "else jump",
         "do jump"),
        (7, "epcDup", "data", "suspect epcDup: why epcDup", "else epcDup", "do epcDup"),
    ]  # fmt: skip
    assert explain(claims()).schema == EXPLAINED


@pytest.mark.parametrize(
    ("score", "word"),
    [(100, "HIGH"), (70, "HIGH"), (69.9, "MEDIUM"), (40, "MEDIUM"), (39.9, "LOW"), (20, "LOW"),
     (19.9, "NORMAL"), (0, "NORMAL")],
)  # fmt: skip
def test_a_score_in_words(score, word):
    assert severity(score) == word


@pytest.mark.parametrize(
    ("flag", "cause"),
    [
        (Flag.NONE, "item"),
        (Flag.SITE_UNKNOWN, "item"),
        (Flag.EXPANDED, "item"),
        (Flag.DOCUMENT_ODD, "partner file"),
        (Flag.FILE_ID_UNREADABLE, "partner file"),
        (Flag.LOCATION_UNREADABLE | Flag.SITE_MISSING, "partner file"),
    ],
)
def test_where_the_file_is_badly_made_it_is_the_likeliest_cause(flag, cause):
    claimed = pl.Series("cause", ["item", None])
    flags = pl.Series([flag, flag], dtype=pl.UInt16)
    assert causes(claimed, flags).to_list() == [cause, None]
