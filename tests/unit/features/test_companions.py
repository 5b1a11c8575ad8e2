"""Companions: who moves together, who was left behind, what is only a repeat."""

import numpy as np
import pytest

from scantrail.features.companions import companions


def of(journeys):
    return companions(journeys.columns, np.zeros(len(journeys.columns), np.int64))


def test_a_batch_counts_itself_where_it_moves_together(see, by_scan, batch):
    journeys = see(batch(4))
    whom = of(journeys)
    assert set(whom.here.tolist()) == {4}
    assert by_scan(journeys, whom.came_with) == {
        (item, at): 0 if at == 0 else 4 for item in (1, 2, 3, 4) for at in (0, 1, 2)
    }
    assert by_scan(journeys, whom.hours)[1, 1] == 2.0
    assert np.isnan(by_scan(journeys, whom.hours)[1, 0])


def test_who_comes_later_is_alone_and_knows_that_the_others_have_left(see, by_scan, batch):
    goods = batch(4)
    goods[4][2] = ("2025-07-05 09:00:00", "ship")
    journeys = see(goods)
    whom = of(journeys)
    assert by_scan(journeys, whom.here)[4, 2] == 1
    assert by_scan(journeys, whom.here)[1, 2] == 3
    assert by_scan(journeys, whom.left_before)[4, 2] == 0.75
    assert by_scan(journeys, whom.left_before)[1, 2] == 0.0, "those who leave first see nobody gone"


def test_company_is_known_from_the_first_time_that_an_item_was_with_others(see, by_scan, batch):
    goods = batch(2)
    goods[2][0] = ("2025-07-01 11:00:00", "made")  # made alone, stored and shipped with item 1
    goods[2][2] = ("2025-07-05 09:00:00", "ship")  # and then left behind
    [goods[3]] = batch(1, made="2025-07-02 10:00:00", store="2025-07-02 12:00:00",
                       ship="2025-07-04 09:00:00").values()  # fmt: skip
    journeys = see(goods)
    seen = by_scan(journeys, of(journeys).seen)
    assert [seen[2, at] for at in range(3)] == [False, True, True]
    assert [seen[3, at] for at in range(3)] == [False, False, False]


def test_items_of_one_scan_that_came_from_elsewhere_are_not_alike(see, by_scan, batch):
    goods = batch(4)
    del goods[4][1]  # its scan in the warehouse was missed
    journeys = see(goods)
    whom = of(journeys)
    assert by_scan(journeys, whom.here)[4, 1] == 4
    assert by_scan(journeys, whom.alike)[4, 1] == 1
    assert by_scan(journeys, whom.alike)[1, 2] == 3


@pytest.mark.parametrize(
    ("when", "again"), [("2025-07-01 12:30:00", True), ("2025-07-01 12:30:01", False)]
)
def test_the_same_read_within_half_an_hour_is_a_repeat(see, by_scan, batch, when, again):
    goods = batch(2)
    goods[1].insert(2, (when, "store"))
    journeys = see(goods)
    whom = of(journeys)
    assert by_scan(journeys, whom.again)[1, 2] is again
    assert by_scan(journeys, whom.run)[1, 2] == int(again)
    assert np.isnan(by_scan(journeys, whom.gap)[1, 2]) is np.bool_(not again)
    assert by_scan(journeys, whom.here)[1, 2] == 1


def test_after_repeats_the_time_counts_from_the_move_itself(see, by_scan, batch):
    goods = batch(2)
    goods[1][2:2] = [("2025-07-01 12:00:20", "store"), ("2025-07-01 12:01:00", "store")]
    journeys = see(goods)
    whom = of(journeys)
    assert [by_scan(journeys, whom.run)[1, at] for at in range(5)] == [0, 0, 1, 2, 0]
    assert by_scan(journeys, whom.hours)[1, 4] == by_scan(journeys, whom.hours)[2, 2] == 45.0
    assert by_scan(journeys, whom.here)[1, 4] == 2


def test_oddity_at_the_start_is_shared_with_ones_own_product_only(see, batch):
    journeys = see(batch(4))
    product = np.where(journeys.columns["epc"] < 1, 1, 2)
    whom = companions(journeys.columns, product)
    start = whom.before < 0
    assert sorted(whom.shared[start].tolist()) == [1.0, 3.0, 3.0, 3.0]
    assert set(whom.shared[~start].tolist()) == {4.0}


def test_no_events_have_no_companions(see):
    journeys = see({})
    assert len(of(journeys).here) == len(of(journeys).shared) == 0
