"""How much a log may hold, where it comes from strangers: small files can unpack to huge ones."""

from __future__ import annotations

import sys
from typing import Final, NamedTuple

from scantrail.errors import TooLargeError


class Bounds(NamedTuple):
    """What a log may hold: bytes once it is unpacked, and records.

    Of a text file, each line counts as a record.
    """

    size: int
    records: int

    def check_records(self, count: int, source: str) -> None:
        """Refuse more records than may be.

        Raises:
            TooLargeError: There are more.
        """
        if count > self.records:
            raise TooLargeError(
                f"{source} has {count:,} records; at most {self.records:,} are taken at a time, "
                "so send it in parts"
            )

    def check_size(self, size: int, source: str) -> None:
        """Refuse more bytes than may be.

        Raises:
            TooLargeError: There are more.
        """
        if size > self.size:
            raise TooLargeError(
                f"{source} unpacks to more than {self.size:,} bytes, which are the most that are "
                "taken at a time; send it in parts"
            )


UNBOUNDED: Final = Bounds(sys.maxsize, sys.maxsize)
