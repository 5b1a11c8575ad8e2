import datetime as dt

import numpy as np
import polars as pl
import pytest

from scantrail.monitoring.batches import batch_signals, learn_batches

MONDAY = dt.date(2025, 3, 3)
BEARABLE = (1.25, 0.3)


def reads(first, count, seed, a_day=4, size=20):
    """Pallets that come into two hubs, one read of each code missed in a hundred."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(first, first + count):
        noon = dt.datetime.combine(MONDAY + dt.timedelta(days=number), dt.time(12))
        for site in ("1", "2"):
            for _ in range(a_day):
                at = noon + dt.timedelta(seconds=int(rng.integers(36_000)))
                read = rng.binomial(size, 0.99)
                rows += [(site, at, at.date(), "WMS_Outbound → HUB_Inbound")] * read
            stray = noon + dt.timedelta(hours=11)
            rows.append((site, stray, stray.date(), "start → HUB_Inbound"))
    return pl.DataFrame(rows, ["site", "scanned", "day", "step"], orient="row")


def days(first, count):
    return [MONDAY + dt.timedelta(days=i) for i in range(first, first + count)]


@pytest.fixture(scope="module")
def batches():
    return learn_batches(reads(0, 56, 1), days(0, 56))


def found(batches, week):
    return {one.key: one for one in batch_signals(batches, week, days(56, 7), BEARABLE)}


def test_sizes_are_learned_without_strays(batches):
    assert {step: set(sites) for step, sites in batches.sizes.items()} == {
        "HUB_Inbound": {"1", "2"}
    }
    usual = batches.sizes["HUB_Inbound"]["1"]
    assert usual.count == 4 * 56
    assert np.exp(usual.quantiles[20]) == pytest.approx(20, abs=0.1)


def test_an_ordinary_week_is_as_usual(batches):
    signals = [one for seed in range(20) for one in found(batches, reads(56, 7, seed)).values()]
    assert len(signals) == 40
    assert all(one.p > 1e-4 and one.strength < 1 for one in signals)


def test_a_reader_that_loses_half_is_named_with_its_step(batches):
    week = reads(56, 7, 3)
    kept = pl.Series(np.random.default_rng(1).random(len(week)) < 0.5)
    signals = found(batches, week.filter((pl.col("site") != "1") | kept))
    one = signals["batches/HUB_Inbound/1"]
    assert one.p < 1e-8
    assert one.effect["ratio"] == pytest.approx(0.5, abs=0.08)
    assert one.what in {f"codes read at one moment, HUB_Inbound: 20 → {n}" for n in (9, 10, 11)}
    assert signals["batches/HUB_Inbound/2"].strength < 1


def test_one_lost_code_of_twenty_is_certain_and_no_matter(batches):
    many = pl.concat([reads(56, 7, seed, size=19) for seed in range(10, 30)])
    one = found(batches, many)["batches/HUB_Inbound/1"]
    assert one.p < 1e-6
    assert one.strength < 1


def test_what_is_not_known_is_not_judged(batches):
    elsewhere = reads(56, 7, 4).with_columns(site=pl.lit("7"))
    assert found(batches, elsewhere) == {}
    assert found(batches, elsewhere.clear()) == {}
    assert found(batches, reads(56, 1, 4)) == {}  # one day
