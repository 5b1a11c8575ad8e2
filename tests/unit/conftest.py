"""Hand-made journeys for tests of features and of what reads them."""

import polars as pl
import pytest

from scantrail import pipeline, testing

#: Short names of steps, with the site of `scantrail.testing` where they usually happen.
STEPS = {
    "made": (1, "Factory", "Aggregation"),
    "store": (2, "WMS", "WMS_Inbound"),
    "ship": (2, "WMS", "WMS_Outbound"),
    "hub": (3, "Logistics_HUB", "HUB_Inbound"),
    "leave": (3, "Logistics_HUB", "HUB_Outbound"),
    "wholesale": (4, "W_Stock_Inbound", "W_Stock_Inbound"),
    "deliver": (4, "W_Stock_Outbound", "W_Stock_Outbound"),
    "shop": (5, "R_Stock_Inbound", "R_Stock_Inbound"),
    "sell": (5, "POS_Sell", "POS_Sell"),
}


def _see(goods, shuffle=None):
    """Journeys of {serial: [(time, step) or (time, step, place), …]} of one product."""
    scans, codes = [], []
    for serial, trail in goods.items():
        for when, step, *place in trail:
            usual, business, kind = STEPS[step]
            scans.append((when, place[0] if place else usual, business, kind))
            codes.append(f"001.8804823.1293291.010004.20250701.{serial:09}")
    frame = testing.events(scans, codes)
    if shuffle is not None:
        frame = frame.sample(fraction=1.0, shuffle=True, seed=shuffle)
    return pipeline.see(frame, testing.network())


@pytest.fixture(scope="session")
def see():
    return _see


@pytest.fixture(scope="session")
def by_scan():
    """Values per event as {(serial, position): value}: free of the order of rows."""

    def named(journeys, values):
        serial = journeys.codes.str.slice(-9).cast(pl.Int64).to_numpy()
        linked = journeys.linked
        keys = zip(
            serial[linked["epc"].to_numpy()].tolist(), linked["position"].to_list(), strict=True
        )
        return dict(zip(keys, values.tolist(), strict=True))

    return named


@pytest.fixture(scope="session")
def batch():
    """Items from 1 on that are made, stored and shipped together at given times."""

    def made(items, made="2025-07-01 10:00:00", store="2025-07-01 12:00:00",
             ship="2025-07-03 09:00:00"):  # fmt: skip
        trail = [(made, "made"), (store, "store"), (ship, "ship")]
        return {serial: list(trail) for serial in range(1, items + 1)}

    return made
