import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from scantrail.errors import InputError
from scantrail.ingest import epcis
from scantrail.ingest.epcis import read_epcis_json, read_epcis_xml
from scantrail.vocabulary.events import RAW, REJECTS, Flag

DATA = Path(__file__).parents[2] / "data" / "epcis"
A, B = "urn:epc:id:sgtin:8804823.000001.1", "urn:epc:id:sgtin:8804823.000001.2"
CASE, PALLET = "urn:epc:id:sscc:8804823.0000000001", "urn:epc:id:sscc:8804823.0000000099"
ODD, EXPANDED = int(Flag.DOCUMENT_ODD), int(Flag.EXPANDED)
WITHDRAWN = (
    "withdrawn by its error declaration",
    "nothing to do; events that replace it count in its stead",
)


def event(minute, **fields):
    base = {
        "type": "ObjectEvent",
        "action": "OBSERVE",
        "eventTime": f"2024-05-01T10:{minute:02}:00+09:00",
        "eventTimeZoneOffset": "+09:00",
    }
    return {k: v for k, v in (base | fields).items() if v != "absent"}


def pack(minute, parent, *children, action="ADD", kind="AggregationEvent", **fields):
    fields |= {"parentID": parent, "childEPCs": list(children), "action": action}
    return event(minute, type=kind, **fields)


def ship(minute, *codes, **fields):
    return event(minute, bizStep="shipping", epcList=list(codes), **fields)


def read(*events):
    return read_epcis_json(json.dumps(events).encode(), "a.json")


def scans(log):
    return log.frame.select("line", "epc_code", "flags").rows()


def reasons(log):
    return log.rejects.select("line", "column", "value", "reason", "fix").rows()


def test_the_samples_say_the_same_in_json_and_xml():
    from_json = read_epcis_json((DATA / "shipment.json").read_bytes(), "shipment")
    from_xml = read_epcis_xml((DATA / "shipment.xml").read_bytes(), "shipment")
    assert from_json.frame.equals(from_xml.frame)
    assert from_json.rejects.equals(from_xml.rejects)
    assert dict(from_json.frame.schema) == {**RAW, "flags": pl.UInt16()}
    assert dict(from_json.rejects.schema) == dict(REJECTS)


def test_the_sample_item_by_item():
    log = read_epcis_json((DATA / "shipment.json").read_bytes(), "shipment.json")
    columns = ["line", "business_step", "event_type", "event_time", "scan_location", "flags"]
    first = log.frame.filter(pl.col("epc_code") == A).select(columns).rows()
    plant, dock = "urn:epc:id:sgln:8804823.00001.0", "urn:epc:id:sgln:8804823.00001.line1"
    store = "urn:epc:id:sgln:8805843.00003.0"
    assert first == [
        (0, "commissioning", "Aggregation", "2024-05-01T08:00:00+09:00", plant, 0),
        (1, "packing", "AggregationEvent ADD", "2024-05-01T10:00:00+09:00", dock, 0),
        (2, "packing", "AggregationEvent ADD", "2024-05-01T11:00:00+09:00", dock, EXPANDED),
        (3, "shipping", "Outbound", "2024-05-01T15:00:00+09:00", plant, EXPANDED),
        (6, "receiving", "Inbound", "2024-05-02T09:00:00+09:00", store,
         EXPANDED | Flag.CORRECTED),
    ]  # fmt: skip
    assert log.frame.filter(pl.col("epc_code") == B).height == 5
    assert log.frame.height == 10
    assert reasons(log) == [
        (4, "epc_code", A, *WITHDRAWN),
        (4, "epc_code", B, *WITHDRAWN),
        (7, "epc_code", "urn:epc:class:lgtin:8804823.000001.LOT1",
         "class-level quantities identify no item",
         "list the items' own EPCs, with serial numbers, if they have any"),
        (8, "event_time", None,
         f"the event has no eventTime, so the scan of {A} can't be placed",
         "give the event an eventTime such as 2024-05-01T10:00:00+09:00".replace("09:", "02:")),
    ]  # fmt: skip


def test_a_later_aggregation_says_nothing_of_an_earlier_shipping():
    log = read(ship(1, PALLET), pack(2, PALLET, A), ship(3, PALLET))
    assert scans(log) == [(0, PALLET, 0), (1, A, 0), (2, A, EXPANDED)]


def test_event_time_decides_not_the_order_in_the_document():
    log = read(ship(3, PALLET), pack(2, PALLET, CASE), pack(1, CASE, A, B))
    assert [row[:2] for row in scans(log)] == [(0, A), (0, B), (1, A), (1, B), (2, A), (2, B)]


def test_at_one_instant_packing_comes_first_and_unpacking_last():
    unpack = pack(1, PALLET, action="DELETE")
    assert [r[1] for r in scans(read(unpack, ship(1, PALLET), pack(1, PALLET, A)))] == [A, A, A]


def test_unpacking_some_and_all():
    log = read(
        pack(1, PALLET, A, B),
        pack(2, PALLET, A, action="DELETE"),
        ship(3, PALLET),
        pack(4, PALLET, action="DELETE"),
        ship(5, PALLET),
    )
    assert scans(log)[2:] == [(1, A, 0), (2, B, EXPANDED), (3, B, EXPANDED), (4, PALLET, 0)]


def test_an_item_is_in_one_parent_at_a_time():
    log = read(pack(1, PALLET, A), pack(2, CASE, A), ship(3, PALLET), ship(3, CASE))
    assert scans(log)[2:] == [(2, PALLET, 0), (3, A, EXPANDED)]


def test_an_observed_aggregation_is_evidence_too():
    log = read(pack(1, PALLET, A, action="OBSERVE"), ship(2, PALLET))
    assert scans(log) == [(0, A, 0), (1, A, EXPANDED)]


def test_a_pallet_of_unknown_content_is_not_dropped():
    log = read(pack(1, PALLET, action="OBSERVE"), pack(2, PALLET, action="DELETE"))
    assert scans(log) == [(0, PALLET, 0), (1, PALLET, 0)]


def test_loops_are_refused_and_flagged():
    log = read(pack(1, PALLET, CASE), pack(2, CASE, PALLET), pack(3, CASE, CASE), ship(4, PALLET))
    assert scans(log)[1:] == [
        (1, CASE, ODD | EXPANDED),
        (2, CASE, ODD),
        (3, CASE, EXPANDED),
    ]


def test_nesting_without_end_is_cut_and_flagged():
    log = read(*[pack(1, f"p{i}", f"p{i + 1}") for i in range(40)], ship(2, "p0"))
    assert log.frame["flags"].to_list()[:40] == [0] * 31 + [ODD] + [0] * 8
    assert scans(log)[40:] == [(40, "p31", EXPANDED)]


def test_a_pallet_named_as_urn_and_as_digital_link_is_one():
    link = "https://id.gs1.org/00/088048230000000993"
    log = read(pack(1, PALLET, A), ship(2, link))
    assert scans(log) == [(0, A, 0), (1, A, EXPANDED)]


def test_an_association_counts_the_carrier_beside_what_it_carries():
    log = read(
        pack(1, "urn:epc:id:grai:8804823.00001.7", A, kind="AssociationEvent"),
        ship(2, "urn:epc:id:grai:8804823.00001.7"),
    )
    assert scans(log) == [
        (0, A, 0),
        (1, "urn:epc:id:grai:8804823.00001.7", 0),
        (1, A, EXPANDED),
    ]


def test_a_transaction_counts_its_parent_and_its_items():
    fields = {"type": "TransactionEvent", "parentID": PALLET, "action": "ADD"}
    log = read(
        event(1, **fields, epcList=[A]),
        pack(2, PALLET, B),
        event(3, **fields, epcList=[A]),
        event(4, **fields),
    )
    rows = [(0, A, 0), (1, B, 0), (2, A, 0), (2, B, EXPANDED), (3, B, EXPANDED)]
    assert scans(log) == rows
    assert set(log.frame["event_type"]) == {"TransactionEvent ADD", "AggregationEvent ADD"}


def test_a_transformation_has_inputs_and_outputs():
    fields = {"type": "TransformationEvent", "action": "absent", "bizStep": "commissioning"}
    log = read(event(1, **fields, inputEPCList=[A], outputEPCList=[B]))
    assert log.frame.select("epc_code", "event_type", "flags").rows() == [
        (A, "TransformationEvent INPUT", 0),
        (B, "Aggregation", 0),
    ]


def test_a_withdrawn_packing_packs_nothing():
    wrong = pack(1, PALLET, A, eventID="e1")
    log = read(wrong, {**wrong, "errorDeclaration": {}}, ship(2, PALLET))
    assert scans(log) == [(2, PALLET, 0)]
    assert reasons(log) == [(0, "epc_code", A, *WITHDRAWN)]


def test_a_declaration_may_come_before_the_event_it_withdraws():
    wrong = ship(1, A, eventID="e1")
    log = read({**wrong, "errorDeclaration": {}}, wrong)
    assert scans(log) == []
    assert reasons(log) == [(1, "epc_code", A, *WITHDRAWN)]


def test_declarations_that_withdraw_nothing_here():
    log = read(
        ship(1, A, eventID="e1", errorDeclaration={"reason": "did_not_occur"}),
        ship(2, A, errorDeclaration={"reason": "did_not_occur"}),
    )
    assert scans(log) == []
    assert reasons(log) == [
        (0, "event_id", "e1",
         "the event that this error declaration withdraws is not in the document",
         ("send the declaration in one document with the event, or remove the event from what "
          "was sent before")),
        (1, "event_id", None,
         "an error declaration without an eventID says of no event that it was wrong",
         "repeat the eventID of the wrong event in the declaration"),
    ]  # fmt: skip


def test_the_same_event_delivered_twice_is_kept_twice():
    log = read(ship(1, A, eventID="e1"), ship(1, A, eventID="e1"))
    assert scans(log) == [(0, A, 0), (1, A, 0)]
    assert log.rejects.height == 0


def test_events_without_items_are_rejected():
    log = read(event(1), event(2, epcList=[]), event(3, quantityList=[{"epcClass": "x:1"}]), 7)
    assert scans(log) == []
    assert reasons(log) == [
        (0, "epc_code", None, "the event names no item",
         "list the items' EPCs in epcList (childEPCs, inputEPCList or outputEPCList)"),
        (1, "epc_code", None, "the event names no item",
         "list the items' EPCs in epcList (childEPCs, inputEPCList or outputEPCList)"),
        (2, "epc_code", "x:1", "class-level quantities identify no item",
         "list the items' own EPCs, with serial numbers, if they have any"),
        (3, "event", "7", "an event is an object with named fields, and this is none",
         "write the event as {…} with its type, eventTime and epcList"),
    ]  # fmt: skip
    assert log.rejects["file"].unique().to_list() == ["a.json"]


def test_unreadable_codes_are_rejected_and_the_others_kept():
    log = read(ship(1, A, None, 7, ["x"], {"x": 1}, ""))
    assert scans(log) == [(0, A, ODD)]
    fix = "write each EPC as one URI in quotes, such as urn:epc:id:sgtin:0614141.112345.400"
    assert reasons(log) == [
        (0, "epc_code", value, "an EPC is text, and this is none", fix)
        for value in ("null", "7", '["x"]', '{"x": 1}', "")
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"epcList": A},
        {"epcList": {"epc": [A]}},
        {"epcList": [{"id": A}]},
        {"epcList": [f" {A}\n"]},
        {"epcList": [A, A]},
        {"type": "absent", "isA": "ObjectEvent", "epcList": A},
        {"type": "objectevent"},
        {"type": ["epcis:ObjectEvent", "Thing"]},
        {"type": None},
        {"action": "observe"},
        {"action": "absent"},
        {"eventId": "e1"},
        {"bizLocation": "urn:epc:id:sgln:8804823.00001.0"},
        {"disposition": None},
        {"bizStep": {"@id": "cbv:BizStep-shipping"}},
        {"epcList": [], "quantityList": [{"epcClass": A}]},
        {"parentID": 7},
    ],
)
def test_bent_documents_are_read_and_flagged(fields):
    log = read(event(1, **({"epcList": [A], "bizStep": "shipping"} | fields)))
    assert scans(log) == [(0, A, ODD)]
    assert log.frame["business_step"].to_list() == ["shipping"]
    assert log.rejects.height == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "absent", "isA": "ObjectEvent"},
        {"type": "absent", "@type": "ObjectEvent"},
        {"example:vendorField": [1]},
        {"eventID": "반품"},
        {"bizLocation": {"id": "urn:x"}, "readPoint": {"id": "urn:y"}},
    ],
)
def test_what_the_standard_allows_is_not_odd(fields):
    assert scans(read(ship(1, A, **fields))) == [(0, A, 0)]


@pytest.mark.parametrize(
    "wrap",
    [
        lambda e: e,
        lambda e: [e],
        lambda e: {"type": "EPCISDocument", "epcisBody": {"eventList": [e]}},
        lambda e: {"type": "EPCISDocument", "epcisBody": {"eventList": e}},
        lambda e: {"isA": "EPCISDocument", "epcis:epcisBody": {"epcis:eventList": [e]}},
        lambda e: {"eventList": [e]},
        lambda e: [{"epcisBody": {"eventList": [e]}}],
        lambda e: {
            "type": "EPCISQueryDocument",
            "epcisBody": {"queryResults": {"resultsBody": {"eventList": [e]}}},
        },
    ],
)
def test_wherever_the_event_list_is_it_is_found(wrap):
    data = json.dumps(wrap(ship(1, A))).encode()
    assert scans(read_epcis_json(data, "a.json")) == [(0, A, 0)]


def test_several_event_lists_are_read_in_order():
    document = [{"eventList": [ship(1, A)]}, {"eventList": []}, {"eventList": [ship(2, B)]}]
    assert scans(read(*document)) == [(0, A, 0), (1, B, 0)]
    assert scans(read({"eventList": None})) == []


def test_time_and_place():
    log = read(
        ship(1, A, eventTime="2024-05-01T10:00:00", readPoint={"id": "urn:r"}),
        ship(1, A, eventTime="2024-05-01T01:00:00.5Z", bizLocation={"id": "urn:b"}),
        ship(1, A, eventTime="2024-05-01T10:00:00+02:00", bizLocation={"id": ""}),
        ship(1, A, eventTime="gestern"),
        ship(1, A, eventTime="2024-05-01T10:00:00Z", eventTimeZoneOffset="Z"),
        ship(1, A, eventTime="2024-05-01T10:00:00Z", eventTimeZoneOffset="CEST"),
        ship(1, A, eventTime="2024-05-01T10:00:00", eventTimeZoneOffset="absent"),
        ship(1, A, eventTime=[1]),
        ship(1, A, eventTime="0001-01-01T00:00:00Z", eventTimeZoneOffset="-09:00"),
        ship(1, A, eventTime="0001-01-01T00:00:00+09:00"),
    )
    assert log.frame.select("event_time", "scan_location").rows() == [
        ("2024-05-01T10:00:00+09:00", "urn:r"),
        ("2024-05-01T10:00:00.500000+09:00", "urn:b"),
        ("2024-05-01T10:00:00+02:00", None),
        ("gestern+09:00", None),
        ("2024-05-01T10:00:00Z", None),
        ("2024-05-01T10:00:00Z", None),
        ("2024-05-01T10:00:00", None),
        ("[1]+09:00", None),
        ("0001-01-01T00:00:00Z", None),
        ("0001-01-01T00:00:00+09:00", None),
    ]


def test_a_document_that_unfolds_without_end_is_refused(monkeypatch):
    monkeypatch.setattr(epcis, "MAX_SCANS", 5)
    with pytest.raises(InputError) as caught:
        read(pack(1, PALLET, A, B), *[ship(2, PALLET)] * 3)
    assert str(caught.value) == (
        "a.json: unfolds into more than 5 scans of single items. Split the document into smaller "
        "ones, in the order of event times."
    )


CODES = st.sampled_from(["a", "b", "c", "d", "e", "p", "q", None, 7, "", " x "])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | CODES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "epc", "epcClass", "k"]), inner, max_size=2)
    ),
    max_leaves=6,
)
NAMES = [
    *("type", "isA", "action", "eventID", "eventId", "eventTime", "eventTimeZoneOffset", "bizStep"),
    *("disposition", "readPoint", "bizLocation", "parentID", "epcList", "childEPCs", "epcClass"),
    *("inputEPCList", "outputEPCList", "quantityList", "errorDeclaration", "epcis:epcList"),
]


@given(st.lists(st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=8) | VALUES, max_size=4))
def test_any_events_give_rows_or_rejects_never_an_error(events):
    log = read_epcis_json(json.dumps({"eventList": events}).encode(), "a.json")
    told = set(log.frame["line"]) | set(log.rejects["line"])
    assert log.frame["epc_code"].null_count() == 0
    assert log.frame["event_time"].null_count() == 0
    for index, fields in enumerate(events):
        declares = isinstance(fields, dict) and fields.get("errorDeclaration") is not None
        assert index in told or declares


EVENTS = st.builds(
    lambda kind, minute, parent, children, action: (
        pack(minute, parent, *children, action=action)
        if kind == "pack"
        else ship(minute, parent, *children)
    ),
    st.sampled_from(["pack", "ship"]),
    st.integers(0, 9),
    st.sampled_from("abcdefgh"),
    st.lists(st.sampled_from("abcdefgh"), max_size=3, unique=True),
    st.sampled_from(["ADD", "OBSERVE", "DELETE"]),
)


def as_xml(fields):
    """The XML of an event made by `pack` or `ship`."""
    root = etree.Element(fields["type"])
    for name, value in fields.items():
        if name != "type":
            element = etree.SubElement(root, name)
            element.text = value if isinstance(value, str) else None
            for code in value if isinstance(value, list) else ():
                etree.SubElement(element, "epc").text = code
    return etree.tostring(root).decode()


@given(st.lists(EVENTS, max_size=8))
def test_json_and_xml_of_the_same_events_give_the_same_rows(events):
    from_json = read(*events)
    data = f"<EventList>{''.join(map(as_xml, events))}</EventList>".encode()
    from_xml = read_epcis_xml(data, "a.json")
    assert from_json.frame.equals(from_xml.frame)
    assert from_json.rejects.equals(from_xml.rejects)


@given(st.lists(EVENTS, max_size=12))
def test_any_packing_ends_and_tells_of_every_event(events):
    log = read(*events)
    assert set(log.frame["line"]) == set(range(len(events)))
    assert not log.frame.select("line", "epc_code").is_duplicated().any()
