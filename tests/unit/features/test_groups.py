"""Rows are told apart by all their values, however large these are."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scantrail.features.groups import changes, combined, counted, numbered

FAR = 2**61
ROWS = st.lists(
    st.tuples(st.integers(-3, 3), st.integers(-FAR, FAR) | st.just(0), st.integers(0, 2**40)),
    max_size=30,
)


def columns(rows):
    return np.array(rows, np.int64).reshape(-1, 3).T


@given(ROWS)
def test_numbers_are_dense_and_in_the_order_of_the_rows(rows):
    order = {row: at for at, row in enumerate(sorted(set(rows)))}
    assert numbered(*columns(rows)).tolist() == [order[row] for row in rows]


@given(ROWS)
def test_each_row_knows_how_many_are_its_equals(rows):
    assert counted(*columns(rows)).tolist() == [rows.count(row) for row in rows]


@given(ROWS)
def test_a_row_changes_where_it_is_not_the_one_before(rows):
    told = [at == 0 or row != rows[at - 1] for at, row in enumerate(rows)]
    assert changes(*columns(rows)).tolist() == told


def test_small_parts_need_no_sorting_to_be_told_apart():
    assert combined(np.array([0, 1, 1]), np.array([5, 0, 5])).tolist() == [5, 6, 11]
