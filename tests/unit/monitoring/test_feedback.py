import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scantrail.errors import MonitoringError
from scantrail.monitoring.feedback import Audit, audit_sample, precision, recall, wilson


def feedback(*cases):
    """Cases of (confirmed, dismissed) items."""
    rows = [(name, i < yes) for name, (yes, no) in enumerate(cases) for i in range(yes + no)]
    return pl.DataFrame(rows, {"case": pl.Int64, "confirmed": pl.Boolean}, orient="row")


def test_precision_of_single_looks_has_wilson_s_interval():
    found = precision(feedback(*[(1, 0)] * 18, *[(0, 1)] * 2))
    assert (found.value, found.looks) == (0.9, 20)
    assert (found.low, found.high) == pytest.approx(wilson(0.9, 20), abs=0.01)


def test_a_hundred_items_of_one_pallet_are_not_a_hundred_looks():
    single = precision(feedback(*[(1, 0)] * 50, *[(0, 1)] * 50))
    pallets = precision(feedback((25, 0), (25, 0), (0, 25), (0, 25)))
    assert pallets.value == single.value == 0.5
    assert pallets.high - pallets.low > 2.5 * (single.high - single.low)
    alike = precision(feedback((100, 0)))
    assert alike.low == pytest.approx(wilson(1.0, 1)[0])


def test_the_interval_of_precision_covers_the_truth():
    rng, inside = np.random.default_rng(3), 0
    for _ in range(300):
        yes = rng.random(25) < 0.7  # cases hang together entirely
        found = precision(feedback(*[(4, 0) if one else (0, 4) for one in yes]))
        inside += found.low <= 0.7 <= found.high
    assert inside / 300 >= 0.92


def test_no_feedback_is_said():
    with pytest.raises(MonitoringError, match="^there is no feedback yet; confirm or dismiss"):
        precision(feedback())


@given(st.sets(st.text(min_size=1), max_size=40), st.integers(1, 20), st.randoms())
def test_a_sample_is_the_same_whatever_the_order(codes, size, chance):
    order = list(codes)
    chance.shuffle(order)
    sample = audit_sample(order, size, "2025-W36")
    assert sample == audit_sample(sorted(codes) * 2, size, "2025-W36")
    assert len(sample) == len(set(sample)) == min(size, len(codes))
    assert sample == audit_sample(order, size + 5, "2025-W36")[:size]


def test_weeks_and_seeds_draw_different_samples_and_every_item_equally():
    codes = [f"epc-{i}" for i in range(200)]
    assert audit_sample(codes, 20, "2025-W36") != audit_sample(codes, 20, "2025-W37")
    assert audit_sample(codes, 20, "2025-W36", 1) != audit_sample(codes, 20, "2025-W36", 2)
    drawn = [code for week in range(500) for code in audit_sample(codes, 20, f"{week}")]
    counts = np.array([drawn.count(code) for code in codes])
    assert counts.mean() == 50
    assert 4 < counts.std() < 9.5  # binomial: 6.7


def test_a_sample_of_nothing_is_refused():
    with pytest.raises(MonitoringError, match="^a sample of 0 items says nothing"):
        audit_sample(["a"], 0, "2025-W36")


def week(**given):
    plain = {"alerted": 100, "confirmed": 40, "dismissed": 10, "silent": 10_000, "looked_at": 200}
    return Audit(**(plain | {"missed": 0} | given))


def test_recall_rests_on_what_was_missed():
    none, some = recall([week()]), recall([week(missed=2)])
    assert none.value > some.value
    assert 0.4 < some.low / recall([week(missed=2)] * 10).low < 1
    right, wrong = 100 * 0.8, 10_000 * 2 / 200
    assert some.value == pytest.approx(right / (right + wrong), abs=0.06)


def test_the_interval_of_recall_covers_the_truth():
    rng, inside = np.random.default_rng(4), 0
    silent, missed, alerted, right = 20_000, 60, 300, 240
    for _ in range(200):
        looked = rng.hypergeometric(right, alerted - right, 100)
        seen = rng.hypergeometric(missed, silent - missed, 1_000)
        found = recall([
            Audit(alerted=alerted, confirmed=looked, dismissed=100 - looked, silent=silent,
                  looked_at=1_000, missed=seen)
        ])  # fmt: skip
        inside += found.low <= right / (right + missed) <= found.high
    assert inside / 200 >= 0.9


def test_recall_is_unknown_without_looks():
    with pytest.raises(MonitoringError, match="nobody has looked at items without an alert"):
        recall([week(looked_at=0)])
    with pytest.raises(MonitoringError, match="nobody has looked at alerts"):
        recall([week(confirmed=0, dismissed=0)])


def test_impossible_looks_are_refused():
    with pytest.raises(MonitoringError, match="^101 looks at 100 alerted items$"):
        week(confirmed=91)
    with pytest.raises(MonitoringError, match="^300 missed, 200 looked at, 10000 without alert"):
        week(missed=300)
