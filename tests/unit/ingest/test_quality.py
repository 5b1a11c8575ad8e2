"""Raw text into typed events: every row is an event or a Reject, and doubts are flagged."""

import polars as pl
import pytest

from scantrail.ingest.quality import standardise
from scantrail.vocabulary.events import EVENTS, REJECTS, Flag, RawLog

TIME = "2025-07-01 10:00:00"


def read(rows, **more):
    columns = {
        name: [row.get(name) for row in rows] for name in dict.fromkeys(k for r in rows for k in r)
    }
    frame = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String)).with_row_index(
        "line", 2
    )
    return standardise(RawLog(frame, source="log.csv"), zone="Asia/Seoul", **more)


def row(**changes):
    return {"epc_code": "X", "event_time": TIME} | changes


def test_what_a_log_leaves_out_is_null_numbered_or_the_default():
    events = read([row(), row()], file_id=9)
    assert events.frame.drop("time", "offset").rows() == [
        (0, 1, 9, "X", None, None, None, None, 0), (1, 2, 9, "X", None, None, None, None, 0)
    ]  # fmt: skip
    assert events.frame.schema == EVENTS
    assert events.frame["offset"].to_list() == [540, 540]


@pytest.mark.parametrize(
    ("text", "number"),
    [("7", 7), (" 7 ", 7), ("7.0", 7), ("-7", -7), ("+7.00", 7), ("007", 7), ("", None),
     (None, None)],
)  # fmt: skip
def test_whole_numbers_however_written(text, number):
    for name in ("location_id", "file_id"):
        frame = read([row(**{name: text}), row(**{name: "1"})], file_id=0).frame
        assert frame[name][0] == (0 if number is None and name == "file_id" else number)
        assert frame["flags"].to_list() == [0, 0]


@pytest.mark.parametrize("text", ["7.5", "x", "NaN", "1e3", "9" * 19, "٧"])
def test_what_is_no_whole_number_is_set_aside_and_flagged(text):
    frame = read([row(location_id=text, file_id=text), row(location_id="1")], file_id=0).frame
    assert frame.select("location_id", "file_id", "flags").rows() == [
        (None, 0, Flag.LOCATION_UNREADABLE | Flag.FILE_ID_UNREADABLE), (1, 0, 0)
    ]  # fmt: skip


def test_event_ids_are_numbers_where_all_are_else_as_written():
    assert read([row(event_id="7"), row(event_id=None)]).frame["event_id"].to_list() == [7, None]
    mixed = read([row(event_id="7"), row(event_id="A-1"), row(event_id=None)]).frame["event_id"]
    assert mixed.to_list() == ["7", "A-1", None]
    assert read([row(event_id="7"), row(event_id="7")]).frame["event_id"].to_list() == [7, 7]


@pytest.mark.parametrize(
    ("changes", "column", "value", "reason", "fix"),
    [
        ({"epc_code": None}, "epc_code", None, "the code is missing",
         "give the EPC that was scanned"),
        ({"epc_code": ""}, "epc_code", None, "the code is missing",
         "give the EPC that was scanned"),
        ({"event_time": None}, "event_time", None, "the time is missing",
         "write a real date and time as YYYY-MM-DD HH:MM:SS, or ISO 8601 with an offset"),
        ({"event_time": "x" * 100}, "event_time", "x" * 80, "the time can't be read",
         "write a real date and time as YYYY-MM-DD HH:MM:SS, or ISO 8601 with an offset"),
        ({"event_time": "2025-02-29 10:00:00"}, "event_time", "2025-02-29 10:00:00",
         "the time can't be read",
         "write a real date and time as YYYY-MM-DD HH:MM:SS, or ISO 8601 with an offset"),
        ({"epc_code": None, "event_time": None}, "epc_code", None, "the code is missing",
         "give the EPC that was scanned"),
    ],
)  # fmt: skip
def test_an_unreadable_row_is_a_reject_that_says_all(changes, column, value, reason, fix):
    events = read([row(), row(event_id="E7", file_id="4", **changes), row(file_id="5")])
    assert events.frame["row"].to_list() == [0, 2]
    assert events.rejects.schema == REJECTS
    assert events.rejects.row(0, named=True) == {
        "file": "log.csv", "line": 3, "row": 1, "event_id": "E7", "file_id": 4, "column": column,
        "value": value, "reason": reason, "fix": fix,
    }  # fmt: skip


def test_a_site_in_another_zone_reads_its_own_clock():
    events = read(
        [row(location_id="1"), row(location_id="2"), row()], site_zones={1: "Europe/Vienna"}
    )
    assert events.frame["time"].dt.hour().to_list() == [8, 1, 1]
    assert events.frame["offset"].to_list() == [120, 540, 540]


def test_flags_of_the_reader_stay():
    frame = pl.DataFrame(
        {"line": [0], "epc_code": ["X"], "event_time": [TIME], "location_id": ["?"],
         "flags": pl.Series([Flag.EXPANDED], dtype=pl.UInt16)}
    )  # fmt: skip
    told = standardise(RawLog(frame), zone="UTC").frame["flags"][0]
    assert told == Flag.EXPANDED | Flag.LOCATION_UNREADABLE


@pytest.mark.parametrize("others", [1, 1000])
def test_nul_characters_are_shown_not_kept(others):
    events = read([row(epc_code="a\0b", scan_location="\0"), *[row()] * others])
    assert events.frame["epc_code"].to_list() == ["a\ufffdb", *["X"] * others]
    assert events.frame["scan_location"].to_list() == ["\ufffd", *[None] * others]
