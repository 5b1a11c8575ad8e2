"""Writing verdicts and rejects to files; whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import polars as pl

from scantrail.errors import ScantrailError
from scantrail.report import flag_words
from scantrail.vocabulary.findings import Report

_WRITERS: Final[dict[str, Callable[[pl.DataFrame, Path], object]]] = {
    ".parquet": lambda frame, path: frame.write_parquet(path),
    ".csv": lambda frame, path: frame.write_csv(path),
    ".json": lambda frame, path: frame.write_json(path),
    ".jsonl": lambda frame, path: frame.write_ndjson(path),
}


class OutputError(ScantrailError):
    """An output file can't be written."""


def check_target(path: Path | None) -> None:
    """Refuse an impossible output before work is spent on it.

    Raises:
        OutputError: Unknown ending, or no folder to write into.
    """
    if path is None:
        return
    if path.suffix.lower() not in _WRITERS:
        raise OutputError(f"{path} has no known ending; expected {', '.join(_WRITERS)}")
    if path.is_dir() or not path.absolute().parent.is_dir():
        why = "it is a folder" if path.is_dir() else f"there is no folder {path.absolute().parent}"
        raise OutputError(f"{path} can't be written: {why}")


def verdict_table(report: Report) -> pl.DataFrame:
    """Verdicts as people get them: without row numbers, flags as words."""
    return report.verdicts.drop("row").with_columns(flags=flag_words(pl.col("flags")))


def write(report: Report, out: Path | None, rejects: Path | None) -> list[Path]:
    """Write verdicts to `out` and, if there are any, rejected rows to `rejects` or beside `out`.

    Returns:
        The files written.

    Raises:
        OutputError: The disk refuses.
    """
    written = []
    if out is not None:
        _write(verdict_table(report), out)
        written.append(out)
    if rejects is None and out is not None and len(report.rejects):
        rejects = out.with_name(f"{out.stem}.rejects.csv")
    if rejects is not None:
        check_target(rejects)
        _write(report.rejects, rejects)
        written.append(rejects)
    return written


def _write(frame: pl.DataFrame, path: Path) -> None:
    """Beside the target first, so that a failure leaves no half file."""
    part = path.with_name(f".{path.name}.part")
    try:
        _WRITERS[path.suffix.lower()](frame, part)
        part.replace(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        part.unlink(missing_ok=True)
        raise OutputError(f"{path} can't be written: {error}") from error
