"""A wrong clock is told from a slow day, from scans up to the present."""

import datetime as dt

import numpy as np
import pytest

from scantrail.features.coding import Vocabulary, code
from scantrail.features.usual import Usual

START = dt.datetime(2025, 6, 2, tzinfo=dt.UTC)


def trips(days, late=(), hours=4.0, items=6):
    """A batch a day leaves the store at nine and is at the hub at about eleven, or later."""
    goods = {}
    for day in range(days):
        left = START + dt.timedelta(days=day, hours=9)
        there = left + dt.timedelta(hours=2, minutes=5 * (day % 5))
        gone = there + dt.timedelta(hours=3)
        if day in late:
            there, gone = there + dt.timedelta(hours=hours), gone + dt.timedelta(hours=hours)
        trail = [
            (f"{when:%Y-%m-%d %H:%M:%S}", step)
            for when, step in ((left, "ship"), (there, "hub"), (gone, "leave"))
        ]
        goods |= {day * 100 + serial: trail for serial in range(1, items + 1)}
    return goods


@pytest.fixture(scope="module")
def odds(see, by_scan):
    """Log odds at the hub's two scans of each day, of the day's first item."""
    history = see(trips(60))
    known = Vocabulary.learn(history)
    usual = Usual.learn(code(history, known), known)

    def at(goods):
        journeys = see(goods, shuffle=5)
        coded = code(journeys, known)
        values = by_scan(journeys, usual.clock_ahead(coded, usual.hours_of(coded)))
        return {day: [values[day * 100 + 1, position] for position in (1, 2)]
                for day in {serial // 100 for serial in goods}}  # fmt: skip

    return at


def test_a_right_clock_is_believed(odds):
    assert max(max(pair) for pair in odds(trips(30)).values()) < -5


def test_one_late_day_is_a_slow_day(odds):
    seen = odds(trips(30, late={10}))
    assert max(seen[10]) < 0
    assert max(seen[11]) < 0


@pytest.mark.parametrize("hours", [2.0, 3.4, 5.9])
def test_the_second_late_day_in_a_row_speaks_against_the_clock(odds, hours):
    seen = odds(trips(30, late=range(10, 20), hours=hours))
    assert max(seen[9]) < -5
    assert max(seen[10]) < 0
    assert min(seen[12]) > 5
    assert max(seen[21]) < 0, "once it is set right, it is believed again"


def test_single_items_can_hardly_accuse_a_clock(odds):
    assert max(max(pair) for pair in odds(trips(30, late=range(10, 16), items=1)).values()) < 0


def test_later_days_change_no_earlier_odds(odds):
    whole, part = odds(trips(30, late=range(10, 20))), odds(trips(13, late=range(10, 20)))
    for day, pair in part.items():
        assert whole[day] == pytest.approx(pair)


def test_other_sites_are_not_accused(see, by_scan):
    history = see(trips(60))
    known = Vocabulary.learn(history)
    usual = Usual.learn(code(history, known), known)
    journeys = see(trips(30, late=range(10, 20)))
    coded = code(journeys, known)
    values = usual.clock_ahead(coded, usual.hours_of(coded))
    at_store = journeys.linked["position"].to_numpy() == 0
    assert np.max(values[at_store]) < 0
