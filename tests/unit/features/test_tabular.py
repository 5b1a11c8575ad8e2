"""The one-class SVM's features: their range, and that each answers to what it is about."""

import numpy as np
import pytest

from scantrail.features.coding import Vocabulary, code
from scantrail.features.tabular import CEILING, TABULAR, tabular
from scantrail.features.usual import Usual


@pytest.fixture(scope="module")
def table(see, by_scan, batch):
    """{feature: {(serial, position): value}} of goods, by a history of ordinary batches."""
    goods = {}
    for day in range(1, 31):
        one = batch(
            6,
            f"2025-06-{day:02} 10:00:00",
            f"2025-06-{day:02} 12:{day:02}:00",
            f"2025-07-{day:02} {9 + day % 2:02}:00:00",
        )
        one[1].insert(2, (f"2025-06-{day:02} 12:{day:02}:{day % 50 + 5:02}", "store"))
        goods |= {day * 100 + serial: trail for serial, trail in one.items()}
    history = see(goods)
    known = Vocabulary.learn(history)
    usual = Usual.learn(code(history, known), known)

    def of(judged):
        journeys = see(judged)
        rows = tabular(code(journeys, known), usual)
        assert rows.dtype == np.float32
        assert np.nanmin(rows) >= 0
        assert np.nanmax(rows) <= CEILING
        return {name: by_scan(journeys, rows[:, at]) for at, name in enumerate(TABULAR)}

    return of


@pytest.fixture
def ordinary(batch):
    return batch(6, "2025-08-05 10:00:00", "2025-08-05 12:10:00", "2025-09-04 09:00:00")


def test_ordinary_goods_show_next_to_nothing(table, ordinary):
    for name, values in table(ordinary).items():
        assert np.nanmax(list(values.values())) < 1, name


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("alone", (1, 2, ("2025-09-06 09:00:00", "ship"))),
        ("left_behind", (1, 2, ("2025-09-06 09:00:00", "ship"))),
        ("slow", (1, 2, ("2026-06-06 09:00:00", "ship"))),
        ("fast", (1, 2, ("2025-08-05 12:20:00", "ship"))),
        ("hour", (1, 2, ("2025-09-05 03:00:00", "ship"))),
        ("step", (1, 2, ("2025-09-04 09:00:00", "made", 2))),
        ("lane", (1, 2, ("2025-09-04 09:00:00", "made"))),
        ("origin", (1, 0, ("2025-08-05 10:00:00", "made", 2))),
        ("late_again", (1, 2, ("2025-08-05 12:39:59", "store"))),
    ],
)
def test_a_feature_rises_for_the_odd_item_alone(table, ordinary, name, change):
    serial, position, scan = change
    ordinary[serial][position] = scan
    values = table(ordinary)[name]
    assert values[serial, position] > 1.5
    others = [value for (item, _), value in values.items() if item != serial]
    assert np.nanmax(others) < 0.5


def test_of_a_single_item_nobody_knows_whether_it_should_be_alone(table, batch):
    [trail] = batch(1, "2025-08-05 10:00:00", "2025-08-05 12:10:00", "2025-09-04 09:00:00").values()
    assert np.isnan(list(table({1: trail})["alone"].values())).all()


def test_one_repeat_is_nothing_and_four_are(table, ordinary):
    ordinary[1][2:2] = [(f"2025-08-05 12:10:{second}", "store") for second in (10, 20, 30, 40)]
    values = table(ordinary)["read_again"]
    assert [values[1, at] for at in range(7)] == [0, 0, 0, 3, 6, 9, 0]


def test_what_a_batch_does_together_is_shared(table, ordinary, batch):
    late = batch(6, "2025-08-05 10:00:00", "2025-08-05 12:10:00", "2026-06-04 09:00:00")
    one = {1: late[1]}
    together, single = table(late)["slow"][1, 2], table(one)["slow"][1, 2]
    assert together < 5 < single
