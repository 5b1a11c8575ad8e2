"""Hand-made logs with verdicts and labels, for tests of what is measured by them."""

import datetime as dt

import polars as pl
import pytest

from scantrail.evaluation import judged
from scantrail.vocabulary.events import EVENTS

BEGIN = dt.datetime(2025, 7, 1, tzinfo=dt.UTC)


def _code(lot, serial):
    return f"001.8804823.1293291.{lot:06}.20250701.{serial:09}"


def _log(items, site=1):
    """Verdicts, labels and events of {code: [(hour, score, kind labelled or None), …]}."""
    scans = [(code, *scan) for code, trail in items.items() for scan in trail]
    codes, hours, scores, kinds = zip(*scans, strict=True)
    ids = list(range(1, len(scans) + 1))
    verdicts = pl.DataFrame(
        {
            "event_id": ids,
            "epc_code": codes,
            "locErrScore": [0.0] * len(ids),
            "finalConfidence": scores,
            "anomaly": [score is not None and score > 65 for score in scores],
            "kind": ["model" if score is not None and score > 65 else None for score in scores],
            "explanation": ["suspect" if score and score > 65 else None for score in scores],
        },
        schema_overrides={
            "finalConfidence": pl.Float64,
            "kind": pl.String,
            "explanation": pl.String,
        },
    )
    labels = pl.DataFrame(
        [(i, c, k) for i, c, k in zip(ids, codes, kinds, strict=True) if k],
        {"event_id": pl.Int64, "epc_code": pl.String, "kind": pl.String},
        orient="row",
    )
    events = pl.DataFrame(
        {
            "row": range(len(ids)),
            "event_id": ids,
            "epc_code": codes,
            "location_id": [site] * len(ids),
            "scan_location": ["Birch Hub"] * len(ids),
            "business_step": ["Logistics_HUB"] * len(ids),
            "event_type": ["HUB_Inbound"] * len(ids),
            "time": [BEGIN + dt.timedelta(hours=hour) for hour in hours],
            "offset": [540] * len(ids),
        },
    )
    missing = {name: pl.lit(None, kind) for name, kind in EVENTS.items() if name not in events}
    return verdicts, labels, events.with_columns(**missing).select(EVENTS.names()).cast(EVENTS)


@pytest.fixture(scope="session")
def code():
    return _code


@pytest.fixture(scope="session")
def log():
    return _log


@pytest.fixture(scope="session")
def given():
    """`Judged` of such items, with their log."""

    def make(items):
        verdicts, labels, events = _log(items)
        return judged(verdicts, labels, events)

    return make


@pytest.fixture(scope="session")
def crowd():
    """Items by lot: `crowd(lots, each, anomalous(lot, serial), score(lot, serial))`."""

    def make(lots, each, anomalous, score):
        return {
            _code(lot, serial): [
                (24 * lot, score(lot, serial), "jump" if anomalous(lot, serial) else None)
            ]
            for lot in range(lots)
            for serial in range(each)
        }

    return make
