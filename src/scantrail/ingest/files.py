"""Getting at the bytes: is it there, is it readable, how is it packed and encoded."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple, NoReturn

import numpy as np

from scantrail.errors import InputError
from scantrail.vocabulary.bounds import UNBOUNDED, Bounds

_HEAD: Final = 1 << 16
_CHUNK: Final = 1 << 18  # fits the processor's cache
_SAMPLE: Final = 1000  # lines with other than ASCII characters that decide on the encoding
_MAGICS: Final = {
    b"PK\x03\x04": "a zip archive (or a spreadsheet); unpack it, or export it as CSV",
    b"\xd0\xcf\x11\xe0": "an old spreadsheet; export it as CSV",
    b"%PDF": "a PDF; export the log as CSV",
    b"\x89PNG": "a picture; give the scan log itself",
    b"7z\xbc\xaf": "a 7z archive; unpack it",
    b"(\xb5/\xfd": "a Zstandard archive; unpack it",
    b"BZh": "a bzip2 archive; unpack it",
}
_BOM: Final = b"\xef\xbb\xbf"
_BOMS_16: Final = (b"\xff\xfe", b"\xfe\xff")


def read_head(path: Path) -> bytes:
    """The first 64 KiB of a file, unpacked if gzip; an InputError says why it can't be read."""
    if path.is_dir():
        raise InputError(f"{path} is a folder; expected a file (CSV, TSV, Parquet, JSON or XML)")
    if path.exists() and not path.is_file():
        raise InputError(f"{path} is a pipe or a device; write the log to a file first")
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist; check the path") from error
    except OSError as error:
        raise InputError(
            f"{path} can't be read: {error.strerror}; check its permissions"
        ) from error
    if is_gzip(head):
        head = _unpacked(head, path)
    if not head:
        raise InputError(f"{path} is empty; expected a scan log with a header line")
    for magic, what in _MAGICS.items():
        if head.startswith(magic):
            raise InputError(f"{path} is {what}")
    return head


def _unpacked(head: bytes, path: Path) -> bytes:
    """The first 64 KiB of what the first bytes of a gzip file hold."""
    unpacker = zlib.decompressobj(wbits=31)
    try:
        unpacked = unpacker.decompress(head, _HEAD)
    except zlib.error as error:
        _damaged(path, error)
    if not unpacked and not unpacker.eof:
        _damaged(path, EOFError("it ends within its header"))
    return unpacked


def _damaged(path: Path, error: Exception) -> NoReturn:
    raise InputError(f"{path} is a damaged gzip file ({error}); pack or copy it again") from error


def is_gzip(head: bytes) -> bool:
    """Whether bytes start a gzip stream."""
    return head.startswith(b"\x1f\x8b")


def is_utf16(head: bytes) -> bool:
    """Whether bytes start with the mark of UTF-16."""
    return head.startswith(_BOMS_16)


def read_bytes(path: Path, bounds: Bounds = UNBOUNDED) -> bytes:
    """The whole file, unpacked if gzip.

    Raises:
        TooLargeError: It unpacks to more than may be; no more than that was unpacked.
    """
    try:
        data = path.read_bytes()
        if not is_gzip(data):
            return data
        with gzip.GzipFile(fileobj=BytesIO(data)) as packed:
            unpacked = packed.read(-1 if bounds == UNBOUNDED else bounds.size + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        _damaged(path, error)
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}") from error
    bounds.check_size(len(unpacked), path.name)
    return unpacked


def to_utf8(data: bytes, where: str) -> bytes:
    """Bytes of a text file as UTF-8 without BOM; UTF-16 is told by its BOM, CP949 by its bytes.

    Raises:
        InputError: It is none of these throughout.
    """
    data = data.removeprefix(_BOM)
    if _fits(data, "utf-8"):
        return data
    try:
        return data.decode(_other_encoding(data)).encode("utf-8")
    except UnicodeDecodeError as error:
        _undecodable(error, where)


def to_text(data: bytes, where: str) -> str:
    """A text file as text, as `to_utf8`; a few bytes that fit no encoding become lone surrogates.

    Raises:
        InputError: Damaged UTF-16.
    """
    data = data.removeprefix(_BOM)
    if _fits(data, "utf-8"):
        return data.decode("utf-8")
    encoding = _other_encoding(data)
    try:
        return data.decode(encoding, "strict" if encoding == "utf-16" else "surrogateescape")
    except UnicodeDecodeError as error:
        _undecodable(error, where)


def _other_encoding(data: bytes) -> str:
    """What text that is not wholly UTF-8 is in: what more of its lines fit."""
    if is_utf16(data):
        return "utf-16"
    odd = list(islice((line for line in data.split(b"\n") if not line.isascii()), _SAMPLE))
    korean = sum(_fits(line, "cp949") for line in odd)
    return "cp949" if korean > sum(_fits(line, "utf-8") for line in odd) else "utf-8"


def _fits(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _undecodable(error: UnicodeDecodeError, where: str) -> NoReturn:
    other = "UTF-16" if error.encoding.startswith("utf-16") else "CP949"
    raise InputError(
        f"{where} is neither UTF-8 nor {other} text: byte {error.start} does not fit; "
        f"save it as UTF-8"
    ) from error


class Marks(NamedTuple):
    """What a text file's bytes say of its shape."""

    lines: int  #: lines up to the last that is not blank
    blank: int  #: blank lines at the end
    delimiters: int
    has_null: bool
    has_quote: bool


def count_marks(source: Path | bytes, delimiter: str) -> Marks:
    """Count lines and delimiters, wherever they stand."""
    lines = delimiters = 0
    has_null = has_quote = False
    tail = b""
    for chunk in _chunks(source):
        codes = np.frombuffer(chunk, np.uint8)
        lines += int(np.count_nonzero(codes == ord("\n")))
        delimiters += int(np.count_nonzero(codes == ord(delimiter)))
        has_null = has_null or b"\x00" in chunk
        has_quote = has_quote or b'"' in chunk
        tail = chunk if len(chunk) >= _HEAD else (tail + chunk)[-_HEAD:]
    end = tail[len(tail.rstrip(b" \r\n")) :]
    unended = not end.endswith(b"\n")
    lines += unended
    blank = max(end.count(b"\n") - 1 + unended, 0)
    return Marks(lines - blank, blank, delimiters, has_null, has_quote)


def count_unquoted(data: bytes, delimiter: str) -> int | None:
    """Count delimiters outside of quotes; None if a quote stands where none belongs."""
    codes = np.frombuffer(data, np.uint8)
    quoted = codes == ord('"')
    places = np.flatnonzero(quoted)
    edges = [ord(delimiter), ord('"'), ord("\n")]
    begins = np.isin(np.arange(256), edges)
    ends = np.isin(np.arange(256), [*edges, ord("\r")])
    before = codes[np.maximum(places - 1, 0)]
    after = codes[np.minimum(places + 1, len(codes) - 1)]
    if not (begins[before] | ends[after]).all():
        return None
    outside = ~np.cumsum(quoted, dtype=np.uint8) & 1  # an even number of quotes so far
    return int(np.count_nonzero((codes == ord(delimiter)) & outside))


def _chunks(source: Path | bytes) -> Iterator[bytes]:
    if isinstance(source, bytes):
        yield from (source[at : at + _CHUNK] for at in range(0, len(source), _CHUNK))
        return
    with source.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk
