"""Datasets on disk: immutable, checked, found by the beginning of their version."""

import json
import shutil
import subprocess
import sys

import polars as pl
import pytest

from scantrail.datasets.canonical import file_digest
from scantrail.datasets.folder import find, read, versions, write
from scantrail.datasets.manifest import code_version, read_manifest
from scantrail.errors import DatasetError


@pytest.fixture
def stored(log, made, tmp_path):
    return write(made(log), tmp_path / "store")


def test_a_folder_holds_a_manifest_and_plain_tables(stored):
    assert sorted(path.name for path in stored.iterdir()) == [
        "events.parquet", "labels.parquet", "manifest.json", "rejects.parquet", "removed.parquet",
        "sets.parquet",
    ]  # fmt: skip
    told = json.loads((stored / "manifest.json").read_text())
    assert told["version"] == stored.name
    assert told["code"] == code_version()
    assert told["sources"][0]["name"] == "log.csv"
    assert told["quality"]["events"] == 36


def test_what_is_there_stays_as_it_is(stored, log, made):
    before = {path.name: file_digest(path) for path in stored.iterdir()}
    assert write(made(log), stored.parent) == stored
    assert {path.name: file_digest(path) for path in stored.iterdir()} == before


def test_what_is_there_is_checked_before_it_counts(stored, log, made):
    (stored / "events.parquet").write_bytes(b"PAR1")
    with pytest.raises(DatasetError, match=r"events.parquet can't be read"):
        write(made(log), stored.parent)


def test_a_changed_table_is_refused(stored):
    path = stored / "events.parquet"
    pl.read_parquet(path).with_columns(location_id=pl.lit(7, pl.Int64)).write_parquet(path)
    message = (
        f"{path} is not what the manifest names: it was changed after it was written; copy the "
        "dataset again, or build it anew"
    )
    with pytest.raises(DatasetError) as caught:
        read(stored)
    assert str(caught.value) == message


def test_a_table_that_is_gone_is_named(stored):
    (stored / "labels.parquet").unlink()
    with pytest.raises(
        DatasetError, match=r"labels.parquet can't be read: .*copy the dataset again"
    ):
        read(stored)


def test_a_table_written_by_another_writer_is_the_same(stored):
    path = stored / "events.parquet"
    pl.read_parquet(path).write_parquet(path, compression="gzip", row_group_size=5)
    assert read(stored).version == stored.name


@pytest.mark.parametrize(
    "change",
    [
        lambda told: told["cleaning"].append({"what": "x", "why": "y"}),
        lambda told: told["sources"][0].update(digest="0" * 64),
        lambda told: told.update(code="0.0.0"),
        lambda told: told["quality"].update(events=1),
        lambda told: told["tables"]["events"].update(digest="0" * 64),
        lambda told: told.update(version="0" * 16),
        lambda told: told["recipe"].update(keep_repeats=True),
    ],
)
def test_a_changed_manifest_is_refused(stored, change):
    path = stored / "manifest.json"
    told = json.loads(path.read_text())
    change(told)
    path.write_text(json.dumps(told))
    with pytest.raises(DatasetError, match=f"{path} was changed after it was written: its seal"):
        read(stored)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is damaged: .*; copy the dataset again, or build it anew"),
        ("[]", "is damaged"),
        (
            '{"format": 9}',
            "has format 9, this version of scantrail reads 1; build the dataset again",
        ),
        ("{}", "has format None"),
        ("\0", "is damaged"),
    ],
)
def test_a_damaged_manifest_is_refused(stored, text, message):
    (stored / "manifest.json").write_text(text)
    with pytest.raises(DatasetError, match=message):
        read_manifest(stored)


def test_an_unknown_field_of_the_manifest_is_refused(stored):
    path = stored / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"note": "trust me"}))
    with pytest.raises(DatasetError, match="is damaged: Object contains unknown field `note`"):
        read_manifest(stored)


def test_a_folder_without_a_dataset_is_refused(tmp_path):
    message = (
        r"is no dataset: .*manifest.json can't be read \(No such file or directory\); name one"
    )
    with pytest.raises(DatasetError, match=message):
        read(tmp_path)


def test_versions_are_found_by_folder_name_or_beginning(stored, log, made):
    root = stored.parent
    other = write(made(log, keep_repeats=True), root)
    assert set(versions(root)) == {stored.name, other.name}
    for word in (str(stored), stored.name, stored.name[:6]):
        assert find(word, root) == stored


def test_unknown_versions_are_refused_and_known_ones_listed(stored, tmp_path):
    root = stored.parent
    for word in ("ffff", stored.name[:3], "nowhere/at/all", ""):
        with pytest.raises(DatasetError) as caught:
            find(word, root)
        assert str(caught.value) == (
            f"'{word}' is no dataset: neither a folder with a manifest.json nor a version; {root} "
            f"has {stored.name} (--in names another folder)"
        )
    with pytest.raises(DatasetError, match=f"{tmp_path / 'none'} has none"):
        find("ffff", tmp_path / "none")


def test_a_beginning_that_fits_several_asks_for_more(stored):
    twin = stored.parent / (stored.name[:8] + "0" * 8)
    shutil.copytree(stored, twin)
    with pytest.raises(DatasetError, match="may be any of .*; give more digits"):
        find(stored.name[:8], stored.parent)


def test_a_disk_that_fills_leaves_nothing_behind(log, tmp_path):
    """Files may not grow beyond 4 KiB in this process, as if the disk were full."""
    code = """
import resource, sys
from pathlib import Path
from scantrail import wiring
from scantrail.datasets.folder import write
from scantrail.datasets.manifest import Recipe
from scantrail.errors import DatasetError
from scantrail.settings import Settings
dataset = wiring.dataset_of([Path(sys.argv[1])], Settings(), Recipe())
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    write(dataset, Path(sys.argv[2]))
except DatasetError as error:
    print(error)
"""
    root = tmp_path / "store"
    done = subprocess.run(
        [sys.executable, "-c", code, str(log), str(root)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "can't be written: File too large" in done.stdout
    assert "make room or name another folder (--out)" in done.stdout
    assert list(root.iterdir()) == []


def test_a_folder_that_is_a_file_is_refused(log, made, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetError, match=r"can't be written: (File exists|Not a directory)"):
        write(made(log), tmp_path / "file")
