"""The API's records in files, in every shape, and what is said of those that are none."""

import json
import re

import pytest

from scantrail.errors import InputError
from scantrail.ingest.api_json import read_api_json
from scantrail.vocabulary.events import REJECTS

RECORD = {"event_id": 7, "epc_code": "X", "event_time": "2025-07-01 10:00:00", "location_id": 4,
          "file_id": 3, "business_step": "WMS", "event_type": "WMS_Inbound", "extra": {"a": 1}}  # fmt: skip
CELLS = (0, "7", "3", "X", "4", None, "WMS", "WMS_Inbound", "2025-07-01 10:00:00")


def read(value):
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    log = read_api_json(data, "log.json")
    assert log.rejects.schema == REJECTS
    return log


@pytest.mark.parametrize(
    "value", [{"data": [RECORD]}, [RECORD], RECORD, {"data": [RECORD], "more": True}]
)
def test_every_shape_of_a_record_list_is_read(value):
    assert read(value).frame.rows() == [CELLS]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949", "utf-16"])
def test_one_record_a_line_in_any_usual_encoding(encoding):
    line = json.dumps(RECORD | {"scan_location": "전북_도매상1"}, ensure_ascii=False)
    log = read(f"{line}\n\n{line}\n".encode(encoding))
    assert log.frame["scan_location"].to_list() == ["전북_도매상1"] * 2
    assert log.frame["line"].to_list() == [0, 1]


def test_older_spellings_are_the_same_fields():
    old = {"eventId": 7, "epcCode": "X", "eventTime": "2025-07-01 10:00:00", "locationId": 4,
           "fileId": 3, "business_step": "WMS", "event_type": "WMS_Inbound"}  # fmt: skip
    assert read([old]).frame.rows() == [CELLS]


def test_a_value_that_is_neither_text_nor_number_is_kept_as_its_json():
    log = read([{"epc_code": ["가"], "event_time": True, "location_id": 7.5, "file_id": "",
                 "event_id": None}])  # fmt: skip
    row = log.frame.row(0, named=True)
    assert (row["epc_code"], row["event_time"], row["location_id"]) == ('["가"]', "true", "7.5")
    assert row["file_id"] is row["event_id"] is None


def test_what_is_no_record_is_rejected_and_the_others_kept():
    log = read([RECORD, 7, None, ["x" * 200]])
    assert log.frame["line"].to_list() == [0]
    assert log.rejects.select("line", "value", "reason", "fix").rows() == [
        (1, "7", "the record is no object", FIX),
        (2, "null", "the record is no object", FIX),
        (3, ('["' + "x" * 200)[:80], "the record is no object", FIX),
    ]


FIX = 'write each record as {"epc_code": …, "event_time": …}'


@pytest.mark.parametrize("line", ["{broken", '{"epc_code": NaN}', "[" * 5000])
def test_a_line_that_is_no_json_costs_itself_alone(line):
    good = json.dumps(RECORD)
    log = read(f"{good}\n{line}\n{good}\n".encode())
    assert log.frame["line"].to_list() == [0, 2]
    [reject] = log.rejects.to_dicts()
    assert (reject["line"], reject["value"], reject["fix"]) == (1, line[:80], FIX)
    assert re.fullmatch(r"the line is no JSON \(.+\)", reject["reason"])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"{}", 'log.json holds no list of records; expected {"data": [{"epc_code": …}, …]}'),
        (b"7", 'log.json holds no list of records; expected {"data": [{"epc_code": …}, …]}'),
        (b'{"data": 7}', 'log.json holds no list of records; expected {"data": [{"epc_code": …}, …]}'),
        (b"[" * 100_000, "log.json is nested too deeply to be a list of records"),
    ],
    ids=["object", "number", "no list", "deep"],
)  # fmt: skip
def test_what_holds_no_records_is_refused(data, message):
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        read(data)


@pytest.mark.parametrize("data", [b"", b"nope", b"[1, 2", b'{"data": [NaN]}', b"\x00"])
def test_what_is_no_json_is_refused(data):
    wanted = (
        r"^log\.json is no valid JSON \(.+\); expected a list of records or one per line$"
    )  # fmt: skip
    with pytest.raises(InputError, match=wanted):
        read(data)


def test_ten_megabytes_in_one_value():
    assert len(read([RECORD | {"epc_code": "x" * 10_000_000}]).frame["epc_code"][0]) == 10_000_000


def test_no_records_are_no_rows():
    assert len(read([]).frame) == len(read({"data": []}).frame) == 0
