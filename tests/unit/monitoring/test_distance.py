import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scantrail.monitoring.distance import (
    compare,
    design_effect,
    jensen_shannon,
    psi,
)

RNG = np.random.default_rng(0)
COUNTS = st.lists(st.integers(0, 500), min_size=2, max_size=12).map(lambda c: np.array(c, float))


def clustered(days, batch, seed, shares=(0.5, 0.3, 0.2)):
    """Daily counts of scans that come in batches of one class each."""
    rng = np.random.default_rng(seed)
    return np.array([rng.multinomial(200 // batch, shares) * batch for _ in range(days)], float)


def test_psi_is_symmetric_and_knows_a_worked_example():
    a, b = np.array([100.0, 200.0, 700.0]), np.array([300.0, 300.0, 400.0])
    assert psi(a, b) == pytest.approx(psi(b, a))
    shares = np.array([0.1, 0.2, 0.7]), np.array([0.3, 0.3, 0.4])
    exact = ((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum()
    assert psi(a, b) == pytest.approx(exact, rel=0.01)


@given(COUNTS, COUNTS)
def test_distances_keep_their_bounds(a, b):
    k = min(len(a), len(b))
    a, b = a[:k] + 1, b[:k] + 1
    assert psi(a, b) >= 0
    assert 0 <= jensen_shannon(a / a.sum(), b / b.sum()) <= 1
    for ordered in (True, False):
        found = compare(a, b, 1.0, ordered=ordered)
        if found:
            assert 0 < found.p <= 1
            assert found.psi >= 0
            assert 0 <= found.ks <= 1


@given(COUNTS)
@settings(max_examples=50)
def test_the_same_counts_are_no_drift(counts):
    for ordered in (True, False):
        found = compare(counts + 10, counts + 10, 2.0, ordered=ordered)
        assert found is None or (found.psi == 0 and found.ks == 0 and found.p > 0.1)


@pytest.mark.parametrize("batch", [1, 5, 20])
def test_the_design_effect_finds_the_size_of_batches(batch):
    seen = [design_effect(clustered(70, batch, seed), ordered=False) for seed in range(10)]
    assert batch <= np.mean(seen) <= 2 * batch + 0.5  # never less cautious than the truth


def test_one_scan_is_worth_at_most_one():
    even = np.full((56, 3), 10.0)  # less chance than chance
    assert design_effect(even, ordered=False) == 1.0
    assert design_effect(np.zeros((56, 3)), ordered=True) == 1.0


@pytest.mark.parametrize("ordered", [True, False])
def test_batches_raise_no_false_alarms_once_their_effect_is_known(ordered):
    early, naive = 0, 0
    for seed in range(200):
        counts = clustered(63, 20, seed)
        reference, week = counts[:56], counts[56:].sum(axis=0)
        design = design_effect(reference, ordered=ordered)
        early += compare(reference.sum(axis=0), week, design, ordered=ordered).p < 0.01
        naive += compare(reference.sum(axis=0), week, 1.0, ordered=ordered).p < 0.01
    assert early <= 4  # two expected
    assert naive > 60


def test_large_samples_find_trifles_certain_but_small():
    old, new = np.array([500_000.0, 500_000.0]), np.array([505_000.0, 495_000.0])
    found = compare(old, new, 1.0, ordered=False)
    assert found.p < 1e-6
    assert found.psi < 0.001


def test_a_tail_that_was_never_reached_is_seen_where_its_distance_is_small():
    old = np.array([9_000.0, 990.0, 10.0])
    new = np.array([85.0, 10.0, 5.0])
    found = compare(old, new, 1.0, ordered=True)
    assert found.ks < 0.06
    assert found.p < 1e-4


def test_a_handful_of_independent_scans_tells_nothing():
    assert compare(np.array([500.0, 500.0]), np.array([40.0, 0.0]), 10.0, ordered=False) is None
    assert compare(np.zeros(2), np.zeros(2), 1.0, ordered=True) is None


def test_names_that_are_all_alike_are_no_drift():
    found = compare(np.array([800.0, 0.0]), np.array([90.0, 0.0]), 1.0, ordered=False)
    assert found.p == 1.0
