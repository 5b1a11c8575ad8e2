"""A small log to tune on, linked, with what rules think of it."""

import numpy as np
import pytest

from scantrail import wiring
from scantrail.pipeline import see


@pytest.fixture(scope="package")
def ground(simulated_log):
    """What tuning works on, without labels."""
    pytest.importorskip("torch", reason="needs the extra `train`")
    from scantrail.training.ground import Ground

    settings, events = simulated_log
    engine = wiring.engine(settings).knowing(events)
    journeys = see(events.frame, engine.network)
    items = len(journeys.codes)
    return Ground(journeys, engine.network, np.ones(items, bool), None, np.zeros(items, bool))
