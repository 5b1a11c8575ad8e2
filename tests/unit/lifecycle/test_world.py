"""The year: the same for a seed, its changes in their weeks, its lots numbered on."""

import polars as pl
import pytest

from scantrail.errors import SettingsError
from scantrail.ingest.gs1 import item_of
from scantrail.ingest.lots import lots
from scantrail.lifecycle.world import (
    HISTORY,
    PLAN,
    WEEKS,
    make_world,
    monday,
    records,
    write_log,
)
from scantrail.simulate.changes import NEW_HUB, NEW_PRODUCT


@pytest.fixture(scope="module")
def world():
    return make_world(200, 3)


def test_the_same_seed_gives_the_same_year(world):
    again = make_world(200, 3)
    assert again.scans.equals(world.scans)
    assert (again.places, again.odd) == (world.places, world.odd)


def test_each_change_holds_in_its_weeks_alone(world):
    hub, _, product, scanner = PLAN
    at = pl.col("at")
    new = world.scans.filter(pl.col("location_id") == NEW_HUB[0])
    assert new["at"].min() >= monday(hub.begin)
    assert world.places[hub.name] == NEW_HUB[0]
    made = world.scans.filter(pl.col("epc_code").str.contains(NEW_PRODUCT, literal=True))
    assert monday(product.begin) <= made["at"].min() < monday(product.begin + 1)
    garbled = world.scans.filter(~pl.col("epc_code").str.contains(".", literal=True))
    here = garbled.filter(pl.col("location_id") == world.places[scanner.name])
    weeks = here.filter(at >= monday(scanner.begin), at < monday(scanner.end))
    assert len(weeks) > 0.9 * len(here)
    assert set(weeks["kind"]) == {"scanCorruption"}


def test_weeks_follow_each_other_without_a_gap(world):
    parts = [world.came(-3 * HISTORY, 0), *(world.came(n, n + 1) for n in range(WEEKS + 2))]
    assert pl.concat(parts).equals(world.scans)
    assert world.came(4, 5)["uploaded"].is_sorted()
    assert world.names[NEW_HUB[0]] == NEW_HUB[1]


def test_lots_are_numbered_on_from_week_to_week(world):
    codes = world.scans["epc_code"].unique()
    days = codes.str.extract(r"\.(\d{8})\.\d{9}$").str.to_date("%Y%m%d", strict=False)
    made = pl.DataFrame({"lot": lots(codes), "day": days}).drop_nulls()
    lasts = made.group_by("lot").agg(days=pl.col("day").max() - pl.col("day").min())
    assert (lasts["days"].dt.total_days() < 7).mean() > 0.98  # but for corrupted codes


def test_who_looks_knows_what_is_odd(world):
    odd = world.scans.filter(pl.col("kind").is_not_null())["epc_code"]
    assert all(item_of(code) in world.odd for code in odd)
    assert 0.01 < len(world.odd) / world.scans["epc_code"].n_unique() < 0.06


def test_scans_are_sent_and_written_as_callers_do(world, tmp_path):
    some = world.came(0, 1).head(3)
    first = records(some, 8)[0]
    assert first["event_id"] == 8
    assert first["event_time"] == f"{some['at'][0]:%Y-%m-%d %H:%M:%S}"
    assert set(first) == {
        "event_id", "epc_code", "location_id", "scan_location", "business_step", "event_type",
        "file_id", "event_time",
    }  # fmt: skip
    write_log(some, tmp_path / "logs" / "x.tsv")
    assert len((tmp_path / "logs" / "x.tsv").read_text("utf-8").splitlines()) == 4


def test_a_chain_that_is_too_small_is_refused():
    with pytest.raises(SettingsError, match="^items is 9; it must be 100 or more$"):
        make_world(9, 0)
