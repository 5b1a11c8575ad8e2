"""A stopwatch for stages."""

import pytest

from scantrail.stages import Stages


def test_a_stage_is_noted_however_it_ends():
    stages = Stages()
    with pytest.raises(ValueError, match="broken"), stages("judging"):
        raise ValueError("broken")
    with stages("keeping"):
        pass
    first, second = stages.noted
    assert (first.name, second.name) == ("judging", "keeping")
    assert stages.begin <= first.begin <= first.end <= second.begin <= second.end


def test_what_is_gone_through_again_counts_all_in_all():
    stages = Stages()
    for name, begin, end in (("a", 0, 1_000_000), ("b", 5, 5), ("a", 2_000_000, 4_000_000)):
        assert stages.note(name, begin, end) == end
    assert stages.seconds() == pytest.approx({"a": 0.003, "b": 0.0})
