import polars as pl
import pytest

from scantrail.errors import SettingsError
from scantrail.simulate import SimulationConfig, demo_sites, simulate, write
from scantrail.vocabulary.events import SOURCE_COLUMNS


def test_the_same_settings_write_the_same_bytes(tmp_path):
    first = write(simulate(SimulationConfig(1_000, seed=5)), tmp_path / "a")
    second = write(simulate(SimulationConfig(1_000, seed=5)), tmp_path / "b" / "c")
    assert {p.name for p in first.values()} == {"scans.tsv", "sites.csv", "labels.csv"}
    for name, path in first.items():
        assert path.read_bytes() == second[name].read_bytes()
    assert not list(tmp_path.rglob("*.part"))


def test_the_files_read_back_as_they_were(tmp_path):
    made = simulate(SimulationConfig(2_000, seed=5))
    paths = write(made, tmp_path)
    header = paths["scans"].read_text(encoding="utf-8").split("\n", 1)[0]
    assert header.split("\t") == ["event_id", "file_id", *SOURCE_COLUMNS]
    scans = pl.read_csv(paths["scans"], separator="\t", infer_schema_length=None)
    assert scans.equals(made.scans)
    assert pl.read_csv(paths["labels"], infer_schema_length=None).equals(made.labels)
    sites = pl.read_csv(paths["sites"])
    assert sites.equals(demo_sites())
    words = paths["labels"].read_text(encoding="utf-8").split("\n")[1].rsplit(",", 1)
    assert words[1] in ("true", "false")


def test_progress_ends_at_one(tmp_path):
    told = []
    write(simulate(SimulationConfig(100)), tmp_path, progress=told.append)
    assert told == [1.0]


def test_a_log_without_scans_still_has_its_header(tmp_path):
    made = simulate(SimulationConfig(5, anomaly_rate=0))
    empty = type(made)(made.config, made.scans.clear(), made.sites, made.labels)
    assert write(empty, tmp_path)["scans"].read_text(encoding="utf-8").startswith("event_id\t")


def test_a_folder_that_is_a_file_is_a_clear_error(tmp_path):
    (tmp_path / "taken").write_text("x")
    with pytest.raises(SettingsError, match=r"can't be written to .*taken"):
        write(simulate(SimulationConfig(5)), tmp_path / "taken")
