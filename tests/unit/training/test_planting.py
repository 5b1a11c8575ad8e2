import numpy as np
import polars as pl
import pytest

from scantrail.training.planting import KINDS, plant


@pytest.fixture(scope="module")
def where(ground):
    """Scans of the later half."""
    return (ground.journeys.linked["time"] > ground.journeys.linked["time"].median()).to_numpy()


@pytest.fixture(scope="module")
def planted(ground, where):
    events, kind = plant(ground.journeys, ground.network.sites, where, seed=1)
    return events.with_columns(kind=kind)


@pytest.fixture(scope="module")
def before(ground):
    return ground.journeys.events


def trail(events, codes):
    return events.filter(pl.col("epc_code").is_in(codes)).sort("epc_code", "time", "row")


def of(planted, before, kind):
    """Each item with that kind, as it is and as it was."""
    codes = planted.filter(kind=kind)["epc_code"].unique().sort()
    assert len(codes) >= 3
    for code in codes:
        yield trail(planted, [code]), trail(before, [code])


def test_every_kind_is_planted_about_as_often(planted):
    items = planted.filter(pl.col("kind").is_not_null()).group_by("kind").agg(
        pl.col("epc_code").n_unique()
    )  # fmt: skip
    assert set(items["kind"]) == set(KINDS)
    assert items["epc_code"].max() <= 2 * items["epc_code"].min()


def test_an_item_has_one_kind_and_others_are_as_they_were(planted, before):
    kinds = planted.group_by("epc_code").agg(pl.col("kind").drop_nulls().n_unique())
    assert kinds["kind"].max() == 1
    clean = kinds.filter(kind=0)["epc_code"].implode()
    assert trail(planted, clean).drop("row", "kind").equals(trail(before, clean).drop("row"))


def test_nothing_happens_after_the_end_of_the_log(planted, before):
    assert planted["time"].max() <= before["time"].max()
    assert planted["row"].to_list() == list(range(len(planted)))


def test_planting_is_done_where_it_is_allowed(ground, where, planted, before):
    allowed = ground.journeys.codes.gather(ground.journeys.linked["epc"].filter(pl.Series(where)))
    odd = planted.filter(pl.col("kind").is_not_null())
    assert odd["epc_code"].is_in(allowed.implode()).all()
    moved = odd.filter(~pl.col("kind").is_in(["stayShort", "clone"]))  # these reach back in time
    assert moved["time"].min() > ground.journeys.linked["time"].median()


def test_the_seed_decides(ground, where, planted):
    again = plant(ground.journeys, ground.network.sites, where, seed=1)[0]
    other = plant(ground.journeys, ground.network.sites, where, seed=2)[0]
    assert again.equals(planted.drop("kind"))
    assert not other.equals(again)


def gaps(events):
    return events.with_columns(hours=pl.col("time").diff().dt.total_seconds() / 3600)


def test_stays_and_trips_out_of_proportion(planted, before):
    for now, was in of(planted, before, "stayLong"):
        at = now["kind"].is_not_null().arg_max()
        assert gaps(now)["hours"][at] >= 3 * gaps(was)["hours"][at]
    for now, was in of(planted, before, "stayShort"):
        at = now["kind"].is_not_null().arg_max()
        assert 3 / 60 <= gaps(now)["hours"][at] <= 15 / 60
        assert gaps(was)["hours"][at] >= 24
    for now, was in of(planted, before, "travelSlow"):
        at = now["kind"].is_not_null().arg_max()
        assert gaps(now)["hours"][at] - gaps(was)["hours"][at] >= 4 * 24


def test_what_is_diverted_goes_where_nothing_goes(planted, before):
    lanes = set(
        before.sort("epc_code", "time", "row")
        .select("location_id", to=pl.col("location_id").shift(-1).over("epc_code"))
        .drop_nulls()
        .iter_rows()
    )
    for now, was in of(planted, before, "divert"):
        at = now["kind"].is_not_null().arg_max()
        assert now["location_id"][at] != was["location_id"][at]
        assert (now["location_id"][at - 1], now["location_id"][at]) not in lanes
        assert now["scan_location"][at] != was["scan_location"][at]


def test_clones_bursts_and_lost_links(planted, before):
    for now, was in of(planted, before, "clone"):
        assert len(now) == len(was) + 2
        assert now["kind"].count() == 3
    for now, was in of(planted, before, "burst"):
        assert 8 <= len(now) - len(was) < 20
        assert now.filter(pl.col("kind").is_not_null())["location_id"].n_unique() == 1
    for now, was in of(planted, before, "loseLinks"):
        assert len(now) == len(was) - 2
        assert now["kind"].count() == 1


def test_night_scans_are_at_hours_when_the_site_is_closed(planted, before):
    local = (pl.col("time") + pl.duration(minutes="offset")).dt.hour()
    hours = before.group_by("location_id", local.alias("hour")).len()
    for now, _ in of(planted, before, "atNight"):
        odd = now.filter(pl.col("kind").is_not_null()).with_columns(hour=local)
        seen = hours.join(odd, on=["location_id", "hour"])["len"].sum()
        assert seen <= 0.002 * hours.filter(location_id=odd["location_id"][0])["len"].sum()


def test_nothing_is_planted_where_nothing_may_be(ground, before):
    nowhere = np.zeros(len(ground.journeys.linked), bool)
    events, kind = plant(ground.journeys, ground.network.sites, nowhere, seed=1)
    assert kind.null_count() == len(events) == len(before)
