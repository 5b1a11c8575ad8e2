import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scantrail.errors import InputError
from scantrail.evaluation import (
    average_precision,
    evaluate,
    read_labels,
    read_verdicts,
    roc_auc,
)


def verdicts(scores, rules=None):
    """One scan an item; the items are called i0, i1, …"""
    many = len(scores)
    return pl.DataFrame(
        {
            "event_id": range(many),
            "epc_code": [f"i{n}" for n in range(many)],
            "locErrScore": rules if rules is not None else [0.0] * many,
            "finalConfidence": scores,
        }
    )


def labels(**kinds):
    """Labels by kind: the numbers of the items."""
    rows = [(n, f"i{n}", kind) for kind, items in kinds.items() for n in items]
    return pl.DataFrame(rows, ["event_id", "epc_code", "kind"], orient="row")


def test_found_is_what_passes_the_threshold_that_the_budget_allows():
    scores = [0.0] * 9_996 + [50.0, 60.0, 70.0, 80.0]
    told = labels(jump=[9_997, 9_999])
    one = evaluate(verdicts(scores), told, per_10k=1.0).found["finalConfidence"]
    assert (one.threshold, one.false_alerts, one.recall["jump"]) == (50.0, 1, 1.0)
    none = evaluate(verdicts(scores), told, per_10k=0.0).found["finalConfidence"]
    assert (none.threshold, none.false_alerts, none.recall["jump"]) == (70.0, 0, 0.5)


def test_equal_scores_are_never_more_false_alerts_than_the_budget():
    scores = [90.0] * 5_000 + [0.0] * 5_000
    found = evaluate(verdicts(scores), labels(jump=[0]), per_10k=3.0).found["finalConfidence"]
    assert (found.false_alerts, found.recall["jump"]) == (0, 0.0)


def test_visible_and_invisible_kinds_are_summed_up():
    told = labels(jump=[0, 1], diversion=[2, 3]).with_columns(
        rule_visible=pl.Series([True, True, False, False])
    )
    scores = [90.0, 90.0, 90.0, 0.0] + [1.0] * 96
    evaluation = evaluate(verdicts(scores), told)
    recall = evaluation.found["finalConfidence"].recall
    assert {kind: recall[kind] for kind in ("all", "rule-visible", "rule-invisible")} == {
        "all": 0.75,
        "rule-visible": 1.0,
        "rule-invisible": 0.5,
    }
    assert evaluation.items["rule-invisible"] == 2


def test_the_gain_over_rules_has_an_interval():
    rules = [90.0] * 10 + [0.0] * 190
    scores = [90.0] * 20 + [0.0] * 180
    ratio, low, high = evaluate(verdicts(scores, rules), labels(jump=range(20))).gain
    assert ratio == 2.0
    assert 1.0 <= low < ratio < high


def test_labels_of_another_log_are_refused():
    message = (
        "1 labelled events have no verdict, the first has the event_id '77'; are these labels of "
        "another log?"
    )
    with pytest.raises(InputError, match=message):
        evaluate(verdicts([1.0]), labels(jump=[77]))


def test_without_labels_nothing_can_be_measured():
    with pytest.raises(InputError, match="there are no labels; without any, nothing can be"):
        evaluate(verdicts([1.0]), labels())


def test_a_negative_budget_is_refused():
    with pytest.raises(InputError, match="-1 false alerts per 10,000 scans can't be"):
        evaluate(verdicts([1.0]), labels(jump=[0]), -1)


@pytest.mark.parametrize("ending", ["parquet", "csv", "json", "jsonl"])
def test_verdicts_are_read_as_detect_writes_them(ending, tmp_path):
    frame = verdicts([0.0] * 300).with_columns(kind=pl.Series([None] * 299 + ["jump"]))
    path = tmp_path / f"v.{ending}"
    writers = {"parquet": "write_parquet", "csv": "write_csv", "json": "write_json",
               "jsonl": "write_ndjson"}  # fmt: skip
    getattr(frame, writers[ending])(path)
    assert read_verdicts(path).equals(frame)


def test_files_that_are_no_verdicts_are_refused(tmp_path):
    path = tmp_path / "v.csv"
    path.write_text("event_id,epc_code\n1,a\n")
    with pytest.raises(InputError, match="lacks the column 'finalConfidence'; expected at least"):
        read_verdicts(path)
    with pytest.raises(InputError, match="can't be read"):
        read_labels(tmp_path / "absent.csv")


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=30))
def test_areas_agree_with_counting_pairs(rows):
    score = np.array([value for value, _ in rows], float)
    positive = np.array([label for _, label in rows])
    if positive.all() or not positive.any():
        assert np.isnan(roc_auc(score, positive))
        return
    pairs = score[positive][:, None] - score[~positive]
    assert roc_auc(score, positive) == pytest.approx(((pairs > 0) + 0.5 * (pairs == 0)).mean())
    assert positive.mean() - 1e-9 <= average_precision(score, positive) + positive.mean()
    assert 0 < average_precision(score, positive) <= 1
