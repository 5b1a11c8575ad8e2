"""A delimited text taken apart line by line, for logs that are not wholly regular.

Each record is either its fields or a fault. A quote that is never closed, or that stands where none
belongs, costs its own line alone: it must not swallow the rows after it.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

_SPAN: Final = 20  # a quoted field may go on over this many lines; beyond, the quote is a slip
_QUOTED: Final = re.compile(r'"([^"]*(?:""[^"]*)*)"(?!")')
_OPEN: Final = "a quote is opened and never closed"
_FIXES: Final = {
    "the line holds null bytes": "export the log again; text has no null bytes",
    "the line holds bytes that fit no encoding": "save the whole file as UTF-8",
    _OPEN: "close the quote, or double it within a quoted field",
    "text follows a closing quote": "double the quotes within a quoted field",
}
_COUNT_FIX: Final = "quote fields that hold the delimiter, and give every row all of its fields"
_CUT_FIX: Final = "copy or export the log again, to its end"


class Record(NamedTuple):
    """One row of the text: where it begins (from 1), its fields, and what is wrong with it."""

    line: int
    fields: list[str]
    text: str = ""
    fault: str | None = None

    @property
    def fix(self) -> str:
        """How to mend the fault."""
        fault = self.fault or ""
        return _CUT_FIX if fault.startswith("the file ends") else _FIXES.get(fault, _COUNT_FIX)


class Sorted(NamedTuple):
    """A text's rows: plainly regular ones stay as they are, the others are taken apart."""

    regular: bytes
    lines: npt.NDArray[np.int64]  #: where each regular row stands, from 1
    odd: list[Record]


def sort_out(data: bytes, delimiter: str, header: list[str], on_line: int) -> Sorted:
    """Sort the lines after the header line; blank lines are no rows.

    Args:
        data: The whole text as UTF-8, but for bytes that fit no encoding.
        delimiter: One ASCII character.
        header: The names in the header line.
        on_line: Where the header line stands, from 0.
    """
    lines = _Lines(data)
    width = len(header)
    while width and not header[width - 1].strip():
        width -= 1
    plain = lines.plain(delimiter, len(header) - 1)
    plain[: on_line + 1] = False
    odd = []
    after = on_line + 1
    for at in np.flatnonzero(~plain).tolist():
        if at >= after and lines.text(at).strip(" \r"):
            record, taken = _record(lines, at, delimiter, width)
            if record.fault and at + taken == len(lines):
                record = _perhaps_cut(record, width)
            odd.append(record)
            after = at + taken
            plain[at:after] = False
    return Sorted(lines.chosen(plain), np.flatnonzero(plain) + 1, odd)


class _Lines:
    """The lines of a text, found without making a string of each."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.codes = np.frombuffer(data, np.uint8)
        self.ends = np.flatnonzero(self.codes == ord("\n"))
        if not data.endswith(b"\n"):
            self.ends = np.append(self.ends, len(data))
        self.starts = np.append(0, self.ends[:-1] + 1)

    def __len__(self) -> int:
        """Number of lines, and one more, empty one, where the last ends with its line feed."""
        return len(self.ends) + self.data.endswith(b"\n")

    def text(self, at: int, count: int = 1) -> str:
        """Some lines without their last end; bytes that fit no encoding are lone surrogates."""
        if at + count > len(self.ends):
            return ""
        text = self.data[self.starts[at] : self.ends[at + count - 1]]
        return text.decode("utf-8", "surrogateescape").removesuffix("\r")

    def plain(self, delimiter: str, count: int) -> npt.NDArray[np.bool_]:
        """Which lines hold so many delimiters, and nothing that needs a closer look."""
        plain: npt.NDArray[np.bool_] = (
            (self._holding(delimiter) == count)
            & (self._holding('"') == 0)
            & (self._holding("\x00") == 0)
        )
        try:
            self.data.decode("utf-8")
        except UnicodeDecodeError:
            for at in np.flatnonzero(plain).tolist():
                plain[at] = _unreadable(self.text(at)) is None
        return plain

    def _holding(self, character: str) -> npt.NDArray[np.int64]:
        """How many of a character each line holds."""
        places = np.flatnonzero(self.codes == ord(character))
        return np.diff(np.searchsorted(places, self.ends), prepend=0)

    def chosen(self, which: npt.NDArray[np.bool_]) -> bytes:
        """The chosen lines, joined."""
        turns = np.flatnonzero(np.diff(which.astype(np.int8), prepend=0, append=0))
        runs = zip(turns[::2].tolist(), turns[1::2].tolist(), strict=True)
        return b"".join(self.data[self.starts[a] : self.ends[b - 1]] + b"\n" for a, b in runs)


def _record(lines: _Lines, at: int, delimiter: str, width: int) -> tuple[Record, int]:
    """The record that begins at a line, and how many lines it takes."""
    line = lines.text(at)
    fields, fault = _fields(line, delimiter)
    if fault is None:
        return _checked(Record(at + 1, fields, line), width), 1
    for taken in range(2, min(_SPAN, len(lines) - at) + 1):
        if '"' not in lines.text(at + taken - 1):
            continue
        text = lines.text(at, taken)
        more, still = _fields(text, delimiter)
        if still is None:
            record = _checked(Record(at + 1, more, text), width)
            if record.fault is None:
                return record, taken
        if still != _OPEN:
            break
    return Record(at + 1, fields, line, _unreadable(line) or fault), 1


def _fields(text: str, delimiter: str) -> tuple[list[str], str | None]:
    """Fields, as far as they can be told, and the fault. A quote counts at a field's begin only."""
    fields: list[str] = []
    at = 0
    while True:
        if text.startswith('"', at):
            match = _QUOTED.match(text, at)
            if match is None:
                return fields, _OPEN
            fields.append(match[1].replace('""', '"'))
            at = match.end()
            if at < len(text) and text[at] != delimiter:
                return fields, "text follows a closing quote"
        else:
            end = text.find(delimiter, at)
            fields.append(text[at : end if end >= 0 else len(text)])
            at = end if end >= 0 else len(text)
        if at >= len(text):
            return fields, None
        at += 1


def _checked(record: Record, width: int) -> Record:
    """The record with its fault, if any; empty fields beyond the header's are dropped."""
    fault = _unreadable(record.text)
    fields = record.fields
    while len(fields) > width and not fields[-1].strip():
        fields.pop()
    if fault is None and len(fields) != width:
        fault = f"the row has {len(fields)} field{'s' * (len(fields) > 1)}, the header {width}"
    return record if fault is None else record._replace(fault=fault)


def _unreadable(text: str) -> str | None:
    if "\x00" in text:
        return "the line holds null bytes"
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            return "the line holds bytes that fit no encoding"
    return None


def _perhaps_cut(record: Record, width: int) -> Record:
    """The last record of a text that ends without a newline: it is short because it was cut."""
    count = len(record.fields)
    if count >= width or "\x00" in record.text:
        return record
    fault = f"the file ends within this row: it has {count} of {width} fields"
    return record._replace(fault=fault)
