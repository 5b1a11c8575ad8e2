"""A dataset as a folder: `manifest.json` and one Parquet file per table, never changed again.

A folder is named by its version. It is written beside its place and moved there in one step, so
that a disk that fills leaves nothing half-done.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from scantrail.datasets.canonical import digest
from scantrail.datasets.manifest import NAME, Manifest, read_manifest, to_text
from scantrail.errors import DatasetError
from scantrail.vocabulary.events import EVENTS, REJECTS, Events

_LEAST_DIGITS: Final = 4  # of a version that is not written out


@dataclass(frozen=True)
class Dataset:
    """A dataset in memory.

    `tables`: `events` (as `vocabulary.events.EVENTS` without `row`, and `source`, `source_row`:
    where each was read; in canonical order), `removed` (the same, and `why`), `rejects` (as
    `REJECTS`, `source` instead of `file`), `labels` (`labels.LABELS`) and `sets`
    (`balance.SETS`).
    """

    manifest: Manifest
    tables: dict[str, pl.DataFrame]

    @property
    def version(self) -> str:
        """Sixteen hex digits."""
        return self.manifest.version

    @property
    def events(self) -> Events:
        """What can be judged and learned from; rows count from 0 in the dataset's order."""
        frame = self.tables["events"].with_row_index("row").select(EVENTS.names())
        return Events(frame, self.rejects, f"dataset {self.version}")

    @property
    def rejects(self) -> pl.DataFrame:
        """Rows that could not be read, as `REJECTS`."""
        names = pl.Series([source.name for source in self.manifest.sources], dtype=pl.String)
        table = self.tables["rejects"]
        return table.with_columns(file=names.gather(table["source"])).select(REJECTS.names())

    @property
    def labels(self) -> pl.DataFrame | None:
        """`event_id`, `epc_code`, `kind`, `rule_visible` of labelled events; None without any."""
        table = self.tables["labels"]
        if not len(table):
            return None
        named = self.tables["events"].select("event_id", "epc_code")[table["event"]]
        return pl.concat([named, table.select("kind", "rule_visible")], how="horizontal")


def write(dataset: Dataset, root: Path) -> Path:
    """Write a dataset below `root`, in a folder named by its version; one that is there stays.

    Raises:
        DatasetError: The disk refuses; then nothing is left behind.
    """
    folder = root / dataset.version
    if folder.exists():
        read(folder)
        return folder
    try:
        root.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=".part-", dir=root))
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        for name, table in dataset.tables.items():
            table.write_parquet(part / f"{name}.parquet")
        (part / NAME).write_text(to_text(dataset.manifest), encoding="utf-8")
        part.chmod(0o755)
        part.replace(folder)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise _unwritable(folder, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return folder


def _unwritable(folder: Path, error: Exception) -> DatasetError:
    said = error.strerror if isinstance(error, OSError) else None
    reason = said or str(error).splitlines()[0].rpartition("error: ")[2]  # Parquet's says more
    return DatasetError(
        f"{folder} can't be written: {reason}; make room or name another folder (--out)"
    )


def read(folder: Path) -> Dataset:
    """Read a dataset; every table is checked against the manifest before it is used.

    Raises:
        DatasetError: None is there, or it was changed or damaged.
    """
    manifest = read_manifest(folder)
    return Dataset(manifest, {name: _checked(folder, name, manifest) for name in manifest.tables})


def _checked(folder: Path, name: str, manifest: Manifest) -> pl.DataFrame:
    path = folder / f"{name}.parquet"
    try:
        table = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DatasetError(
            f"{path} can't be read: {str(error).splitlines()[0]}; copy the dataset again, or build "
            "it anew"
        ) from error
    told = manifest.tables[name]
    if len(table) != told.rows or digest(table) != told.digest:
        raise DatasetError(
            f"{path} is not what the manifest names: it was changed after it was written; copy the "
            "dataset again, or build it anew"
        )
    return table


def find(word: str, root: Path) -> Path:
    """The folder of a dataset: `word` is its path, or a version below `root`, or its beginning.

    Raises:
        DatasetError: No dataset, or several, are meant by it; the message lists what is there.
    """
    path = Path(word)
    if (path / NAME).is_file():
        return path
    there = versions(root)
    hits = [name for name in there if name.startswith(word)] if len(word) >= _LEAST_DIGITS else []
    if len(hits) == 1:
        return root / hits[0]
    if hits:
        raise DatasetError(f"'{word}' may be any of {', '.join(hits)}; give more digits")
    known = f"{root} has {', '.join(there)}" if there else f"{root} has none"
    raise DatasetError(
        f"'{word}' is no dataset: neither a folder with a {NAME} nor a version; {known} "
        "(--in names another folder)"
    )


def versions(root: Path) -> list[str]:
    """The datasets below a folder, the oldest first; none if the folder is not there."""
    found = sorted(root.glob(f"[0-9a-f]*/{NAME}"), key=lambda path: path.stat().st_mtime_ns)
    return [path.parent.name for path in found]
