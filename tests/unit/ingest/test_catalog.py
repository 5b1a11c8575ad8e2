"""A file's format is told by its content, whatever its name."""

import gzip
import io
import json

import polars as pl
import pytest

from scantrail.errors import InputError
from scantrail.ingest.catalog import READERS, format_of, read_log

CSV = "epc_code,event_time\nX,2025-07-01 10:00:00\n"
JSON = json.dumps([{"epc_code": "X", "event_time": "2025-07-01 10:00:00"}])
EPCIS = json.dumps({"type": "EPCISDocument", "epcisBody": {"eventList": []}})
XML = '<?xml version="1.0"?><epcis:EPCISDocument xmlns:epcis="urn:epcglobal:epcis:xsd:1"/>'


def _parquet():
    whole = io.BytesIO()
    pl.DataFrame({"epc_code": ["X"], "event_time": ["2025-07-01 10:00:00"]}).write_parquet(whole)
    return whole.getvalue()


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (CSV.encode(), "csv"),
        (CSV.encode("utf-16"), "csv"),
        (JSON.encode(), "json"),
        (JSON.encode("utf-8-sig"), "json"),
        (f"\n  {JSON}".encode(), "json"),
        (JSON.encode("utf-16"), "json"),
        (EPCIS.encode(), "epcis-json"),
        (EPCIS.encode("utf-16"), "epcis-json"),
        (XML.encode(), "epcis-xml"),
        (XML.encode("utf-8-sig"), "epcis-xml"),
    ],
)
def test_a_format_is_told_by_the_first_bytes(tmp_path, data, name):
    for packed in (data, gzip.compress(data)):
        path = tmp_path / "log.pdf"
        path.write_bytes(packed)
        assert format_of(path) == name


@pytest.mark.parametrize(
    "data", [CSV.encode(), JSON.encode(), _parquet()], ids=["csv", "json", "parquet"]
)
def test_each_format_gives_the_same_row(tmp_path, data):
    path = tmp_path / "log"
    path.write_bytes(data)
    frame = read_log(path).frame
    assert frame.select("epc_code", "event_time").rows() == [("X", "2025-07-01 10:00:00")]


def test_a_format_may_be_named_and_an_unknown_one_is_refused(tmp_path):
    path = tmp_path / "log"
    path.write_text(CSV, encoding="utf-8")
    assert len(read_log(path, "csv").frame) == 1
    with pytest.raises(InputError) as caught:
        read_log(path, "xlsx")
    assert str(caught.value) == f"'xlsx' is no format; expected one of {', '.join(READERS)}"
