import datetime as dt

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scantrail.errors import InputError
from scantrail.evaluation.splits import by_site, by_time_and_item
from scantrail.ingest.lots import lots

BEGIN = dt.datetime(2025, 7, 1, tzinfo=dt.UTC)


def after(hours):
    return BEGIN + dt.timedelta(hours=hours)


@given(st.dictionaries(st.tuples(st.integers(0, 5), st.integers(0, 3)),
                       st.lists(st.integers(0, 40), min_size=1, max_size=4),
                       min_size=1, max_size=12), st.integers(0, 40))  # fmt: skip
def test_no_item_or_lot_is_on_both_sides_and_learning_comes_first(log, code, trails, cut):
    items = {code(*key): [(h, 1.0, None) for h in hours] for key, hours in trails.items()}
    events = log(items)[2]
    try:
        learn, test = by_time_and_item(events, after(cut))
    except InputError:
        return
    later = events.filter(pl.col("epc_code").is_in(test.implode()))
    assert learn["time"].max() < after(cut) <= later["time"].min()
    every = pl.concat([learn["epc_code"], test])
    number = dict(zip(every, lots(every).tolist(), strict=True))
    assert not {number[each] for each in learn["epc_code"]} & {number[each] for each in test}
    whole = len(learn) + len(later)
    crossing = events.filter(
        (pl.col("time") >= after(cut)) & ~pl.col("epc_code").is_in(test.implode())
    )
    assert whole + len(crossing) == len(events)


def test_a_cut_that_leaves_nothing_is_refused(log, code):
    events = log({code(1, 1): [(0, 1.0, None)], code(2, 1): [(10, 1.0, None)]})[2]
    with pytest.raises(InputError, match=r"2025-07-02T00:00:00\+00:00 as the cut nothing is left to "
                       "be measured by; lots begin from 2025-07-01T00:00:00.000000\\+00:00 to"):  # fmt: skip
        by_time_and_item(events, after(24))
    with pytest.raises(InputError, match="nothing is left to learn from"):
        by_time_and_item(events, after(0))
    with pytest.raises(InputError, match="has no time zone; write e.g. 2025-07-10T00:00:00"):
        by_time_and_item(events, dt.datetime(2025, 7, 1))  # noqa: DTZ001


def test_journeys_that_touch_held_out_sites_are_measured_by(log, code):
    events = log({code(1, n): [(0, 1.0, None), (1, 1.0, None)] for n in (1, 2)})[2]
    events = events.with_columns(location_id=pl.Series([1, 7, 1, 2]))
    learn, test = by_site(events, [7])
    assert test.to_list() == [code(1, 1)]
    assert learn["epc_code"].unique().to_list() == [code(1, 2)]


@pytest.mark.parametrize(
    ("sites", "message"),
    [
        ([9], "no scan is at location 9; name location_ids of the log to hold out"),
        ([], "no site is named; name location_ids"),
        ([1], "every journey touches the held-out sites; hold out fewer"),
    ],
)
def test_sites_that_can_not_be_held_out_are_refused(log, code, sites, message):
    events = log({code(1, 1): [(0, 1.0, None)]})[2]
    with pytest.raises(InputError, match=message):
        by_site(events, sites)
