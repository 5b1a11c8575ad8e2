"""When a trial goes on, grows, is ready, or has to stop."""

import numpy as np
import polars as pl
import pytest

from scantrail.trials.conduct import next_of
from scantrail.trials.plan import TrialSettings
from scantrail.trials.reading import read_items

SETTINGS = TrialSettings(steps=(0.1, 0.5), step_hours=24, least_items=100)


def told(champion=(1000, 20), challenger=(1000, 20), share=0.5, feedback=()):
    """A trial of these (items, alerts) per arm; feedback as (challenger, confirmed, times)."""
    parts = []
    for arm, (items, alerts) in ((False, champion), (True, challenger)):
        names = [f"{arm} {number}" for number in range(items)]
        parts.append(pl.DataFrame({
            "epc_code": pl.Series(names, dtype=pl.String), "challenger": pl.Series([arm] * items, dtype=pl.Boolean),
            "alerted": np.arange(items) < alerts, "scans": pl.Series([3] * items, dtype=pl.Int64),
        }))  # fmt: skip
    said = [(f"{arm} {number}", yes) for arm, yes, many in feedback for number in many]
    looked = pl.DataFrame(said, {"epc_code": pl.String, "confirmed": pl.Boolean}, orient="row")
    return read_items(pl.concat(parts), looked, share)


def test_a_canary_waits_grows_and_is_ready():
    calm = told()
    assert next_of("canary", 0.1, SETTINGS, calm, 23.0) == (
        "wait", 0.1, "23.0 of 24 hours at this share",
    )  # fmt: skip
    few = told((90, 0), (10, 0), 0.1)
    assert next_of("canary", 0.1, SETTINGS, few, 30.0) == (
        "wait", 0.1, "10 of 100 items at this share",
    )  # fmt: skip
    assert next_of("canary", 0.1, SETTINGS, calm, 24.0) == (
        "step", 0.5, "1,000 items at 10% show no harm",
    )  # fmt: skip
    assert next_of("canary", 0.5, SETTINGS, calm, 24.0) == (
        "ready", 0.5, "all steps are done; 1,000 items at 50% show no harm",
    )  # fmt: skip


def test_people_end_a_trial_of_a_share():
    assert next_of("ab", 0.5, SETTINGS, told(), 1e6).action == "wait"


@pytest.mark.parametrize("mode", ["ab", "canary"])
def test_harm_stops_at_once(mode):
    loud = next_of(mode, 0.5, SETTINGS, told(challenger=(1000, 90)), 0.0)
    assert loud.action == "abort"
    assert loud.reason.startswith("the challenger alerts on more items: by +7.00% (at least +")
    assert loud.reason.endswith("where the champion alerts on 2.00%")
    lost = next_of(mode, 0.5, SETTINGS, told(challenger=(800, 16)), 0.0)
    assert lost.reason.startswith(
        "the split is broken: the challenger judged 44.44% of the items instead of 50.00% (p = "
    )
    wrong = told((1000, 200), (1000, 200), feedback=[
        (False, True, range(150)), (True, False, range(100)), (True, True, range(100, 150)),
    ])  # fmt: skip
    vague = next_of(mode, 0.5, SETTINGS, wrong, 0.0)
    assert vague.reason.startswith("the challenger's alerts are confirmed less often: by -66.7% (")


def test_a_few_more_alerts_are_no_harm():
    assert next_of("ab", 0.5, SETTINGS, told(challenger=(1000, 24)), 0.0).action == "wait"
    assert next_of("ab", 0.5, SETTINGS, told((0, 0), (0, 0)), 0.0).action == "wait"
