"""Reading what is measured: verdicts as `detect` writes them, labels as `simulate` writes them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import polars as pl

from scantrail.errors import InputError

# types are known when all of a file is read: a kind may first be told in its last row
_read_csv: Final = partial(pl.read_csv, infer_schema_length=None)
_READERS: Final[dict[str, Callable[[Path], Any]]] = {
    ".parquet": pl.read_parquet,
    ".csv": _read_csv,
    ".json": partial(pl.read_json, infer_schema_length=None),
    ".jsonl": partial(pl.read_ndjson, infer_schema_length=None),
}


def read_verdicts(path: Path) -> pl.DataFrame:
    """Verdicts as `detect` writes them (`.parquet`, `.csv`, `.json`, `.jsonl`).

    Raises:
        InputError: The file can't be read, or lacks columns.
    """
    frame = _read(path, _READERS.get(path.suffix.lower(), _read_csv))
    return _having(frame, path, ("event_id", "epc_code", "finalConfidence"))


def read_labels(path: Path) -> pl.DataFrame:
    """Labels: `event_id`, `epc_code`, `kind`, and `rule_visible` if there.

    Raises:
        InputError: The file can't be read, or lacks columns.
    """
    return _having(_read(path, _read_csv), path, ("event_id", "epc_code", "kind"))


def _read(path: Path, reader: Any) -> pl.DataFrame:
    try:
        frame = reader(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InputError(f"{path} can't be read: {str(error).splitlines()[0]}") from error
    assert isinstance(frame, pl.DataFrame)
    return frame


def _having(frame: pl.DataFrame, path: Path, columns: tuple[str, ...]) -> pl.DataFrame:
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise InputError(
            f"{path} lacks the column {missing[0]!r}; expected at least {', '.join(columns)}"
        )
    return frame
