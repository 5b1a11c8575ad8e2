"""From feedback to an alert score."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scantrail.errors import ConflictError
from scantrail.monitoring.recalibration import recommend

COUNTS = {"55.0": 100, "66.0": 20, "70.0": 10, "90.0": 10}
SCANS = 100_000


def test_many_false_alerts_raise_the_score():
    looks = [(66.0, False)] * 18 + [(70.0, True)] * 8 + [(90.0, True)] * 8
    found = recommend(COUNTS, SCANS, looks, 65.0, 1.0)
    assert found.present.alert_score == 65.0
    assert found.present.alerts_rate == 4.0
    assert found.present.false_rate == pytest.approx(4.0 * 18.5 / 35, abs=0.001)
    assert found.recommended.alert_score == 66.5  # the next step above what was false
    assert found.recommended.false_rate < 1 < found.present.false_rate
    assert found.why == "about 2.114 of 4 alerts per 10,000 scans are false, more than 1"


def test_hardly_any_false_alerts_lower_it_as_far_as_even_the_worst_case_allows():
    looks = [(70.0, True)] * 40
    found = recommend(COUNTS, SCANS, looks, 65.0, 20.0)
    assert found.recommended.alert_score == 50.0
    assert found.recommended.false_rate == pytest.approx(10 + 4 * 0.5 / 41, abs=0.001)
    assert found.why.startswith("even if all that is alerted besides were false")
    assert recommend(COUNTS, SCANS, looks, 65.0, 5.0).recommended.alert_score == 55.5


def test_a_score_that_keeps_the_budget_stays_and_an_impossible_budget_is_told():
    looks = [(90.0, True)] * 20
    found = recommend({"90.0": 10}, SCANS, looks, 50.0, 3.0)
    assert found.recommended == found.present
    assert found.why == "the present alert score keeps 3 false alerts per 10,000 scans"
    found = recommend({"100.0": 50}, SCANS, [(100.0, False)] * 20, 65.0, 1.0)
    assert found.recommended.alert_score == 100.0
    assert found.why.startswith("no alert score keeps 1 false alerts per 10,000 scans")


def test_too_little_to_tell():
    with pytest.raises(
        ConflictError, match="people have looked at 19 alerts of learned detectors; at"
    ):
        recommend(COUNTS, SCANS, [(90.0, True)] * 19, 65.0, 3.0)
    with pytest.raises(ConflictError, match="no scans were looked at yet"):
        recommend({}, 0, [(90.0, True)] * 20, 65.0, 3.0)


looks_given = st.lists(
    st.tuples(st.floats(50, 100), st.booleans()), min_size=20, max_size=40
)  # fmt: skip
counted = st.dictionaries(
    st.integers(100, 200).map(lambda n: f"{n / 2:.1f}"), st.integers(0, 50), max_size=20
)


@given(counted, looks_given, st.floats(0.1, 50), st.floats(0.1, 50))
def test_a_larger_budget_never_raises_the_score(counts, looks, one, other):
    low, high = sorted((one, other))
    scores = [
        recommend(counts, SCANS, looks, 65.0, budget).recommended.alert_score
        for budget in (low, high)
    ]
    assert scores[1] <= scores[0]
