import datetime as dt

import numpy as np
import pytest

from scantrail.monitoring.rhythm import hours_since_1970, learn_rhythm, silence

MONDAY = dt.datetime.fromisoformat("2025-03-03")


def office_hours(weeks, hours=range(9, 17)):
    start = hours_since_1970(MONDAY)
    return np.array(
        [start + 24 * (7 * w + d) + h for w in range(weeks) for d in range(5) for h in hours]
    )


@pytest.fixture
def office():
    return learn_rhythm(office_hours(8), 8)


def test_a_rhythm_knows_weekdays_and_hours(office):
    assert office.visits == 40
    assert office.weekdays[:5] == pytest.approx([0.2] * 5)
    assert office.weekdays[5:] == [0, 0]
    assert sum(office.hours) == pytest.approx(1)
    assert office.hours[3] == 0


def test_nights_and_weekends_are_no_silence(office):
    friday, monday = MONDAY + dt.timedelta(days=4, hours=16), MONDAY + dt.timedelta(days=7, hours=9)
    p, missed = silence(office, friday, monday)
    assert p == 1
    assert missed < 1


def test_a_working_day_without_a_scan_is(office):
    friday = MONDAY + dt.timedelta(days=4, hours=16)
    p, missed = silence(office, friday, MONDAY + dt.timedelta(days=8))
    assert p < 1e-6
    assert missed == pytest.approx(8, abs=0.5)


def test_a_holiday_is_no_silence(office):
    friday, tuesday = MONDAY + dt.timedelta(days=4, hours=16), MONDAY + dt.timedelta(days=8)
    closed = [(MONDAY + dt.timedelta(days=7)).date()]
    p, missed = silence(office, friday, tuesday, closed)
    assert p == 1
    assert missed < 1


def test_an_erratic_site_is_given_more_time():
    rng = np.random.default_rng(2)
    hours = office_hours(8)
    erratic = learn_rhythm(np.sort(rng.choice(hours, 40, replace=False)), 8)
    steady = learn_rhythm(hours[::8], 8)  # one visit a day
    assert erratic.visits == steady.visits
    friday, wednesday = MONDAY + dt.timedelta(days=4, hours=9), MONDAY + dt.timedelta(days=9)
    assert silence(erratic, friday, wednesday)[0] > 4 * silence(steady, friday, wednesday)[0]


def test_rare_visits_make_no_rhythm():
    assert learn_rhythm(office_hours(8)[:11], 8) is None


def test_now_before_the_last_scan_is_no_silence(office):
    assert silence(office, MONDAY + dt.timedelta(hours=12), MONDAY)[0] == 1
