import datetime as dt
import math

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scantrail.errors import InputError
from scantrail.evaluation.backtest import alerts, backtest, days_of, threshold_for
from scantrail.evaluation.items import beside


@pytest.fixture(scope="module")
def scans(log):
    def make(items):
        verdicts, _, events = log(items)
        return beside(verdicts, events)

    return make


trails = st.dictionaries(
    st.integers(1, 15),
    st.lists(st.tuples(st.integers(0, 100), st.none() | st.integers(0, 9)), min_size=1, max_size=5),
    min_size=1,
)


def busiest(raised):
    return max(raised["day"].value_counts()["count"].to_list(), default=0)


@given(trails, st.floats(0, 4), st.booleans())
def test_the_threshold_for_a_budget_never_exceeds_it(scans, code, items, per_day, every_day):
    table = scans({code(1, n): [(h, s and float(s), None) for h, s in t] for n, t in items.items()})
    raised = alerts(table, threshold_for(table, per_day, every_day=every_day))
    assert len(raised) <= per_day * days_of(table)
    if every_day:
        assert busiest(raised) <= per_day


@given(trails, st.integers(0, 4), st.booleans())
def test_the_next_lower_threshold_would_exceed_it(scans, code, items, per_day, every_day):
    table = scans({code(1, n): [(h, s and float(s), None) for h, s in t] for n, t in items.items()})
    threshold = threshold_for(table, per_day, every_day=every_day)
    if math.isinf(threshold):
        return
    more = alerts(table, threshold - 0.5)
    worst = busiest(more) if every_day else len(more) / days_of(table)
    assert worst > per_day


def test_an_alert_is_an_item_raised_by_its_first_scan_above_the_threshold(scans, code):
    table = scans({
        code(1, 1): [(0, 1.0, None), (30, 80.0, None), (60, 95.0, None)],
        code(1, 2): [(40, 60.0, None), (50, None, None)],
    })  # fmt: skip
    assert alerts(table).rows() == [
        (code(1, 1), dt.date(2025, 7, 2), "Birch Hub", "model", 95.0),
    ]
    assert alerts(table, 50.0)["kind"].to_list() == ["model", "no kind"]
    assert alerts(table, 95.0).is_empty()


def test_a_site_without_a_name_is_told_by_its_number(scans, code):
    table = scans({code(1, 1): [(0, 90.0, None)]}).with_columns(
        scan_location=pl.lit(None, pl.String)
    )
    assert alerts(table)["site"].to_list() == ["location 1"]
    nowhere = table.with_columns(location_id=pl.lit(None, pl.Int64))
    assert alerts(nowhere)["site"].to_list() == ["(no place)"]


def test_found_and_lost_cases_are_told_by_kind_and_site(log, code):
    verdicts, labels, events = log({
        code(1, 1): [(0, 90.0, "jump")], code(1, 2): [(1, 90.0, None)],
        code(1, 3): [(30, 20.0, "jump")], code(1, 4): [(31, 20.0, None)],
    })  # fmt: skip
    present = beside(verdicts, events)
    tried = present.with_columns(finalConfidence=pl.Series([90.0, 10.0, 80.0, 10.0]))
    told = backtest(present, tried, 70.0, labels)
    assert (told.days, len(told.present.alerts), told.present.per_day) == (2, 2, 1.0)
    assert told.found.alerts["epc_code"].to_list() == [code(1, 3)]
    assert told.lost.alerts["epc_code"].to_list() == [code(1, 2)]
    assert (told.labelled, told.present.alerts.real, told.tried.alerts.real) == (2, 1, 2)
    assert (told.found.real, told.lost.real, told.lost.false) == (1, 0, 1)
    assert (told.present.busiest, told.tried.busiest) == (2, 1)
    assert told.by_site.rows() == [("Birch Hub", 2, 2, 1, 1)]
    assert told.by_kind.rows() == [("model", 2, 1, 0, 1), ("no kind", 0, 1, 1, 0)]


def test_without_labels_nothing_is_called_real(scans, code):
    table = scans({code(1, 1): [(0, 90.0, None)]})
    told = backtest(table, table)
    assert (told.labelled, told.present.alerts.real, told.found.real) == (None, None, None)
    assert (len(told.found), len(told.lost)) == (0, 0)


def test_labels_of_another_log_are_refused(scans, code):
    table = scans({code(1, 1): [(0, 90.0, None)]})
    with pytest.raises(InputError, match="no item of the log is labelled; are these labels of an"):
        backtest(table, table, labels=pl.DataFrame({"epc_code": [code(9, 9)]}))


@pytest.mark.parametrize("per_day", [-1, math.inf, math.nan])
def test_a_budget_is_a_number_from_0(scans, code, per_day):
    with pytest.raises(InputError, match="alerts a day can't be; give a number from 0"):
        threshold_for(scans({code(1, 1): [(0, 90.0, None)]}), per_day)


def test_an_empty_log_can_not_be_tried_on(scans, code):
    empty = scans({code(1, 1): [(0, 90.0, None)]}).clear()
    with pytest.raises(
        InputError, match="the log has no readable scan; nothing can be tried on it"
    ):
        threshold_for(empty, 1)
