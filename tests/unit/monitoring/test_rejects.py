import datetime as dt

import numpy as np
import pytest

from scantrail.monitoring.baseline import Reference
from scantrail.monitoring.rejects import reject_signals

DAYS = [dt.date(2025, 4, 28) + dt.timedelta(days=i) for i in range(7)]


def signals(bad, usual=0, rows=200, design=1.0):
    """Rows of feed 1 that can't be read, so many a day; on 56 usual days, so many of 10,000."""
    struck = np.array(bad, float)
    counted = {"feed 1": np.column_stack([rows - struck, struck]), "feed 9": np.ones((7, 2))}
    known = {"feed 1": Reference([10_000 - usual, usual], design)}
    return {one.place: one for one in reject_signals(known, counted, 0, DAYS, (2.0, 0.005))}


def test_a_few_rows_of_a_feed_that_never_had_any_are_seen():
    found = signals([0, 0, 0, 9, 10, 11, 10])
    assert set(found) == {"feed 1"}  # feed 9 is news elsewhere
    one = found["feed 1"]
    assert one.key == "drift/rejected/feed 1"
    assert one.p < 1e-15
    assert one.strength > 4
    assert one.since == DAYS[3]
    assert one.what == "rows that can't be read: 0.0% → 2.9%"


def test_one_bad_day_is_nothing():
    one = signals([0, 0, 200, 0, 0, 0, 0])["feed 1"]
    assert one.p == 1
    assert one.strength == 0


def test_as_many_as_usual_and_fewer_are_nothing():
    assert signals([2] * 7, usual=100)["feed 1"].p > 0.5
    fewer = signals([0] * 7, usual=100)["feed 1"]
    assert fewer.p == 1
    assert fewer.strength == 0


def test_more_of_many_must_be_twice_as_many():
    one = signals([30] * 7, usual=1000)["feed 1"]
    assert one.p < 1e-5
    assert one.effect["ratio"] == pytest.approx(1.5)
    assert one.strength < 1


def test_rows_that_are_rejected_together_say_less():
    alone = signals([3, 4, 3, 4, 3, 4, 3], usual=40)["feed 1"].p
    assert signals([3, 4, 3, 4, 3, 4, 3], usual=40, design=4.0)["feed 1"].p > 100 * alone


def test_a_feed_without_rows_is_no_trouble():
    one = signals([0] * 7, rows=0)["feed 1"]
    assert (one.p, one.strength) == (1, 0)
