"""Writing verdicts and rejects to files; whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
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
    if path.is_dir():
        raise OutputError(f"{path} can't be written: it is a folder; name a file in it")
    if path.suffix.lower() not in _WRITERS:
        raise OutputError(f"{path} has no known ending; expected {', '.join(_WRITERS)}")
    if not path.absolute().parent.is_dir():
        raise OutputError(f"{path} can't be written: there is no folder {path.absolute().parent}")


def check_targets(out: Path | None, rejects: Path | None, *inputs: Path) -> None:
    """Refuse outputs that are impossible, the same file, or one of the inputs.

    Raises:
        OutputError: As `check_target`, or two names for one file.
    """
    check_target(out)
    check_target(rejects)
    taken = {path.resolve(): "the input" for path in inputs}
    for path in (out, rejects or _beside(out)):
        if path is None:
            continue
        if path.resolve() in taken:
            what = taken[path.resolve()]
            raise OutputError(f"{path} would overwrite {what}; name another file")
        taken[path.resolve()] = "the verdicts"


def check_folder(path: Path) -> None:
    """Refuse a folder that is a file, before work is spent on what goes into it.

    Raises:
        OutputError: It is a file.
    """
    if path.exists() and not path.is_dir():
        raise OutputError(f"{path} can't be written: it is a file; name a folder")


@contextmanager
def folder_at(path: Path) -> Iterator[None]:
    """Say in one sentence why what goes into a folder can't be written.

    Raises:
        OutputError: The disk refuses.
    """
    try:
        yield
    except (OSError, pl.exceptions.PolarsError) as error:
        raise OutputError(f"{path} can't be written: {_reason(error)}") from error


def verdict_table(report: Report) -> pl.DataFrame:
    """Verdicts as people get them: without row numbers, flags as words."""
    return report.verdicts.drop("row").with_columns(flags=flag_words(pl.col("flags")))


def write(report: Report, out: Path | None, rejects: Path | None) -> list[Path]:
    """Write verdicts to `out` and, if there are any, rejected rows to `rejects` or beside `out`.

    Rejects that an earlier run left beside `out` are replaced, even by none.

    Returns:
        The files written.

    Raises:
        OutputError: The disk refuses; then nothing is written or replaced.
    """
    files: dict[Path, pl.DataFrame] = {}
    if out is not None:
        files[out] = verdict_table(report)
    beside = _beside(out)
    if rejects is None and beside is not None and (len(report.rejects) or beside.exists()):
        rejects = beside
    if rejects is not None:
        files[rejects] = report.rejects
    for path in files:
        check_target(path)
    _write(files)
    return list(files)


def write_table(frame: pl.DataFrame, path: Path) -> None:
    """Write any table to a file of a known ending.

    Raises:
        OutputError: As `check_target`, or the disk refuses; then nothing is written or replaced.
    """
    check_target(path)
    _write({path: frame})


def _beside(out: Path | None) -> Path | None:
    return None if out is None else out.with_name(f"{out.stem}.rejects.csv")


def _write(files: dict[Path, pl.DataFrame]) -> None:
    """Beside the targets first, so that a failure leaves no half file."""
    parts = {path: path.with_name(f".{path.name}.part") for path in files}
    path = Path()
    try:
        for path, frame in files.items():
            _WRITERS[path.suffix.lower()](frame, parts[path])
        for path, part in parts.items():
            part.replace(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise OutputError(f"{path} can't be written: {_reason(error)}") from error
    finally:
        for part in parts.values():
            with suppress(OSError):
                part.unlink(missing_ok=True)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error).splitlines()[0]
