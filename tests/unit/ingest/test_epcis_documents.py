"""Documents that can't be read at all, or that mean harm."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scantrail.errors import InputError
from scantrail.ingest.epcis import read_epcis_json, read_epcis_xml
from scantrail.ingest.epcis_event import as_text
from scantrail.vocabulary.events import Flag

EVENT = (
    "<ObjectEvent><eventTime>2024-05-01T10:00:00Z</eventTime><epcList><epc>urn:x:1</epc></epcList>"
    "<action>OBSERVE</action></ObjectEvent>"
)
DOCUMENT = f"<EPCISDocument><EPCISBody><EventList>{EVENT}</EventList></EPCISBody></EPCISDocument>"
DOCTYPE = (
    "a.xml: the document has a DOCTYPE with declarations, which EPCIS does not use and attacks on "
    "XML readers do. Remove the <!DOCTYPE …> declaration and send it again."
)


def refusal(read, data, name):
    with pytest.raises(InputError) as caught:
        read(data, name)
    return str(caught.value)


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        (b"", "Expecting value: line 1 column 1 (char 0)"),
        (b"\x00", "Expecting value: line 1 column 1 (char 0)"),
        (b'[{"type": "ObjectEvent"', "Expecting ',' delimiter: line 1 column 24 (char 23)"),
        (DOCUMENT.encode(), "Expecting value: line 1 column 1 (char 0)"),
        (
            b'"\xff"',
            "'utf-8' codec can't decode byte 0xff in position 1: invalid start byte",
        ),
    ],
)
def test_what_is_no_json(data, detail):
    assert refusal(read_epcis_json, data, "a.json") == (
        f"a.json: not readable as JSON ({detail}). A complete EPCIS document was expected; ask its "
        "sender for the file again."
    )


@pytest.mark.parametrize("data", [b"{}", b"7", b"null", b'"x"', b'{"type": "EPCISDocument"}'])
def test_json_without_events(data):
    assert refusal(read_epcis_json, data, "a.json") == (
        "a.json: no events: nowhere in the document is an eventList, and it is no event itself. "
        "An EPCISDocument, an EPCISQueryDocument, a list of events or a single event was expected; "
        "check that the right file was sent."
    )


@pytest.mark.parametrize("data", [b"[" * 100_000, b'{"eventList":' * 50_000, b"[" * 9999])
def test_json_nested_too_deeply(data):
    assert refusal(read_epcis_json, data, "a.json") == (
        "a.json: the JSON is nested too deeply to be read. EPCIS events need about ten levels; "
        "check that the right file was sent."
    )


def test_json_nested_just_short_of_too_deeply():
    code = "[" * 900 + "]" * 900
    log = read_epcis_json(f'[{{"eventTime": "x", "epcList": [{code}]}}]'.encode(), "a.json")
    assert log.rejects["reason"].to_list() == ["an EPC is text, and this is none"]


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999", "1" + "0" * 5000])
def test_numbers_that_json_does_not_know_spoil_nothing_but_are_odd(number):
    data = f"""{{"type": "ObjectEvent", "action": "ADD", "eventTime": "2024-05-01T10:00:00Z",
        "epcList": ["urn:x:1"], "sensorElementList": [{number}]}}"""
    log = read_epcis_json(data.encode(), "a.json")
    assert log.frame.select("epc_code", "flags").rows() == [("urn:x:1", Flag.DOCUMENT_ODD)]


def test_null_bytes_and_lone_surrogates_are_kept_or_replaced():
    data = rb'[{"eventTime": "x", "epcList": ["a\u0000b", "c\ud800d", "e' + b"\x01" + rb'f"]}]'
    log = read_epcis_json(data, "a.json")
    assert log.frame["epc_code"].to_list() == ["a\x00b", "c\ufffdd", "e\x01f"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_json_encodings(encoding):
    event = {"type": "ObjectEvent", "action": "ADD", "eventTime": "x", "epcList": ["반품"]}
    log = read_epcis_json(json.dumps(event, ensure_ascii=False).encode(encoding), "a.json")
    assert log.frame.select("epc_code", "flags").rows() == [("반품", 0)]


def test_a_very_long_code_is_a_code_and_a_very_long_reject_is_cut():
    event = {"eventTime": "x", "epcList": ["u" * 10_000_000, ["x" * 1000]]}
    log = read_epcis_json(json.dumps(event).encode(), "a.json")
    assert log.frame["epc_code"].str.len_chars().to_list() == [10_000_000]
    assert log.rejects["value"].str.len_chars().to_list() == [201]


@pytest.mark.parametrize(
    "data", [b"", b"{}", DOCUMENT[:-9].encode(), b"<a>\x00</a>", b"<a>&x;</a>"]
)
def test_what_is_no_xml(data):
    message = refusal(read_epcis_xml, data, "a.xml")
    assert message.startswith("a.xml: not readable as XML (")
    assert message.endswith(
        "). A complete, well-formed EPCIS document was expected; ask its sender for the file again."
    )


def test_xml_without_events():
    assert refusal(read_epcis_xml, b"<html><body/></html>", "a.xml") == (
        "a.xml: no events: the root element is <html> and nowhere in it is an <EventList>. An "
        "EPCIS document or query result was expected; check that the right file was sent."
    )


BOMB = (
    '<!DOCTYPE a [<!ENTITY a0 "lol">'
    + "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 12))
    + "]>"
)


@pytest.mark.parametrize(
    "data",
    [
        BOMB + DOCUMENT.replace("urn:x:1", "&a11;"),
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
        + DOCUMENT.replace("urn:x:1", "&x;"),
        '<!DOCTYPE a SYSTEM "http://127.0.0.1:9/x.dtd">' + DOCUMENT,
        '<!DOCTYPE a [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]>' + DOCUMENT,
        "<!--<!DOCTYPE a>--><!DOCTYPE a []>" + DOCUMENT,
        '<!DOCTYPE a [<!ATTLIST EventList x CDATA "y">]>' + DOCUMENT,
    ],
)
def test_a_doctype_with_content_is_refused(data):
    assert refusal(read_epcis_xml, data.encode(), "a.xml") == DOCTYPE


def test_a_bomb_in_an_attribute_is_refused_quickly():
    started = time.process_time()
    data = BOMB + DOCUMENT.replace("<EventList>", '<EventList x="&a11;">')
    assert refusal(read_epcis_xml, data.encode(), "a.xml").startswith("a.xml: ")
    assert time.process_time() - started < 2


def test_a_bare_doctype_is_only_odd():
    log = read_epcis_xml(f"<!DOCTYPE project>{DOCUMENT}".encode(), "a.xml")
    assert log.frame.select("epc_code", "flags").rows() == [("urn:x:1", Flag.DOCUMENT_ODD)]


@pytest.mark.parametrize("depth", [300, 100_000])
def test_xml_nested_too_deeply(depth):
    message = refusal(read_epcis_xml, b"<a>" * depth + b"</a>" * depth, "a.xml")
    assert message.startswith("a.xml: not readable as XML (Excessive depth in document")


def test_xml_text_beyond_ten_megabytes_is_refused():
    data = DOCUMENT.replace("urn:x:1", "u" * 10_000_001).encode()
    assert refusal(read_epcis_xml, data, "a.xml").startswith("a.xml: not readable as XML (")


@pytest.mark.parametrize(
    "data",
    [
        EVENT,
        f"<x:EventList xmlns:x='urn:any'>{EVENT}</x:EventList>",
        f"<eventList>{EVENT}</eventList>",
        f"<q:Query xmlns:q='urn:q'><results><EventList>{EVENT}</EventList></results></q:Query>",
        f"<EventList><extension><extension>{EVENT}</extension></extension></EventList>",
        f"<EventList>{EVENT.replace('x:1', 'x<!-- c -->:1')}<!-- c --><?p i?></EventList>",
        f"<Envelope><Body><List>{EVENT}</List></Body></Envelope>",
        DOCUMENT.replace("<epc>", "<n:epc xmlns:n='urn:n'>").replace("</epc>", "</n:epc>"),
    ],
)
def test_wherever_the_events_are_they_are_found(data):
    log = read_epcis_xml(data.encode(), "a.xml")
    assert log.frame.select("line", "epc_code", "flags").rows() == [(0, "urn:x:1", 0)]


def test_xml_bent_but_read():
    bent = EVENT.replace("epcList", "EpcList").replace("OBSERVE", "observe")
    log = read_epcis_xml(f"<EventList>{bent}{bent}</EventList>".encode(), "a.xml")
    assert log.frame["flags"].to_list() == [Flag.DOCUMENT_ODD] * 2


def test_xml_fields_written_twice():
    twice = EVENT.replace("<action>", "<epcList><epc>urn:x:2</epc></epcList><action>")
    twice = twice.replace("<action>", "<eventTime>1999-01-01T00:00:00Z</eventTime><action>")
    log = read_epcis_xml(f"<EventList>{twice}</EventList>".encode(), "a.xml")
    assert log.frame.select("epc_code", "event_time", "flags").rows() == [
        ("urn:x:1", "2024-05-01T10:00:00Z", Flag.DOCUMENT_ODD),
        ("urn:x:2", "2024-05-01T10:00:00Z", Flag.DOCUMENT_ODD),
    ]


def test_a_value_too_deep_to_show():
    value = []
    for _ in range(100_000):
        value = [value]
    assert as_text(value) == "[a value nested too deeply to show]"


def test_latin_1_xml():
    data = f'<?xml version="1.0" encoding="ISO-8859-1"?>{DOCUMENT.replace("x:1", "x:é")}'
    log = read_epcis_xml(data.encode("latin-1"), "a.xml")
    assert log.frame["epc_code"].to_list() == ["urn:x:é"]


def outcome(read, data):
    """The refusal of a document, or "" if it was read."""
    try:
        read(data, "a")
    except InputError as error:
        return str(error)
    return ""


@given(st.binary(max_size=80) | st.text(max_size=80).map(str.encode))
def test_any_bytes_are_read_or_refused(data):
    for read in (read_epcis_json, read_epcis_xml):
        assert outcome(read, data)[:3] in {"", "a: "}


@given(st.integers(0, len(DOCUMENT)), st.binary(max_size=4))
def test_a_damaged_document_is_read_or_refused(at, junk):
    data = DOCUMENT.encode()
    damaged = data[:at] + junk + data[at + len(junk) :]
    assert outcome(read_epcis_xml, damaged)[:3] in {"", "a: "}
