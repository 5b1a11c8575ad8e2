"""What the service tells of learned detectors: scores, reasons, counts, and how to do without."""

import datetime as dt
import json

import pytest

from scantrail.errors import ScantrailError
from scantrail.settings import Settings, read_settings
from scantrail.testing import app_in_memory
from scantrail.wiring import DEMO, engine

DETECT = "/api/v1/barcode-anomaly-detect"
SCORES = ("lstmSequenceScore", "svmOutlierScore", "mlCombinedScore")
ALERT = Settings().ensemble.alert_score
SAMPLE = json.loads((DEMO / "sample.json").read_text(encoding="utf-8"))["data"]
# one of the items in order leaves a shop's store minutes after it came, where goods stay for days
ITEM = [one for one in SAMPLE if one["epc_code"].endswith("000000103")]
CAME = dt.datetime.fromisoformat(ITEM[7]["event_time"])
ITEM[8]["event_time"] = str(CAME + dt.timedelta(minutes=3))


@pytest.fixture(scope="module")
def demo():
    return engine(Settings())


@pytest.fixture
def send(call, demo):
    return call(app_in_memory(demo))


@pytest.fixture
def detect(send):
    return poster(send)


def poster(send):
    def post(query="", records=SAMPLE):
        answer = send("POST", DETECT + query, content=json.dumps({"data": records}))
        assert answer.status_code == 200, answer.text
        return answer.json()

    return post


@pytest.fixture(scope="module")
def told(call, demo):
    return poster(call(app_in_memory(demo)))()


@pytest.fixture(scope="module")
def every(call, demo):
    return poster(call(app_in_memory(demo)))("?detail=all")["EventHistory"]


def alone(told):
    """Events that learned detectors alone find."""
    return [one for one in told["EventHistory"] if "model" in one]


def test_an_event_that_models_alone_find_is_told_in_the_contracts_order(told):
    found = alone(told)
    assert found
    for one in found:
        assert list(one) == [
            "eventId", "model", "modelScore", "epcCode", *SCORES, "finalConfidence",
            "primaryAnomaly", "cause", "explanation", "expected", "mlExplanation",
        ]  # fmt: skip
        assert one["model"] is True
        assert one["modelScore"] == one["mlCombinedScore"] >= ALERT
        assert one["primaryAnomaly"] == "model"
        assert one["explanation"] == f"unusual: {one['mlExplanation']}"


def test_an_event_that_a_rule_finds_has_scores_of_models_too(told):
    ruled = [one for one in told["EventHistory"] if "model" not in one]
    assert ruled
    for one in ruled:
        assert set(SCORES) <= set(one)
        assert "modelScore" not in one


def test_only_an_alarm_has_a_reason_of_models(every):
    for one in every:
        assert ("mlExplanation" in one) == (one["mlCombinedScore"] >= ALERT), one
    silent = [one for one in every if "primaryAnomaly" not in one]
    assert len(silent) > len(every) / 2
    assert {key for one in silent for key in one} == {
        "eventId", "epcCode", *SCORES, "finalConfidence"
    }  # fmt: skip


def test_scores_have_two_decimals(every):
    for one in every:
        for name in (*SCORES, "finalConfidence"):
            assert 0 <= one[name] <= 100
            assert one[name] == round(one[name], 2)


@pytest.mark.parametrize("query", ["", "?detail=all"])
def test_the_summary_counts_what_is_told(detect, every, query):
    answer = detect(query)
    suspects = [one for one in every if "primaryAnomaly" in one]
    alarmed = [one for one in every if one["mlCombinedScore"] >= ALERT]
    assert answer["mlSummaryStats"] == {
        "totalMLAnomalies": len(alarmed),
        "lstmDetections": sum(one["lstmSequenceScore"] >= ALERT for one in every),
        "svmDetections": sum(one["svmOutlierScore"] >= ALERT for one in every),
        "ruleOnlyDetections": len(suspects) - len(alarmed),
        "mlOnlyDetections": sum("model" in one for one in every),
        "averageConfidence": pytest.approx(
            sum(one["finalConfidence"] for one in suspects) / len(suspects), abs=0.01
        ),
    }
    assert 0 < answer["mlSummaryStats"]["mlOnlyDetections"] < len(alarmed) < len(suspects)


def test_each_file_has_its_own_summary(detect, told):
    halves = [one | {"file_id": 1 + (one["epc_code"] > "001.8805")} for one in SAMPLE]
    stats = [one["mlSummaryStats"] for one in detect(records=halves)]
    assert len(stats) == 2
    for name in ("totalMLAnomalies", "lstmDetections", "svmDetections", "ruleOnlyDetections"):
        assert sum(one[name] for one in stats) == told["mlSummaryStats"][name]


def test_the_callers_counters_count_rules_alone(detect, told):
    ruled = detect("?ml=false")
    for name in ("epcAnomalyStats", "fileAnomalyStats"):
        assert told[name] == ruled[name]


def test_without_models_rules_answer_alone(detect):
    answer = detect("?ml=false")
    keys = {key for one in answer["EventHistory"] for key in one}
    assert not keys & {*SCORES, "model", "modelScore", "mlExplanation"}
    assert set(answer["modelVersions"]) == {"rules"}
    count = len(answer["EventHistory"])
    confidence = answer["mlSummaryStats"].pop("averageConfidence")
    assert confidence > 0
    assert answer["mlSummaryStats"] == {
        "totalMLAnomalies": 0,
        "lstmDetections": 0,
        "svmDetections": 0,
        "ruleOnlyDetections": count,
        "mlOnlyDetections": 0,
    }


def test_a_service_without_an_artifact_answers_as_if_asked_for_rules_alone(call, detect):
    bare = call(app_in_memory(engine(Settings(artifacts="none"))))
    answer = bare("POST", DETECT, content=json.dumps({"data": SAMPLE})).json()
    assert answer == detect("?ml=false")


def test_the_versions_name_all_detectors(demo, told):
    assert set(told["modelVersions"]) == {"rules", "lstm", "svm"}
    assert told["modelVersions"]["lstm"] == told["modelVersions"]["svm"] == demo.artifact.version


def test_the_source_profile_knows_no_models(detect):
    answer = detect("?rules=source")
    assert list(answer) == ["fileId", "EventHistory", "epcAnomalyStats", "fileAnomalyStats"]
    assert not {key for one in answer["EventHistory"] for key in one} & {*SCORES, "model"}


def test_of_a_scan_of_which_nothing_is_known_the_network_says_nothing(detect):
    strange = {"location_id": 999_999, "business_step": "Teleport", "event_type": "Teleport"}
    found = detect("?detail=all", [one | strange for one in SAMPLE[:3]])["EventHistory"]
    assert len(found) == 3
    for one in found:
        assert "lstmSequenceScore" not in one
        assert "svmOutlierScore" in one


@pytest.mark.parametrize(
    ("name", "score", "other"),
    [("lstm", "lstmSequenceScore", "svm"), ("svm", "svmOutlierScore", "lstm")],
)
def test_a_detector_that_fails_is_named_and_the_others_answer(
    detect, monkeypatch, demo, name, score, other
):
    def fail(*_):
        raise ScantrailError("no memory")

    monkeypatch.setattr(type(getattr(demo.artifact, name)), "judge", fail)
    answer = detect("?detail=all")
    assert answer["degraded"] == [name]
    assert answer["mlSummaryStats"][f"{name}Detections"] == 0
    assert answer["mlSummaryStats"][f"{other}Detections"] > 0
    assert not any(score in one for one in answer["EventHistory"])
    assert all("mlCombinedScore" in one for one in answer["EventHistory"])


def test_where_all_learned_detectors_fail_rules_answer_and_say_so(detect, monkeypatch, demo):
    def fail(*_):
        raise ScantrailError("no memory")

    for one in (demo.artifact.lstm, demo.artifact.svm):
        monkeypatch.setattr(type(one), "judge", fail)
    answer = detect()
    monkeypatch.undo()
    ruled = detect("?ml=false")
    assert answer["degraded"] == ["lstm", "svm"]
    assert answer["EventHistory"] == ruled["EventHistory"]
    assert answer["mlSummaryStats"] == ruled["mlSummaryStats"]


def test_the_alert_score_is_a_setting(call, told):
    settings = read_settings({"SCANTRAIL_ENSEMBLE__ALERT_SCORE": "101"})
    deaf = call(app_in_memory(engine(settings)))
    answer = deaf("POST", DETECT, content=json.dumps({"data": SAMPLE})).json()
    assert alone(told)
    assert alone(answer) == []
    assert answer["mlSummaryStats"]["totalMLAnomalies"] == 0
    assert answer["mlSummaryStats"]["lstmDetections"] == 0


def test_a_report_and_the_map_tell_what_models_alone_found(send, detect):
    answer = detect()
    found = alone(answer)
    [newest, *_] = send("GET", "/api/reports").json()
    detail = send("GET", f"/api/report/detail?reportId={newest['id']}").json()
    ours = [one for one in detail["details"] if one["anomalyTypes"] == ["model"]]
    assert [one["scores"] for one in ours] == [{"model": one["modelScore"]} for one in found]
    assert [one["problemStep"] for one in ours] == [one["explanation"] for one in found]
    assert detail["summaryStats"]["model"] >= len({one["epcCode"] for one in ours})
    trips = send("GET", f"/api/manager/anomalies?most={len(answer['EventHistory'])}").json()
    events = {one["eventId"] for one in trips if one["anomalyTypes"] == ["model"]}
    assert events == {one["eventId"] for one in found}
