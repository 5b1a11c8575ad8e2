import numpy as np
import polars as pl
import pytest

from scantrail.monitoring.peers import learn_peers, peer_chances

STEPS = {"1": "start → Aggregation", "2": "start → Aggregation", "3": "start → Aggregation",
         "8": "WMS_Outbound → HUB_Inbound"}  # fmt: skip


def made(weeks, seed):
    """Scans by plant and day: each week swings, and all plants with it; Sundays rest."""
    rng = np.random.default_rng(seed)
    swing = np.exp(0.4 * rng.standard_normal(weeks)).repeat(7)
    open_days = np.tile([1, 1, 1, 1, 1, 1, 0], weeks)
    usual = {"1": 100, "2": 60, "3": 30, "8": 80}
    return {site: rng.poisson(n * swing * open_days).astype(float) for site, n in usual.items()}


@pytest.fixture(scope="module")
def peers():
    rows = [(site, step) for site, step in STEPS.items() for _ in range(9)]
    rows += [("1", "Aggregation → WMS_Inbound"), ("9", None), ("9", "POS_Sell → ?")]
    return learn_peers(pl.DataFrame(rows, ["site", "step"], orient="row"), made(8, 1))


NO_ODD = dict.fromkeys(STEPS, 6)


def test_a_site_is_measured_against_sites_of_its_kind(peers):
    assert set(peers) == {"1", "2", "3"}  # a lonely hub has no peers
    assert peers["1"].tier == 0
    assert peers["2"].own / peers["2"].others == pytest.approx(60 / 130, rel=0.05)
    assert all(1 <= one.design < 2.5 for one in peers.values())


def test_a_slow_week_of_all_is_nobody_s_change(peers):
    slow = {site: one * 0.4 for site, one in made(1, 2).items()}
    assert min(peer_chances(peers, slow, NO_ODD).values()) > 0.001


def test_a_plant_that_makes_less_than_the_others_is_seen(peers):
    cut = made(1, 3)
    cut["3"] = cut["3"] * 0.4
    chances = peer_chances(peers, cut, NO_ODD)
    assert chances["3"] < 1e-6
    one_day = made(1, 3)
    one_day["3"][2] = 0.0
    assert peer_chances(peers, one_day, {**NO_ODD, "3": 2})["3"] > 0.001


def test_a_site_without_counts_is_left_out(peers):
    rest = {site: one for site, one in made(1, 4).items() if site != "2"}
    assert set(peer_chances(peers, rest, NO_ODD)) == {"1", "3"}
    assert peer_chances({}, rest, NO_ODD) == {}
