"""What a Parquet file unpacks to, told by its pages' own headers before any of them is unpacked.

A page of a few bytes can unpack to gigabytes, and what the file's footer says of its sizes need
not be true. No library that reads these headers is small enough to depend on for it; of Thrift's
compact protocol, which they are written in, little is needed.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from scantrail.errors import InputError

_MAGIC: Final = b"PAR1"
_MOST_FOOTER: Final = 4 * 2**20  # bytes; that of a log of a thousand row groups is far smaller
_MOST_PAGES: Final = 100_000
_DEEPEST: Final = 16  # how deep structures are nested; they are not half as deep


class Size(NamedTuple):
    """What a file holds: bytes of all pages unpacked, and rows (values of the longest column)."""

    size: int
    rows: int


def size_of(data: bytes, source: str) -> Size:
    """What a Parquet file holds.

    Args:
        data: The whole file.
        source: Its name, for messages.

    Raises:
        InputError: It is damaged, or has more pages than any log.
    """
    try:
        return _Pages(data).size()
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{source} is a damaged Parquet file; write it again") from error


class _Pages:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._left = _MOST_PAGES

    def size(self) -> Size:
        """All pages of all columns; of rows, what the footer says is believed if it is more."""
        length = int.from_bytes(self._data[-8:-4], "little")
        start = len(self._data) - 8 - length
        if not self._data.endswith(_MAGIC) or start < 4 or length > _MOST_FOOTER:
            raise ValueError(length)
        footer = _Compact(self._data, start).struct()
        size, rows = 0, 0
        for group in footer[4]:
            values = [0]
            for column in group[1]:
                unpacked, count = self._column(column[3])
                size += unpacked
                values.append(count)
            rows += max(values)
        return Size(size, max(rows, footer[3]))

    def _column(self, about: dict[int, Any]) -> tuple[int, int]:
        """Bytes unpacked, and values."""
        at = min(start for start in (about[9], about.get(11, 0)) if start > 0)
        end = min(at + about[7], len(self._data))
        size, values = 0, 0
        while at < end:
            self._left -= 1
            reader = _Compact(self._data, at)
            page = reader.struct()
            if self._left < 0 or page[2] < 0 or page[3] < 0:
                raise ValueError(self._left)
            size += page[2]
            values += (page.get(5) or page.get(8) or {1: 0})[1]
            at = reader.at + page[3]
        return size, values


class _Compact:
    """Reads structures of Thrift's compact protocol as numbered fields."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data, self.at = data, at

    def struct(self, depth: int = 0) -> dict[int, Any]:
        if depth > _DEEPEST:
            raise ValueError(depth)
        fields: dict[int, Any] = {}
        number = 0
        while (head := self._byte()) != 0:
            number = number + (head >> 4) if head >> 4 else self._number()
            kind = head & 15
            fields[number] = kind == 1 if kind in (1, 2) else self._value(kind, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        if kind in (1, 2, 3):  # truth values in lists, and bytes
            return self._byte()
        if kind in (4, 5, 6):
            return self._number()
        if kind == 7:
            return self._bytes(8)
        if kind == 8:
            return self._bytes(self._size())
        if kind in (9, 10):
            return self._list(depth)
        if kind == 12:
            return self.struct(depth + 1)
        raise ValueError(kind)  # a map: none are used

    def _list(self, depth: int) -> list[Any]:
        if depth > _DEEPEST:
            raise ValueError(depth)
        head = self._byte()
        count = self._size() if head >> 4 == 15 else head >> 4
        return [self._value(head & 15, depth + 1) for _ in range(count)]

    def _bytes(self, count: int) -> bytes:
        start, self.at = self.at, self.at + count
        if self.at > len(self._data):
            raise IndexError(count)
        return self._data[start : self.at]

    def _byte(self) -> int:
        value = self._data[self.at]
        self.at += 1
        return value

    def _size(self) -> int:
        value, shift = 0, 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
            if shift > 63:
                raise ValueError(shift)

    def _number(self) -> int:
        value = self._size()
        return (value >> 1) ^ -(value & 1)
