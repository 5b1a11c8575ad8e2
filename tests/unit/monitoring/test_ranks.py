from statistics import NormalDist

import numpy as np
import pytest

from scantrail.monitoring.ranks import Sample, Usual, designs, learn_usual, move


def sample(values, days, usual, sign=(1.0,), weight=(1.0,), stratum=None):
    stratum = np.zeros(len(values), np.int64) if stratum is None else stratum
    return Sample(np.asarray(values, float), np.asarray(days), stratum, np.array(sign),
                  np.array(weight), usual)  # fmt: skip


@pytest.fixture(scope="module")
def usual():
    return learn_usual(np.array([NormalDist(10, 2).inv_cdf(i / 4000) for i in range(1, 4000)]))


def test_scores_of_usual_numbers_are_about_standard_normal(usual):
    scores = usual.scores(np.random.default_rng(2).normal(10, 2, 4000))
    assert scores.mean() == pytest.approx(0, abs=0.12)
    assert scores.std() == pytest.approx(1, abs=0.1)


def test_equal_numbers_rank_in_the_middle():
    assert Usual([20.0] * 41, 50).scores(np.array([19.0, 20.0, 21.0])).round(1).tolist() == [
        -2.3, 0.0, 2.3]  # fmt: skip


def test_a_steady_stratum_is_keener(usual):
    steady = learn_usual(np.random.default_rng(1).normal(10, 0.5, 400))
    assert steady.keenness(1.0) > 3 * usual.keenness(1.0)


def test_a_shift_is_told_in_the_numbers_own_unit_whatever_an_outlier_says(usual):
    values = np.random.default_rng(3).normal(13, 2, 200)
    values[:4] = 900
    moved = sample(values, np.arange(200) % 7, [usual])
    assert moved.shift(50) == pytest.approx(3, abs=0.4)
    assert moved.chance(1.0) < 1e-20
    assert moved.chance(4.0) > moved.chance(1.0)


def test_strata_that_move_against_each_other_speak_together(usual):
    rng = np.random.default_rng(4)
    stratum = np.repeat([0, 1], 60)
    values = np.concatenate([rng.normal(11, 2, 60), rng.normal(9, 2, 60)])
    both = sample(values, np.arange(120) % 7, [usual, usual], (1.0, -1.0), (1.0, 1.0), stratum)
    same = both._replace(sign=np.array([1.0, 1.0]))
    assert both.shift(50) == pytest.approx(1, abs=0.35)
    assert both.chance(1.0) < 1e-4
    assert same.chance(1.0) > 0.05


def test_chance_is_as_likely_as_it_says(usual):
    rng = np.random.default_rng(5)
    found = [sample(rng.normal(10, 2, 40), np.arange(40) % 7, [usual]).chance(1.0)
             for _ in range(600)]  # fmt: skip
    assert np.mean(np.array(found) < 0.05) == pytest.approx(0.05, abs=0.03)


def test_a_bad_day_and_its_morning_after_are_no_move(usual):
    values, days = np.full(70, 10.0), np.arange(70) // 10
    bad = np.where((days == 2) | (days == 3), 30.0, values)
    found = move(sample(bad, days, [usual]), 1.0, 7)
    assert found.p < 1e-6
    assert abs(found.score) < 0.2
    lasting = move(sample(np.where(days >= 2, 30.0, values), days, [usual]), 1.0, 7)
    assert lasting.score > 1
    assert int(np.argmax(np.array(lasting.evidence) > 0)) == 2


def test_too_few_numbers_tell_nothing(usual):
    assert move(sample([30.0] * 5, [0, 1, 2, 3, 4], [usual]), 1.0, 7) is None
    assert move(sample([30.0] * 9, [3] * 9, [usual]), 1.0, 7) is None
    assert move(sample([30.0] * 9, [0] * 9, [usual]), 1.0, 1) is None


def test_numbers_that_are_nearly_always_the_same_still_speak():
    """Most batches are whole: what chance does to the rest is less than normal scores would be."""
    rng = np.random.default_rng(7)
    whole = learn_usual(np.log(rng.binomial(20, 0.99, 400)))
    week = sample(np.log(rng.binomial(20, 0.99, 40)), np.arange(40) % 7, [whole])
    assert whole.moments()[1] < 0.8
    assert week.chance(1.0) > 0.01
    half = sample(np.log(rng.binomial(20, 0.5, 20)), np.arange(20) % 7, [whole])
    assert half.chance(1.0) < 1e-12
    never = sample([1.0] * 8, np.arange(8) % 7, [learn_usual(np.ones(30))])
    assert never.chance(1.0) == 1


def test_a_design_effect_knows_days_that_hang_together(usual):
    rng = np.random.default_rng(6)
    days = np.arange(560) // 10
    apart = sample(rng.normal(10, 2, 560), days, [usual])
    held = sample(rng.normal(10, 2, 56).repeat(10), days, [usual])
    assert designs({"a": apart}, 56)["a"] == pytest.approx(1.1, abs=0.35)
    many = {str(i): apart for i in range(5)} | {"held": held}
    assert designs(many, 56)["held"] == pytest.approx(10, rel=0.5)
    assert min(designs(many, 56).values()) >= 1


def test_without_days_to_compare_nothing_is_known_of_them(usual):
    assert designs({"a": sample([10.0] * 30, [0] * 30, [usual])}, 1) == {"a": 1.0}
    assert designs({}, 56) == {}
