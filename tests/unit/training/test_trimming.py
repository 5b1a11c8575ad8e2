"""What is strange by what the rest teaches is left out of training, as rules' finds suggest."""

import numpy as np
import polars as pl
import pytest

from scantrail.pipeline import see
from scantrail.settings import Settings
from scantrail.simulate import SimulationConfig, simulate, write
from scantrail.simulate.anomalies.catalog import KINDS
from scantrail.training.dataset import split
from scantrail.training.train import TrainSettings
from scantrail.training.trimming import without_strangest
from scantrail.wiring import Engine, network_at, read_events

INVISIBLE = {name: 1 for name, kind in KINDS.items() if not kind.rule_visible}


@pytest.fixture(scope="module")
def dirty(tmp_path_factory):
    """Journeys of a log in which one item in thirty is anomalous, its parts, and which items are."""
    folder = tmp_path_factory.mktemp("dirty")
    config = SimulationConfig(3_000, seed=5, anomaly_rate=0.03, mix=INVISIBLE)
    write(simulate(config), folder)
    engine = Engine(Settings(artifacts="none"), network_at(folder / "sites.csv"))
    events = read_events(folder / "scans.tsv", engine.settings, engine.network.sites)
    journeys = see(events.frame, engine.learned_from(events).network)
    labels = pl.read_csv(folder / "labels.csv")["epc_code"]
    return journeys, split(journeys, seed=0), journeys.codes.is_in(labels.implode()).to_numpy()


def trim(dirty, found, times=2.0):
    """Items that are left where rules find so many others."""
    journeys, parts, _ = dirty
    normal = np.arange(found, len(journeys.codes))
    svm = TrainSettings().svm
    return normal, without_strangest(journeys, parts, normal, times, svm, seed=0)


def test_what_is_left_out_is_mostly_anomalous(dirty):
    normal, left = trim(dirty, found=45)
    out = np.setdiff1d(normal, left)
    assert np.isin(left, normal).all()
    assert 0 < len(out) <= 90
    assert dirty[2][out].mean() > 10 * dirty[2].mean()


def test_no_more_than_rules_suggest(dirty):
    normal, left = trim(dirty, found=5)
    assert len(normal) - len(left) <= 10


@pytest.mark.parametrize(("found", "times"), [(0, 2.0), (45, 0.0)])
def test_where_rules_find_nothing_or_it_is_not_wanted_all_stay(dirty, found, times):
    normal, left = trim(dirty, found, times)
    assert np.array_equal(left, normal)


def test_a_short_log_stays_whole(dirty):
    journeys, parts, _ = dirty
    few = np.setdiff1d(np.arange(50, len(journeys.codes)), parts.valid[:-20])
    svm = TrainSettings().svm
    assert np.array_equal(without_strangest(journeys, parts, few, 2.0, svm, seed=0), few)
