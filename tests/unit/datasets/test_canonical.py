"""Digests are of the content: not of chunks, writers, widths or the order of rows."""

import hashlib

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scantrail.datasets.canonical import CONTENT, digest, events_digest, file_digest, short_digest

FRAMES = st.lists(
    st.tuples(
        st.none() | st.integers(-(2**40), 2**40),
        st.none() | st.text(max_size=4).filter(lambda text: text.isprintable()),
        st.none() | st.floats(allow_nan=False),
    ),
    max_size=20,
).map(
    lambda rows: pl.DataFrame(
        rows, schema={"n": pl.Int64, "t": pl.String, "r": pl.Float64}, orient="row"
    )
)


@settings(max_examples=30)
@given(FRAMES, st.integers(0, 20))
def test_how_a_table_is_cut_into_chunks_does_not_matter(frame, at):
    assert digest(pl.concat([frame[:at], frame[at:]], rechunk=False)) == digest(frame)


@settings(max_examples=30)
@given(FRAMES)
def test_any_change_of_any_row_shows(frame):
    assert digest(
        pl.concat([frame, pl.DataFrame([[0], ["x"], [0.0]], schema=frame.schema)])
    ) != digest(frame)
    if len(frame):
        assert digest(frame.with_columns(n=pl.col("n").fill_null(0) + 1)) != digest(frame)
        assert digest(frame.with_columns(t=pl.col("t").fill_null("") + "x")) != digest(frame)


@pytest.mark.parametrize("how", [{"compression": "zstd"}, {"compression": "uncompressed"},
                                 {"compression": "gzip", "row_group_size": 3, "statistics": False}])  # fmt: skip
def test_writers_may_vary(tmp_path, how):
    frame = pl.DataFrame(
        {"n": [1, None, 3, 4], "t": ["a", None, "", "가"], "r": [0.5, None, -1, 2]}
    )
    files = [tmp_path / "plain.parquet", tmp_path / "other.parquet"]
    frame.write_parquet(files[0])
    frame.write_parquet(files[1], **how)
    if how != {"compression": "zstd"}:
        assert file_digest(files[0]) != file_digest(files[1])
    assert digest(pl.read_parquet(files[0])) == digest(pl.read_parquet(files[1])) == digest(frame)


def test_letters_do_not_run_from_one_cell_into_the_next():
    tables = [["ab", "c"], ["a", "bc"], ["abc", ""], ["abc", None]]
    assert len({digest(pl.DataFrame({"t": cells})) for cells in tables}) == 4


def test_null_is_no_zero_and_names_and_kinds_count():
    one = pl.DataFrame({"n": [0]})
    others = [{"n": [None]}, {"m": [0]}, {"n": [0.0]}, {"n": ["0"]}, {"n": [0, 0]}]
    schemas = [{"n": pl.Int64}, None, None, None, None]
    digests = {
        digest(pl.DataFrame(each, schema)) for each, schema in zip(others, schemas, strict=True)
    }
    assert len(digests | {digest(one)}) == 6


def test_widths_of_numbers_do_not_count():
    wide = pl.DataFrame({"n": pl.Series([1, None], dtype=pl.Int64)})
    assert digest(wide) == digest(wide.cast(pl.UInt16))


def test_the_digest_is_the_one_that_it_always_was():
    """So that versions built years ago can still be checked, whatever libraries do meanwhile."""
    frame = pl.DataFrame({"n": [1, None], "t": ["é", None], "r": [0.5, None]})
    whole = hashlib.sha256(b"2 rows")
    for name, lengths, values in (
        (b"\nn whole\n", b"\0\1", (1).to_bytes(8, "little") + bytes(8)),
        (b"\nt text\n", (2).to_bytes(4, "little") + b"\xff" * 4, "é".encode()),
        (b"\nr real\n", b"\0\1", b"\0\0\0\0\0\0\xe0\x3f" + bytes(8)),
    ):
        whole.update(name)
        whole.update(hashlib.sha256(lengths).digest() + hashlib.sha256(values).digest())
    assert digest(frame) == whole.hexdigest()


@settings(max_examples=30)
@given(st.permutations(range(5)))
def test_the_order_of_events_does_not_matter(order):
    frame = pl.DataFrame({name: [None, "a", "b", "b", None] for name in CONTENT})
    assert events_digest(frame[list(order)]) == events_digest(frame)


def test_plain_values_have_one_digest_whatever_their_order():
    assert short_digest({"a": (1, 2), "b": None}) == short_digest({"b": None, "a": [1, 2]})
    assert len(short_digest({})) == 16
