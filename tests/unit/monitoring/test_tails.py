import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from scantrail.monitoring import tails


@pytest.mark.parametrize("shape", [0.3, 1.0, 2.5, 20.0, 150.0])
@pytest.mark.parametrize("times", [0.01, 0.5, 1.0, 1.5, 4.0])
def test_the_gamma_tail_is_that_of_scipy(shape, times):
    x = shape * times
    assert tails.gamma_tail(shape, x) == pytest.approx(stats.gamma.sf(x, shape), rel=1e-9)


@pytest.mark.parametrize(("x", "df"), [(0.0, 3), (3.84, 1), (55.0, 7), (400.0, 12), (1e5, 3)])
def test_the_chi_square_tail_is_that_of_scipy_and_never_zero(x, df):
    assert tails.chi2_tail(x, df) == pytest.approx(max(stats.chi2.sf(x, df), 1e-300), rel=1e-9)


@pytest.mark.parametrize(("df", "z"), [(7, 0.5), (7, 1.0), (49, 0.5), (49, 2.0)])
def test_low_chi_square_values_are_good_to_a_per_cent(df, z):
    assert tails.chi2_low(df, z) == pytest.approx(stats.chi2.ppf(stats.norm.cdf(-z), df), rel=0.01)


@pytest.mark.parametrize(("count", "mean"), [(1, 0.2), (3, 0.01), (4, 6.0), (20, 5.0)])
def test_the_poisson_tail_is_that_of_scipy(count, mean):
    expected = stats.poisson.sf(count - 1, mean)
    assert tails.poisson_tail(count, mean) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("count", "tries", "chance"),
    [(3, 3, 0.11), (10, 20, 0.1), (5, 100, 0.2), (500, 10_000, 0.04), (20, 100, 0.2), (0, 5, 0.3),
     (1, 5, 0.9), (5, 5, 1.0), (4_000, 4_000, 0.01)],
)  # fmt: skip
def test_the_binomial_tail_is_that_of_scipy_and_never_zero(count, tries, chance):
    expected = max(stats.binom.sf(count - 1, tries, chance), 1e-300)
    assert tails.binomial_tail(count, tries, chance) == pytest.approx(expected, rel=1e-9)


def test_the_binomial_tail_bridges_whole_numbers():
    found = [tails.binomial_tail(count, 7.1, 0.2) for count in np.arange(0.0, 7.1, 0.1)]
    assert (np.diff(found) <= 0).all()


@pytest.mark.parametrize(("distance", "size"), [(0.05, 900), (0.2, 100), (0.6, 12), (0.01, 50)])
def test_the_kolmogorov_tail_is_near_the_exact_one_and_rather_above(distance, size):
    exact = stats.kstwo.sf(distance, size)
    assert 0.95 * exact <= tails.kolmogorov_tail(distance, size) <= 1.5 * exact


def test_the_normal_tail_is_that_of_scipy():
    for z in (-3.0, 0.0, 1.96, 8.0):
        assert tails.normal_tail(z) == pytest.approx(stats.norm.sf(z))


@given(st.lists(st.floats(1e-12, 1), min_size=1, max_size=60))
def test_false_discovery_rates_are_those_of_scipy(p):
    q = tails.false_discovery(np.array(p))
    assert q == pytest.approx(stats.false_discovery_control(p))
    assert (np.diff(q[np.argsort(p)]) >= 0).all()
