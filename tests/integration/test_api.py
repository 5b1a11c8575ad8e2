"""The service as callers meet it: every field of the contract, every endpoint, any input."""

import gzip
import json

import anyio
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scantrail.settings import Settings
from scantrail.testing import app_in_memory
from scantrail.wiring import DEMO, engine

DETECT = "/api/v1/barcode-anomaly-detect"
EPC = "001.8804823.1293291.010004.20250701.000004002"
RECORD = {
    "event_id": 1,
    "epc_code": EPC,
    "location_id": 1013,
    "business_step": "W_Stock_Inbound",
    "event_type": "W_Stock_Inbound",
    "event_time": "2025-08-14 21:03:38",
    "file_id": 3,
}


@pytest.fixture(scope="module")
def demo():
    return engine(Settings())


@pytest.fixture
def send(call, demo):
    return call(app_in_memory(demo))


@pytest.fixture(scope="module")
def rules_alone():
    return engine(Settings(artifacts="none"))


@pytest.fixture
def send_to_rules(call, rules_alone):
    return call(app_in_memory(rules_alone))


@pytest.fixture
def post(send):
    def detect(records, query="", path=DETECT):
        return send("POST", path + query, content=json.dumps({"data": records}))

    return detect


def event(**changes):
    return {k: v for k, v in (RECORD | changes).items() if v != "absent"}


INVERTED = [
    event(event_id=7, event_type="W_Stock_Outbound", event_time="2025-08-14 20:00:00"),
    event(event_id=8),
]


def test_a_suspect_event_is_told_in_the_contracts_order(post):
    answer = post(INVERTED, "?ml=false").json()
    assert list(answer) == [
        "fileId", "EventHistory", "epcAnomalyStats", "fileAnomalyStats",
        "mlSummaryStats", "degraded", "modelVersions",
    ]  # fmt: skip
    [found] = answer["EventHistory"]
    assert list(found) == [
        "eventId", "evtOrderErr", "evtOrderErrScore", "epcCode", "finalConfidence",
        "primaryAnomaly", "cause", "explanation", "expected",
    ]  # fmt: skip
    assert found["eventId"] == 8
    assert found["evtOrderErr"] is True
    assert found["evtOrderErrScore"] == found["finalConfidence"] == 70.0
    assert found["explanation"].startswith("suspect evtOrderErr: came in at ")
    assert answer["epcAnomalyStats"] == [
        {"epcCode": EPC, "totalEvents": 1, "jumpCount": 0, "evtOrderErrCount": 1,
         "epcFakeCount": 0, "epcDupCount": 0, "locErrCount": 0}
    ]  # fmt: skip
    assert answer["mlSummaryStats"]["ruleOnlyDetections"] == 1
    assert answer["degraded"] == []
    assert set(answer["modelVersions"]) == {"rules"}


def test_several_files_are_answered_in_order_of_first_appearance_clean_ones_too(post):
    clean = event(epc_code=EPC[:-1] + "9", file_id=9)
    other = event(event_id=2, epc_code=EPC[:-1] + "5", file_id=4)
    answer = post([clean, *INVERTED, other], "?ml=false").json()
    assert [one["fileId"] for one in answer] == [9, 3, 4]
    assert [len(one["EventHistory"]) for one in answer] == [0, 1, 0]
    assert answer[0]["fileAnomalyStats"]["totalEvents"] == 0


def test_total_events_is_the_sum_of_the_five_counters(post):
    both = [event(epc_code="X"), event(event_id=2, epc_code="X", location_id=1014)]
    stats = post(both).json()["fileAnomalyStats"]
    assert stats["totalEvents"] == sum(n for name, n in stats.items() if name != "totalEvents") > 2


@pytest.mark.parametrize("ident", ["7", 7.0, 7])
def test_whole_numbers_are_taken_however_they_are_written(post, ident):
    records = [INVERTED[0], INVERTED[1] | {"event_id": ident}]
    assert post(records, "?ml=false").json()["EventHistory"][0]["eventId"] == 7


def test_older_callers_write_event_id_as_one_word(post):
    records = [{("eventId" if k == "event_id" else k): v for k, v in r.items()} for r in INVERTED]
    assert post(records, "?ml=false").json()["EventHistory"][0]["eventId"] == 8


@pytest.mark.parametrize(
    ("changes", "loc", "message"),
    [
        ({"event_id": 7.5}, "event_id",
         "Input should be a valid integer, got a number with a fractional part"),
        ({"location_id": "absent"}, "location_id", "Field required"),
        ({"epc_code": None}, "epc_code", "Input should be a valid string"),
        ({"event_id": None}, "event_id", "Input should be a valid integer"),
        ({"event_id": "absent"}, "event_id", "Field required"),
        ({"file_id": 2**63}, "file_id",
         "Input should be less than or equal to 9223372036854775807"),
        ({"business_step": 3}, "business_step", "Input should be a valid string"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named_with_its_record(post, changes, loc, message):
    answer = post([event(), event(**changes)])
    assert answer.status_code == 422
    [fault] = answer.json()["detail"]
    assert fault["loc"] == ["body", "data", 1, loc]
    assert fault["msg"] == message


def test_every_fault_is_listed(post):
    answer = post([event(event_id="x", epc_code=None), event(file_id=None)])
    assert len(answer.json()["detail"]) == 3


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"nope", b"[]", b"{}", b'{"data": null}', b'{"data": [1]}', b"\x00", b'"\xff"',
     b'{"data": [{"event_id": NaN}]}', b"[" * 100_000, b'{"data":' * 5000,
     b'{"data": "' + b"x" * 10_000_000 + b'"}'],
    ids=range(13),
)  # fmt: skip
def test_a_body_that_is_no_request_is_refused(send, body):
    answer = send("POST", DETECT, content=body)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"][0] == "body"


@pytest.mark.parametrize(
    ("body", "loc", "message"),
    [
        (b"", ["body"], "Invalid JSON: EOF while parsing a value at line 1 column 0"),
        (b"nope", ["body"], "Invalid JSON: expected ident at line 1 column 2"),
        (b"[]", ["body"], "Input should be an object"),
        (b"{}", ["body", "data"], "Field required"),
        (b'{"data": null}', ["body", "data"], "Input should be a valid array"),
        (b'{"data": [1]}', ["body", "data", 0], "Input should be an object"),
        (b'{"data": [{"event_id": NaN}]}', ["body", "data", 0, "event_id"],
         "Input should be a finite number"),
        (b'{"data": [{"event_id": Infinity}]}', ["body", "data", 0, "event_id"],
         "Input should be a finite number"),
        (b'{"data": [{"event_id": true}]}', ["body", "data", 0, "event_id"],
         "Value error, a boolean is no number"),
    ],
)  # fmt: skip
def test_a_body_that_is_no_request_is_told_what_is_wrong_where(send, body, loc, message):
    answer = send("POST", DETECT, content=body)
    assert answer.status_code == 422
    fault = answer.json()["detail"][0]
    assert (fault["loc"], fault["msg"]) == (loc, message)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "upload is empty; expected a scan log with a header line"),
        (b"hello\n", "upload has no column epc_code and no column event_time; expected a header line "
         "with at least epc_code and event_time, found: hello"),
        (b"\x00\x00\n", "upload is no text file: its first line holds null bytes"),
        (b"<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>",
         "upload: the document has a DOCTYPE with declarations, which EPCIS does not use and attacks "
         "on XML readers do. Remove the <!DOCTYPE …> declaration and send it again."),
    ],
    ids=["empty", "prose", "nulls", "bomb"],
)  # fmt: skip
def test_an_upload_that_is_no_log_is_told_what_is_wrong(send, content, message):
    answer = send("POST", "/api/manager/upload", files={"file": ("log", content)})
    assert answer.status_code == 422
    assert answer.json() == {"detail": [{"type": "unusable", "loc": ["body"], "msg": message}]}


def test_an_upload_over_the_limit_is_refused(call):
    small = call(app_in_memory(engine(Settings(max_body_bytes=2000))))
    answer = small("POST", "/api/manager/upload", files={"file": ("log.csv", b"x" * 2001)})
    assert answer.status_code == 413
    message = "the body has more than 2000 bytes; send fewer records at a time"
    assert answer.json()["detail"] == [{"type": "too_large", "loc": ["body"], "msg": message}]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"epc_code,event_time\n" + b"X,2025-07-01 10:00:00\n" * 11,
            "upload has 11 records; at most 10 are taken at a time, so send it in parts",
        ),
        (
            gzip.compress(b"x" * 10**7),
            "upload unpacks to more than 20,000 bytes, which are the most that are taken at a "
            "time; send it in parts",
        ),
    ],
)
def test_an_upload_of_too_much_is_refused_however_small_it_is_packed(call, content, message):
    small = call(app_in_memory(engine(Settings(max_body_bytes=20_000, max_records=10))))
    answer = small("POST", "/api/manager/upload", files={"file": ("log.csv", content)})
    assert answer.status_code == 413
    assert answer.json()["detail"] == [
        {"type": "too_large", "loc": ["body", "file"], "msg": message}
    ]


def test_no_body_is_read_beyond_the_limit_whoever_reads_it(call):
    small = call(app_in_memory(engine(Settings(max_body_bytes=2000))))
    read = 0

    async def endless():
        nonlocal read
        while read < 100_000:
            read += 1000
            yield b" " * 1000

    headers = {"Content-Type": "application/json"}
    answer = small("POST", "/api/admin/keys", content=endless(), headers=headers)
    assert answer.status_code == 413
    assert read == 3000


def test_browsers_may_call_from_the_origins_that_are_set(call):
    open_ = call(app_in_memory(engine(Settings(cors_origins=("http://a.example",)))))
    for origin, allowed in (("http://a.example", "http://a.example"), ("http://b.example", None)):
        answer = open_("GET", "/health", headers={"Origin": origin})
        assert answer.headers.get("access-control-allow-origin") == allowed


@pytest.mark.parametrize(
    "changes",
    [
        {"epc_code": "x" * 1_000_000},
        {"epc_code": "\x00"},
        {"business_step": "\ud800"},
        {"event_time": "9999-12-31 23:59:59"},
        {"event_time": "0001-01-01 00:00:00"},
        {"event_time": "2024-02-29T10:00:00.123456+05:45"},
        {"location_id": -(2**63)},
        {"location_id": 2**63 - 1},
        {"event_type": "", "business_step": ""},
        {"extra": {"deep": [1, {"more": None}]}},
        {"epc_code": "urn:epc:id:sgtin:8804823.129329.4002"},
        {"epc_code": "https://id.gs1.org/01/08804823129328/21/4002"},
    ],
    ids=str,
)
def test_odd_values_are_judged(send, changes):
    body = json.dumps({"data": [event(), event(event_id=2, **changes)]})
    answer = send("POST", f"{DETECT}?detail=all", content=body)
    assert answer.status_code in (200, 422)
    if answer.status_code == 200:
        told = answer.json()
        assert len(told["EventHistory"]) + len(told.get("rejected", [])) == 2


def test_a_record_whose_time_cant_be_read_is_rejected_and_the_rest_judged(post):
    records = [INVERTED[0], event(event_id=5, event_time="2025-02-29 10:00:00"), INVERTED[1]]
    told = post(records, "?ml=false").json()
    assert [found["eventId"] for found in told["EventHistory"]] == [8]
    assert told["rejected"] == [
        {
            "index": 1,
            "eventId": 5,
            "field": "event_time",
            "reason": "the time can't be read: '2025-02-29 10:00:00'; write a real date and time "
            "as YYYY-MM-DD HH:MM:SS, or ISO 8601 with an offset",
        }
    ]


def test_each_file_lists_its_own_rejects_and_a_file_of_rejects_alone_is_answered(post):
    bad = {"event_time": "never"}
    records = [event(file_id=8, **bad), *INVERTED, event(event_id=5, **bad), event(file_id=9)]
    answer = post(records).json()
    assert [one["fileId"] for one in answer] == [8, 3, 9]
    rejected = [[reject["index"] for reject in one.get("rejected", [])] for one in answer]
    assert rejected == [[0], [3], []]
    assert "rejected" not in answer[2]
    alone = post(records[:1]).json()
    assert (alone["fileId"], alone["rejected"][0]["index"]) == (8, 0)


def test_the_source_profile_lists_rejects_too(post):
    told = post([event(event_time="never"), event()], "?rules=source").json()
    assert list(told) == [
        "fileId", "EventHistory", "epcAnomalyStats", "fileAnomalyStats", "rejected"
    ]  # fmt: skip


def test_a_file_per_record_costs_no_more_than_one_for_all(post):
    apart = [event(event_id=i, file_id=i, epc_code="X") for i in range(1000)]
    assert [one["fileId"] for one in post(apart).json()] == list(range(1000))


def test_an_empty_code_is_rejected_and_the_rest_judged(post):
    told = post([event(epc_code=""), *INVERTED], "?ml=false").json()
    assert told["rejected"][0]["index"] == 0
    assert told["rejected"][0]["field"] == "epc_code"
    assert len(told["EventHistory"]) == 1


@pytest.mark.parametrize(
    "steps",
    [("WHOLESALER", "OUTBOUND", "INBOUND"), ("Distribution", "Outbound", "Inbound"),
     ("Wholesaler", "W_Stock_Outbound", "W_Stock_Inbound"),
     ("w_stock_outbound", "w_stock_outbound", "w_stock_inbound")],
)  # fmt: skip
def test_every_dialect_is_understood(post, steps):
    step, out, back = steps
    records = [
        INVERTED[0] | {"business_step": step, "event_type": out},
        INVERTED[1] | {"business_step": step, "event_type": back},
    ]
    assert post(records, "?ml=false").json()["EventHistory"][0]["evtOrderErr"] is True


def test_a_naive_time_is_the_zones_and_an_offset_is_kept(post):
    same = [event(event_time="2025-08-14 21:03:38"),
            event(event_id=2, location_id=1014, event_time="2025-08-14T12:03:38Z")]  # fmt: skip
    assert {e["epcDupScore"] for e in post(same).json()["EventHistory"]} == {90.0}


def test_detail_all_answers_every_event(post):
    told = post(INVERTED, "?detail=all&ml=false").json()
    assert [found["eventId"] for found in told["EventHistory"]] == [7, 8]
    assert told["EventHistory"][0]["finalConfidence"] == 0.0


@pytest.mark.parametrize("query", ["?rules=none", "?detail=some", "?ml=maybe"])
def test_an_unknown_query_value_is_refused(post, query):
    assert post(INVERTED, query).status_code == 422


@pytest.mark.parametrize("name", ["svm", "lstm"])
def test_the_old_aliases_name_their_method(post, name):
    assert post(INVERTED, path=f"{DETECT}/{name}").json()["method"] == name


def test_too_many_records_are_refused(call):
    small = call(app_in_memory(engine(Settings(max_records=3, max_body_bytes=2000))))
    answer = small("POST", DETECT, content=json.dumps({"data": [event()] * 4}))
    assert answer.status_code == 413
    assert answer.json()["detail"][0]["msg"] == (
        "4 records are too many; send at most 3 in one request"
    )


def test_a_body_over_the_limit_is_refused_with_and_without_its_length(call):
    small = call(app_in_memory(engine(Settings(max_body_bytes=2000))))
    body = json.dumps({"data": [event()] * 40}).encode()

    async def chunks():
        for i in range(0, len(body), 500):
            yield body[i : i + 500]

    for content in (body, chunks()):
        answer = small("POST", DETECT, content=content)
        assert answer.status_code == 413
        message = "the body has more than 2000 bytes; send fewer records at a time"
        assert answer.json()["detail"][0]["msg"] == message


def test_one_item_with_ten_thousand_scans(post):
    records = [event(event_id=i, event_time=f"2025-08-{1 + i // 1440:02d} {i // 60 % 24:02d}:{i % 60:02d}:00")
               for i in range(10_000)]  # fmt: skip
    assert post(records).status_code == 200


def test_shuffled_events_get_the_same_verdicts(post):
    records = json.loads((DEMO / "sample.json").read_text(encoding="utf-8"))["data"]

    def told(order):
        found = post(order).json()["EventHistory"]
        return {e["eventId"]: (e["finalConfidence"], e["primaryAnomaly"]) for e in found}

    assert told(records) == told(records[::-1])
    assert len(told(records)) > 5


def test_duplicate_event_ids_are_judged_as_rows(post):
    records = [one | {"event_id": 1} for one in INVERTED]
    told = post(records, "?ml=false").json()
    assert [e["eventId"] for e in told["EventHistory"]] == [1]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from([*RECORD, "data", "eventId"]), inner, max_size=8)
        ),
        max_leaves=20,
    )
)
def test_no_json_breaks_the_service(send, body):
    answer = send("POST", DETECT, content=json.dumps(body))
    assert answer.status_code in (200, 422)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "event_id": st.integers(-(2**63), 2**63 - 1),
                "epc_code": st.text(max_size=50) | st.just(EPC),
                "location_id": st.integers(1001, 1020) | st.integers(-5, 5),
                "business_step": st.sampled_from(["WMS", "POS_Sell", "Retailer"]) | st.text(),
                "event_type": st.sampled_from(["Inbound", "HUB_Outbound"]) | st.text(),
                "event_time": st.datetimes().map(str) | st.text(max_size=30),
                "file_id": st.integers(1, 2),
            }
        ),
        max_size=8,
    )
)  # fmt: skip
def test_every_record_is_judged_or_rejected(send, records):
    body = json.dumps({"data": records})
    answer = send("POST", f"{DETECT}?detail=all", content=body)
    if answer.status_code == 422:  # lone surrogates are no text
        assert any("\ud800" <= c <= "\udfff" for r in records for v in r.values() for c in str(v))
        return
    told = answer.json()
    files = told if isinstance(told, list) else [told]
    judged = sum(len(one["EventHistory"]) for one in files)
    rejected = [reject["index"] for one in files for reject in one.get("rejected", [])]
    assert judged + len(rejected) == len(records)
    for one in files:
        of_file = [records[reject["index"]]["file_id"] for reject in one.get("rejected", [])]
        assert set(of_file) <= {one["fileId"]}


def test_health_and_root(send):
    assert send("GET", "/health").json() == {"status": "healthy", "service": "scantrail"}
    about = send("GET", "/").json()
    assert set(about) == {"message", "version", "docs", "endpoints"}
    assert DETECT in about["endpoints"]


def test_reports_remember_detections(send_to_rules):
    send_to_rules("POST", DETECT, content=json.dumps({"data": INVERTED}))
    [line] = send_to_rules("GET", "/api/reports").json()
    assert set(line) == {"id", "label", "created_at"}
    detail = send_to_rules("GET", f"/api/report/detail?reportId={line['id']}").json()
    assert set(detail) == {
        "title", "details", "summaryStats", "multiAnomalyCount", "sequenceProblems", "amendments",
    }  # fmt: skip
    [found] = detail["details"]
    assert found["epcCode"] == EPC
    assert found["timestamp"] == "2025-08-14T21:03:38+09:00"
    assert found["anomalyTypes"] == ["evtOrderErr"]
    assert found["sequencePosition"] == 2
    assert found["scores"] == {"evtOrderErr": 70.0}
    assert detail["summaryStats"]["evtOrderErr"] == 1
    assert detail["sequenceProblems"] == [found]


def test_an_unknown_report_is_not_found(send):
    answer = send("GET", "/api/report/detail?reportId=12345")
    assert answer.status_code == 404
    assert answer.json() == {
        "detail": "there is no report 12345; /api/reports lists those there are"
    }


def test_export_gives_the_latest_answer(send):
    assert send("GET", "/api/manager/export").json()["EventHistory"] == []
    told = send("POST", DETECT, content=json.dumps({"data": INVERTED})).json()
    assert send("GET", "/api/manager/export").json() == told


def test_nodes_are_the_site_list(send, demo):
    nodes = send("GET", "/api/manager/nodes").json()
    assert len(nodes) == len(demo.network.sites)
    assert set(nodes[0]) == {"hubType", "scanLocation", "businessStep", "coord", "location_id"}
    assert nodes[0]["coord"] == [126.7631, 37.3412]


def test_figures_trips_and_stock_of_a_known_history(send):
    empty = send("GET", "/api/manager/kpi").json()
    assert empty["codeCount"] == 0
    assert empty["avgLeadTime"] is None
    assert send("GET", "/api/manager/inventory").json() == []
    sold = EPC[:-1] + "7"
    journey = [
        event(epc_code=sold, location_id=1001, business_step="Factory", event_type="Aggregation", event_time="2025-08-01 10:00:00"),
        event(epc_code=sold, location_id=1005, business_step="WMS", event_type="WMS_Inbound", event_time="2025-08-01 12:00:00"),
        event(epc_code=sold, location_id=1005, business_step="WMS", event_type="WMS_Outbound", event_time="2025-08-02 12:00:00"),
        event(epc_code=sold, location_id=1060, business_step="POS_Sell", event_type="POS_Sell", event_time="2025-08-05 10:00:00"),
        event(location_id=1001, business_step="Factory", event_type="Aggregation", event_time="2025-08-01 10:00:00"),
    ]  # fmt: skip
    send("POST", DETECT, content=json.dumps({"data": journey}))
    figures = send("GET", "/api/manager/kpi").json()
    assert figures["codeCount"] == 2
    assert figures["uniqueProductCount"] == 1
    assert figures["totalTripCount"] == 2
    assert figures["salesRate"] == figures["dispatchRate"] == figures["inventoryRate"] == 0.5
    assert figures["avgLeadTime"] == 96.0
    assert figures["anomalyRate"] == round(figures["anomalyCount"] / 5, 6)
    assert [t["from"]["scanLocation"] for t in send("GET", "/api/manager/trips").json()] == [
        "Haneul Plant", "Haneul Plant Warehouse"
    ]  # fmt: skip
    assert all(a["anomalyTypes"] for a in send("GET", "/api/manager/anomalies").json())
    assert send("GET", "/api/manager/inventory").json() == [
        {"scanLocation": "Haneul Plant", "businessStep": "Aggregation", "items": 1}
    ]
    assert len(send("GET", "/api/manager/trips?most=1").json()) == 1


TSV = (
    "scan_location\tlocation_id\tbusiness_step\tevent_type\tepc_code\tevent_time\n"
    f"도매상\t1013\tWholesaler\tOutbound\t{EPC}\t2025-08-14 20:00:00\n"
    f"도매상\t1013\tWholesaler\tInbound\t{EPC}\t2025-08-14 21:00:00\n"
    f"도매상\t1013\tWholesaler\tInbound\t{EPC}\tnever\n"
)


@pytest.mark.parametrize(
    "content",
    [TSV.encode(), TSV.encode("cp949"), gzip.compress(TSV.encode())],
    ids=["utf8", "cp949", "gz"],
)
def test_an_uploaded_log_becomes_a_report(send_to_rules, content):
    answer = send_to_rules(
        "POST", "/api/manager/upload", files={"file": ("../../etc/log.tsv", content)}
    )
    assert answer.status_code == 200
    told = answer.json()
    assert (told["events"], told["anomalies"], told["rejected"]) == (2, 1, 1)
    detail = send_to_rules("GET", f"/api/report/detail?reportId={told['reportId']}").json()
    assert detail["title"] == "upload ../../etc/log.tsv"
    latest = send_to_rules("GET", "/api/manager/export").json()
    assert latest["epcAnomalyStats"][0]["evtOrderErrCount"] == told["anomalies"] == 1
    assert [reject["reason"] for reject in latest["rejected"]] == [
        "the time can't be read: 'never'; write a real date and time as YYYY-MM-DD HH:MM:SS, or "
        "ISO 8601 with an offset"
    ]


def test_an_uploaded_log_may_name_its_events_in_text_and_have_broken_rows(send):
    log = (
        "event_id,epc_code,event_time\n"
        f"E-1,{EPC},2025-08-14 20:00:00\n"
        f"E-2,{EPC},never\n"
        "a row,too,long,for,the,header\n"
    )
    told = send("POST", "/api/manager/upload", files={"file": ("log.csv", log.encode())}).json()
    assert (told["events"], told["rejected"]) == (1, 2)
    rejected = send("GET", "/api/manager/export").json()["rejected"]
    assert [(one["index"], one["eventId"], one["field"]) for one in rejected] == [
        (4, None, None), (3, "E-2", "event_time")
    ]  # fmt: skip


def test_an_upload_of_something_else_is_refused_without_telling_paths(send):
    answer = send("POST", "/api/manager/upload", files={"file": ("a.zip", b"PK\x03\x04rest")})
    assert answer.status_code == 422
    message = answer.json()["detail"][0]["msg"]
    assert message == "upload is a zip archive (or a spreadsheet); unpack it, or export it as CSV"


def test_unknown_paths_and_methods_are_answered(send):
    assert send("GET", "/nowhere").status_code == 404
    assert send("GET", DETECT).status_code == 405


def test_the_document_describes_every_answer(send):
    document = send("GET", "/openapi.json").json()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            [ok] = [said for code, said in operation["responses"].items() if code[0] == "2"]
            assert operation.get("description") or operation.get("summary"), path
            assert all("schema" in content for content in ok["content"].values()), path
            if method == "post":
                assert "422" in operation["responses"], path
                assert (
                    path.endswith(("/revoke", "/cancel")) or operation["requestBody"]["content"]
                ), path
    assert "DetectionRequest" in document["components"]["schemas"]


def test_health_answers_while_a_large_request_is_judged(demo):
    app = app_in_memory(demo)
    records = [event(event_id=i, epc_code=f"{EPC[:36]}{i:09d}") for i in range(60_000)]
    body = json.dumps({"data": records})
    order = []

    async def go():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://localhost", timeout=60
        ) as client:

            async def large():
                assert (await client.post(DETECT, content=body)).status_code == 200
                order.append("large")

            async def small():
                await anyio.sleep(0.05)
                assert (await client.get("/health")).status_code == 200
                order.append("health")

            async with anyio.create_task_group() as group:
                group.start_soon(large)
                group.start_soon(small)

    anyio.run(go)
    assert order == ["health", "large"]
