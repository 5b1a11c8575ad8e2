"""What the gate decides, in words, and how it is kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scantrail.errors import ConflictError
from scantrail.gate import Check, Gated, at_least, at_most, keep, refuse_ungated, told_of

VERSION = "0123456789ab"
GOOD = Check(name="latency", passed=True, reason="latency: 3.0 ms, the champion 3.0 ms")
BAD = Check(name="later scans", passed=False, reason="later scans: it finds 10.0%", candidate=0.1)


def gated(*checks, champion="ba9876543210"):
    return Gated(version=VERSION, champion=champion, at="2025-08-17T02:15:00+00:00", actor="kim",
                 checks=list(checks), data={"items": 400})  # fmt: skip


def test_one_failed_check_refuses_and_is_told():
    assert gated(GOOD).passed
    assert gated(GOOD).words == "passed the gate: latency: 3.0 ms, the champion 3.0 ms"
    assert not gated(GOOD, BAD).passed
    assert gated(GOOD, BAD).words == "refused by the gate: later scans: it finds 10.0%"


def test_it_is_kept_beside_the_version_and_read_again(tmp_path):
    assert told_of(tmp_path, VERSION) is None
    path = keep(tmp_path, gated(GOOD, BAD))
    assert path == tmp_path / "gates" / f"{VERSION}.json"
    assert '"passed": false' in path.read_text("utf-8")
    assert told_of(tmp_path, VERSION) == gated(GOOD, BAD)
    keep(tmp_path, gated(GOOD))
    assert told_of(tmp_path, VERSION) == gated(GOOD)
    path.write_text("{", "utf-8")
    assert told_of(tmp_path, VERSION) is None


@pytest.mark.parametrize("name", ["../secret", "0123456789ab/..", "", "~", "0123456789AB"])
def test_no_name_from_outside_becomes_a_path(tmp_path, name):
    (tmp_path / "secret.json").write_text("{}", "utf-8")
    assert told_of(tmp_path, name) is None


def test_where_it_is_required_only_what_passed_may_be_promoted(tmp_path):
    said = f"version {VERSION} has not been at the gate against ba9876543210; run 'scantrail models"
    with pytest.raises(ConflictError, match=said):
        refuse_ungated(tmp_path, VERSION, "ba9876543210")
    keep(tmp_path, gated(BAD))
    with pytest.raises(ConflictError) as error:
        refuse_ungated(tmp_path, VERSION, "ba9876543210")
    assert str(error.value) == (
        f"version {VERSION} was refused by the gate: later scans: it finds 10.0%"
    )
    keep(tmp_path, gated(GOOD))
    refuse_ungated(tmp_path, VERSION, "ba9876543210")
    with pytest.raises(ConflictError, match="has not been at the gate against 111111111111"):
        refuse_ungated(tmp_path, VERSION, "111111111111")


shares = st.floats(0, 1)


@given(shares, shares, st.floats(0, 0.5))
def test_a_loss_up_to_the_margin_is_none(champion, candidate, margin):
    check = at_least("later scans", champion, candidate, margin, "are found")
    assert check.passed == (candidate >= champion - margin)
    assert ("at most" in check.reason) != check.passed
    assert at_least("later scans", champion, champion, margin, "are found").passed


@given(st.floats(0.01, 1e6), st.floats(0.01, 1e6), st.floats(0, 2))
def test_a_cost_up_to_so_much_more_is_none(champion, candidate, more):
    check = at_most("size", champion, candidate, more, "MB")
    assert check.passed == (candidate <= champion * (1 + more))
    assert at_most("size", champion, champion, more, "MB").passed
