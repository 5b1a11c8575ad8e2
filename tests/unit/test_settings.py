"""Settings: which source wins, how each is written, and what is said of a bad one."""

import re

import pytest

from scantrail.detectors.rule import RuleSettings
from scantrail.errors import SettingsError
from scantrail.settings import Settings, read_settings


@pytest.fixture
def file(tmp_path):
    def write(text, name="scantrail.toml"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_without_anything_the_defaults_hold():
    assert read_settings({}) == Settings()
    assert read_settings({"PATH": "/bin", "SCANTRAILER": "x"}) == Settings()


def test_the_environment_is_read_by_name_and_type():
    read = read_settings(
        {
            "SCANTRAIL_ZONE": "Europe/Vienna",
            "SCANTRAIL_RULES": "source",
            "SCANTRAIL_LANGUAGE": "ko",
            "SCANTRAIL_SITES": "network/",
            "SCANTRAIL_MAX_BODY_BYTES": "1000",
            "SCANTRAIL_MAX_RECORDS": "10",
            "SCANTRAIL_DATABASE_URL": "sqlite:///here.sqlite",
            "SCANTRAIL_CORS_ORIGINS": "http://a.example, http://b.example,",
            "SCANTRAIL_THRESHOLDS__JUMP_SCORE": "75",
            "SCANTRAIL_THRESHOLDS__COMPANIES": "8804823,8805843",
            "SCANTRAIL_THRESHOLDS__LANE_Z_FAST": "4, 7.5",
            "SCANTRAIL_THRESHOLDS__MISSED_SCORES": "1,2,3,4",
            "SCANTRAIL_THRESHOLDS__OPTIONAL_TIERS": "hub,wholesaler",
        }
    )
    assert read == Settings(
        zone="Europe/Vienna",
        rules="source",
        language="ko",
        sites="network/",
        max_body_bytes=1000,
        max_records=10,
        database_url="sqlite:///here.sqlite",
        cors_origins=("http://a.example", "http://b.example"),
        thresholds=RuleSettings(
            jump_score=75,
            companies=("8804823", "8805843"),
            lane_z_fast=(4, 7.5),
            missed_scores=(1, 2, 3, 4),
            optional_tiers=("hub", "wholesaler"),
        ),
    )


def test_later_sources_win_and_a_tables_other_entries_stay(file):
    path = file(
        'zone = "Europe/Vienna"\nmax_records = 5\n'
        '[thresholds]\njump_score = 60\nvehicle_kmh = 130\ncompanies = ["1111111"]\n'
    )
    environ = {
        "SCANTRAIL_CONFIG": str(path),
        "SCANTRAIL_MAX_RECORDS": "6",
        "SCANTRAIL_THRESHOLDS__JUMP_SCORE": "65",
    }
    read = read_settings(environ, zone="UTC", sites=None, thresholds={"companies": ["2222222"]})
    assert (read.zone, read.max_records, read.sites) == ("UTC", 6, "")
    assert (read.thresholds.jump_score, read.thresholds.vehicle_kmh) == (65, 130)
    assert read.thresholds.companies == ("2222222",)
    assert read_settings({}, path).zone == "Europe/Vienna"


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"SCANTRAIL_COLOUR": "red"},
         "a setting can't be used: Object contains unknown field `colour`; docs/settings.md lists all"),
        ({"SCANTRAIL_MAX_RECORDS": "many"},
         "a setting can't be used: Expected `int`, got `str` - at `$.max_records`; docs/settings.md lists all"),
        ({"SCANTRAIL_RULES": "old"},
         "a setting can't be used: Invalid enum value 'old' - at `$.rules`; docs/settings.md lists all"),
        ({"SCANTRAIL_LANGUAGE": "fr"},
         "a setting can't be used: Invalid enum value 'fr' - at `$.language`; docs/settings.md lists all"),
        ({"SCANTRAIL_THRESHOLDS__OPTIONAL_TIERS": "ship"},
         "a setting can't be used: Invalid enum value 'ship' - at `$.thresholds.optional_tiers[0]`; docs/settings.md lists all"),
        ({"SCANTRAIL_THRESHOLDS": "x", "SCANTRAIL_THRESHOLDS__JUMP_SCORE": "1"},
         "a setting can't be used: SCANTRAIL_THRESHOLDS is a table; set "
         "SCANTRAIL_THRESHOLDS__JUMP_SCORE and its like alone"),
        ({"SCANTRAIL_THRESHOLDS__JUMP": "1"},
         "a setting can't be used: Object contains unknown field `jump` - at `$.thresholds`; docs/settings.md lists all"),
    ],
)  # fmt: skip
def test_a_bad_setting_is_named(environ, message):
    with pytest.raises(SettingsError, match=f"^{re.escape(message)}$"):
        read_settings(environ)


def test_a_bad_file_is_named(file, tmp_path):
    gone = tmp_path / "gone.toml"
    for path, message in (
        (gone, f"{gone} can't be read: No such file or directory"),
        (tmp_path, f"{tmp_path} can't be read: Is a directory"),
    ):
        with pytest.raises(SettingsError, match=f"^{re.escape(message)}$"):
            read_settings({"SCANTRAIL_CONFIG": str(path)})
    for name, data in (("a.toml", "zone = "), ("b.toml", b"zone = '\xff'")):
        path = file(data, name)
        with pytest.raises(SettingsError, match=f"^{re.escape(str(path))} is no valid TOML: "):
            read_settings({}, path)
