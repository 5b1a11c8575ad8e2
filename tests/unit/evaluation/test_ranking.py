import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scantrail.evaluation.ranking import Ranking

items = st.lists(
    st.tuples(st.integers(0, 6), st.booleans(), st.integers(0, 3)), min_size=1, max_size=25
)


def arrays(rows):
    score, labelled, weight = zip(*rows, strict=True)
    return np.array(score, float), np.array(labelled), np.array(weight)


@given(items, st.integers(0, 8))
def test_a_weight_is_as_many_equal_items(rows, budget):
    score, labelled, weight = arrays(rows)
    weighed = Ranking.of(score, labelled).weighed(weight.astype(float))
    copies = Ranking.of(np.repeat(score, weight), np.repeat(labelled, weight)).plain()
    assert weighed.roc_auc() == pytest.approx(copies.roc_auc(), nan_ok=True)
    assert weighed.pr_auc() == pytest.approx(copies.pr_auc(), nan_ok=True)
    one, other = (each.at(each.threshold(budget)) for each in (weighed, copies))
    assert (one.found, one.false, one.labelled) == (other.found, other.false, other.labelled)


@given(items, st.integers(0, 8))
def test_false_alerts_never_exceed_the_budget_and_the_threshold_is_the_lowest_such(rows, budget):
    score, labelled, _ = arrays(rows)
    plain = Ranking.of(score, labelled).plain()
    threshold = plain.threshold(budget)
    assert plain.at(threshold).false <= budget
    assert (score[~labelled] > threshold).sum() == plain.at(threshold).false
    lower = score[score < threshold].max(initial=-1.0)
    if np.isfinite(threshold):
        assert plain.at(lower).false > budget


@given(items)
def test_precision_recall_and_f1_are_as_counted(rows):
    score, labelled, _ = arrays(rows)
    spot = Ranking.of(score, labelled).plain().at(2.0)
    hit = score > 2.0
    found, alerts = (hit & labelled).sum(), hit.sum()
    assert spot.recall == pytest.approx(found / labelled.sum() if labelled.any() else np.nan,
                                        nan_ok=True)  # fmt: skip
    assert spot.precision == pytest.approx(found / alerts if alerts else np.nan, nan_ok=True)
    if found:
        assert spot.f1 == pytest.approx(2 / (1 / spot.precision + 1 / spot.recall))


def test_groups_are_found_by_themselves():
    score, labelled = np.array([9.0, 5.0, 7.0, 1.0]), np.array([True, True, False, True])
    groups = {"high": np.array([1, 0, 0, 0]) > 0, "low": np.array([0, 1, 0, 1]) > 0,
              "none": np.zeros(4, bool)}  # fmt: skip
    ranking = Ranking.of(score, labelled)
    high, low, none = ranking.plain().recalls(3.0, ranking.members(groups))
    assert (high, low) == (1.0, 0.5)
    assert np.isnan(none)
