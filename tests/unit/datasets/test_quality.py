"""The report counts what is wrong with a log, and no more."""

import polars as pl
import pytest

from scantrail.datasets.quality import measure
from scantrail.simulate import SimulationConfig, simulate, write
from scantrail.testing import sites


@pytest.fixture
def report(tmp_path, write_log, read_log):
    def measured(rows, ids=None):
        events = read_log(write_log(tmp_path / "log.csv", rows, ids))
        return measure(events.frame.with_columns(source=pl.lit(0)), events.rejects, sites())

    return measured


def test_a_log_in_order_has_nothing_to_say(report, rows):
    quality = report(sorted(rows(range(1, 25)), key=lambda row: row[2]))
    assert (quality.events, quality.items) == (72, 24)
    assert (quality.begin, quality.end) == (
        "2025-07-01T00:30:00+00:00",
        "2025-07-03T23:30:00+00:00",
    )
    assert set(quality.missing.values()) == {0}
    assert (quality.repeats.scans, quality.repeats.ids) == (0, 0)
    assert (quality.order.late, quality.order.items) == (0, 0)
    assert quality.unknown == quality.rejects == quality.clocks == ()


def test_repeats_and_ids_used_twice(report, rows):
    plain = rows([1, 2])
    quality = report([*plain, plain[0], plain[0], plain[4]], ids=[1, 2, 3, 4, 5, 1, 7, 8, 9])
    assert (quality.repeats.scans, quality.repeats.items) == (3, 2)
    assert quality.repeats.ids == 1


def test_late_rows_and_items_out_of_order(report, rows):
    early, late = rows([1]), rows([2])
    quality = report([early[1], early[0], *late])
    assert quality.order.items == 1
    assert (quality.order.late, quality.order.hours) == (2, 24.0)


def test_missing_cells_and_unknown_places(report):
    code = "001.8804823.1293291.010004.20250701.000000001"
    quality = report([
        (code, None, "2025-07-01 10:00:00", "Factory", None),
        (code, 99, "2025-07-02 10:00:00", None, "Inbound"),
        (code, 99, "2025-07-03 10:00:00", "WMS", "Outbound"),
    ])  # fmt: skip
    assert quality.missing == {
        "location_id": 1, "scan_location": 3, "business_step": 1, "event_type": 1,
    }  # fmt: skip
    [unknown] = quality.unknown
    assert (unknown.place, unknown.events, unknown.items) == ("location 99", 2, 1)
    assert quality.unknown_events == 2


def test_coverage_of_sites_and_lanes(report, rows):
    quality = report(rows(range(1, 25)))
    first = quality.sites[0]
    assert (first.location_id, first.events, first.items, first.days) == (1, 24, 24, 1)
    assert (first.begin, first.end) == ("2025-07-01", "2025-07-01")
    assert first.quiet_days == 0.0
    assert len(quality.silent) == 5
    assert "Elm Plant" in quality.silent
    [lane] = quality.lanes
    assert (lane.start, lane.end, lane.trips) == ("Alder Plant", "Alder Plant Warehouse", 24)
    assert lane.hours == 24.0


def test_quiet_days_are_between_two_scans(report):
    code = "001.8804823.1293291.010004.20250701.00000000{}"
    quality = report([
        (code.format(1), 1, "2025-07-01 10:00:00", "Factory", "Aggregation"),
        (code.format(2), 1, "2025-07-09 22:00:00", "Factory", "Aggregation"),
    ])  # fmt: skip
    assert quality.sites[0].quiet_days == 8.5


def test_an_empty_log_can_be_measured(report):
    quality = report([])
    assert (quality.events, quality.begin, quality.lanes, quality.clocks) == (0, "", (), ())


@pytest.mark.parametrize("seed", [7, 12])
def test_a_clock_that_runs_ahead_is_found_and_no_other(tmp_path, seed):
    from scantrail import wiring
    from scantrail.settings import read_settings

    mix = {"clockSkew": 1.0}
    write(simulate(SimulationConfig(12_000, seed=seed, anomaly_rate=0.005, mix=mix)), tmp_path)
    settings = read_settings({}, sites=str(tmp_path / "sites.csv"), artifacts="none")
    network = wiring.engine(settings).network
    events = wiring.read_events(tmp_path / "scans.tsv", settings, network.sites)
    quality = measure(events.frame.with_columns(source=pl.lit(0)), events.rejects, network.sites)
    skewed = pl.read_csv(tmp_path / "labels.csv").join(events.frame, on="event_id")
    assert {spell.location_id for spell in quality.clocks} == set(skewed["location_id"])
    assert all(1.5 <= spell.hours <= 7 for spell in quality.clocks)
    assert all(spell.odds >= 3 for spell in quality.clocks)
