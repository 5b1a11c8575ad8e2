"""What history teaches: medians that outliers don't move, and files that give back what was learned."""

import math

import numpy as np
import polars as pl
import pytest

from scantrail.errors import SitesError
from scantrail.gaps import fill_gaps
from scantrail.journeys import link
from scantrail.lanes import (
    DWELLS,
    LANES,
    TRANSITIONS,
    Network,
    learn,
    read_network,
    write_network,
)
from scantrail.sites import read_sites, sites_from
from scantrail.testing import events, sites

START = 1751328000  # 2025-07-01 00:00:00 UTC


def stamp(hours):
    whole = round(hours * 3600)
    return str(np.datetime64(START + whole, "s")).replace("T", " ")


def learned(journeys):
    """Learn from journeys, each a list of (hours, place, step, type)."""
    scans = [(stamp(hours), *rest) for journey in journeys for hours, *rest in journey]
    codes = [f"E{i}" for i, journey in enumerate(journeys) for _ in journey]
    frame = fill_gaps(events(scans, codes), sites())
    return learn(link(frame, Network(sites()))[0].frame, sites())


def trip(hours, start=0.0, to=4):
    """Out of the hub and into a wholesaler."""
    return [
        (start, 3, "Logistics_HUB", "HUB_Outbound"),
        (start + hours, to, "W_Stock_Inbound", "W_Stock_Inbound"),
    ]


def test_a_lane_is_the_median_of_its_trips_and_its_robust_spread():
    hours = [6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 500]
    [lane] = learned([trip(h) for h in hours]).lanes.to_dicts()
    logs = np.log(hours)
    mad = 1.4826 * float(np.median(np.abs(logs - np.median(logs))))
    assert lane == {
        "from_location_id": 3, "to_location_id": 4, "trips": 11, "batches": 11,
        "hours_median": pytest.approx(11), "log_spread": pytest.approx(mad),
    }  # fmt: skip


def test_items_that_travel_together_are_one_batch():
    [lane] = learned([*[trip(8)] * 100, trip(9)]).lanes.to_dicts()
    assert (lane["trips"], lane["batches"]) == (101, 2)


def test_few_batches_borrow_the_spread_of_the_other_lanes():
    own = [trip(8)] * 5  # one batch: no spread of its own
    alone = learned(own).lanes["log_spread"].item()
    assert alone == pytest.approx(math.sqrt(10 / 11) * 0.5)  # nobody to borrow from
    others = [trip(h, to=7) for h in range(4, 40)]
    lanes = learned([*own, *others]).lanes
    logs = np.log(range(4, 40))
    pooled = 1.4826 * float(np.median(np.abs(logs - np.median(logs))))
    mine = lanes.filter(to_location_id=4)["log_spread"].item()
    assert mine == pytest.approx(math.sqrt(10 / 11) * pooled)


def test_no_lane_is_punctual_to_less_than_a_fifth():
    lanes = learned([trip(8 + i / 1000) for i in range(50)]).lanes
    assert lanes["log_spread"].item() == 0.2


def test_what_is_no_trip_teaches_no_lane():
    inbound = ("W_Stock_Inbound", "W_Stock_Inbound")
    for journey in (
        [(0, 3, "Logistics_HUB", "HUB_Inbound"), (5, 4, *inbound)],  # never left
        [(0, 3, "Logistics_HUB", "HUB_Outbound"), (5, 99, *inbound)],  # an unlisted place
        [(0, 4, "W_Stock_Outbound", "W_Stock_Outbound"), (5, 4, *inbound)],  # nowhere
        [(0, 4, *inbound)],
    ):
        assert len(learned([journey] * 3).lanes) == 0


def test_a_trip_in_no_time_counts_and_has_no_hours():
    [lane] = learned([trip(0)] * 3).lanes.to_dicts()
    assert (lane["trips"], lane["batches"], lane["hours_median"]) == (3, 0, None)


def test_from_the_making_into_the_warehouse_is_a_trip():
    made = [(0, 1, "Factory", "Aggregation"), (2, 2, "WMS", "WMS_Inbound")]
    [lane] = learned([made]).lanes.to_dicts()
    assert (lane["from_location_id"], lane["to_location_id"]) == (1, 2)


def test_a_dwell_is_from_in_to_out_at_one_site():
    def stay(hours):
        return [(0, 2, "WMS", "WMS_Inbound"), (hours, 2, "WMS", "WMS_Outbound")]

    dwells = learned([stay(24), stay(48), stay(96)]).dwells
    assert dwells.select("location_id", "stays", "hours_median").rows() == [
        (2, 3, pytest.approx(48))
    ]


def test_transitions_are_counted_by_stage():
    path = [
        (0, 1, "Factory", "Aggregation"),
        (2, 2, "WMS", "WMS_Inbound"),
        (30, 2, "WMS", "WMS_Outbound"),
        (40, 99, "?", "?"),
        (50, 3, "Logistics_HUB", "HUB_Inbound"),
    ]
    assert learned([path, path[:2]]).transitions.rows() == [(0, 1, 2), (1, 2, 1)]


def test_the_speed_limit_is_that_of_usual_trips():
    """One lane of 41 km; a teleport does not count."""
    hours = [1 + i / 200 for i in range(400)]
    few = learned([trip(h) for h in hours[:199]])
    assert few.speed_limit_kmh is None
    network = learned([*(trip(h) for h in hours), trip(0.01)])
    km = sites().kilometres(np.array([2], np.int32), np.array([3], np.int32)).item()
    speeds = km / np.array(hours)
    assert network.speed_limit_kmh == pytest.approx(
        np.quantile(speeds, 0.999, method="nearest"), abs=0.3
    )


# ------------------------------------------------------------------------------------ lookups

TWO = pl.DataFrame(
    [(3, 4, 100, 50, 8.0, 0.3), (3, 99, 9, 9, 1.0, 0.2), (4, 3, 7, 7, None, None)],
    schema=LANES,
    orient="row",
)


def between(network, *pairs):
    start, end = (np.array(side, np.int32) for side in zip(*pairs, strict=True))
    told = network.between(start, end)
    assert {values.dtype for values in told.values()} == {np.dtype(np.float32)}
    return {name: values.tolist() for name, values in told.items()}


def test_between_sites_is_what_is_known_of_the_lane():
    told = between(Network(sites(), lanes=TWO), (2, 3), (3, 2), (0, 3), (8, 3), (8, 8))
    assert told["lane_trips"] == [100, 7, 0, 0, 0]
    assert told["lane_batches"] == [50, 7, 0, 0, 0]
    for name, first in (("lane_hours", 8.0), ("lane_log_spread", pytest.approx(0.3))):
        assert told[name][0] == first
        assert np.isnan(told[name][1:]).all()
    assert told["km"][0] == told["km"][1] == pytest.approx(40.2, abs=0.5)
    assert np.isnan(told["km"][3:]).all()


def test_a_chain_of_many_sites_is_looked_up_without_a_table_of_all_pairs():
    many = 1600
    rows = [(i, f"S{i}", 0.0, i / 10) for i in range(many)]
    schema = ["location_id", "scan_location", "Latitude", "Longitude"]
    lane = pl.DataFrame([(1599, 3, 5, 5, 2.0, 0.4)], schema=LANES, orient="row")
    network = Network(sites_from(pl.DataFrame(rows, schema=schema, orient="row")), lanes=lane)
    assert network._dense is None
    told = between(network, (1599, 3), (3, 1599), (0, 10), (1600, 3))
    assert told["lane_trips"] == [5, 0, 0, 0]
    assert told["km"][2] == pytest.approx(111.195, rel=1e-4)
    assert np.isnan(told["km"][3])


def test_without_lanes_none_is_known():
    network = Network(sites())
    assert not network.knows_lanes
    assert between(network, (2, 3))["lane_trips"] == [0]
    assert Network(sites(), lanes=TWO).knows_lanes


# -------------------------------------------------------------------------------------- files


def test_what_was_written_is_read_again(tmp_path):
    network = Network(
        sites(),
        lanes=TWO,
        dwells=pl.DataFrame([(2, 30, 48.0, 0.5)], schema=DWELLS, orient="row"),
        transitions=pl.DataFrame([(0, 1, 5)], schema=TRANSITIONS, orient="row"),
        speed_limit_kmh=83.4,
    )
    write_network(network, tmp_path / "new" / "folder")
    folder = tmp_path / "new" / "folder"
    again = read_network(folder, read_sites(folder / "sites.csv"))
    assert again.sites.table.equals(network.sites.table)
    for name in ("lanes", "dwells", "transitions"):
        assert getattr(again, name).equals(getattr(network, name)), name
    assert again.speed_limit_kmh == 83.4


def test_opening_hours_and_zones_survive_the_file(tmp_path):
    raw = {"location_id": [1], "scan_location": ["A"], "opens": ["06:05"], "closes": ["24:00"],
           "zone": ["Europe/Vienna"], "tier": ["hub"]}  # fmt: skip
    network = Network(sites_from(pl.DataFrame(raw)))
    write_network(network, tmp_path)
    assert read_sites(tmp_path / "sites.csv").table.equals(network.sites.table)
    assert read_network(tmp_path, network.sites).speed_limit_kmh is None


@pytest.fixture
def folder(tmp_path):
    write_network(Network(sites(), lanes=TWO, speed_limit_kmh=90.0), tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["lanes", "dwells", "transitions", "speeds"])
def test_a_missing_file_is_named_with_its_cure(folder, name):
    path = folder / f"{name}.csv"
    path.unlink()
    with pytest.raises(SitesError) as caught:
        read_network(folder, sites())
    assert str(caught.value) == f"{path} is missing; write it with 'sites learn'"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("transitions", "stage,prev_stage,count\n1,0,5\n",
         "has the columns stage, prev_stage, count, expected prev_stage, stage, count"),
        ("speeds", "speed_limit_kmh\n80\n90\n", "has 2 rows, expected one"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_named_with_its_cure(folder, name, text, message):
    path = folder / f"{name}.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SitesError) as caught:
        read_network(folder, sites())
    assert str(caught.value) == f"{path} {message}; write it with 'sites learn'"


def test_a_word_for_a_number_is_named_with_its_cure(folder):
    path = folder / "transitions.csv"
    path.write_text("prev_stage,stage,count\n0,one,5\n", encoding="utf-8")
    wanted = f"^{path} can't be used: .*column 'stage'.*; write it with 'sites learn'$"
    with pytest.raises(SitesError, match=wanted):
        read_network(folder, sites())
