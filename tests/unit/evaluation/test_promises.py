import pytest

from scantrail.evaluation.blocks import Resampling
from scantrail.evaluation.promises import LEVELS, promises


def test_a_score_promises_how_many_honest_items_reach_it(given, crowd):
    # of 1,000 honest items 100 reach 25 and 10 reach 50, as promised; one labelled item reaches all
    def score(lot, n):
        place = lot * 50 + n
        return 99.0 if place == 0 else 50.0 if place <= 10 else 25.0 if place <= 100 else 0.0

    seen = given(crowd(21, 50, lambda lot, n: lot == 0 and n == 0, score))
    [told] = promises(seen, Resampling(100))
    assert told.judge == "all together"
    assert told.promised[LEVELS.index(25.0)] == pytest.approx(0.1)
    assert told.promised[LEVELS.index(75.0)] == pytest.approx(0.001)
    quarter, half, most = (told.seen[LEVELS.index(level)] for level in (25.0, 50.0, 90.0))
    assert quarter.value == pytest.approx(100 / 1049)
    assert half.value == pytest.approx(10 / 1049)
    assert most == (0.0, 0.0, 0.0)
    assert quarter.low < quarter.value < quarter.high
