"""What Prometheus is told."""

import json
import logging
import math
import time

import pytest
from prometheus_client import Gauge
from prometheus_client.parser import text_string_to_metric_families

from scantrail.detectors.svm.detector import SvmDetector
from scantrail.errors import StoreError
from scantrail.serve.gate import now
from scantrail.settings import Settings, read_settings
from scantrail.testing import app_in_memory
from scantrail.vocabulary.access import Scope
from scantrail.wiring import DEMO, engine

DETECT = "/api/v1/barcode-anomaly-detect"
SAMPLE = (DEMO / "sample.json").read_bytes()
COUNT = len(json.loads(SAMPLE)["data"])
SCAN = json.loads(SAMPLE)["data"][0]
STAGES = {"reading", "waiting", "looking", "judging", "rules", "lstm", "svm", "explaining",
          "keeping"}  # fmt: skip


@pytest.fixture(scope="module")
def demo():
    return engine(Settings())


@pytest.fixture
def app(demo):
    return app_in_memory(demo)


@pytest.fixture
def send(call, app):
    return call(app)


@pytest.fixture
def measured(send):
    """What is told now: `measured("scantrail_…", label="…")` adds up what has these labels."""

    def total(name, **labels):
        families = text_string_to_metric_families(send("GET", "/metrics").text)
        return sum(
            sample.value
            for family in families
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    return total


def test_requests_verdicts_and_stages_are_counted(send, measured):
    told = send("POST", DETECT, content=SAMPLE).json()
    route = {"method": "POST", "route": DETECT}
    assert measured("scantrail_requests_total", status="200", **route) == 1
    assert measured("scantrail_request_duration_seconds_count", **route) == 1
    assert measured("scantrail_verdicts_total") == COUNT
    suspects = {event["primaryAnomaly"] for event in told["EventHistory"]}
    assert measured("scantrail_verdicts_total", suspect="true") == len(told["EventHistory"])
    for kind in suspects:
        assert measured("scantrail_verdicts_total", kind=kind, suspect="true") > 0
    for stage in STAGES:
        assert measured("scantrail_stage_duration_seconds_count", stage=stage) == 1, stage
    assert (
        0
        < measured("scantrail_stage_duration_seconds_sum", stage="judging")
        < measured("scantrail_request_duration_seconds_sum", **route)
    )


def test_what_is_judged_apart_and_uploaded_is_counted_too(send, measured):
    alone = json.dumps({"data": [SCAN], "stateless": True})
    assert send("POST", DETECT, content=alone).status_code == 200
    file = {"file": ("log.json", SAMPLE)}
    assert send("POST", "/api/manager/upload", files=file).status_code == 200
    assert measured("scantrail_verdicts_total") == COUNT + 1
    for stage in STAGES - {"explaining"}:
        assert measured("scantrail_stage_duration_seconds_count", stage=stage) == 2, stage


def test_rejected_records_and_amendments_are_counted(send, measured):
    bad = SCAN | {"event_time": "yesterday"}
    assert "rejected" in send("POST", DETECT, content=json.dumps({"data": [bad, SCAN]})).json()
    assert measured("scantrail_rejected_records_total") == 1
    elsewhere = SCAN | {"location_id": 1060, "event_time": SCAN["event_time"], "event_id": 7}
    late = send("POST", DETECT, content=json.dumps({"data": [elsewhere]})).json()
    assert measured("scantrail_amendments_total") == len(late.get("amended", [])) > 0


def test_what_strangers_make_up_gets_no_series_of_its_own(send, measured):
    for path in ("/nowhere", "/wp-login.php", f"/{SCAN['epc_code']}"):
        assert send("GET", path).status_code == 404
    assert send("BREW", "/coffee").status_code == 404
    assert measured("scantrail_requests_total", route="other", method="GET", status="404") == 3
    assert measured("scantrail_requests_total", route="other", method="other") == 1
    text = send("GET", "/metrics").text
    assert "wp-login" not in text
    assert SCAN["epc_code"] not in text


def test_degraded_answers_and_failing_calls_are_counted_and_breakers_told(
    send, measured, monkeypatch
):
    assert measured("scantrail_breaker_state", breaker="svm", state="closed") == 1

    def fails(*_):
        raise ValueError("broken")

    monkeypatch.setattr(SvmDetector, "judge", fails)
    for at in range(4):
        scan = SCAN | {"epc_code": f"{SCAN['epc_code'][:-1]}{at}"}
        answer = send("POST", DETECT, content=json.dumps({"data": [scan]})).json()
        assert answer["degraded"] == ["svm"]
    assert measured("scantrail_degraded_answers_total", detector="svm") == 4
    assert measured("scantrail_degraded_answers_total") == 4
    assert measured("scantrail_detector_failures_total", detector="svm", outcome="failed") == 3
    assert measured("scantrail_detector_failures_total", detector="svm", outcome="open") == 1
    assert measured("scantrail_breaker_state", breaker="svm", state="open") == 1
    assert measured("scantrail_breaker_state", breaker="svm", state="closed") == 0


def test_what_is_turned_away_is_counted_by_its_reason(call, demo, monkeypatch, app):
    keyed = app_in_memory(engine(Settings(rate_limit="3/minute")), insecure_local=False)
    send = call(keyed)
    keys = keyed.state.gate._stores.keys
    shown = {"X-API-Key": keys.create("tester", [Scope.READ], now()).text}
    other = {"X-API-Key": keys.create("prometheus", [Scope.READ], now()).text}
    assert send("GET", "/api/reports").status_code == 401
    assert send("POST", DETECT, headers=shown).status_code == 403
    for status in (200, 200, 200, 429):
        assert send("GET", "/api/reports", headers=shown).status_code == status
    told = send("GET", "/metrics", headers=other).text
    assert 'scantrail_refused_total{reason="key"} 2.0' in told
    assert 'scantrail_refused_total{reason="rate"} 1.0' in told


def test_a_store_that_is_down_is_told_and_stops_no_metrics(send, measured, app, monkeypatch):
    def down(*_):
        raise StoreError("the database can't be used")

    monkeypatch.setattr(app.state.gate._stores.reports, "lines", down)
    assert send("GET", "/api/reports").status_code == 503
    assert measured("scantrail_refused_total", reason="store") == 1
    assert measured("scantrail_database_up") == 1
    monkeypatch.setattr(app.state.gate._stores.jobs, "counts", down)
    assert measured("scantrail_database_up") == 0
    assert measured("scantrail_queue_limit_events") == 200_000


def test_the_cache_the_models_and_the_process_are_told(send, measured, demo):
    for _ in range(2):
        send("POST", DETECT, content=json.dumps({"data": [SCAN], "stateless": True}))
    assert measured("scantrail_cache_lookups_total", result="hit") >= 1
    assert measured("scantrail_cache_lookups_total", result="miss") >= 1
    version = demo.artifact.version
    assert measured("scantrail_model_info", version=version, serving="true") == 1
    assert measured("scantrail_model_fault") == 0
    assert measured("scantrail_jobs", state="running") == 0
    assert measured("scantrail_alerts", phase="open") == 0
    assert measured("scantrail_alerts_notices", state="dead") == 0
    assert measured("scantrail_workers") == 0
    assert math.isnan(measured("scantrail_worker_seen_timestamp_seconds"))
    assert math.isnan(measured("scantrail_monitoring_looked_timestamp_seconds"))
    assert measured("process_resident_memory_bytes") > 2**20
    assert measured("scantrail_requests_in_progress") == 1  # this one


def test_when_a_worker_was_seen_is_told(measured, app):
    app.state.gate._stores.workers.begin()
    assert measured("scantrail_workers") == 1
    assert abs(measured("scantrail_worker_seen_timestamp_seconds") - time.time()) < 60


def test_without_cache_there_are_no_lookups(call):
    send = call(app_in_memory(engine(read_settings({"SCANTRAIL_CACHE__MB": "0"}))))
    assert 'scantrail_cache_lookups_total{result="hit"} 0.0' in send("GET", "/metrics").text


def test_who_reads_needs_a_key_unless_it_is_open(call):
    keyed = app_in_memory(engine(Settings(artifacts="none")), insecure_local=False)
    assert call(keyed)("GET", "/metrics").status_code == 401
    key = keyed.state.gate._stores.keys.create("prometheus", [Scope.READ], now())
    answer = call(keyed)("GET", "/metrics", headers={"Authorization": f"Bearer {key.text}"})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    free = engine(Settings(artifacts="none", metrics_open=True))
    assert call(app_in_memory(free, insecure_local=False))("GET", "/metrics").status_code == 200


def test_more_can_be_measured(call, demo):
    app = app_in_memory(demo)
    Gauge("scantrail_drift_share", "An example.", registry=app.state.metrics.registry).set(0.5)
    assert "scantrail_drift_share 0.5" in call(app)("GET", "/metrics").text


def test_each_app_counts_for_itself(call, demo):
    one, other = call(app_in_memory(demo)), call(app_in_memory(demo))
    one("POST", DETECT, content=SAMPLE)
    assert DETECT not in other("GET", "/metrics").text


def test_a_request_is_one_line_of_the_log(send, logged):
    lines = logged("info")
    send("POST", DETECT, content=SAMPLE, headers={"X-Request-ID": "mine.1"})
    [line] = lines()
    assert line.pop("time")
    assert 0 < line.pop("ms") < 60_000
    assert line == {
        "level": "info",
        "message": f"POST {DETECT}: 200",
        "logger": "scantrail.serve.watch",
        "happened": "request",
        "method": "POST",
        "route": DETECT,
        "status": 200,
        "records": COUNT,
        "suspects": 17,
        "request_id": "mine.1",
        "caller": "local",
    }


def test_lines_of_one_request_share_its_name_and_failures_stand_out(send, logged, monkeypatch):
    def fails(*_):
        raise ValueError("broken")

    monkeypatch.setattr(SvmDetector, "judge", fails)
    lines = logged("info")
    one = json.dumps({"data": [SCAN], "stateless": True})
    send("POST", DETECT, content=one, headers={"X-Request-ID": "mine.1"})
    failed, request = lines()
    assert (failed["happened"], failed["detector"]) == ("detector_failed", "svm")
    assert failed["request_id"] == request["request_id"] == "mine.1"
    assert request["degraded"] == ["svm"]


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready", "/metrics"])
def test_what_is_asked_all_the_time_is_no_news(send, logged, path):
    lines = logged("info")
    send("GET", path)
    assert lines() == []
    logging.getLogger("scantrail").setLevel(logging.DEBUG)
    send("GET", path)
    assert [line["route"] for line in lines()] == [path]
