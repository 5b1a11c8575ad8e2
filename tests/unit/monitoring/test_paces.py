import datetime as dt
import re

import numpy as np
import polars as pl
import pytest

from scantrail.monitoring.paces import learn_paces, pace_signals

MONDAY = dt.date(2025, 3, 3)
BEARABLE = (0.5, 0.3)
#: From where, to where, usual hours, their spread; 9 is the hub in the middle.
LANES = [("1", "9", 2.0, 0.3), ("2", "9", 5.0, 0.8), ("9", "3", 3.0, 0.4), ("9", "4", 12.0, 9.0)]


def trips(first, count, seed, a_day=3):
    """Pallets of five on every lane and day."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(first, first + count):
        noon = dt.datetime.combine(MONDAY + dt.timedelta(days=number), dt.time(12))
        for start, end, hours, spread in LANES:
            for _ in range(a_day):
                at = noon + dt.timedelta(seconds=int(rng.integers(36_000)))
                way = max(rng.normal(hours, spread), 0.3)
                rows += [(start, end, at, at.date(), way, "HUB_Outbound → W_Stock_Inbound")] * 5
    names = ["came_from", "site", "scanned", "day", "travel", "step"]
    return pl.DataFrame(rows, names, orient="row")


def days(first, count):
    return [MONDAY + dt.timedelta(days=i) for i in range(first, first + count)]


@pytest.fixture(scope="module")
def paces():
    return learn_paces(trips(0, 56, 1), days(0, 56))


def found(paces, week):
    return {one.place: one for one in pace_signals(paces, week, days(56, 7), BEARABLE)}


def shifted(week, place, hours):
    """What the clock of a place makes of a week."""
    moved = pl.when(pl.col("site") == place).then(hours).when(pl.col("came_from") == place)
    return week.with_columns(travel=pl.col("travel") + moved.then(-hours).otherwise(0.0))


def test_lanes_are_learned_pallet_by_pallet(paces):
    assert set(paces.lanes) == {"1", "2", "9"}
    assert paces.lanes["1"]["9"].count == 168
    assert paces.lanes["1"]["9"].quantiles[20] == pytest.approx(2.0, abs=0.1)
    assert set(paces.design) == {"1", "2", "3", "4", "9"}
    assert all(1 <= one < 2 for one in paces.design.values())


def test_an_ordinary_week_moves_nothing(paces):
    signals = [one for seed in range(20) for one in found(paces, trips(56, 7, seed)).values()]
    assert len(signals) == 100
    assert min(one.p for one in signals) > 1e-4
    assert signals[0].what == "goods are on the way as long as usual"


@pytest.mark.parametrize(("hours", "said"), [(1.0, "fast"), (-1.0, "slow")])
def test_a_clock_an_hour_off_is_seen_from_both_its_sides(paces, hours, said):
    one = found(paces, shifted(trips(56, 7, 3), "9", hours))["9"]
    assert one.key == "lanes/hours/9"
    assert one.p < 1e-20
    assert one.effect["hours"] == pytest.approx(hours, abs=0.15)
    assert one.strength == pytest.approx(2, abs=0.3)
    assert one.since == MONDAY + dt.timedelta(days=56)
    assert " on the way in, " in one.what
    assert f": the clock looks {60 * abs(one.effect['hours']):.0f} min {said}" in one.what


def test_slower_roads_to_a_site_don_t_accuse_its_clock(paces):
    slow = trips(56, 7, 4).with_columns(
        travel=pl.col("travel") + pl.when(pl.col("site") == "9").then(6.0).otherwise(0.0)
    )
    one = found(paces, slow)["9"]
    assert one.p < 1e-15
    assert "the clock" not in one.what
    assert re.match(r"(5\.9\d|6(\.0\d)?) h longer on the way in, \d+ min ", one.what)


def test_a_trip_is_out_of_one_place_and_into_another(paces):
    inside = trips(56, 7, 5).with_columns(step=pl.lit("HUB_Inbound → HUB_Outbound"))
    assert found(paces, inside) == {}
    assert found(paces, trips(56, 7, 5).clear()) == {}
    strange = trips(56, 7, 5).with_columns(came_from=pl.lit("77"))
    assert found(paces, strange) == {}


def test_a_minute_is_certain_and_no_matter(paces):
    many = pl.concat([trips(56, 7, seed) for seed in range(10, 40)])
    one = found(paces, shifted(many, "9", 0.15))["9"]
    assert one.p < 1e-6
    assert one.strength < 1
