"""Chances of a clock's states, against plain sums over everything that may have happened."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scantrail.features import clock_states
from scantrail.features.clock_states import SHIFTS, Hours, day_of, log_odds

STATES = 1 + 2 * len(SHIFTS)
AHEAD = slice(1 + len(SHIFTS), None)
chances = st.lists(st.floats(1e-6, 1.0), min_size=STATES, max_size=STATES)


def moves(new_day):
    """The transition matrix, (from, to)."""
    return clock_states._passed(np.eye(STATES), np.full((STATES, 1), new_day))


@pytest.mark.parametrize("new_day", [False, True])
def test_nothing_is_lost_as_time_passes(new_day):
    assert moves(new_day).sum(axis=1) == pytest.approx(np.ones(STATES))
    assert (moves(new_day) >= 0).all()


@given(chances, chances, st.booleans())
def test_looking_back_is_passing_the_other_way_round(now, later, new_day):
    state, told, flag = np.array([now]), np.array([later]), np.array([[new_day]])
    forward = (clock_states._passed(state, flag) * told).sum()
    backward = (state * clock_states._looked_back(told, flag)).sum()
    assert forward == pytest.approx(backward)


def test_a_slow_day_ends_with_the_night_and_a_clock_stays_wrong():
    slow, ahead = np.eye(STATES)[[1]], np.eye(STATES)[[STATES - 1]]
    night = np.array([[True]])
    assert clock_states._passed(slow, night)[0, 1:6].sum() < 0.01
    assert clock_states._passed(ahead, night)[0, AHEAD].sum() > 0.9


def said(rng, hours):
    return rng.normal(0, 2, (hours, len(SHIFTS)))


def by_enumeration(heard, new_day, wanted):
    """Log odds of a clock ahead in hour `wanted`, summed over all courses of kinds of state."""
    weights = np.exp(np.hstack([np.zeros((len(heard), 1)), heard, heard]))
    ways = [moves(new) for new in new_day]
    joint = np.zeros(STATES)
    for course in itertools.product(range(STATES), repeat=len(heard)):
        steps = zip(ways, (0, *course), course, weights, strict=False)
        chance = np.prod([way[was, now] * weight[now] for way, was, now, weight in steps])
        joint[course[wanted]] += chance
    return float(log_odds(np.log(joint[None]))[0])


@pytest.mark.parametrize(("days", "used"), [(0, 2), (1, 3)])
def test_odds_in_hindsight_are_those_of_all_courses(days, used):
    hour = np.array([10, 12, 34])  # two in a day, one the day after
    heard = said(np.random.default_rng(3), 3)
    new_day = [True, False, True]
    by_hour = Hours(np.full(3, 7), hour, heard)
    for wanted in range(2):
        expected = by_enumeration(heard[:used], new_day[:used], wanted)
        assert by_hour.odds_after(days)[wanted] == pytest.approx(expected, abs=1e-6)


def test_odds_up_to_now_are_those_of_all_courses():
    hour, heard = np.array([10, 12, 34]), said(np.random.default_rng(4), 3)
    odds = Hours(np.full(3, 7), hour, heard).odds()
    for used in (1, 2, 3):
        expected = by_enumeration(heard[:used], [True, False, True][:used], used - 1)
        assert odds[used - 1] == pytest.approx(expected, abs=1e-6)


def test_sites_side_by_side_say_what_each_says_alone():
    rng = np.random.default_rng(5)
    hour = np.sort(rng.integers(0, 24 * 6, 40))
    heard = said(rng, 40)
    both = Hours(np.repeat([3, 9], 40), np.tile(hour, 2), np.vstack([heard, heard[::-1]]))
    one = Hours(np.full(40, 3), hour, heard)
    assert (both.odds()[:40] == one.odds()).all()
    enough = one.day_number < one.day_number[-1]
    assert (both.odds_after(1)[: len(enough)][enough] == one.odds_after(1)[enough]).all()


def test_days_begin_at_six():
    assert day_of(np.array([5, 6, 29, 30])).tolist() == [-1, 0, 0, 1]


def test_the_last_day_that_has_ended():
    days = Hours(np.array([3, 3, 3, 9]), np.array([10, 11, 58, 10]), np.zeros((4, 5))).days
    assert days.ended(np.array([3, 3, 3, 9]), np.array([1, 2, 3, 5])).tolist() == [0, 0, 1, 2]
