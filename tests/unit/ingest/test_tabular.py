import gzip
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from scantrail.errors import InputError
from scantrail.ingest.quality import standardise
from scantrail.ingest.tabular import read_delimited, read_parquet
from scantrail.vocabulary.events import REJECTS, Flag

CODE = "001.8804823.1293291.010004.20250701.000004002"
TIME = "2025-07-01 10:34:17"
HEADER = "scan_location,location_id,epc_code,event_time,factory"
ROW = f"전북_도매상1,29,{CODE},{TIME},icn"


@pytest.fixture
def read(tmp_path):
    """(rows as (line, place, id, code, time), rejects as (line, value, reason)) of a text."""

    def reading(data: str | bytes, name: str = "log.csv"):
        path = tmp_path / name
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        raw = read_delimited(path)
        assert raw.source == name
        assert raw.rejects.schema == REJECTS
        rows = raw.frame.select(
            "line", "scan_location", pl.col("location_id").cast(pl.String), "epc_code", "event_time"
        ).rows()
        return rows, raw.rejects.select("line", "value", "reason").rows()

    return reading


def row(line: int, place: str | None = "전북_도매상1") -> tuple:
    return (line, place, "29", CODE, TIME)


@pytest.mark.parametrize("delimiter", ["\t", ",", ";", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949", "utf-16"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_any_delimiter_encoding_and_newline(read, delimiter, encoding, newline):
    text = newline.join([HEADER, ROW, ROW, ""]).replace(",", delimiter)
    assert read(text.encode(encoding)) == ([row(2), row(3)], [])
    assert read(text.removesuffix(newline).encode(encoding)) == ([row(2), row(3)], [])
    assert read(gzip.compress(text.encode(encoding)), "log.csv.gz") == ([row(2), row(3)], [])


def test_columns_in_any_order_case_and_spelling_beside_others(read):
    header = "Factory,EVENT TIME,extra,EpcCode,Location_ID,scanLocation,"
    assert read(f"{header}\nicn,{TIME},x,{CODE},29,전북_도매상1,\n") == ([row(2)], [])


def test_a_missing_optional_column_is_simply_absent(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(f"epc_code,event_time\n{CODE},{TIME}\n")
    assert read_delimited(path).frame.columns == ["line", "epc_code", "event_time"]


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        (
            "epc_code,location_id",
            "has no column event_time; expected a header line with at least epc_code and "
            "event_time, found: epc_code, location_id",
        ),
        (
            "hello",
            "has no column epc_code and no column event_time; expected a header line with at "
            "least epc_code and event_time, found: hello",
        ),
        (
            "epc_code,event_time,event_time",
            "has the column event_time 2 times (columns 2 and 3); rename or remove all but one",
        ),
        (
            "Epc Code,EPCCODE,event_time",
            "has the column epc_code 2 times (columns 1 and 2); rename or remove all but one",
        ),
        ("\x7fELF\x00\x01\x02", "is no text file: its first line holds null bytes"),
    ],
)
def test_an_unusable_header_is_an_error_with_its_cure(tmp_path, header, problem):
    path = tmp_path / "log.csv"
    path.write_text(f"\n{header}\n{CODE},{TIME},x\n")
    with pytest.raises(InputError) as caught:
        read_delimited(path)
    assert str(caught.value) == f"{path} {problem}"


@pytest.mark.parametrize("text", [b"\n \r\n\n", b"\xef\xbb\xbf", b"   "])
def test_nothing_but_blanks_is_an_error(tmp_path, text):
    path = tmp_path / "log.csv"
    path.write_bytes(text)
    with pytest.raises(InputError) as caught:
        read_delimited(path)
    assert str(caught.value) == (
        f"{path} has no column epc_code and no column event_time; expected a header line with at "
        f"least epc_code and event_time, found: none"
    )


def test_the_exact_name_wins_over_one_that_is_alike(read):
    assert read(f"{HEADER},EPC Code,epc_code2\n{ROW},x,y\n") == ([row(2)], [])


def test_twice_the_same_name_does_not_matter_where_it_is_not_asked_for(read):
    assert read(f"{HEADER},note,note\n{ROW},x,y\n") == ([row(2)], [])


@pytest.mark.parametrize("text", [HEADER, f"{HEADER}\n", f"{HEADER}\r\n\r\n", f"\n{HEADER}"])
def test_a_header_alone_is_an_empty_log(read, text):
    assert read(text) == ([], [])


def test_blank_lines_are_no_rows_but_count_as_lines(read):
    assert read(f"{HEADER}\n{ROW}\n\n\n") == ([row(2)], [])
    assert read(f"{HEADER}\n{ROW}\n \n\r\n  ") == ([row(2)], [])
    assert read(f"\n\n{HEADER}\n\n{ROW}\n \n\r\n{ROW}\n\n") == ([row(5), row(8)], [])


def test_a_row_of_empty_cells_is_a_row(read):
    rows, rejects = read(f"{HEADER}\n,,,,\n{ROW}\n")
    assert rows == [(2, None, None, None, None), row(3)]
    assert rejects == []


def test_ragged_rows_are_rejected_and_no_other(read):
    long, short = f"{ROW},more", ROW.removesuffix(",icn")
    rows, rejects = read(f"{HEADER}\n{ROW}\n{long}\n{short}\n{ROW},\nx\n{ROW}\n")
    assert rows == [row(2), row(5), row(7)]
    assert rejects == [
        (3, long[:80], "the row has 6 fields, the header 5"),
        (4, short[:80], "the row has 4 fields, the header 5"),
        (6, "x", "the row has 1 field, the header 5"),
    ]


def test_a_place_with_a_bare_delimiter_does_not_shift_the_code(read):
    rows, rejects = read(f"{HEADER}\n{ROW}\nSeoul, {ROW}\n")
    assert rows == [row(2)]
    assert [reject[0] for reject in rejects] == [3]


def test_a_reject_says_where_what_why_and_how_to_mend_it(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(f"{HEADER}\n{ROW},{'x' * 100}\n", encoding="utf-8")
    assert read_delimited(path).rejects.to_dicts() == [
        {
            "file": "log.csv",
            "line": 2,
            "row": None,
            "event_id": None,
            "file_id": None,
            "column": None,
            "value": f"{ROW},{'x' * 100}"[:80],
            "reason": "the row has 6 fields, the header 5",
            "fix": "quote fields that hold the delimiter, and give every row all of its fields",
        }
    ]


@pytest.mark.parametrize(
    ("line", "reason", "fix"),
    [
        ("a\x00b,1,c,d,e", "the line holds null bytes", "export the log again; text has no null bytes"),
        ('"a,1,c,d,e', "a quote is opened and never closed", "close the quote, or double it within a quoted field"),
        ('"a"b,1,c,d,e', "text follows a closing quote", "double the quotes within a quoted field"),
        ("a,b", "the row has 2 fields, the header 5", "quote fields that hold the delimiter, and give every row all of its fields"),
        (b"\xff\xfe,1,c,d,e", "the line holds bytes that fit no encoding", "save the whole file as UTF-8"),
    ],
)  # fmt: skip
def test_each_fault_of_a_line_has_its_cure(tmp_path, line, reason, fix):
    path = tmp_path / "log.csv"
    data = line if isinstance(line, bytes) else line.encode()
    path.write_bytes(f"{HEADER}\n{ROW}\n".encode() + data + f"\n{ROW}\n".encode())
    raw = read_delimited(path)
    assert raw.rejects.select("line", "reason", "fix").rows() == [(3, reason, fix)]
    assert raw.frame["line"].to_list() == [2, 4]


def test_a_file_cut_within_a_row_rejects_that_row(tmp_path):
    path = tmp_path / "log.csv"
    whole = f"{HEADER}\n{ROW}\n{ROW}".encode()
    for kept in range(len(f"{HEADER}\n{ROW}\n".encode()) + 1, len(whole) - len(",icn") + 1):
        path.write_bytes(whole[:kept])
        raw = read_delimited(path)
        assert raw.frame["line"].to_list() == [2]
        (reject,) = raw.rejects.to_dicts()
        assert reject["line"] == 3
        fields = whole[:kept].decode("utf-8", "replace").rsplit("\n", 1)[1].count(",") + 1
        assert reject["reason"] == f"the file ends within this row: it has {fields} of 5 fields"


def test_a_cut_file_is_to_be_copied_again(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(f"{HEADER}\nx,1,00", encoding="utf-8")
    assert read_delimited(path).rejects.select("reason", "fix").row(0) == (
        "the file ends within this row: it has 3 of 5 fields",
        "copy or export the log again, to its end",
    )


def test_quoted_fields_hold_delimiters_quotes_and_newlines(read):
    tall = "한\n" * 10
    rows, rejects = read(
        f'{HEADER}\n"a,b",29,{CODE},{TIME},icn\n"say ""hi""",29,{CODE},{TIME},"x\ny"\n'
        f'"{tall}",29,{CODE},{TIME},icn\n{ROW}\n'
    )
    assert rejects == []
    assert rows == [row(2, "a,b"), row(3, 'say "hi"'), row(5, tall), row(16)]


def test_quotes_around_every_field_and_the_header(read):
    quoted = "\n".join(
        ",".join(f'"{cell}"' for cell in line.split(",")) for line in (HEADER, ROW, ROW)
    )
    assert read(quoted) == ([row(2), row(3)], [])
    assert read(f'{quoted}\n"x"\n')[1] == [(4, '"x"', "the row has 1 field, the header 5")]


def test_a_quote_within_a_field_is_a_character(read):
    rows, rejects = read(f'{HEADER}\n5" pipe,29,{CODE},{TIME},icn\n{ROW}\n6" pipe,29,,,\n{ROW}\n')
    assert rejects == []
    assert [(line, place) for line, place, *_ in rows] == [
        (2, '5" pipe'),
        (3, "전북_도매상1"),
        (4, '6" pipe'),
        (5, "전북_도매상1"),
    ]


def test_a_stray_quote_costs_its_own_line_alone(read):
    lines = [ROW] * 60
    for stray in (3, 30, 31, 59):
        lines[stray] = f'"{ROW}'
    rows, rejects = read("\n".join([HEADER, *lines, ""]))
    assert [reject[0] for reject in rejects] == [5, 32, 33, 61]
    assert {reject[2] for reject in rejects} == {"a quote is opened and never closed"}
    assert rows == [row(n) for n in range(2, 62) if n not in (5, 32, 33, 61)]


def test_a_few_damaged_lines_are_rejected_and_the_rest_keeps_its_encoding(read):
    for encoding in ("utf-8", "cp949"):
        good = f"{ROW}\n".encode(encoding)
        bad = f"x,1,{CODE},{TIME},".encode() + b"\xff\xff\n"
        rows, rejects = read(f"{HEADER}\n".encode() + good + bad + good)
        assert rows == [row(2), row(4)]
        assert [(line, reason) for line, _, reason in rejects] == [
            (3, "the line holds bytes that fit no encoding")
        ]


def test_a_tail_of_null_bytes_is_one_reject(read):
    rows, rejects = read(f"{HEADER}\n{ROW}\n" + "\x00" * 5000)
    assert rows == [row(2)]
    assert rejects == [(3, "\\0" * 80, "the line holds null bytes")]


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_cell_of_ten_megabytes(read, quote):
    huge = "x" * 10_000_000
    rows, rejects = read(f"{HEADER}\n{quote}{huge}{quote},29,{CODE},{TIME},icn\n{ROW}\nx\n")
    assert [len(place) for _, place, *_ in rows] == [10_000_000, 7]
    assert rejects == [(4, "x", "the row has 1 field, the header 5")]


def test_an_unclosed_quote_before_ten_megabytes_is_rejected(read):
    huge = "x" * 10_000_000
    rows, rejects = read(f'{HEADER}\n"{huge}\n{ROW}\n')
    assert rows == [row(3)]
    assert rejects == [(2, '"' + "x" * 79, "a quote is opened and never closed")]


@pytest.mark.parametrize("ids", [["1", "2"], ["1", ""], ["1", "NaN"], ["1", "7.0"], ["1", "x"]])
def test_ids_are_kept_as_written(tmp_path, ids):
    path = tmp_path / "log.csv"
    lines = [f"{CODE},{TIME},{ident}" for ident in ids]
    path.write_text("\n".join(["epc_code,event_time,location_id", *lines]))
    read = read_delimited(path).frame["location_id"].cast(pl.String).to_list()
    assert read == [ident or None for ident in ids]


@pytest.mark.parametrize("name", ["log[1].csv", "log*.csv", "로그 (1).tsv", "no_suffix"])
def test_a_file_name_is_no_pattern(read, tmp_path, name):
    (tmp_path / "log1.csv").write_text("epc_code,event_time\nother,\n")
    assert read(f"{HEADER}\n{ROW}\n", name) == ([row(2)], [])


# Properties


CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8)
TABLES = st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=8)


def _csv(table, delimiter: str, quote_all: bool, newline: str) -> str:
    def cell(text: str) -> str:
        special = quote_all or any(c in text for c in f'{delimiter}"\n\r')
        return '"' + text.replace('"', '""') + '"' if special else text

    header = delimiter.join(["epc_code", "event_time", "scan_location"])
    lines = [delimiter.join(cell(text) for text in cells) for cells in table]
    return newline.join([header, *lines, ""])


def _read_text(folder: Path, data: bytes):
    path = folder / "property.csv"
    path.write_bytes(data)
    return read_delimited(path)


@settings(max_examples=50)
@given(TABLES, st.sampled_from("\t,;|"), st.booleans(), st.sampled_from(["\n", "\r\n"]))
def test_reading_what_was_written_gives_the_same_rows(
    tmp_path_factory, table, delimiter, quote_all, newline
):
    folder = tmp_path_factory.getbasetemp()
    raw = _read_text(folder, _csv(table, delimiter, quote_all, newline).encode())
    assert raw.rejects.is_empty()
    read = raw.frame.select("epc_code", "event_time", "scan_location").fill_null("")
    assert read.rows() == table


PIECES = st.sampled_from(["a", '"', '""', ",", ",", "\n", "\r\n", " ", "한", f"{CODE},", "\x00"])


@settings(max_examples=150)
@given(st.lists(PIECES, max_size=40).map("".join))
def test_every_line_is_a_row_or_a_reject(tmp_path_factory, body):
    folder = tmp_path_factory.getbasetemp()
    raw = _read_text(folder, f"epc_code,event_time\n{body}".encode())
    lines = body.split("\n")
    filled = {n for n, line in enumerate(lines, start=2) if line.strip(" \r")}
    found = [*raw.frame["line"], *raw.rejects["line"]]
    assert len(found) == len(set(found))
    within = set()  # lines that a quoted field of the row before them spans
    for line, *cells in raw.frame.rows():
        newlines = sum(cell.count("\n") for cell in cells if isinstance(cell, str))
        within |= set(range(line + 1, line + newlines + 1))
    assert set(found) | within >= filled
    assert set(found) <= filled
    assert not set(found) & within
    assert raw.frame["line"].is_sorted()


@settings(max_examples=40)
@given(st.lists(st.sampled_from(["a,b", "c", '"d",e', "", "f,g,h", 'i,"j', ",", "k,"]), max_size=9))
def test_rows_do_not_depend_on_their_neighbours(tmp_path_factory, lines):
    folder = tmp_path_factory.getbasetemp()
    header = "epc_code,event_time\n"

    def rows_of(text):
        return _read_text(folder, (header + text).encode()).frame.drop("line").rows()

    together = rows_of("\n".join([*lines, ""]))
    assert together == [row for line in lines for row in rows_of(f"{line}\n")]


# Parquet


def _parquet(folder: Path, **columns) -> Path:
    path = folder / "log[1].parquet"
    pl.DataFrame({"epc_code": [CODE], "event_time": [TIME], **columns}).write_parquet(path)
    return path


@pytest.mark.parametrize(
    "time",
    [
        datetime(2025, 7, 1, 10, 34, 17),  # noqa: DTZ001
        datetime(2025, 7, 1, 1, 34, 17, tzinfo=UTC),
        "2025-07-01T10:34:17+09:00",
    ],
)
def test_parquet_times_may_be_timestamps(tmp_path, time):
    events = standardise(read_parquet(_parquet(tmp_path, event_time=[time])), zone="Asia/Seoul")
    assert events.frame["time"].item() == datetime(2025, 7, 1, 1, 34, 17, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "read", "flag"),
    [
        (pl.Series([29], dtype=pl.Int8), 29, Flag.NONE),
        (pl.Series([29], dtype=pl.UInt64), 29, Flag.NONE),
        (pl.Series([29.0]), 29, Flag.NONE),
        (pl.Series(["29"], dtype=pl.Categorical), 29, Flag.NONE),
        (pl.Series([None]), None, Flag.NONE),
        (pl.Series([29.5]), None, Flag.LOCATION_UNREADABLE),
        (pl.Series([float("nan")]), None, Flag.LOCATION_UNREADABLE),
        (pl.Series([float("inf")]), None, Flag.LOCATION_UNREADABLE),
        (pl.Series([2**63], dtype=pl.UInt64), None, Flag.LOCATION_UNREADABLE),
        (pl.Series([2**100], dtype=pl.Int128), None, Flag.LOCATION_UNREADABLE),
        (pl.Series([True]), None, Flag.LOCATION_UNREADABLE),
    ],
)
def test_parquet_ids_of_any_type(tmp_path, value, read, flag):
    events = standardise(read_parquet(_parquet(tmp_path, location_id=value)), zone="Asia/Seoul")
    assert events.frame.select("location_id", "flags").row(0) == (read, flag)


def test_parquet_lines_count_from_zero(tmp_path):
    path = tmp_path / "log.parquet"
    pl.DataFrame({"event_time": ["x", "y"], "EPC_Code": ["a", None]}).write_parquet(path)
    assert read_parquet(path).frame.select("line", "epc_code", "event_time").rows() == [
        (0, "a", "x"),
        (1, None, "y"),
    ]


def test_a_parquet_column_that_is_no_plain_value_is_an_error(tmp_path):
    path = _parquet(tmp_path, epc_code=[[b"\xff"]])
    with pytest.raises(InputError) as caught:
        read_parquet(path)
    assert str(caught.value) == (
        f"{path}, column epc_code: List(Binary) can't be read as text; write it as text, number "
        f"or timestamp"
    )


def test_a_parquet_file_without_codes_is_an_error(tmp_path):
    path = tmp_path / "log.parquet"
    pl.DataFrame({"event_time": [TIME], "x": [1]}).write_parquet(path)
    with pytest.raises(InputError) as caught:
        read_parquet(path)
    assert str(caught.value) == (
        f"{path} has no column epc_code; expected a header line with at least epc_code and "
        f"event_time, found: event_time, x"
    )


@pytest.mark.parametrize("kept", [4, 8, 100, -1, -20])
def test_a_damaged_parquet_file_is_an_error(tmp_path, kept):
    whole = io.BytesIO()
    pl.DataFrame({"epc_code": [CODE] * 50, "event_time": [TIME] * 50}).write_parquet(whole)
    path = tmp_path / "log.parquet"
    path.write_bytes(whole.getvalue()[:kept])
    with pytest.raises(InputError, match=r"is a damaged Parquet file: .+; write it again$"):
        read_parquet(path)


MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1))  # noqa: DTZ001
EVENTS = st.lists(
    st.tuples(
        st.text("0123456789.ab한", min_size=1, max_size=50),
        MOMENTS.map(lambda t: t - timedelta(microseconds=t.microsecond)),
        st.none() | st.integers(-5, 200),
        st.none() | st.text("가나_1", min_size=1, max_size=5),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=40)
@given(EVENTS, st.sampled_from("\t,;|"))
def test_delimited_text_and_parquet_give_the_same_events(tmp_path_factory, events, delimiter):
    folder = tmp_path_factory.getbasetemp()
    names = ["epc_code", "event_time", "location_id", "scan_location"]
    table = pl.DataFrame(events, schema=names, orient="row", infer_schema_length=None)
    table.write_csv(folder / "same.csv", separator=delimiter, datetime_format="%Y-%m-%d %H:%M:%S")
    table.write_parquet(folder / "same.parquet")
    text = standardise(read_delimited(folder / "same.csv"), zone="Asia/Seoul")
    binary = standardise(read_parquet(folder / "same.parquet"), zone="Asia/Seoul")
    assert text.rejects.is_empty()
    assert_frame_equal(text.frame, binary.frame)
