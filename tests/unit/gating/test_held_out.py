"""Equal alerts: what a version wastes on honest items it lacks for others."""

import numpy as np
import polars as pl
import pytest

from scantrail.evaluation.comparison import Outcome
from scantrail.gating.held_out import _budget, _compared, _first_budget, _some, found

CODE = "001.8804823.1293291.{:06}.20250701.{:09}"


def items(honest, odd):
    """Scored items: lots of ten, the odd ones last."""
    scores = [*map(float, honest), *map(float, odd)]
    codes = [CODE.format(number // 10, number) for number in range(len(scores))]
    return pl.DataFrame({
        "epc_code": codes, "score": scores, "scans": 5,
        "odd": np.arange(len(scores)) >= len(honest),
    })  # fmt: skip


HONEST = np.linspace(0, 60, 400)
ODD = np.linspace(30, 100, 40)


def test_the_budget_is_what_the_champion_raises_now():
    champion = items([*HONEST, 70, 80, 90], ODD)
    assert _budget(champion, 65.0, 3.0) == 3
    assert _budget(champion, 65.0, 100.0) == round(100 * 443 * 5 / 10_000)
    assert _budget(items(HONEST, ODD), 65.0, 3.0) == 1


def test_where_rules_alone_judge_it_is_what_the_first_version_raises_within_reason():
    assert _first_budget(items([*HONEST, 70, 80, 90], ODD), 65.0) == 3
    assert _first_budget(items([90.0] * 400, ODD), 65.0) == 8  # one that cries wolf: 2 %
    assert _first_budget(items(HONEST, ODD), 65.0) == 0


def test_one_that_cries_wolf_wastes_its_alerts():
    champion, wolf = items(HONEST, ODD), items(np.minimum(HONEST * 2, 100), ODD)
    some, wasted = (found(each, 2)["found"].mean() for each in (champion, wolf))
    assert some > 0.5
    assert wasted < 0.01
    told = _compared(found(champion, 2), found(wolf, 2), 0.02)
    assert (told.outcome, told.candidate < 0.01) == (Outcome.WORSE, True)
    assert told.difference.high < 0


def test_what_is_odd_in_the_log_by_itself_costs_no_version_anything():
    """A candidate that finds unknown anomalies instead of alerting on honest items is no worse."""
    champion = items([*HONEST, *[80] * 10], ODD)
    candidate = items([*HONEST, *[99] * 10], ODD)
    budget = _budget(champion, 65.0, 3.0)
    assert budget == 10
    told = _compared(found(champion, budget), found(candidate, budget), 0.02)
    assert told.outcome is Outcome.NOT_WORSE
    assert told.champion == told.candidate > 0.5


def test_ties_are_shared():
    tied = items([100.0] * 10 + [0.0] * 90, [100.0] * 4 + [50.0] * 4)
    assert found(tied, 5)["found"].to_list() == [0.5] * 4 + [0.0] * 4
    assert found(tied, 10)["found"].to_list() == [1.0] * 8
    assert found(tied, 0)["found"].to_list() == [0.0] * 8


def test_more_alerts_than_items_find_everything():
    assert found(items(HONEST[:5], ODD), 10)["found"].min() == 1


@pytest.mark.parametrize("most", [30, 55, 1000])
def test_of_many_items_whole_lots_are_drawn(most):
    codes = items(HONEST, ODD)["epc_code"]
    events = pl.DataFrame({"epc_code": codes, "time": 0})
    some = _some(events, None, most)["epc_code"]
    assert len(some) == min(most // 10 * 10, 440)
    lots = {code[:40] for code in some.str.slice(0, 26)}
    assert len(some) == 10 * len(lots)
