"""The answers that callers already know, byte for byte, and that the default profile keeps them."""

import json

import pytest

from scantrail.settings import Settings
from scantrail.testing import app_in_memory
from scantrail.wiring import engine

DETECT = "/api/v1/barcode-anomaly-detect"
LEGACY = "/api/manager/export-and-analyze-async-legacy"


@pytest.fixture
def post(call):
    send = call(app_in_memory(engine(Settings())))
    return lambda path, body: send("POST", path, content=body)


def golden(shared, name):
    return (shared / "data" / "golden" / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", [DETECT, "/api/manager/export-and-analyze-async"])
def test_the_source_profile_answers_the_known_request_to_the_letter(shared, post, path):
    answer = post(f"{path}?rules=source", golden(shared, "request_case3.json"))
    known = json.loads(golden(shared, "response_case3.json"))
    assert answer.status_code == 200
    assert json.dumps(answer.json()) == json.dumps(known)


def test_the_source_profile_can_be_the_services_own(shared, call):
    send = call(app_in_memory(engine(Settings(rules="source"))))
    answer = send("POST", DETECT, content=golden(shared, "request_case3.json"))
    assert answer.json() == json.loads(golden(shared, "response_case3.json"))


def test_no_data_is_answered_as_ever(shared, post):
    known = json.loads(golden(shared, "response_empty.json"))
    assert json.dumps(post(f"{DETECT}?rules=source", '{"data":[]}').json()) == json.dumps(known)
    assert post(DETECT, '{"data":[]}').json() | known == post(DETECT, '{"data":[]}').json()


def test_the_default_profile_answers_every_field_of_the_known_answer(shared, post):
    answer = post(DETECT, golden(shared, "request_case3.json")).json()
    known = json.loads(golden(shared, "response_case3.json"))
    assert list(answer)[:4] == list(known)
    events = {event["eventId"]: event for event in answer["EventHistory"]}
    for event in known["EventHistory"]:
        assert set(event) <= set(events[event["eventId"]])
    epcs = {counters["epcCode"]: counters for counters in answer["epcAnomalyStats"]}
    for counters in known["epcAnomalyStats"]:
        assert set(counters) == set(epcs[counters["epcCode"]])
        for name, count in counters.items():
            assert name == "epcCode" or epcs[counters["epcCode"]][name] >= count
    for name, count in known["fileAnomalyStats"].items():
        assert answer["fileAnomalyStats"][name] >= count


def test_the_legacy_endpoint_answers_to_the_letter(shared, post):
    answer = post(LEGACY, golden(shared, "request_legacy.json"))
    known = json.loads(golden(shared, "response_legacy.json"))
    assert json.dumps(answer.json()) == json.dumps(known)


def test_the_legacy_endpoint_answers_zeros_to_no_data(post):
    kinds = ("epcFake", "epcDup", "locErr", "evtOrderErr", "jump")
    assert post(LEGACY, '{"data": []}').json() == {
        "EventHistory": [],
        "summaryStats": dict.fromkeys(kinds, 0),
        "multiAnomalyCount": 0,
        "totalAnomalyCount": 0,
    }


def test_the_legacy_endpoint_judges_the_good_records_and_lists_the_bad_ones(post):
    good = {"epc_code": "X", "event_time": "2025-07-02 10:00:00", "scan_location": "A",
            "event_type": "Inbound"}  # fmt: skip
    records = [good | {"event_time": "never"}, good | {"epc_code": " "}, good]
    answer = post(LEGACY, json.dumps({"data": records})).json()
    assert [found["epcCode"] for found in answer["EventHistory"]] == ["X"]
    assert answer["rejected"] == [
        {
            "index": 0,
            "eventId": None,
            "field": "event_time",
            "reason": "the time can't be read: 'never'; write a real date and time as "
            "YYYY-MM-DD HH:MM:SS, or ISO 8601 with an offset",
        },
        {
            "index": 1,
            "eventId": None,
            "field": "epc_code",
            "reason": "the code is missing; give the EPC that was scanned",
        },
    ]


def legacy(post, scans, **more):
    records = [
        {"epc_code": "001.8804823.1293291.010004.20250701.000004002", "event_time": time,
         "scan_location": place, "event_type": kind}
        for time, place, kind in scans
    ]  # fmt: skip
    answer = post(LEGACY, json.dumps({"data": records, **more}))
    assert answer.status_code == 200, answer.text
    history = answer.json()["EventHistory"]
    return history[0]["anomalyScores"] if history else {}


@pytest.mark.parametrize(
    ("scans", "primary", "problem", "description"),
    [
        ([("2025-07-02 10:00:00", "도매상", "In"), ("2025-07-02 10:00:00", "도매상2", "Out")], "epcDup", "도매상_to_도매상2",
         "도매상에서 동일 시각 중복 스캔 감지"),
        ([("2025-07-02 10:00:00", "소매상", "In"), ("2025-07-03 10:00:00", "공장", "Made")],
         "locErr", "소매상_to_공장", "공장에서 위치 순서 오류 감지"),
        ([("2025-07-02 10:00:00", "도매상", "W_Inbound"), ("2025-07-03 10:00:00", "도매상", "W_Inbound")],
         "evtOrderErr", "도매상_to_도매상", "도매상에서 이벤트 순서 오류 감지"),
    ],
)  # fmt: skip
def test_legacy_words_for_each_kind(post, scans, primary, problem, description):
    code = "001.8804823.1293291.010004.20250701.000004002"
    records = [
        {"epc_code": code, "event_time": time, "scan_location": place, "event_type": kind}
        for time, place, kind in scans
    ]
    [found] = post(LEGACY, json.dumps({"data": records})).json()["EventHistory"]
    assert (found["primaryAnomaly"], found["problemStep"]) == (primary, problem)
    assert found["description"] == description
    assert found["productName"] == "Unknown"


def test_legacy_words_for_a_code(post):
    record = {"epc_code": "bad", "event_time": "2025-07-02 10:00:00", "scan_location": "A",
              "event_type": "In", "product_name": "Tea"}  # fmt: skip
    [found] = post(LEGACY, json.dumps({"data": [record]})).json()["EventHistory"]
    assert found["description"] == "EPC 코드 형식 위반 감지"
    assert (found["problemStep"], found["productName"]) == ("EPC_Format_Error", "Tea")


@pytest.mark.parametrize(
    ("changes", "loc", "message"),
    [
        ({"data": None}, ["data"], "Input should be a valid array"),
        ({"data": [{}]}, ["data", 0, "epc_code"], "Field required"),
        ({"data": [], "geo_data": [{"scan_location": "A", "Latitude": 91, "Longitude": 0}]},
         ["geo_data", 0, "Latitude"], "Input should be less than or equal to 90"),
        ({"data": [], "lot_id": True}, ["lot_id", "str"], "Input should be a valid string"),
    ],
)  # fmt: skip
def test_a_legacy_request_is_told_what_is_wrong_where(post, changes, loc, message):
    answer = post(LEGACY, json.dumps(changes))
    assert answer.status_code == 422
    fault = answer.json()["detail"][0]
    assert (fault["loc"], fault["msg"]) == (["body", *loc], message)


def test_too_many_legacy_records_are_refused(call):
    send = call(app_in_memory(engine(Settings(max_records=1))))
    record = {"epc_code": "X", "event_time": "2025-07-02", "scan_location": "A", "event_type": "I"}
    answer = send("POST", LEGACY, content=json.dumps({"data": [record] * 2}))
    assert answer.status_code == 413
    assert answer.json()["detail"][0]["msg"] == "2 records are too many; send at most 1"


def test_legacy_order_errors_score_as_the_known_vectors(shared, post):
    for types, score in json.loads(golden(shared, "rule_vectors.json"))["evtOrder(legacy path)"]:
        if None in types:
            continue  # the endpoint takes no null event type
        scans = [
            (f"2025-07-{i + 2:02d} 10:00:00", "수도권물류센터", t) for i, t in enumerate(types)
        ]
        assert legacy(post, scans).get("evtOrderErr", 0) == score, types


def test_legacy_place_errors_score_as_the_known_vectors(shared, post):
    for names, score in json.loads(golden(shared, "rule_vectors.json"))["locErr(legacy path)"]:
        scans = [(f"2025-07-{i + 2:02d} 10:00:00", n, f"Type_{i}") for i, n in enumerate(names)]
        assert legacy(post, scans).get("locErr", 0) == score, names


def test_legacy_jumps_score_as_the_known_vectors(shared, post):
    for hours, mean, std, score in json.loads(golden(shared, "rule_vectors.json"))[
        "jump(time_h,mean,std)"
    ]:
        if hours <= 0:
            continue  # journeys are put in order first; the same second belongs to epcDup
        seconds = round(hours * 3600)
        later = f"2025-07-{2 + seconds // 86400:02d} {seconds // 3600 % 24:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
        lane = {"from_scan_location": "A", "to_scan_location": "B",
                "time_taken_hours_mean": mean, "time_taken_hours_std": std}  # fmt: skip
        places = [{"scan_location": "A", "Latitude": 37.0, "Longitude": 127.0},
                  {"scan_location": "B", "Latitude": 37.89932, "Longitude": 127.0}]  # fmt: skip
        scans = [("2025-07-02 00:00:00", "A", "Outbound"), (later, "B", "Inbound")]
        assert legacy(post, scans, transition_stats=[lane], geo_data=places).get("jump", 0) == score
