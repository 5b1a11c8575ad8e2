import pytest

from scantrail.simulate import demo_sites
from scantrail.simulate.network import network, site_table


def test_the_demo_network_has_sixty_sites_in_five_tiers():
    sites = demo_sites()
    assert sites.columns == [
        "seq",
        "location_id",
        "scan_location",
        "Latitude",
        "Longitude",
        "factory_locations",
        "tier",
        "opens",
        "closes",
    ]
    assert dict(sites["tier"].value_counts().iter_rows()) == {
        "factory": 4,
        "warehouse": 4,
        "hub": 4,
        "wholesaler": 12,
        "retailer": 36,
    }
    assert sites["location_id"].to_list() == list(range(1001, 1061))
    assert sites["scan_location"].is_unique().all()


@pytest.mark.parametrize("chain", ["demo", "second"])
def test_sites_stand_in_south_korea_and_have_both_hours_or_none(chain):
    sites = site_table(network(chain))
    assert sites["Latitude"].is_between(34.5, 38.2).all()
    assert sites["Longitude"].is_between(126.2, 129.5).all()
    assert (sites["opens"].is_null() == sites["closes"].is_null()).all()
    hours = sites.drop_nulls("opens")
    assert hours["opens"].str.contains(r"^\d\d:\d\d$").all()
    assert (hours["opens"] < hours["closes"]).all()


def test_unlisted_places_are_in_no_site_list():
    net = network("demo")
    assert not set(net.location_id[-2:].tolist()) & set(demo_sites()["location_id"])
