import datetime as dt

import numpy as np
import polars as pl
import pytest

from scantrail.monitoring.clashes import clash_signals, clashes
from scantrail.monitoring.rates import Rate

DAYS = [dt.date(2025, 4, 28) + dt.timedelta(days=i) for i in range(7)]
SCHEMA = {"site": pl.String, "came_from": pl.String, "day": pl.Date, "epc_code": pl.String,
          "distance": pl.Float64, "travel": pl.Float64}  # fmt: skip


def read(*rows):
    return pl.DataFrame(rows, SCHEMA, orient="row")


def test_a_code_that_is_sooner_there_than_anybody_drives_clashes_at_both_places():
    table = clashes(read(
        ("2", "1", DAYS[0], "a", 100.0, 0.0),
        ("1", "2", DAYS[0], "a", 100.0, 0.5),  # and back: the same clash
        ("2", "1", DAYS[0], "b", 100.0, 1.5),  # driven
        ("2", "1", DAYS[0], "c", 3.0, 0.0),  # next door
        ("2", None, DAYS[0], "d", None, None),
    ))  # fmt: skip
    assert table.select("site", "other", "epc_code").sort("site").rows() == [
        ("1", "2", "a"), ("2", "1", "a")]  # fmt: skip


def signals(per_day, usual=None):
    """Clashes of hub 1 with hub 2, so many a day, of 200 scans."""
    table = clashes(read(*(
        ("2", "1", day, f"{day}.{i}", 100.0, 0.0)
        for day, n in zip(DAYS, per_day, strict=True) for i in range(n)
    )))  # fmt: skip
    counted = {"1": np.array(per_day, float), "2": np.array(per_day, float)}
    scans = {"1": np.full(7, 200.0), "2": np.full(7, 200.0), "3": np.zeros(7)}
    usual = usual or dict.fromkeys(("1", "2", "3", "4"), Rate(0.001, 1.2))
    return {one.place: one
            for one in clash_signals(usual, (table, counted, scans), DAYS, (2.0, 4.0))}  # fmt: skip


def test_clones_are_told_of_both_hubs_with_the_other_s_name():
    found = signals([0, 0, 6, 5, 7, 6, 5])
    assert set(found) == {"1", "2"}  # the others have no scans
    one = found["1"]
    assert one.key == "clash/clashes/1"
    assert one.p < 1e-9
    assert one.strength > 4
    assert one.since == DAYS[2]
    assert one.what == (
        "codes at two places at once, per 10,000 scans: 10 → 207, most of them with 2"
    )


def test_the_usual_few_and_one_bad_day_are_nothing():
    assert signals([0, 1, 0, 0, 1, 0, 0])["1"].p > 0.1
    burst = signals([0, 0, 0, 40, 0, 0, 0])["1"]
    assert burst.p > 0.9
    assert burst.strength == 0
    none = signals([0] * 7)["1"]
    assert none.what == "codes at two places at once, per 10,000 scans: 10 → 0"


def test_a_place_whose_days_differ_much_needs_more():
    steady = signals([1, 2, 1, 2, 1, 2, 1])["1"].p
    assert signals([1, 2, 1, 2, 1, 2, 1], {"1": Rate(0.001, 2.5)})["1"].p > 10 * steady


@pytest.mark.parametrize("rows", [[], [("2", "1", DAYS[0], "a", float("nan"), 0.0)]])
def test_nothing_known_of_the_way_is_no_clash(rows):
    assert clashes(read(*rows)).is_empty()
