"""What strangers send is bounded, however small they pack it; nothing of it takes memory first."""

import gzip
import io
import json
import tracemalloc

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scantrail.errors import InputError, TooLargeError
from scantrail.ingest.catalog import read_log
from scantrail.ingest.parquet_size import size_of
from scantrail.vocabulary.bounds import UNBOUNDED, Bounds

ROW = {"epc_code": "X", "event_time": "2025-07-01 10:00:00"}
BOUNDS = Bounds(100_000, 10)
MANY = "log has 11 records; at most 10 are taken at a time, so send it in parts"
LARGE = (
    "log unpacks to more than 100,000 bytes, which are the most that are taken at a time; send it "
    "in parts"
)


def csv(count):
    return "epc_code,event_time\n" + "X,2025-07-01 10:00:00\n" * count


def parquet(frame, **how):
    whole = io.BytesIO()
    frame.write_parquet(whole, **how)
    return whole.getvalue()


def epcis(count):
    event = {
        "type": "ObjectEvent", "action": "OBSERVE", "eventTime": "2024-05-01T10:00:00Z",
        "eventTimeZoneOffset": "+02:00", "bizStep": "shipping",
        "epcList": ["urn:epc:id:sgtin:0614141.112345.400"],
    }  # fmt: skip
    return json.dumps({"type": "EPCISDocument", "epcisBody": {"eventList": [event] * count}})


def unfolded(count):
    """One event of so many items."""
    event = json.loads(epcis(1))["epcisBody"]["eventList"][0]
    event["epcList"] = [f"urn:epc:id:sgtin:0614141.112345.{at}" for at in range(count)]
    return json.dumps({"type": "EPCISDocument", "epcisBody": {"eventList": [event]}})


def xml(count):
    event = "<ObjectEvent><eventTime>2024-05-01T10:00:00Z</eventTime><epcList><epc>x</epc></epcList></ObjectEvent>"
    return (
        '<e:EPCISDocument xmlns:e="urn:epcglobal:epcis:xsd:1"><EPCISBody><EventList>'
        f"{event * count}</EventList></EPCISBody></e:EPCISDocument>"
    )


LOGS = {
    "csv": lambda count: csv(count).encode(),
    "csv that is no plain one": lambda count: csv(count).replace("\n", "\r").encode(),
    "csv in UTF-16": lambda count: csv(count).encode("utf-16"),
    "packed csv": lambda count: gzip.compress(csv(count).encode()),
    "json": lambda count: json.dumps([ROW] * count).encode(),
    "json of what is no record": lambda count: json.dumps([1] * count).encode(),
    "json by lines": lambda count: (json.dumps(ROW) + "\n").encode() * count,
    "epcis": lambda count: epcis(count).encode(),
    "epcis that unfolds": lambda count: unfolded(count).encode(),
    "epcis in xml": lambda count: xml(count).encode(),
    "parquet": lambda count: parquet(pl.DataFrame([ROW] * count)),
}


@pytest.mark.parametrize("kind", LOGS)
def test_more_records_than_may_be_are_refused(tmp_path, kind):
    path = tmp_path / "log"
    path.write_bytes(LOGS[kind](11))
    with pytest.raises(TooLargeError) as caught:
        read_log(path, bounds=BOUNDS)
    assert str(caught.value) == MANY
    read_log(path, bounds=UNBOUNDED)
    path.write_bytes(LOGS[kind](10))
    log = read_log(path, bounds=BOUNDS)
    assert len(log.frame) + len(log.rejects) == 10


@pytest.mark.parametrize(
    "packed", [csv(1) + "x" * 10**8, '["' + "x" * 10**8, "\n" * 10**8 + csv(1)]
)
def test_what_unpacks_to_too_much_is_not_unpacked(tmp_path, packed):
    path = tmp_path / "log"
    path.write_bytes(gzip.compress(packed.encode(), 1))
    tracemalloc.start()
    try:
        with pytest.raises(TooLargeError) as caught:
            read_log(path, bounds=Bounds(100_000, 10**9))
        assert tracemalloc.get_traced_memory()[1] < 10**7
    finally:
        tracemalloc.stop()
    assert str(caught.value) == LARGE


def test_what_is_packed_twice_is_unpacked_once(tmp_path):
    path = tmp_path / "log"
    path.write_bytes(gzip.compress(gzip.compress(b"x" * 10**6)))
    with pytest.raises(InputError):
        read_log(path, bounds=BOUNDS)


@pytest.mark.parametrize("compression", ["zstd", "gzip", "snappy", "uncompressed"])
def test_a_page_that_unpacks_to_too_much_is_told_by_its_header(tmp_path, compression):
    path = tmp_path / "log"
    path.write_bytes(
        parquet(pl.DataFrame([ROW | {"epc_code": "x" * 10**6}]), compression=compression)
    )
    with pytest.raises(TooLargeError) as caught:
        read_log(path, bounds=BOUNDS)
    assert str(caught.value) == LARGE


def test_a_value_that_is_stored_once_counts_in_every_row(tmp_path):
    path = tmp_path / "log"
    path.write_bytes(parquet(pl.DataFrame([ROW | {"epc_code": "x" * 20_000}] * 10)))
    assert size_of(path.read_bytes(), "log").size < 100_000
    with pytest.raises(TooLargeError) as caught:
        read_log(path, bounds=BOUNDS)
    assert str(caught.value) == LARGE


@pytest.mark.parametrize(
    "how", [{}, {"row_group_size": 7}, {"data_page_size": 100}, {"statistics": "full"},
            {"use_pyarrow": False, "compression": "lz4"}],
)  # fmt: skip
def test_what_a_file_holds_is_told_without_unpacking_it(how):
    rows = [ROW | {"epc_code": f"X{at}", "event_id": at if at % 3 else None} for at in range(100)]
    told = size_of(parquet(pl.DataFrame(rows), **how), "log")
    assert told.rows == 100
    assert 1_000 < told.size < 20_000


WHOLE = parquet(pl.DataFrame([ROW] * 3))


@given(st.integers(4, len(WHOLE) - 1), st.binary(max_size=6))
def test_damage_is_told_and_never_more(at, put):
    damaged = WHOLE[:at] + put + WHOLE[at + len(put) :]
    try:
        told = size_of(damaged, "log")
    except InputError as error:
        assert str(error) == "log is a damaged Parquet file; write it again"  # noqa: PT017
    else:
        assert told.rows >= 0


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1PAR1", b"PAR1" + b"\x00" * 8 + b"PAR1",
                                  b"PAR1\xff\xff\xff\x7fPAR1", b"PAR1" + b"\x1c" * 500 + b"\xf4\x01\x00\x00PAR1"])  # fmt: skip
def test_what_is_no_file_at_all_is_told(data):
    with pytest.raises(InputError) as caught:
        size_of(data, "log")
    assert str(caught.value) == "log is a damaged Parquet file; write it again"
