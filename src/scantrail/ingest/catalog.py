"""Every input format, explicitly, and how to tell which one a file is in."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from scantrail.errors import InputError
from scantrail.ingest.api_json import read_api_json
from scantrail.ingest.epcis import read_epcis_json, read_epcis_xml
from scantrail.ingest.files import is_utf16, read_bytes, read_head
from scantrail.ingest.tabular import read_delimited, read_parquet
from scantrail.vocabulary.bounds import UNBOUNDED, Bounds
from scantrail.vocabulary.events import RawLog
from scantrail.vocabulary.protocols import Reader

_EPCIS: Final = re.compile(
    rb'"(?:epcisBody|eventList|@context|schemaVersion|isA|epcList|bizStep)"'
    rb'|"type"\s*:\s*"\w+(?:Event|Document)"'
)


def _of_bytes(read: Callable[[bytes, str, Bounds], RawLog]) -> Reader:
    return lambda path, bounds=UNBOUNDED: read(read_bytes(path, bounds), path.name, bounds)


READERS: Final[dict[str, Reader]] = {
    "csv": read_delimited,
    "parquet": read_parquet,
    "json": _of_bytes(read_api_json),
    "epcis-json": _of_bytes(read_epcis_json),
    "epcis-xml": _of_bytes(read_epcis_xml),
}


def format_of(path: Path) -> str:
    """The format of a file by its first bytes; its name does not matter.

    Raises:
        InputError: Not there, empty, a folder, unreadable, or packed in a way not known here.
    """
    head = read_head(path)
    if head.startswith(b"PAR1"):
        return "parquet"
    if is_utf16(head):
        head = head[: len(head) // 2 * 2].decode("utf-16", "replace").encode()
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"<"):
        return "epcis-xml"
    if text.startswith((b"{", b"[")):
        return "epcis-json" if _EPCIS.search(head) else "json"
    return "csv"


def read_log(path: Path, file_format: str | None = None, bounds: Bounds = UNBOUNDED) -> RawLog:
    """Read a log in any known format.

    Args:
        path: The file; gzip is unpacked.
        file_format: A key of `READERS`; told from the content if None.
        bounds: What it may hold.

    Raises:
        InputError: The file can't be read as that format.
        TooLargeError: It holds more than may be.
    """
    name = file_format or format_of(path)
    if name not in READERS:
        raise InputError(f"'{name}' is no format; expected one of {', '.join(READERS)}")
    return READERS[name](path, bounds)
