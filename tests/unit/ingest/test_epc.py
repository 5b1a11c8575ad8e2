from datetime import date

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from scantrail.ingest.epc import DECOMPOSED, PARTS, decompose

GOOD = "001.8804823.1293291.010004.20250701.000004002"


def one(code: str | None) -> dict:
    frame = decompose(pl.Series([code], dtype=pl.String))
    assert frame.schema == DECOMPOSED
    return frame.row(0, named=True)


def in_bulk(code: str | None) -> dict:
    """The same, among so many codes that they are taken apart as columns."""
    many = [GOOD] * 40 + [code]
    return decompose(pl.Series(many, dtype=pl.String)).row(40, named=True)


def test_a_code_has_six_parts():
    assert one(GOOD) == {
        "epc_code": GOOD,
        "scheme": "dotted",
        "header": "001",
        "company": "8804823",
        "product": "1293291",
        "lot": "010004",
        "manufacture": "20250701",
        "serial": "000004002",
        **{f"{part}_ok": True for part in PARTS},
        "manufactured": date(2025, 7, 1),
        "reason": None,
        "nearly": None,
    }


@pytest.mark.parametrize(
    ("code", "bad", "reason"),
    [
        ("01.8804823.1293291.010004.20250701.000004002", {"header"}, "header '01' is not 3 digits"),
        (
            "001.88048231.1293291.010004.20250701.000004002",
            {"company"},
            "company '88048231' is not 7 digits",
        ),
        (
            "001.8804823.ABCDEFG.010004.20250701.000004002",
            {"product"},
            "product 'ABCDEFG' is not 7 digits",
        ),
        (
            "001.8804823.１２９３２９１.010004.20250701.000004002",
            {"product"},
            "product '１２９３２９１' is not 7 digits",
        ),
        (
            "001.8804823.1293291.01000X.20250701.000004002",
            {"lot"},
            "lot '01000X' is not 6 digits",
        ),
        (
            "001.8804823.1293291.010004.20250230.000004002",
            {"manufacture"},
            "manufacture date 20250230 is no date",
        ),
        (
            "001.8804823.1293291.010004.00000101.000004002",
            {"manufacture"},
            "manufacture date 00000101 is no date",
        ),
        (
            "001.8804823.1293291.010004.2025070.000004002",
            {"manufacture"},
            "manufacture '2025070' is not 8 digits",
        ),
        (
            "001.8804823.1293291.010004..000004002",
            {"manufacture"},
            "manufacture '' is not 8 digits",
        ),
        (
            "001.8804823.1293291.010004.20250701.²00004002",
            {"serial"},
            "serial '²00004002' is not 9 digits",
        ),
        (
            "001.8804823.1.1.x.1",
            {"product", "lot", "manufacture", "serial"},
            "product '1' is not 7 digits; lot '1' is not 6 digits; manufacture 'x' is not 8 "
            "digits; serial '1' is not 9 digits",
        ),
    ],
)
def test_a_bad_part_is_named_and_the_others_stay_good(code, bad, reason):
    for row in (one(code), in_bulk(code)):
        assert row["scheme"] == "dotted"
        assert {part for part in PARTS if not row[f"{part}_ok"]} == bad
        assert row["reason"] == reason
        assert (row["manufactured"] is None) == ("manufacture" in bad)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (None, "is empty"),
        ("", "is empty"),
        ("   ", "is empty"),
        ("INVALID.FORMAT.EPC", "has 3 parts separated by dots, expected 6"),
        ("x", "has 1 part separated by dots, expected 6"),
        (f"{GOOD}.1", "has 7 parts separated by dots, expected 6"),
        ("\x00", "has 1 part separated by dots, expected 6"),
        ("9" * 10_000_000, "has 1 part separated by dots, expected 6"),
    ],
)
def test_what_is_no_code_has_a_reason_and_no_parts(code, reason):
    for row in (one(code), in_bulk(code)):
        assert row["epc_code"] == code
        assert row["reason"] == reason
        assert row["scheme"] is None
        assert all(row[part] is None and row[f"{part}_ok"] is None for part in PARTS)


@pytest.mark.parametrize(
    "code",
    [
        f" {GOOD} ",
        f"{GOOD}\n",
        GOOD.replace(".", "-"),
        GOOD.replace(".", " "),
        GOOD.replace(".", ""),
        GOOD + GOOD,
        GOOD.replace("1293291", "１２９３２９１"),
        GOOD.translate(str.maketrans("0123456789", ")!@#$%^&*(")).replace(".", "."),
    ],
)
def test_a_scanner_s_slip_points_to_the_code_that_was_meant(code):
    row = one(code)
    assert row["reason"]
    assert row["nearly"] == GOOD


@pytest.mark.parametrize(
    "code", [GOOD, "001.8804823.1293291.010004.20250230.000004002", "A-B", GOOD[:-1]]
)
def test_no_code_is_made_up(code):
    assert one(code)["nearly"] is None


def test_a_gs1_code_has_the_same_fields_where_it_has_them():
    row = one("urn:epc:id:sgtin:0614141.812345.6789")
    assert (row["scheme"], row["company"], row["serial"]) == ("sgtin", "0614141", "6789")
    assert (row["company_ok"], row["serial_ok"], row["reason"]) == (True, True, None)
    assert (row["header"], row["lot"], row["lot_ok"], row["manufactured"]) == (None,) * 4


@pytest.mark.parametrize("codes", [[], [None], [None] * 50, ["x"] * 50, [GOOD] * 50])
def test_any_length_keeps_the_schema(codes):
    frame = decompose(pl.Series(codes, dtype=pl.String))
    assert frame.schema == DECOMPOSED
    assert frame["epc_code"].to_list() == codes


DIGITS = st.text(alphabet="0123456789", max_size=10)
DOTTED = st.tuples(*(st.text("0123456789", min_size=n, max_size=n) for n in PARTS.values()))
CODES = (
    st.none()
    | st.text()
    | st.lists(DIGITS | st.text(max_size=4), max_size=8).map(".".join)
    | DOTTED.map(".".join)
    | st.text(alphabet="()0123456789urn:epcidsgt./-", max_size=60)
)


@given(st.lists(CODES, max_size=30))
@example(["001.8804823.1293291.010004.00000101.000004002"] * 30)
@example(["01)"])
def test_any_text_gives_a_row_of_the_schema(codes):
    frame = decompose(pl.Series(codes, dtype=pl.String))
    assert frame.schema == DECOMPOSED
    assert frame["epc_code"].to_list() == codes
    for row in frame.iter_rows(named=True):
        wrong = [part for part in PARTS if row[f"{part}_ok"] is False]
        if row["reason"] is None:
            assert row["scheme"] is not None
            assert not wrong
        assert all(row[part] is not None for part in PARTS if row[f"{part}_ok"])
        if row["nearly"] is not None:
            assert one(row["nearly"])["reason"] is None


@given(st.lists(CODES, min_size=1, max_size=8))
def test_a_code_means_the_same_alone_and_among_many(codes):
    padded = pl.Series([*codes, *[GOOD] * 30], dtype=pl.String)
    alone = pl.concat([decompose(pl.Series([code], dtype=pl.String)) for code in codes])
    assert_frame_equal(decompose(padded).head(len(codes)), alone)
