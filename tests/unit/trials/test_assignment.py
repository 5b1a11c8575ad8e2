import math
import subprocess
import sys

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scantrail.errors import InputError
from scantrail.trials.assignment import Assignment, split_of

CODES = pl.Series([f"001.8804823.1293291.010004.20250701.{n:09}" for n in range(20_000)])


@given(st.text(max_size=60), st.floats(0, 1), st.text(min_size=1, max_size=12))
def test_an_item_always_draws_the_same_and_stays_as_the_share_grows(code, share, salt):
    drawn = Assignment(share, salt).challenger(code)
    assert Assignment(share, salt).challenger(code) == drawn
    if drawn:
        assert Assignment(min(1.0, share + 0.1), salt).challenger(code)
    assert Assignment(1.0, salt).challenger(code)
    assert not Assignment(0.0, salt).challenger(code)


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9])
def test_the_split_is_near_its_share(share):
    drawn = Assignment(share, "autumn").challengers(CODES)
    spread = math.sqrt(share * (1 - share) / len(CODES))
    assert abs(drawn.mean() - share) < 4 * spread


def test_another_salt_is_an_independent_draw():
    one, other = (Assignment(0.5, salt).challengers(CODES) for salt in ("autumn", "winter"))
    assert abs((one == other).mean() - 0.5) < 4 * 0.5 / math.sqrt(len(CODES))


def test_another_process_draws_the_same():
    code = (
        "from scantrail.trials.assignment import Assignment\n"
        "print(sum(Assignment(0.3, 'autumn').challenger(str(n)) for n in range(1000)))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert int(told.stdout) == sum(
        Assignment(0.3, "autumn").challenger(str(n)) for n in range(1000)
    )


def test_scans_follow_their_items_and_codes_may_be_absent():
    codes = pl.Series("epc_code", ["a", None, "b", "a", None])
    drawn = Assignment(0.5, "s").challengers(codes)
    assert drawn[0] == drawn[3]
    assert drawn[1] == drawn[4]
    assert drawn.null_count() == 0
    assert Assignment(0.5, "s").challengers(codes.clear()).dtype == pl.Boolean


@pytest.mark.parametrize(
    ("share", "salt", "message"),
    [
        (1.5, "s", "a share of 1.5 can't be; give a number from 0 to 1"),
        (math.nan, "s", "a share of nan can't be"),
        (0.5, "", "'' is no salt; give the trial a name of 1-64 bytes"),
        (0.5, "x" * 65, "is no salt; give the trial a name of 1-64 bytes"),
    ],
)
def test_what_is_no_assignment_is_refused(share, salt, message):
    with pytest.raises(InputError, match=message):
        Assignment(share, salt)


def test_the_effective_split_is_of_items_and_says_how_likely_it_is():
    codes = pl.Series([str(n) for n in range(1000) for _ in range(3)])
    arm = Assignment(0.5, "spring").challengers(codes)
    fair = split_of(codes, arm, 0.5)
    assert fair.items == 1000
    assert abs(fair.effective - 0.5) < 0.06
    assert fair.p > 0.01
    lost = arm & (codes.cast(pl.Int64) > 300)
    assert split_of(codes.filter(lost | ~arm), lost.filter(lost | ~arm), 0.5).p < 1e-4


def test_a_split_of_all_or_none_is_as_it_must_be():
    codes = pl.Series(["a", "b"])
    assert split_of(codes, pl.Series([True, True]), 1.0).p == 1.0
    assert split_of(codes, pl.Series([True, False]), 1.0).p == 0.0
    nobody = split_of(codes.clear(), pl.Series([], dtype=pl.Boolean), 0.5)
    assert nobody.p == 1.0
    assert math.isnan(nobody.effective)


def test_an_item_judged_by_both_is_refused():
    with pytest.raises(
        InputError, match="item 'a' was judged by both versions; their scores don't"
    ):
        split_of(pl.Series(["a", "a"]), pl.Series([True, False]), 0.5)
