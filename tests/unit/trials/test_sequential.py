import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scantrail.errors import InputError
from scantrail.trials.sequential import Tally, bounds, chance, compare

STREAMS, LOOKS, STEP = 400, 60, 10


def streams(rates, seed):
    """Yes so far of two arms at each look: (streams, looks) each; arms take turns."""
    rng = np.random.default_rng(seed)
    return [rng.binomial(STEP, rate, (STREAMS, LOOKS)).cumsum(axis=1) for rate in rates]


def first_call(a, b, look):
    """Whether any of the looks at one stream calls a difference."""
    seen = STEP * np.arange(1, LOOKS + 1)
    return any(look(*counts) for counts in zip(a, b, seen, strict=True))


def always_valid(a, b, seen):
    return chance(Tally(int(a), int(seen - a)), Tally(int(b), int(seen - b))) <= 0.05


def naive(a, b, seen):
    pooled = (a + b) / (2 * seen)
    spread = math.sqrt(max(2 * pooled * (1 - pooled) / seen, 1e-12))
    return abs(a - b) / seen / spread > 1.96


@pytest.mark.slow
def test_looking_at_any_time_calls_equal_arms_different_no_more_often_than_stated():
    calls = {
        look.__name__: np.mean([first_call(a, b, look) for a, b in zip(*streams((0.8, 0.8), 1),
                                                                       strict=True)])
        for look in (always_valid, naive)
    }  # fmt: skip
    assert calls["always_valid"] <= 0.05
    assert calls["naive"] > 0.2  # what peeking does to the usual test


def test_a_real_difference_is_called():
    a, b = streams((0.6, 0.85), 2)
    called = [always_valid(x, y, STEP * LOOKS) for x, y in zip(a[:, -1], b[:, -1], strict=True)]
    assert np.mean(called) > 0.99


@pytest.mark.slow
def test_the_interval_covers_the_difference_at_all_looks():
    def strays(x, y):
        readings = (
            compare(Tally(int(x[k]), STEP * (k + 1) - int(x[k])),
                    Tally(int(y[k]), STEP * (k + 1) - int(y[k])))
            for k in range(0, LOOKS, 12)
        )  # fmt: skip
        return any(not told.low <= 0.1 <= told.high for told in readings)

    a, b = streams((0.7, 0.8), 3)
    assert np.mean([strays(x, y) for x, y in zip(a[:40], b[:40], strict=True)]) <= 0.05


@given(*[st.integers(0, 300)] * 4)
def test_the_interval_and_the_p_value_say_the_same(yes_a, no_a, yes_b, no_b):
    told = compare(Tally(yes_a, no_a), Tally(yes_b, no_b))
    assert -1 <= told.low <= told.high <= 1
    if told.p < 0.045:
        assert told.low > 0 or told.high < 0
    if told.p > 0.055:
        assert told.low <= 1e-3
        assert told.high >= -1e-3
    mirrored = compare(Tally(yes_b, no_b), Tally(yes_a, no_a))
    assert mirrored.p == pytest.approx(told.p)
    assert mirrored.low == pytest.approx(-told.high, abs=5e-3)  # rates are tried on a grid


@given(st.integers(0, 500), st.integers(0, 500))
def test_one_arm_has_bounds_around_its_rate_that_close_in(yes, no):
    low, high = bounds(Tally(yes, no))
    assert 0 <= low <= high <= 1
    if yes + no:
        assert low <= yes / (yes + no) <= high
        closer = bounds(Tally(10 * yes, 10 * no))
        assert closer[1] - closer[0] <= high - low


def test_the_bounds_are_those_of_the_martingale():
    low, high = bounds(Tally(30, 10), level=0.9)
    for rate in (low, high):
        log = (math.lgamma(30.5) + math.lgamma(10.5) - math.lgamma(41) - math.log(math.pi)
               - 30 * math.log(rate) - 10 * math.log(1 - rate))  # fmt: skip
        assert log == pytest.approx(math.log(10), abs=1e-6)


def test_before_the_first_outcome_anything_is_possible():
    assert bounds(Tally(0, 0)) == (0.0, 1.0)
    nothing = compare(Tally(0, 0), Tally(0, 0))
    assert (nothing.low, nothing.high, nothing.p) == (-1.0, 1.0, 1.0)
    assert math.isnan(nothing.difference)


def test_what_can_not_be_counted_is_refused():
    with pytest.raises(InputError, match="a level of 95 can't be; give a share between 0 and 1"):
        bounds(Tally(1, 1), level=95)
    with pytest.raises(InputError, match="-1 yes and 2 no can't be; counts begin at 0"):
        compare(Tally(1, 1), Tally(-1, 2))
