"""Site lists: what is read, what is inferred, and what is said of a bad cell."""

import math
import re

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scantrail.errors import SitesError
from scantrail.sites import EARTH_RADIUS_KM, Sites, no_sites, read_sites, sites_from, tier_of_name
from scantrail.testing import events
from scantrail.vocabulary.chain import Tier

HEADER = "seq,location_id,scan_location,Latitude,Longitude,factory_locations"


@pytest.fixture
def read(tmp_path):
    def reading(text, name="sites.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_sites(path)

    return reading


@pytest.mark.parametrize(
    ("name", "tier"),
    [
        ("인천공장", Tier.FACTORY),
        ("인천공장창고", Tier.WAREHOUSE),
        ("수도권물류센터", Tier.HUB),
        ("수도권_도매상1", Tier.WHOLESALER),
        ("수도권_도매상1_권역_소매상2", Tier.RETAILER),
        ("Alder Plant", Tier.FACTORY),
        ("Alder Plant Warehouse", Tier.WAREHOUSE),
        ("Birch Hub", Tier.HUB),
        ("NorthDistributionCenter", Tier.HUB),
        ("Cedar Wholesalers", Tier.WHOLESALER),
        ("Cedar Wholesale Shop One", Tier.RETAILER),
        ("Corner store", Tier.RETAILER),
        ("IncHEON wms", Tier.WAREHOUSE),
        ("Plantation Road", None),  # words, not letters
        ("Shoplift Square", None),
        ("X17", None),
        ("", None),
        (None, None),
    ],
)
def test_a_name_tells_its_tier(name, tier):
    assert tier_of_name(name) == tier


def test_the_sources_list_is_read(read):
    sites = read(
        f"{HEADER}\n1,1,인천공장,37.45,126.65,\n2,5,인천공장창고,37.46,126.66,인천공장\n"
        "3,13,수도권물류센터,37.2,127.1,\n"
    )
    assert sites.table.drop("opens", "closes", "zone").rows() == [
        (1, "인천공장", 37.45, 126.65, 0, None),
        (5, "인천공장창고", 37.46, 126.66, 1, 0),
        (13, "수도권물류센터", 37.2, 127.1, 2, None),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949", "utf-16"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_any_usual_encoding_newline_and_delimiter(read, encoding, newline, delimiter):
    text = newline.join(["location_id,scan_location", "1,인천공장", "", "2,소매상", ""])
    sites = read(text.replace(",", delimiter).encode(encoding))
    assert sites.table["scan_location"].to_list() == ["인천공장", "소매상"]


def test_optional_columns_in_any_case_say_more(read):
    sites = read(
        "SCAN_LOCATION,Location_ID,Tier,Opens,CLOSES,zone\n"
        "A,1.0,hub,08:30,17:00,Europe/Vienna\nB,+2,4,22:00,06:00:00,\nC,-3,,,24:00,\n"
    )
    assert sites.table.select("location_id", "tier", "opens", "closes", "zone").rows() == [
        (1, 2, 510, 1020, "Europe/Vienna"),
        (2, 4, 1320, 360, None),
        (-3, None, None, 1440, None),
    ]
    assert sites.zones == {1: "Europe/Vienna"}


def test_a_given_tier_wins_over_the_name(read):
    assert read("location_id,scan_location,tier\n1,Birch Hub,소매상\n").table["tier"][0] == 4


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("x,A,,,,,,", "line 3, column location_id: 'x': expected a whole number"),
        (",A,,,,,,", "line 3, column location_id: '': expected a whole number"),
        ("7.5,A,,,,,,", "line 3, column location_id: '7.5': expected a whole number"),
        ("1,A,,,,,,",
         "line 3, column location_id: '1': the same location_id stands on line 2; ids must differ"),
        ("2,A,91,0,,,,", "line 3, column latitude: '91': expected degrees from -90 to 90"),
        ("2,A,nan,0,,,,", "line 3, column latitude: 'nan': expected degrees from -90 to 90"),
        ("2,A,0,east,,,,", "line 3, column longitude: 'east': expected degrees from -180 to 180"),
        ("2,A,0,inf,,,,", "line 3, column longitude: 'inf': expected degrees from -180 to 180"),
        ("2,A,,,moon,,,",
         "line 3, column tier: 'moon': expected factory, warehouse, hub, wholesaler, retailer or 0 to 4"),
        ("2,A,,,5,,,",
         "line 3, column tier: '5': expected factory, warehouse, hub, wholesaler, retailer or 0 to 4"),
        ("2,A,,,,8 am,,", "line 3, column opens: '8 am': expected a time of day as HH:MM"),
        ("2,A,,,,,24:30,", "line 3, column closes: '24:30': expected a time of day as HH:MM"),
        ("2,A,,,,,,Mars",
         "line 3, column zone: 'Mars': expected an IANA time zone such as Asia/Seoul"),
    ],
)  # fmt: skip
def test_a_bad_cell_is_named_with_its_line_and_column(read, row, message):
    header = "location_id,scan_location,Latitude,Longitude,tier,opens,closes,zone"
    with pytest.raises(SitesError, match=f"^{re.escape(f'sites.csv, {message}')}$"):
        read(f"{header}\n1,First,,,,,,\n{row}\n")


def test_lines_are_counted_with_blank_rows():
    raw = pl.DataFrame({"location_id": ["1", None, "x"], "scan_location": ["A", None, "B"]})
    with pytest.raises(SitesError, match="^list, line 4, column location_id: 'x': "):
        sites_from(raw, "list")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "{path} is empty; expected a header with location_id and scan_location"),
        (" \n\n", "{path} is empty; expected a header with location_id and scan_location"),
        ("a,b\n1,2\n",
         "sites.csv has no column location_id; expected location_id, scan_location, Latitude, "
         "Longitude, found: a, b"),
        ("location_id,b\n1,2\n",
         "sites.csv has no column scan_location; expected location_id, scan_location, Latitude, "
         "Longitude, found: location_id, b"),
        ("location_id,LOCATION_ID,scan_location\n1,2,A\n",
         "sites.csv has the column location_id twice; rename or remove one"),
        (b"location_id,scan_location\n1,\xff\xff\xff\n",
         "sites.csv is neither UTF-8 nor CP949 text: byte 28 does not fit; save it as UTF-8"),
    ],
)  # fmt: skip
def test_an_unusable_list_is_one_sentence(read, tmp_path, text, message):
    with pytest.raises(SitesError) as caught:
        read(text)
    assert str(caught.value) == message.format(path=tmp_path / "sites.csv")


def test_a_ragged_list_is_refused(read, tmp_path):
    with pytest.raises(SitesError, match=f"^{tmp_path / 'sites.csv'} is no readable site list: "):
        read("location_id,scan_location\n1,A,more,and,more\n")


def test_no_file_and_a_folder_are_named(tmp_path):
    for path, message in (
        (tmp_path, "is a folder; expected a CSV file of sites"),
        (tmp_path / "no.csv", "does not exist; give a CSV file of sites with --sites"),
    ):
        with pytest.raises(SitesError, match=f"^{re.escape(f'{path} {message}')}$"):
            read_sites(path)


def _owned(*rows):
    schema = ["location_id", "scan_location", "tier", "factory_locations"]
    return sites_from(pl.DataFrame(rows, schema=schema, orient="row")).table["plant"].to_list()


def test_a_warehouses_own_plant_is_given_by_name_or_number_or_told_by_its_name():
    plants = [(1, "North", "factory", None), (2, "South", "factory", None)]
    assert _owned(*plants, (3, "W", "warehouse", "South")) == [None, None, 1]
    assert _owned(*plants, (3, "W", "warehouse", "9; 2")) == [None, None, 1]
    assert _owned(*plants, (3, "South Store", "warehouse", None)) == [None, None, 1]
    assert _owned(*plants, (3, "West Store", "warehouse", "West")) == [None, None, None]
    assert _owned(*plants, (3, "South Shop", "retailer", "South")) == [None, None, None]


# ------------------------------------------------------------------------------------ lookups


def _sites(*ids):
    return sites_from(pl.DataFrame({"location_id": ids, "scan_location": [f"S{i}" for i in ids]}))


def _index(sites, ids, names=None):
    none = [None] * len(ids)
    return sites.index(
        pl.Series(ids, dtype=pl.Int64), pl.Series(names or none, dtype=pl.String)
    ).tolist()


@pytest.mark.parametrize("ids", [(5, 1, 9), (5, -1, 9), (5, 1, 1 << 40), ()])
def test_a_site_is_found_by_its_number_whatever_the_numbers_are(ids):
    sites = _sites(*ids)
    asked = [*ids, 7, -7, 1 << 41, -(1 << 62)]
    assert _index(sites, asked) == [*range(len(ids)), *[len(ids)] * 4]


def test_a_name_is_asked_only_where_no_number_is_given():
    sites = _sites(1, 2)
    assert _index(sites, [2, None, None, None, 7], ["S1", "S1", "?", None, "S1"]) == [
        1,
        0,
        2,
        -1,
        2,
    ]
    assert sites.name(1) == "S2"
    assert sites.name(2) is sites.name(-1) is None


def test_of_an_unknown_chain_every_tier_but_hubs_is_expected():
    assert no_sites().tiers_present == {0, 1, 3, 4}
    assert len(no_sites()) == 0


DEGREES = st.tuples(st.floats(-90, 90), st.floats(-180, 180))


@settings(max_examples=40)
@given(DEGREES, DEGREES)
def test_distances_are_those_of_the_great_circle(here, there):
    raw = pl.DataFrame(
        [(1, "A", *here), (2, "B", *there), (3, "C", None, None)],
        schema=["location_id", "scan_location", "Latitude", "Longitude"],
        orient="row",
    )
    sites = sites_from(raw)
    start, end = np.array([0, 1, 0, 0, 3], np.int32), np.array([1, 0, 0, 2, 0], np.int32)
    there_, back, none, *unknown = sites.kilometres(start, end).tolist()
    a, b, d = *map(math.radians, (here[0], there[0])), math.radians(there[1] - here[1])
    cosine = math.sin(a) * math.sin(b) + math.cos(a) * math.cos(b) * math.cos(d)
    assert there_ == pytest.approx(
        EARTH_RADIUS_KM * math.acos(max(-1, min(1, cosine))), abs=1, rel=1e-4
    )
    assert back == there_
    assert none == 0
    assert np.isnan(unknown).all()


# ------------------------------------------------------------------------------- tiers seen


def _seen(*scans, epc="A"):
    sites = _sites(1, 2)
    told = sites.with_tiers_seen(events([("2025-07-01 10:00:00", *scan) for scan in scans], epc))
    assert isinstance(told, Sites)
    assert told.table.columns == sites.table.columns
    return told.table["tier"].to_list()


WMS, HUB, OPEN = ("WMS", "WMS_Inbound"), ("Logistics_HUB", "Inbound"), ("Distribution", "Inbound")


def test_a_tier_is_taken_from_the_scans_at_the_site():
    assert _seen(*[(1, *WMS)] * 3, *[(2, *HUB)] * 3) == [1, 2]


def test_too_few_scans_or_divided_ones_say_nothing():
    assert _seen(*[(1, *WMS)] * 2, *[(2, *HUB)] * 3) == [None, 2]
    assert _seen(*[(1, *WMS)] * 8, (1, *HUB)) == [None, None]
    assert _seen(*[(1, *WMS)] * 9, (1, *HUB)) == [1, None]


def test_words_of_several_tiers_have_no_vote():
    assert _seen(*[(1, *OPEN)] * 50) == [None, None]
    assert _seen(*[(1, *OPEN)] * 50, *[(1, *WMS)] * 3) == [1, None]


def test_unlisted_and_unnamed_places_are_no_sites():
    assert _seen(*[(99, *WMS)] * 3, *[(None, *WMS)] * 3) == [None, None]
    assert _seen() == [None, None]


def test_a_known_tier_stays_whatever_is_seen():
    sites = sites_from(
        pl.DataFrame({"location_id": [1, 2], "scan_location": ["Hub", "B"], "tier": ["hub", None]})
    )
    scans = events([("2025-07-01 10:00:00", place, *WMS) for place in (1, 1, 1, 2, 2, 2)])
    assert sites.with_tiers_seen(scans).table["tier"].to_list() == [2, 1]
    complete = sites_from(pl.DataFrame({"location_id": [1], "scan_location": ["Hub"]}))
    assert complete.with_tiers_seen(scans) is complete
