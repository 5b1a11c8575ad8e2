"""What a dataset says of itself: where it came from, what was done to it, how good it is."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from functools import lru_cache
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from scantrail.datasets.canonical import short_digest
from scantrail.datasets.quality import Quality
from scantrail.errors import DatasetError

FORMAT: Final = 1
NAME: Final = "manifest.json"


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something that events were read from.

    `kind`: a log file or another dataset. `digest`: SHA-256 of the file's bytes, or the dataset's
    version. `rows`: all rows; `rejected` of them could not be read.
    """

    name: str
    kind: Literal["log", "dataset"]
    digest: str
    rows: int
    rejected: int


class Balance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How balanced sets are drawn: at most so many of a kind, by a seed."""

    per_kind: int
    seed: int = 0


class Recipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was asked for.

    `zone`: of times without an offset. `since`, `until`: only events from the one and before the
    other instant, UTC. `without_sites`: location ids whose scans are left out. `keep_repeats`:
    whether the same scan, uploaded twice, counts twice.
    """

    zone: str = "Asia/Seoul"
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    without_sites: tuple[int, ...] = ()
    keep_repeats: bool = False
    balance: Balance | None = None


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something that cleaning did, to how many events and items, and why; `example`: one."""

    what: str
    why: str
    removed: int = 0
    changed: int = 0
    items: int = 0
    labels: int = 0
    example: str = ""


class TableInfo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table's size and the digest of its content (`canonical.digest`)."""

    rows: int
    digest: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A dataset's manifest.

    `version` follows from sources, parents, recipe and content alone: whoever builds the same again
    gets the same, on any machine and at any time. `code`: what built it. `parents`: versions of
    datasets that it was made from. `items`, `begin`, `end`: of the events that are left, days in
    UTC; `quality` is of all that was read. `seal`: SHA-256 of all the rest.
    """

    version: str
    created: str
    code: str
    recipe: Recipe
    sources: tuple[Source, ...]
    parents: tuple[str, ...]
    tables: dict[str, TableInfo]
    cleaning: tuple[Step, ...]
    quality: Quality
    items: int
    begin: str
    end: str
    format: int = FORMAT
    seal: str = ""

    def sealed(self) -> Manifest:
        """The same with version and seal filled in."""
        named = msgspec.structs.replace(self, version=_version(self))
        return msgspec.structs.replace(named, seal=_seal(named))

    def check(self, path: Path) -> None:
        """DatasetError unless version and seal are those of what it says."""
        if self.seal != _seal(self) or self.version != _version(self):
            raise DatasetError(
                f"{path} was changed after it was written: its seal does not fit what it says; "
                "copy the dataset again, or build it anew"
            )


def _version(manifest: Manifest) -> str:
    return short_digest(
        {
            "format": manifest.format,
            "sources": sorted(source.digest for source in manifest.sources),
            "recipe": manifest.recipe,
            "tables": {name: table.digest for name, table in manifest.tables.items()},
        }
    )


def _seal(manifest: Manifest) -> str:
    unsealed = msgspec.structs.replace(manifest, seal="")
    return hashlib.sha256(msgspec.json.encode(unsealed, order="sorted")).hexdigest()


def to_text(manifest: Manifest) -> str:
    """As a person reads it in `manifest.json`."""
    return json.dumps(msgspec.to_builtins(manifest), ensure_ascii=False, indent=1) + "\n"


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a dataset's folder; version and seal are checked, tables are not.

    Raises:
        DatasetError: None is there, it is damaged or changed, or of another format.
    """
    path = folder / NAME
    try:
        seen: Any = msgspec.json.decode(path.read_bytes())
        if isinstance(seen, dict) and seen.get("format") != FORMAT:
            raise DatasetError(
                f"{path} has format {seen.get('format')!r}, this version of scantrail reads "
                f"{FORMAT}; build the dataset again, or use the version that wrote it"
            )
        manifest = msgspec.convert(seen, Manifest)
    except OSError as error:
        raise DatasetError(
            f"{folder} is no dataset: {path} can't be read ({error.strerror}); "
            "name one that 'scantrail dataset build' wrote"
        ) from error
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise DatasetError(
            f"{path} is damaged: {error}; copy the dataset again, or build it anew"
        ) from error
    manifest.check(path)
    return manifest


@lru_cache(maxsize=1)
def code_version() -> str:
    """The installed version and eight hex digits of this package's own source code."""
    root = Path(__file__).resolve().parents[1]
    state = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        state.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return f"{installed('scantrail')}+{state.hexdigest()[:8]}"
