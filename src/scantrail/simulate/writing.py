"""Writes a simulation as the three files that other parts read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from scantrail.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import polars as pl

    from scantrail.simulate.config import SimulationConfig

_SLICE: Final = 100_000


@dataclass(frozen=True, slots=True)
class Simulation:
    """A labelled chain.

    Attributes:
        config: What it was made from.
        scans: event_id (Int64, 1..n), file_id, then the source's 19 columns; times are texts,
            'YYYY-MM-DD HH:MM:SS', local to Asia/Seoul.
        sites: The site list, with coordinates, tier and opening hours.
        labels: event_id, epc_code, kind, rule_visible (Boolean) of every anomalous scan.
    """

    config: SimulationConfig
    scans: pl.DataFrame
    sites: pl.DataFrame
    labels: pl.DataFrame


def write(
    simulation: Simulation,
    folder: Path,
    *,
    progress: Callable[[float], None] | None = None,
) -> dict[str, Path]:
    """Write `scans.tsv`, `sites.csv` and `labels.csv` (UTF-8) into a folder, made if need be.

    Args:
        simulation: What to write.
        folder: Where; files of the same names are replaced.
        progress: Told the share that is done, 0 to 1, after every 100,000 scans.

    Returns:
        The three paths by the names "scans", "sites" and "labels".

    Raises:
        SettingsError: If the folder or a file in it can't be written.
    """
    paths = {
        "scans": folder / "scans.tsv",
        "sites": folder / "sites.csv",
        "labels": folder / "labels.csv",
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        simulation.sites.write_csv(paths["sites"])
        simulation.labels.write_csv(paths["labels"])
        _write_scans(simulation.scans, paths["scans"], progress)
    except OSError as error:
        raise SettingsError(
            f"the simulation can't be written to {folder}: {error}; name a folder that is writable"
        ) from error
    return paths


def _write_scans(scans: pl.DataFrame, path: Path, progress: Callable[[float], None] | None) -> None:
    unfinished = path.with_suffix(".tsv.part")
    with unfinished.open("wb") as file:
        for start in range(0, max(1, scans.height), _SLICE):
            part = scans.slice(start, _SLICE)
            part.write_csv(file, separator="\t", include_header=start == 0)
            if progress is not None:
                progress(min(1.0, (start + _SLICE) / max(1, scans.height)))
    unfinished.replace(path)
