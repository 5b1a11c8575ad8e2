"""Which dismissal an alert falls under."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scantrail import pipeline, testing
from scantrail.monitoring.dismissals import Case, Dismissals, cases, covers, products
from scantrail.stores.feedback import Feedback, Group

CASE = Case("x", "jump", "8804823.1293291", frozenset({"7", "Hub"}), frozenset({"3"}))


def dismissal(number, group=Group(), item=None):  # noqa: B008 - it is frozen
    target = "group" if item is None else "item"
    return Feedback(id=number, at=0, actor="kim", verdict="dismiss", reason="r", target=target,
                    item=item, group=group)  # fmt: skip


@pytest.mark.parametrize(
    ("group", "covered"),
    [
        (Group(kind="jump"), True), (Group(kind="epcDup"), False),
        (Group(site="7"), True), (Group(site="Hub"), True), (Group(site="3"), False),
        (Group(product="8804823.1293291"), True), (Group(product="8804823"), False),
        (Group(lane=("3", "Hub")), True), (Group(lane=("7", "3")), False),
        (Group(kind="jump", site="8"), False),
        (Group(kind="jump", site="7", lane=("3", "7"), product="8804823.1293291"), True),
    ],
)  # fmt: skip
def test_a_group_covers_what_fits_in_all_it_names(group, covered):
    assert covers(group, CASE) is covered


names = st.none() | st.sampled_from(["jump", "7", "3", "x"])


@given(names, names, names)
def test_naming_more_never_covers_more(kind, site, product):
    narrow = Group(kind=kind, site=site, product=product)
    for wide in (Group(kind=kind), Group(site=site), Group(product=product)):
        assert covers(wide, CASE) or not covers(narrow, CASE)


def test_an_items_own_dismissal_counts_first_then_the_newest_group():
    known = Dismissals([dismissal(1, Group(kind="jump")), dismissal(2, item="x"),
                        dismissal(3, Group(site="7"))])  # fmt: skip
    assert known.over(CASE) == 2
    assert known.over(CASE._replace(item="y")) == 3
    assert known.over(CASE._replace(item="y", place=frozenset())) == 1
    assert known.over(CASE._replace(item="y", kind="epcDup", place=frozenset())) is None
    assert not Dismissals()


def test_what_groups_are_told_by_comes_from_the_whole_journey():
    """Rows in any order, and places by every name that they have."""
    chain = testing.network()
    first, second = chain.sites.table.row(0, named=True), chain.sites.table.row(1, named=True)
    codes = [f"001.8804823.1293291.010004.20250701.{n:09}" for n in (1, 2)]
    scans = [
        ("2025-07-01 12:00:00", second["location_id"], "WMS", "WMS_Inbound"),
        ("2025-07-01 10:00:00", first["location_id"], "Factory", "Aggregation"),
        ("2025-07-01 11:00:00", 777_777, "WMS", "WMS_Inbound"),
    ]
    seen = pipeline.see(testing.events(scans, [codes[0], codes[0], codes[1]]), chain)
    late, early, alone = cases(["jump", None, "locErr"], seen, np.array([0, 1, 2]))
    names = [
        frozenset(str(one[name]) for name in ("location_id", "scan_location") if one[name])
        for one in (first, second)
    ]
    assert (late.kind, late.product, late.item) == ("jump", "8804823.1293291", codes[0])
    assert (late.place, late.before) == (names[1], names[0])
    assert (early.place, early.before) == (names[0], frozenset())
    assert (alone.place, alone.before) == (frozenset({"777777"}), frozenset())
    verdicts = pl.DataFrame({"anomaly": [True, True, True], "kind": ["jump", None, "locErr"]})
    lane = Group(lane=(str(first["location_id"]), str(second["location_id"])))
    marks = Dismissals([dismissal(5, lane), dismissal(6, Group(kind="locErr"))])
    assert marks.mark(verdicts, seen).to_list() == [5, None, 6]


def test_products_of_codes_that_can_and_can_not_be_read():
    good = "001.8804823.1293291.010004.20250701.000004002"
    assert products([good, None, "?", good]) == ["8804823.1293291", None, None, "8804823.1293291"]
    assert products([]) == []


def test_without_dismissals_nothing_is_marked():
    verdicts = pl.DataFrame({"anomaly": [True, False], "kind": ["jump", None]})
    assert Dismissals().mark(verdicts, None).to_list() == [None, None]
    assert cases([], _nothing(), np.array([], np.int64)) == []


def _nothing():
    from scantrail.vocabulary.events import EVENTS

    return pipeline.see(EVENTS.to_frame(), testing.network())
