import gzip
import io
import os
import re
import zipfile
from pathlib import Path

import pytest

from scantrail.errors import InputError
from scantrail.ingest.files import count_marks, read_bytes, read_head, to_text, to_utf8


def _write(folder: Path, data: bytes, name: str = "log.csv") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def _zip() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(zipfile.ZipInfo("notes.txt"), "no log")  # without the time of day
    return packed.getvalue()


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)  # a test's name must be the same in every process


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "is empty; expected a scan log with a header line"),
        (_gzip(b""), "is empty; expected a scan log with a header line"),
        (_zip(), "is a zip archive (or a spreadsheet); unpack it, or export it as CSV"),
        (_gzip(_zip()), "is a zip archive (or a spreadsheet); unpack it, or export it as CSV"),
        (b"%PDF-1.7", "is a PDF; export the log as CSV"),
        (b"\xd0\xcf\x11\xe0\xa1", "is an old spreadsheet; export it as CSV"),
        (b"\x89PNG\r\n", "is a picture; give the scan log itself"),
        (b"7z\xbc\xaf\x27\x1c", "is a 7z archive; unpack it"),
        (b"(\xb5/\xfd", "is a Zstandard archive; unpack it"),
        (b"BZh91AY", "is a bzip2 archive; unpack it"),
        (b"\x1f\x8b", "is a damaged gzip file (it ends within its header); pack or copy it again"),
        (
            b"\x1f\x8bgarbage",
            "is a damaged gzip file (Error -3 while decompressing data: unknown compression "
            "method); pack or copy it again",
        ),
    ],
)  # fmt: skip
def test_what_is_no_log_is_named_with_its_cure(tmp_path, data, problem):
    path = _write(tmp_path, data)
    with pytest.raises(InputError, match=f"^{re.escape(f'{path} {problem}')}$"):
        read_head(path)


def test_a_folder_a_missing_file_and_a_device_are_named(tmp_path):
    for path, problem in (
        (tmp_path, "is a folder; expected a file (CSV, TSV, Parquet, JSON or XML)"),
        (tmp_path / "gone.csv", "does not exist; check the path"),
        (Path(os.devnull), "is a pipe or a device; write the log to a file first"),
    ):
        with pytest.raises(InputError, match=f"^{re.escape(f'{path} {problem}')}$"):
            read_head(path)


def test_a_pipe_is_refused_instead_of_losing_its_first_block(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(InputError, match="is a pipe or a device; write the log to a file first$"):
        read_head(path)


def test_a_file_without_read_permission_is_named(tmp_path, monkeypatch):
    path = _write(tmp_path, b"x")
    path.chmod(0)
    if os.access(path, os.R_OK):  # root may read everything

        def refuse(*_args, **_kwargs):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "open", refuse)
        monkeypatch.setattr(Path, "read_bytes", refuse)
    for read, cure in ((read_head, "; check its permissions"), (read_bytes, "")):
        with pytest.raises(InputError) as caught:
            read(path)
        assert str(caught.value) == f"{path} can't be read: Permission denied{cure}"


def test_the_head_of_a_gzip_file_is_its_content(tmp_path):
    assert read_head(_write(tmp_path, gzip.compress(b"epc_code,event_time\n"))) == (
        b"epc_code,event_time\n"
    )


@pytest.mark.parametrize("kept", [12, 30, -9, -1])
def test_a_gzip_file_cut_short_is_an_error_not_half_a_log(tmp_path, kept):
    packed = gzip.compress(b"".join(b"%d,2025-07-01\n" % i for i in range(1000)))
    path = _write(tmp_path, packed[:kept])
    with pytest.raises(InputError) as caught:
        read_bytes(path)
    assert str(caught.value) == (
        f"{path} is a damaged gzip file (Compressed file ended before the end-of-stream marker "
        f"was reached); pack or copy it again"
    )


def test_gzip_members_one_after_the_other_are_one_file(tmp_path):
    assert read_bytes(_write(tmp_path, gzip.compress(b"a\n") + gzip.compress(b"b\n"))) == b"a\nb\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949", "utf-16"])
def test_any_usual_encoding_becomes_utf8(encoding):
    text = "scan_location,x\n전북_도매상1,1\n똠방각하,2\n"
    assert to_utf8(text.encode(encoding), "log.csv") == text.encode()
    assert to_text(text.encode(encoding), "log.csv") == text


def test_damaged_utf8_does_not_pass_for_korean():
    korean = "전북물류센터\n" * 50  # an even number of syllables: its bytes pass for CP949
    damaged = korean.encode() + b"\xff\n"
    assert to_text(damaged, "log.csv") == korean + "\udcff\n"
    with pytest.raises(InputError) as caught:
        to_utf8(damaged, "log.csv")
    assert str(caught.value) == (
        "log.csv is neither UTF-8 nor CP949 text: byte 950 does not fit; save it as UTF-8"
    )


def test_damaged_utf16_is_an_error():
    for read in (to_utf8, to_text):
        with pytest.raises(InputError) as caught:
            read("가나\n".encode("utf-16")[:-1], "log.csv")
        assert str(caught.value) == (
            "log.csv is neither UTF-8 nor UTF-16 text: byte 6 does not fit; save it as UTF-8"
        )


@pytest.mark.parametrize(
    ("data", "lines", "blank", "delimiters"),
    [
        (b"a,b\n1,2\n", 2, 0, 2),
        (b"a,b\n1,2", 2, 0, 2),
        (b"a,b\r\n1,2\r\n", 2, 0, 2),
        (b"a,b\n1,2\n\n\r\n \n", 2, 3, 2),
        (b"a,b\n1,2\n\n\n  ", 2, 3, 2),
        (b"a,b\n\n1,2\n", 3, 0, 2),
        (b"a,b", 1, 0, 1),
    ],
)
def test_lines_and_delimiters_are_counted_on_disk_as_in_memory(
    tmp_path, data, lines, blank, delimiters
):
    for source in (data, _write(tmp_path, data)):
        marks = count_marks(source, ",")
        assert (marks.lines, marks.blank, marks.delimiters) == (lines, blank, delimiters)


def test_null_bytes_and_quotes_are_seen_beyond_the_first_block(tmp_path):
    data = b"a,b\n" * 200_000 + b'"\x00\n'
    marks = count_marks(_write(tmp_path, data), ",")
    assert (marks.lines, marks.delimiters, marks.has_null, marks.has_quote) == (
        200_001,
        200_000,
        True,
        True,
    )
