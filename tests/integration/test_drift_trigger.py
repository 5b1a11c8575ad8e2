"""Drift that lasts starts a retraining by itself: from scans that are stored to a job that waits."""

import datetime as dt

import numpy as np
import polars as pl
import pytest

from scantrail import wiring
from scantrail.serve.api import create_app
from scantrail.settings import read_settings
from scantrail.simulate.changes import CHANGES
from scantrail.simulate.stream import StreamConfig, steady
from scantrail.work.monitor import Watch

CONFIG = StreamConfig(weeks=7, items=800, seed=5, warm_up=6, anomaly_rate=0.0)
START = dt.datetime.combine(CONFIG.start, dt.time())
CHANGE = START + dt.timedelta(weeks=5)


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trigger")
    return read_settings(
        {}, database_url=f"sqlite:///{folder / 'x.sqlite'}", artifacts="none",
        monitoring={"baseline_days": 28}, retraining={"on": ("drift",), "drift_days": 3},
    )  # fmt: skip


@pytest.fixture(scope="module")
def stores(settings, stored):
    """Seven weeks; in the last two, a hub or warehouse reads one code in five without its dots."""
    changed = CHANGES["garbling scanner"].make(steady(CONFIG), CHANGE, np.random.default_rng(1))
    return stored(settings, changed.scans.filter(pl.col("uploaded") >= START))


def test_drift_that_lasts_is_told_and_starts_one_retraining(call, settings, stores):
    watch = Watch(settings, stores)
    for day in range(14):
        watch.run(CHANGE + dt.timedelta(days=day + 1), lambda _stage, _share: None)
        if stores.jobs.queued():
            break
    [job] = stores.jobs.queued()
    assert day >= 3  # it has to last
    assert (job.kind, job.actor) == ("retrain", "trigger drift")
    assert job.asked["reason"].startswith("drift: ")
    watch.run(CHANGE + dt.timedelta(days=day + 2), lambda _stage, _share: None)
    assert stores.jobs.queued() == [job]  # one waits, which is enough
    send = call(create_app(wiring.engine(settings), stores, insecure_local=True))
    due = send("GET", "/api/monitoring/performance").json()["retraining"]
    assert {(one["trigger"], one["startsByItself"]) for one in due} == {("drift", True)}
