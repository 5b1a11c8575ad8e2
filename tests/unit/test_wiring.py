"""Which implementations are chosen, and what an engine learns."""

import re
import shutil

import polars as pl
import pytest

from scantrail import wiring
from scantrail.errors import SettingsError, SitesError
from scantrail.settings import Settings, read_settings
from scantrail.simulate import SimulationConfig, simulate
from scantrail.testing import events
from scantrail.vocabulary.events import Events, RawLog
from scantrail.wiring import DEMO, DEMO_COMPANIES, companies_of, engine, network_at, write_learned

SITES = "location_id,scan_location,Latitude,Longitude\n1,Plant,37,127\n2,X2,37.1,127\n"


@pytest.fixture
def sites(tmp_path):
    path = tmp_path / "sites.csv"
    path.write_text(SITES, encoding="utf-8")
    return path


def test_without_a_site_list_the_demo_chain_and_its_companies_are_known():
    demo = engine(Settings())
    assert demo.network.knows_lanes
    assert demo.settings.thresholds.companies == DEMO_COMPANIES


def test_a_bare_site_list_knows_neither_lanes_nor_companies(sites):
    bare = engine(Settings(sites=str(sites)))
    assert not bare.network.knows_lanes
    assert bare.settings.thresholds.companies == ()
    assert len(bare.network.sites) == 2


def test_a_learned_network_knows_what_it_learned(tmp_path):
    scans = simulate(SimulationConfig(epcs=300, seed=3)).scans
    demo = engine(Settings())
    told = demo.understand(RawLog(scans.with_row_index("line"), source="x"))
    bare = wiring.Engine(Settings(), wiring.Network(demo.network.sites))
    learned = bare.learned_from(told)
    assert learned.network.knows_lanes
    assert set(learned.settings.thresholds.companies) == set(DEMO_COMPANIES)
    write_learned(learned, tmp_path)
    again = engine(Settings(sites=str(tmp_path)))
    assert again.settings.thresholds.companies == learned.settings.thresholds.companies
    assert again.network.lanes.drop("hours_median", "log_spread").equals(
        learned.network.lanes.drop("hours_median", "log_spread")
    )
    verdicts = [one.judge(told).verdicts.drop("explanation") for one in (learned, again)]
    assert verdicts[0].equals(verdicts[1])


def test_configured_companies_stay_whatever_the_log_holds():
    settings = read_settings({}, thresholds={"companies": ["1111111"]})
    demo = engine(settings)
    assert demo.settings.thresholds.companies == ("1111111",)
    learned = demo.learned_from(Events(events([("2025-07-01", 1001, "Factory", "Aggregation")])))
    assert learned.settings.thresholds.companies == ("1111111",)


def test_tiers_that_no_name_tells_are_those_of_the_scans(sites):
    bare = engine(Settings(sites=str(sites)))
    scans = [("2025-07-01 10:00:00", 2, "Logistics_HUB", "HUB_Inbound")] * 3
    seen = bare.with_tiers_seen(Events(events(scans)))
    assert bare.network.sites.table["tier"].to_list() == [0, None]
    assert seen.network.sites.table["tier"].to_list() == [0, 2]


def test_both_profiles_judge_and_an_unknown_one_is_refused():
    demo = engine(Settings(rules="source"))
    assert len(demo.detectors()[0].rules) == len(demo.detectors("source")[0].rules) == 5
    assert len(demo.detectors("default")[0].rules) == 7
    assert demo.detectors("default")[0] is demo.detectors("default")[0]  # put together once


def test_learned_detectors_judge_beside_the_rules_unless_told_otherwise():
    demo = engine(Settings())
    assert [one.name for one in demo.detectors()] == ["rules", "lstm", "svm"]
    assert [one.name for one in demo.detectors(ml=False)] == ["rules"]
    assert [one.name for one in demo.detectors("source")] == ["rules"]
    assert [one.name for one in engine(Settings(artifacts="none")).detectors()] == ["rules"]


def code(company, serial=1):
    return f"001.{company}.1293291.010004.20250701.{serial:09}"


def companies(*codes):
    return companies_of(pl.DataFrame({"epc_code": codes}, schema={"epc_code": pl.String}))


def test_a_log_vouches_for_companies_of_at_least_one_scan_in_five_hundred():
    assert companies(*[code("1111111")] * 499, code("2222222")) == ("1111111", "2222222")
    assert companies(*[code("1111111")] * 500, code("2222222")) == ("1111111",)
    assert companies(code("1111111"), "1111111", None, "urn:epc:id:sgtin:2222222.1.1") == (
        "1111111",
    )
    assert companies() == ()


def test_a_bad_company_list_is_named_with_its_cure(tmp_path):
    shutil.copytree(DEMO, tmp_path / "network")
    path = tmp_path / "network" / "companies.csv"
    path.write_bytes(b"company\n1\n2,3\n")
    wanted = f"^{re.escape(str(path))} can't be used: .+; write it with 'sites learn'$"
    with pytest.raises(SitesError, match=wanted):
        engine(Settings(sites=str(tmp_path / "network")))


def test_a_folder_without_a_site_list_is_named(tmp_path):
    with pytest.raises(SitesError) as caught:
        network_at(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path / 'sites.csv'} does not exist; give a CSV file of sites with --sites"
    )


def test_a_sites_own_zone_is_that_of_its_times(tmp_path):
    (tmp_path / "sites.csv").write_text(
        "location_id,scan_location,zone\n1,A,Europe/Vienna\n2,B,\n", encoding="utf-8"
    )
    (tmp_path / "log.csv").write_text(
        "epc_code,event_time,location_id\nX,2025-07-01 12:00:00,1\nX,2025-07-01 12:00:00,2\n",
        encoding="utf-8",
    )
    settings = Settings(zone="Asia/Seoul")
    network = network_at(tmp_path / "sites.csv")
    read = wiring.read_events(tmp_path / "log.csv", settings, network.sites).frame
    assert read["time"].dt.hour().to_list() == [10, 3]
    assert read["offset"].to_list() == [120, 540]


def test_an_unknown_zone_is_refused_with_an_example(tmp_path):
    log = tmp_path / "log.csv"
    log.write_text("epc_code,event_time\nX,2025-07-01 12:00:00\n", encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        wiring.read_events(log, Settings(zone="Mars/Olympus"))
    assert str(caught.value) == (
        "'Mars/Olympus' is no time zone; expected an IANA name such as Asia/Seoul or Europe/Vienna"
    )
