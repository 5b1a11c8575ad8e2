"""Small logs on disk, and datasets made from them."""

import polars as pl
import pytest

from scantrail.datasets.build import build, take
from scantrail.datasets.manifest import Recipe
from scantrail.settings import Settings
from scantrail.testing import SITES, sites
from scantrail.wiring import read_events

CODE = "001.8804823.1293291.010004.20250701.{:09}"
STEPS = {
    1: ("Factory", "Aggregation"),
    2: ("WMS", "WMS_Inbound"),
    3: ("Logistics_HUB", "HUB_Inbound"),
}
NAMES = {row[0]: row[1] for row in SITES}


def _rows(items, sites_of=(1, 2, 3)):
    """One row an item and site, an hour after each other, in the order of the items."""
    return [
        (CODE.format(item), site, f"2025-07-{place + 1:02} {item % 24:02}:30:00", *STEPS[site])
        for item in items
        for place, site in enumerate(sites_of)
    ]


def _write(path, rows, ids=None):
    """A CSV log with event ids from 1, or as given."""
    columns = {"epc_code": pl.String, "location_id": pl.Int64, "event_time": pl.String,
               "business_step": pl.String, "event_type": pl.String}  # fmt: skip
    frame = pl.DataFrame(rows, schema=columns, orient="row")
    frame = frame.with_columns(
        event_id=pl.Series(list(ids or range(1, len(rows) + 1))),
        scan_location=pl.col("location_id").replace_strict(
            NAMES, default=None, return_dtype=pl.String
        ),
    )
    frame.write_csv(path)
    return path


def _read(path):
    return read_events(path, Settings(zone="UTC"))


def _made(*paths, labels=None, **recipe):
    return build(
        [take(path, _read) for path in paths], Recipe(zone="UTC", **recipe), sites(), labels
    )


@pytest.fixture(scope="session")
def rows():
    return _rows


@pytest.fixture(scope="session")
def write_log():
    return _write


@pytest.fixture(scope="session")
def read_log():
    return _read


@pytest.fixture(scope="session")
def made():
    """Build a dataset from files: made(path, …, labels=…, since=…)."""
    return _made


@pytest.fixture
def log(tmp_path):
    """Twelve items at three sites each."""
    return _write(tmp_path / "log.csv", _rows(range(1, 13)))
