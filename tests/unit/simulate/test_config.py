import datetime as dt
import math

import pytest

from scantrail.errors import ScantrailError, SettingsError
from scantrail.simulate import DEFAULT_MIX, Noise, SimulationConfig
from scantrail.simulate.anomalies.catalog import KINDS, quotas


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"epcs": 0}, "epcs is 0; it must be a whole number from 1 to 10,000,000"),
        ({"epcs": True}, "epcs is True"),
        ({"epcs": 1.5}, "epcs is 1.5"),
        ({"seed": -1}, "seed is -1"),
        ({"chain": "third"}, "chain is 'third'; it must be one of demo, second"),
        ({"anomaly_rate": 0.6}, "anomaly_rate is 0.6; it must be a share from 0 to 0.5"),
        ({"anomaly_rate": math.nan}, "anomaly_rate is nan"),
        ({"mix": {"jmup": 1}}, "mix names 'jmup'; the kinds of anomaly are epcFake"),
        ({"mix": {"jump": -1}}, "mix['jump'] is -1"),
        ({"mix": {"jump": math.inf}}, "mix['jump'] is inf"),
        ({"mix": {}}, "mix has no kind with a weight"),
        ({"days": 0}, "days is 0"),
        ({"production_days": 0}, "production_days is 0"),
        ({"batch": 0}, "batch is 0"),
        ({"lot_size": 0}, "lot_size is 0"),
        ({"epcs": 20_000, "lot_size": 1}, "need lots of at least 3"),
        ({"start": dt.date(1999, 12, 31)}, "start is datetime.date(1999, 12, 31)"),
        ({"start": "2025-07-01"}, "start is '2025-07-01'"),
    ],
)
def test_a_bad_setting_says_what_is_wrong_and_what_would_be_right(settings, says):
    with pytest.raises(SettingsError) as error:
        SimulationConfig(**{"epcs": 100} | settings)
    assert says in str(error.value)
    assert isinstance(error.value, ScantrailError)


@pytest.mark.parametrize("share", [-0.1, 0.6, math.nan])
def test_a_bad_share_of_noise_is_named(share):
    with pytest.raises(SettingsError, match=r"noise.missed is .*; it must be a share from 0 to"):
        Noise(missed=share)


def test_the_mix_and_the_catalog_know_the_same_kinds():
    assert set(DEFAULT_MIX) == set(KINDS)


def test_quotas_add_up_to_the_rate():
    assert sum(quotas(SimulationConfig(20_000)).values()) == 1_000
    assert min(quotas(SimulationConfig(20_000)).values()) > 0
