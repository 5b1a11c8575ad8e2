"""A service of one's own: settings of others don't hold, and what it refuses is told."""

import pytest

from scantrail.lifecycle.place import Place, PlaceError


def test_no_settings_but_its_own_hold(tmp_path, monkeypatch):
    monkeypatch.setenv("SCANTRAIL_DATABASE_URL", "postgresql+psycopg://somebody")
    monkeypatch.setenv("SCANTRAIL_RULES", "source")
    place = Place(tmp_path, {"ARTIFACTS": "none"})
    own = {name: v for name, v in place.environment.items() if name.startswith("SCANTRAIL_")}
    assert own == {
        "SCANTRAIL_DATABASE_URL": f"sqlite:///{tmp_path / 'scantrail.sqlite'}",
        "SCANTRAIL_ARTIFACTS": "none",
    }


def test_a_service_that_does_not_start_says_where_the_reason_is(tmp_path):
    place = Place(tmp_path, {"ARTIFACTS": str(tmp_path / "nothing")})
    with pytest.raises(PlaceError, match="^the service does not start; .*service.log says why$"):
        place.__enter__()
    assert "nothing" in place.log.read_text("utf-8")


def test_a_command_that_fails_is_told_in_its_own_words(tmp_path):
    place = Place(tmp_path, {"ARTIFACTS": "none"})
    with pytest.raises(PlaceError, match="^'summer' is no time; expected ISO 8601, e.g. "):
        place.command("models", "at", "summer")
    assert place.command("version").startswith("scantrail ")
