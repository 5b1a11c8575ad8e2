"""Coding: known values get numbers, everything else is 0, and clocks are local."""

import numpy as np

from scantrail.features.coding import AGAIN, STEPS, Vocabulary, code


def test_a_vocabulary_holds_sites_that_scanned_and_products_of_enough_items(see, batch):
    assert Vocabulary.learn(see(batch(5))) == Vocabulary((1, 2), ("8804823.1293291",), ("8804823",))
    assert Vocabulary.learn(see(batch(4))) == Vocabulary((1, 2), (), ())


def test_values_outside_the_vocabulary_are_0(see, by_scan, batch):
    goods = batch(5)
    known = Vocabulary.learn(see(goods))
    goods[5] += [("2025-07-03 15:00:00", "hub"), ("2025-07-04 15:00:00", "hub", 99)]
    journeys = see(goods)
    coded = code(journeys, known)
    assert [by_scan(journeys, coded.site)[5, at] for at in range(5)] == [1, 2, 2, 0, 0]
    none = code(journeys, Vocabulary((), (), ()))
    for values in (none.site, none.product, none.maker):
        assert set(values.tolist()) == {0}


def test_steps_are_stages_and_repeats(see, by_scan, batch):
    goods = batch(2)
    goods[1].insert(2, ("2025-07-01 12:00:30", "store"))
    journeys = see(goods)
    step = by_scan(journeys, code(journeys, Vocabulary((), (), ())).step)
    assert [STEPS[step[1, at]] for at in range(4)] == [
        "Aggregation", "WMS_Inbound", "read again", "WMS_Outbound",
    ]  # fmt: skip
    assert step[1, 2] == AGAIN


def test_weekends_have_clocks_of_their_own(see, by_scan):
    # 2025-07-04 was a Friday
    trail = [(f"2025-07-0{day} 23:59:59", "made", 1) for day in (4, 5, 6, 7)]
    journeys = see({1: trail})
    coded = code(journeys, Vocabulary((), (), ()))
    clock = by_scan(journeys, coded.clock)
    assert [clock[1, at] for at in range(4)] == [23, 47, 71, 23]
    assert (coded.local % 86_400 == 86_399).all()


def test_codes_are_made_once_per_vocabulary(see, batch):
    journeys = see(batch(5))
    known = Vocabulary.learn(journeys)
    assert code(journeys, known) is code(journeys, known)
    assert code(journeys, known) is not code(journeys, Vocabulary((), (), ()))


def test_the_order_of_rows_changes_nothing(see, by_scan, batch):
    goods = batch(6)
    known = Vocabulary.learn(see(goods))
    first, other = see(goods), see(goods, shuffle=3)
    for name in ("site", "step", "product", "maker", "clock", "position", "second"):
        one, two = (
            by_scan(each, np.asarray(getattr(code(each, known), name))) for each in (first, other)
        )
        assert one == two, name


def test_no_events_code_to_nothing(see):
    journeys = see({})
    assert len(code(journeys, Vocabulary((1,), (), ()))) == 0
