"""Gaps are filled where the rest of the journey says it, and flagged; nothing is guessed."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scantrail.gaps import fill_gaps
from scantrail.sites import no_sites
from scantrail.testing import events, sites
from scantrail.vocabulary.events import EVENTS, Flag

NONE, UNKNOWN, INFERRED, MISSING, STEP, TYPE = (
    Flag.NONE, Flag.SITE_UNKNOWN, Flag.SITE_INFERRED, Flag.SITE_MISSING,
    Flag.STEP_INFERRED, Flag.TYPE_INFERRED,
)  # fmt: skip
WMS = ("WMS", "WMS_Inbound")
OUT = ("WMS", "WMS_Outbound")


def day(number, place, step=WMS[0], kind=WMS[1]):
    return (f"2025-07-{number:02} 10:00:00", place, step, kind)


def filled(scans, epc="A", on=None):
    return fill_gaps(events(scans, epc), sites() if on is None else on)


def places(frame):
    return list(zip(frame["location_id"], frame["flags"], strict=True))


def words(frame):
    return frame.select("business_step", "event_type", "flags").rows()


@pytest.mark.parametrize(
    ("scans", "expected"),
    [
        ([day(1, 2), day(2, None), day(3, 2)], [(2, NONE), (2, INFERRED), (2, NONE)]),
        ([day(1, 2), day(2, None), day(3, None), day(4, 2)],
         [(2, NONE), (2, INFERRED), (2, INFERRED), (2, NONE)]),
        ([day(1, 2), day(2, None), day(3, 3)], [(2, NONE), (None, MISSING), (3, NONE)]),
        ([day(1, None), day(2, 2)], [(None, MISSING), (2, NONE)]),
        ([day(1, 2), day(2, None)], [(2, NONE), (None, MISSING)]),
        ([day(1, None)], [(None, MISSING)]),
        ([day(3, 2), day(2, None), day(1, 2)], [(2, NONE), (2, INFERRED), (2, NONE)]),
        ([day(1, 99), day(2, None), day(3, 99)], [(99, UNKNOWN), (99, INFERRED | UNKNOWN), (99, UNKNOWN)]),
    ],
    ids=["between", "twice between", "they differ", "first", "last", "alone", "any order",
         "unlisted"],
)  # fmt: skip
def test_a_missing_place_is_its_neighbours_where_they_agree(scans, expected):
    assert places(filled(scans)) == expected


def test_neighbours_are_those_of_the_same_item():
    frame = filled([day(1, 2), day(2, None), day(3, 2)], ["A", "B", "A"])
    assert places(frame) == [(2, NONE), (None, MISSING), (2, NONE)]


def test_a_site_by_name_and_by_number_is_one_place():
    scans = events([day(1, 2), day(2, None), day(3, None)], "A")
    named = scans.with_columns(
        scan_location=pl.Series([None, None, "Alder Plant Warehouse"], dtype=pl.String)
    )
    told = fill_gaps(named, sites())
    assert told["location_id"].to_list() == [2, 2, None]
    assert told["flags"].to_list() == [NONE, INFERRED, NONE]


def test_without_a_site_list_no_place_is_unknown():
    assert places(filled([day(1, 99)], on=no_sites())) == [(99, NONE)]
    assert places(filled([day(1, 99)])) == [(99, UNKNOWN)]


@pytest.mark.parametrize(
    ("place", "step"),
    [(1, "Factory"), (2, "WMS"), (3, "Logistics_HUB"), (4, "Wholesaler"), (5, "Retailer")],
)
def test_a_missing_step_is_the_tiers(place, step):
    [(told, kind, flags)] = words(filled([day(1, place, None, "Inbound")]))
    assert (told, kind, flags) == (step, "Inbound", STEP)


def test_a_missing_step_at_an_unknown_place_stays_open():
    assert words(filled([day(1, 99, None, "Inbound")])) == [(None, "Inbound", UNKNOWN)]


def test_a_missing_type_is_inbound_on_arrival_and_outbound_after_it():
    scans = [day(1, 2, "WMS", None), day(2, 2, "WMS", None), day(3, 3, "Logistics_HUB", None)]
    assert [(kind, flags) for _, kind, flags in words(filled(scans))] == [
        ("Inbound", TYPE), ("Outbound", TYPE), ("Inbound", TYPE)
    ]  # fmt: skip


def test_a_missing_type_at_a_plant_is_the_making():
    assert words(filled([day(1, 1, "Factory", None)])) == [("Factory", "Aggregation", TYPE)]


@pytest.mark.parametrize(
    ("step", "kind"),
    [("W_Stock_Outbound", "Outbound"), ("R_Stock_Inbound", "Inbound"), ("POS_Sell", "POS_Sell"),
     ("shipping", "Outbound"), ("receiving", "Inbound")],
)  # fmt: skip
def test_a_step_that_says_in_or_out_gives_the_type_wherever_it_is(step, kind):
    for place in (99, None, 4):
        [(_, told, flags)] = words(filled([day(1, place, step, None)]))
        assert told == kind
        assert flags & TYPE


def test_a_step_that_says_nothing_at_an_unknown_place_leaves_the_type_open():
    assert words(filled([day(1, 99, "Wholesaler", None)])) == [("Wholesaler", None, UNKNOWN)]


def test_step_and_type_of_an_inferred_place_are_inferred_too():
    frame = filled([day(1, 2), day(2, None, None, None), day(3, 2, *OUT)])
    assert frame.row(1, named=True) | {"time": None} == {
        "row": 1, "event_id": 2, "file_id": 1, "epc_code": "A", "location_id": 2,
        "scan_location": None, "business_step": "WMS", "event_type": "Outbound", "time": None,
        "offset": 0, "flags": INFERRED | STEP | TYPE,
    }  # fmt: skip


SCANS = st.lists(
    st.tuples(
        st.integers(1, 9),
        st.none() | st.sampled_from([1, 2, 3, 99]),
        st.none() | st.sampled_from(["WMS", "POS_Sell", "?"]),
        st.none() | st.sampled_from(["Inbound", "WMS_Outbound"]),
        st.sampled_from("AB"),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(SCANS)
def test_nothing_that_was_given_changes_and_every_change_has_its_flag(scans):
    given_ = events([day(*scan[:4]) for scan in scans], [scan[4] for scan in scans])
    told = fill_gaps(given_, sites())
    assert told.schema == EVENTS
    assert told["row"].equals(given_["row"])
    for name, flags in (
        ("location_id", INFERRED), ("business_step", STEP), ("event_type", TYPE)
    ):  # fmt: skip
        was, now = given_[name], told[name]
        kept = was.is_not_null()
        assert now.filter(kept).equals(was.filter(kept))
        assert ((told["flags"] & int(flags)) > 0).equals(was.is_null() & now.is_not_null())
