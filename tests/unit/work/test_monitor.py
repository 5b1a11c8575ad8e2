"""Logs that are handed in long after they were made, and what there is to look at when."""

import datetime as dt

import pytest

from scantrail import wiring
from scantrail.errors import NotFoundError
from scantrail.settings import read_settings
from scantrail.simulate.stream import StreamConfig, steady
from scantrail.stores.windows import Span
from scantrail.testing import app_in_memory
from scantrail.work.monitor import Watch, due
from scantrail.work.sampling import monday, sample_of, week_of


def quiet(_stage, _share):
    pass


@pytest.fixture
def handed_in(tmp_path, call):
    """Three weeks of a small chain, handed in at once."""
    from scantrail.serve.api import create_app

    settings = read_settings(
        {}, database_url=f"sqlite:///{tmp_path / 'x.sqlite'}", artifacts="none",
        monitoring={"clock": "scan", "baseline_days": 14, "audit_size": 3},
    )  # fmt: skip
    scans = steady(StreamConfig(weeks=3, items=100, warm_up=2))
    stores = wiring.stores(settings)
    send = call(create_app(wiring.engine(settings), stores, insecure_local=True))
    for part in scans.iter_slices(2_000):
        data = [
            {**row, "event_id": n, "event_time": at.isoformat(" ", "seconds")}
            for n, row in enumerate(part.drop("uploaded").iter_rows(named=True))
            if (at := row.pop("at"))
        ]
        answer = send("POST", "/api/v1/barcode-anomaly-detect", json={"data": data})
        assert answer.status_code == 200, answer.text
    yield settings, stores
    stores.close()


def test_by_when_scans_were_made_an_old_log_can_be_watched(handed_in):
    settings, stores = handed_in
    assert due(settings, stores)
    told = Watch(settings, stores).run(None, quiet)
    assert "signals in the 7 days up to 2025-03-2" in told
    last = stores.evaluations.last()
    assert last.version == "rules"
    assert not due(settings, stores)
    first, end = stores.windows.first("scan"), stores.windows.last("scan")
    assert stores.windows.scans(Span(first, end + 1), "scan") > 500
    sample = sample_of(settings, stores, "2025-W11")
    assert len(sample.items) == 3
    assert sample_of(settings, stores, "2025-W11") == sample


def test_a_baseline_is_of_the_version_that_judged_its_scans(handed_in, call):
    """Scans that another version judged say nothing of the scores of the one that judges now."""
    from scantrail.serve.api import create_app

    settings, stores = handed_in
    watch = Watch(settings, stores)
    watch.run(None, quiet)
    engine = wiring.engine(read_settings({}, database_url=settings.database_url))
    send = call(create_app(engine, stores, insecure_local=True))
    scan = {
        "epc_code": "001.8804823.1293291.010004.20250701.000004002", "location_id": 1001,
        "business_step": "Factory", "event_type": "Aggregation", "file_id": 1, "event_id": 1,
        "event_time": "2025-03-26 10:00:00",
    }  # fmt: skip
    assert send("POST", "/api/v1/barcode-anomaly-detect", json={"data": [scan]}).status_code == 200
    judges = wiring.version_of(wiring.DEMO_ARTIFACT)
    day = dt.datetime.fromisoformat
    assert watch._version(day("2025-03-23")) == "rules"
    assert watch._version(day("2025-03-27")) == judges
    assert watch._version(day("2024-01-01")) == "rules"  # nothing had been scanned
    ruling = watch._baseline(day("2025-03-27"), engine.network, quiet)
    assert (ruling.version, ruling.with_scores) == (judges, False)


def test_where_nothing_is_stored_there_is_nothing_to_do(tmp_path):
    settings = read_settings({}, database_url=f"sqlite:///{tmp_path / 'x.sqlite'}")
    stores = wiring.stores(settings)
    assert not due(settings, stores)
    assert Watch(settings, stores).run(None, quiet).startswith("nothing new: ")
    stores.close()


def test_weeks_have_names():
    assert week_of(dt.date(2024, 12, 30)) == "2025-W01"
    assert week_of(monday("2026-W53").date()) == "2026-W53"
    with pytest.raises(NotFoundError, match="'2025-W53' is no week; expected one as 2025-W36"):
        monday("2025-W53")


def test_a_service_without_looks_tells_so(call):
    send = call(app_in_memory(wiring.engine(read_settings({}, artifacts="none"))))
    assert send("GET", "/api/monitoring/drift").json()["state"] == "nothing yet"
    assert send("GET", "/api/monitoring/alerts-rate").json() == {"until": None, "sites": []}
    assert send("GET", "/api/monitoring/feeds").json()["sites"] == []
    told = send("GET", "/api/monitoring/performance").json()
    assert told["precision"][0]["looks"] == 0
    assert send("GET", "/api/alerts").json() == []
    assert send("POST", "/api/monitoring/run").status_code == 409
    assert send("GET", "/api/monitoring/threshold").status_code == 409
