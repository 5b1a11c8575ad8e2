"""Getting at the bytes: is it there, is it readable, how is it packed and encoded."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import Final

import numpy as np

from scantrail.errors import InputError

_CHUNK: Final = 1 << 18  # fits the processor's cache
_NEWLINE: Final = 10
_MAGICS: Final = {
    b"PK\x03\x04": "a zip archive (or a spreadsheet); unpack it, or export it as CSV",
    b"\xd0\xcf\x11\xe0": "an old spreadsheet; export it as CSV",
    b"%PDF": "a PDF; export the log as CSV",
    b"\x89PNG": "a picture; give the scan log itself",
    b"7z\xbc\xaf": "a 7z archive; unpack it",
    b"(\xb5/\xfd": "a Zstandard archive; unpack it",
    b"BZh": "a bzip2 archive; unpack it",
}


def read_head(path: Path) -> bytes:
    """The first 64 KiB of a file, unpacked if gzip; an InputError says why it can't be read."""
    if path.is_dir():
        raise InputError(f"{path} is a folder; expected a file (CSV, TSV, Parquet, JSON or XML)")
    try:
        with path.open("rb") as file:
            head = file.read(1 << 16)
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist; check the path") from error
    except OSError as error:
        raise InputError(
            f"{path} can't be read: {error.strerror}; check its permissions"
        ) from error
    if not head:
        raise InputError(f"{path} is empty; expected a scan log with a header line")
    for magic, what in _MAGICS.items():
        if head.startswith(magic):
            raise InputError(f"{path} is {what}")
    if is_gzip(head):
        head = zlib.decompressobj(wbits=31).decompress(head, 1 << 16)
    return head


def is_gzip(head: bytes) -> bool:
    """Whether bytes start a gzip stream."""
    return head.startswith(b"\x1f\x8b")


def read_bytes(path: Path) -> bytes:
    """The whole file, unpacked if gzip."""
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if is_gzip(data) else data
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(
            f"{path} is a damaged gzip file ({error}); pack or copy it again"
        ) from error
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}") from error


def to_utf8(data: bytes, where: str) -> bytes:
    """Bytes of a text file as UTF-8 without BOM; UTF-16 by its BOM, otherwise CP949 is tried."""
    if data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _decoded(data, "utf-16", where)
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return _decoded(data, "cp949", where)
    return data


def _decoded(data: bytes, encoding: str, where: str) -> bytes:
    try:
        return data.decode(encoding).encode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{where} is neither UTF-8 nor {encoding.upper()} text: byte {error.start} does not "
            f"fit; save it as UTF-8"
        ) from error


def count_lines(path: Path) -> int:
    """How many lines a file has; a last one without its newline counts."""
    lines, last = 0, _NEWLINE
    chunk = np.empty(_CHUNK, np.uint8)
    with path.open("rb", buffering=0) as file:
        while size := file.readinto(chunk.data):
            lines += int(np.count_nonzero(chunk[:size] == _NEWLINE))
            last = int(chunk[size - 1])
    return lines + (last != _NEWLINE)
