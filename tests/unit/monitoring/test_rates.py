import numpy as np
import pytest

from scantrail.monitoring.rates import (
    Rate,
    control_chart,
    learn_rate,
    learn_volume,
    volume_chance,
)


def test_a_quiet_site_borrows_the_chain_s_rate():
    rate = learn_rate(np.zeros(56), np.full(56, 5.0), chain=0.02)
    assert 0.01 < rate.share < 0.02
    busy = learn_rate(np.full(56, 30.0), np.full(56, 1000.0), chain=0.02)
    assert busy.share == pytest.approx(0.03, rel=0.01)


def test_days_that_differ_by_batches_have_a_wide_spread():
    rng = np.random.default_rng(1)
    scans = np.full(56, 1000.0)
    alone = learn_rate(rng.binomial(1000, 0.02, 56).astype(float), scans, 0.02)
    batches = learn_rate(rng.binomial(50, 0.02, 56) * 20.0, scans, 0.02)
    assert alone.spread == pytest.approx(1.0, abs=0.3)
    assert batches.spread > 2.5


def test_a_lasting_rise_leaves_the_chart_and_one_bad_day_does_not():
    scans, usual = np.full(7, 1000.0), Rate(0.01, 1.2)
    calm, rise, burst = np.full(7, 10.0), np.full(7, 10.0), np.full(7, 10.0)
    rise[3:], burst[5] = 40, 400
    assert control_chart(calm, scans, usual)[0] > 0.1
    p, chart = control_chart(rise, scans, usual)
    assert p < 1e-5
    assert (np.diff(chart[3:]) > 0).all()
    assert control_chart(burst, scans, usual)[0] > 1e-3


def test_a_day_of_rest_neither_calms_nor_alarms():
    usual = Rate(0.01, 1.0)
    alerts, scans = np.full(7, 40.0), np.full(7, 1000.0)
    alerts[6], scans[6] = 0, 3
    p, chart = control_chart(alerts, scans, usual)
    assert len(chart) == 6
    assert p == control_chart(alerts[:6], scans[:6], usual)[0]


def test_stationary_days_stay_in_the_chart():
    rng = np.random.default_rng(7)
    scans, low = np.full(7, 500.0), 0
    for _ in range(2000):
        p, _ = control_chart(rng.binomial(500, 0.01, 7).astype(float), scans, Rate(0.01, 1.0))
        low += p < 0.001
    assert low <= 8  # two expected


def test_a_holiday_week_does_not_hide_that_a_site_goes_quiet():
    usual = learn_volume(np.array([1000.0, 990, 1010, 400, 1600, 1005, 995, 1000]))
    assert usual.weekly == pytest.approx(1000, abs=5)
    assert volume_chance(980, usual.weekly, usual) > 0.01
    assert volume_chance(300, usual.weekly, usual) < 1e-9
    assert volume_chance(0, usual.weekly, usual) < 1e-9


def test_volumes_that_swing_are_allowed_to():
    usual = learn_volume(np.array([100.0, 300, 50, 220, 400, 120, 90, 250]))
    assert volume_chance(420, usual.weekly, usual) > 0.01
