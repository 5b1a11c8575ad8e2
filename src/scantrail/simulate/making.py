"""From settings to a labelled chain, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scantrail.simulate.anomalies.catalog import inject
from scantrail.simulate.clock import calendar
from scantrail.simulate.items import make_items
from scantrail.simulate.journeys import plan
from scantrail.simulate.network import network, site_table
from scantrail.simulate.noise import add_returns, double_reads, miss_reads, start_mid_life
from scantrail.simulate.rows import flatten, in_file_order, label_frame, scan_frame
from scantrail.simulate.writing import Simulation

if TYPE_CHECKING:
    from scantrail.simulate.config import SimulationConfig


def simulate(config: SimulationConfig) -> Simulation:
    """Make a labelled supply chain; the same settings always make the same one.

    Every step draws from its own stream, so that two runs that differ only in their anomalies
    share all honest journeys.

    >>> from scantrail.simulate.config import SimulationConfig
    >>> simulate(SimulationConfig(epcs=100, anomaly_rate=0)).labels.height
    0
    """
    net = network(config.chain)
    made, days, ways, noise, twice, upload = (
        np.random.default_rng([config.seed, stream]) for stream in range(6)
    )
    items = make_items(net, config, made)
    trails = plan(net, calendar(net, config, days), items, config, ways)
    add_returns(trails, noise)
    start_mid_life(trails, noise)
    miss_reads(trails, noise)
    inject(trails, config)
    double_reads(trails, twice)
    scans = in_file_order(trails, flatten(trails), upload)
    frame = scan_frame(trails, scans)
    return Simulation(config, frame, site_table(net), label_frame(scans, frame))
