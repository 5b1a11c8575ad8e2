"""What is usual: counts of history, distances from them, and nothing of the future."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scantrail.errors import ArtifactError
from scantrail.features.coding import Vocabulary, code
from scantrail.features.tabular import TABULAR, tabular
from scantrail.features.usual import Usual


@pytest.fixture(scope="module")
def history(see, batch):
    """Thirty batches of six: stored after two hours, shipped two days later at nine or ten."""
    goods = {}
    for day in range(1, 31):
        one = batch(
            6,
            f"2025-06-{day:02} 10:00:00",
            f"2025-06-{day:02} 12:{day:02}:00",
            f"2025-07-{day:02} {9 + day % 2:02}:00:00",
        )
        goods |= {day * 100 + serial: trail for serial, trail in one.items()}
    return see(goods)


@pytest.fixture(scope="module")
def known(history):
    return Vocabulary.learn(history)


@pytest.fixture(scope="module")
def usual(history, known):
    return Usual.learn(code(history, known), known)


def surprise(usual, known, by_scan, journeys):
    return {
        name: by_scan(journeys, nats)
        for name, nats in usual.surprise(code(journeys, known)).items()
    }


def test_what_history_always_did_surprises_nobody(usual, known, see, by_scan, batch):
    ordinary = batch(6, "2025-08-05 10:00:00", "2025-08-05 12:10:00", "2025-09-04 09:00:00")
    nats = surprise(usual, known, by_scan, see(ordinary))
    assert {name: max(values.values()) for name, values in nats.items() if name != "clock"} == {
        "step": 0.0, "lane": 0.0, "origin": 0.0, "company": 0.0,
    }  # fmt: skip
    assert max(nats["clock"].values()) < 1


def test_each_departure_shows_in_its_own_aspect(usual, known, see, by_scan, batch):
    goods = batch(9, "2025-08-05 10:00:00", "2025-08-05 12:10:00", "2025-09-04 09:00:00")
    goods[1][2] = ("2025-09-04 15:00:00", "ship")  # alone, after the others
    goods[2][1] = ("2025-08-05 12:10:00", "made", 2)  # made twice, at another place
    goods[3] = goods[3][2:]  # begins at its end
    goods[4][2] = ("2025-09-05 03:00:00", "ship")  # at night
    nats = surprise(usual, known, by_scan, see(goods))
    assert nats["company"][1, 2] > 4
    assert nats["step"][2, 1] > 4
    assert nats["step"][3, 0] > 4
    assert nats["clock"][4, 2] > nats["clock"][1, 2] > nats["clock"][5, 2]
    assert nats["company"][5, 2] < 1


def test_a_batch_of_six_is_one_observation_of_a_lane(usual):
    assert usual.lanes[1, 2] == 30
    assert usual.clocks[1].sum() == 30
    assert usual.steps[1, 2] == 180, "but six moves of items"


def test_times_are_judged_where_history_has_some(usual, known, see, by_scan, batch):
    goods = batch(3, "2025-08-05 10:00:00", "2025-08-05 12:15:00", "2025-09-04 09:00:00")
    goods[3][2] = ("2025-08-05 13:00:00", "ship")
    journeys = see(goods)
    coded = code(journeys, known)
    z = by_scan(journeys, usual.time_z(coded, usual.hours_of(coded)))
    assert np.isnan(z[1, 0])
    assert abs(z[1, 1]) < 1
    assert z[3, 2] < -10


def test_many_of_a_batch_that_lack_one_scan_are_told_from_a_single_one(
    usual, known, see, by_scan, batch
):
    some, one = (
        batch(20, "2025-08-05 10:00:00", "2025-08-05 12:15:00", "2025-09-04 09:00:00")
        for _ in range(2)
    )
    for serial in range(1, 11):
        del some[serial][1]
    del one[1][1]
    many, single = (
        by_scan(each, usual.missed_together(code(each, known))) for each in (see(some), see(one))
    )
    assert many[1, 1] > 10
    assert single[1, 1] < 6.5
    assert many[20, 2] == 0.0


def test_what_is_kept_decides_what_is_counted(history, known):
    coded = code(history, known)
    none = Usual.learn(coded, known, np.zeros(len(coded), bool))
    assert none.lanes.sum() == none.steps.sum() == none.hours.sum() == 0
    assert np.isfinite(tabular(coded, none)[:, list(TABULAR).index("lane")]).all()


def test_arrays_bring_back_the_same(usual, known):
    again = Usual.from_arrays(usual.arrays(), known)
    for name, values in usual.arrays().items():
        assert np.array_equal(getattr(again, name), values), name


def test_a_table_of_another_shape_is_refused(usual, known):
    arrays = usual.arrays() | {"lanes": np.zeros((2, 2), np.float32)}
    message = (
        "the table 'lanes' of what is usual should have shape (3, 3), got (2, 2); "
        "fetch the artifact again, or train anew"
    )
    with pytest.raises(ArtifactError, match=f"^{re.escape(message)}$"):
        Usual.from_arrays(arrays, known)
    del arrays["lanes"]
    with pytest.raises(ArtifactError, match=re.escape("got None")):
        Usual.from_arrays(arrays, known)


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_later_scans_change_no_earlier_features(usual, known, see, by_scan, batch, data):
    """Whatever is cut off behind a moment, what was before it looks the same."""
    goods = batch(5)
    for serial in goods:
        for at in range(3):
            minutes = data.draw(st.sampled_from([0, 0, 0, 7, 65, 600]))
            when = np.datetime64(goods[serial][at][0]) + np.timedelta64(minutes, "m")
            goods[serial][at] = (str(when).replace("T", " "), goods[serial][at][1])
        goods[serial].sort()
    cut = data.draw(st.sampled_from([scan[0] for trail in goods.values() for scan in trail]))
    before = {s: kept for s, trail in goods.items() if (kept := [x for x in trail if x[0] <= cut])}
    whole, part = see(goods, shuffle=1), see(before)
    for column in range(len(TABULAR)):
        seen = by_scan(whole, tabular(code(whole, known), usual)[:, column])
        then = by_scan(part, tabular(code(part, known), usual)[:, column])
        assert {key: seen[key] for key in then} == pytest.approx(then, nan_ok=True)


def test_unknown_sites_and_empty_logs_are_no_trouble(usual, known, see):
    strange = see({1: [("2025-07-01 10:00:00", "hub"), ("2025-07-01 12:00:00", "leave")]})
    coded = code(strange, known)
    assert (usual.clock_ahead(coded, usual.hours_of(coded)) < -20).all()
    assert tabular(coded, usual).shape == (2, len(TABULAR))
    nothing = see({})
    assert tabular(code(nothing, known), usual).shape == (0, len(TABULAR))
