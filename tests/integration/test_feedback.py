"""What people say of alerts, through the API and the command line, on both databases."""

import time

import pytest

from scantrail import wiring
from scantrail.serve.api import create_app
from scantrail.settings import read_settings

DETECT = "/api/v1/barcode-anomaly-detect"
EPC = "001.8804823.1293291.010004.20250701.{:09}"
#: In Incheon and, a minute later, in Busan: nobody is that fast.
HERE, THERE = 1001, 1006


def scans(number, minutes=1, to=THERE, day="2025-07-02"):
    """An item that goes too fast from its plant to somewhere else."""
    code = EPC.format(number)
    return [
        {"event_id": 10 * number + at, "epc_code": code, "location_id": place,
         "business_step": step, "event_type": kind, "event_time": f"{day} 10:{minute:02}:00",
         "file_id": 1}
        for at, (place, step, kind, minute) in enumerate(
            [(HERE, "Factory", "Aggregation", 0), (to, "WMS", "WMS_Inbound", minutes)])
    ]  # fmt: skip


@pytest.fixture
def settings(database_url):
    return read_settings({}, database_url=database_url, artifacts="none")


@pytest.fixture
def send(call, settings, stores):
    return call(create_app(wiring.engine(settings), stores, insecure_local=True))


@pytest.fixture
def detect(send):
    def post(*items, **more):
        data = [scan for item in items for scan in item]
        answer = send("POST", DETECT, json={"data": data, **more})
        assert answer.status_code == 200, answer.text
        return answer.json()

    return post


@pytest.fixture
def say(send):
    def post(verdict, status=201, **more):
        answer = send("POST", "/api/feedback", json={"verdict": verdict, "reason": "r", **more})
        assert answer.status_code == status, answer.text
        return answer.json()

    return post


def kind_of(answer):
    return answer["EventHistory"][0]["primaryAnomaly"]


def test_a_dismissed_group_is_told_and_counts_as_no_alert_until_it_expires(
    send, detect, say, stores, settings
):
    before = detect(scans(1))
    kind = kind_of(before)
    given = say("dismiss", group={"kind": kind, "site": THERE}, days=7)
    assert (given["target"], given["events"], given["group"]) == (
        "group", 1, {"kind": kind, "site": str(THERE)},
    )  # fmt: skip
    after = detect(scans(2))
    [event] = after["EventHistory"]
    [old] = before["EventHistory"]
    assert event["dismissed"]
    assert event["feedback"] == {
        "id": given["id"], "verdict": "dismiss", "reason": "r", "until": given["expiresAt"],
    }  # fmt: skip
    same = set(old) - {"eventId", "epcCode", "explanation"}
    assert {name: event[name] for name in same} == {name: old[name] for name in same}
    assert after["fileAnomalyStats"]["totalEvents"] == 0
    assert after["epcAnomalyStats"] == []
    assert after["mlSummaryStats"]["ruleOnlyDetections"] == 0
    assert "dismissed" not in detect(scans(3, to=1007))["EventHistory"][0]  # another site
    # as it was said, and as people see it
    marks = {
        one["eventId"]: one["dismissed"] for one in send("GET", "/api/manager/anomalies").json()
    }
    assert marks == {11: True, 21: True, 31: False}
    figures = send("GET", "/api/manager/kpi").json()
    assert (figures["anomalyCount"], figures["dismissedCount"]) == (1, 2)
    for report, count in ((1, 0), (2, 0), (3, 1)):
        detail = send("GET", "/api/report/detail", params={"reportId": report}).json()
        assert detail["summaryStats"][kind] == count
        assert detail["details"][0]["dismissed"] is (count == 0)
    trail = send("GET", "/api/item", params={"epc": EPC.format(1)}).json()["scans"]
    assert [scan["dismissed"] for scan in trail] == [False, True]
    assert trail[1]["verdicts"][0]["suspect"]  # nothing that was said is changed
    later = time.time_ns() // 1000 + 8 * 86_400_000_000
    assert [one.id for one in stores.feedback.in_force(later)] == []
    assert [one.id for one in stores.feedback.in_force(time.time_ns() // 1000)] == [given["id"]]


def test_an_expired_dismissal_speaks_of_nothing_new(detect, say, monkeypatch):
    from scantrail.serve import dismissing

    say("dismiss", group={"kind": kind_of(detect(scans(1)))}, days=1)
    assert detect(scans(2))["EventHistory"][0]["dismissed"]
    tomorrow = time.time_ns() + 25 * 3_600_000_000_000

    class Later:
        time_ns = staticmethod(lambda: tomorrow)
        monotonic = staticmethod(lambda: time.monotonic() + 3600)

    monkeypatch.setattr(dismissing, "time", Later)
    assert "dismissed" not in detect(scans(3))["EventHistory"][0]
    assert detect(scans(2))["EventHistory"][0]["dismissed"]  # of what it spoke, it speaks


def test_groups_by_product_and_by_lane(detect, say):
    detect(scans(1))
    assert say("dismiss", group={"product": "8804823.0000000"})["events"] == 0
    assert say("dismiss", group={"lane": {"from": THERE, "to": HERE}})["events"] == 0
    assert "dismissed" not in detect(scans(2))["EventHistory"][0]
    assert say("dismiss", group={"lane": {"from": HERE, "to": THERE}})["events"] == 2
    assert detect(scans(3))["EventHistory"][0]["dismissed"]
    assert say("dismiss", group={"product": "8804823.1293291"})["events"] == 3


def test_the_closest_word_counts_and_can_be_taken_back(send, detect, say):
    kind = kind_of(detect(scans(1)))
    group = say("dismiss", group={"kind": kind})
    say("confirm", epcCode=EPC.format(1), eventId=11)
    [event] = detect(scans(1))["EventHistory"]  # sent again
    assert "dismissed" not in event
    [line] = send("GET", "/api/manager/anomalies").json()
    assert (line["dismissed"], line["feedback"]["verdict"]) == (False, "confirm")
    back = send("POST", f"/api/feedback/{group['id']}/withdraw", json={"reason": "too wide"})
    assert (back.status_code, back.json()["withdraws"]) == (200, group["id"])
    assert "dismissed" not in detect(scans(2))["EventHistory"][0]
    again = send("POST", f"/api/feedback/{group['id']}/withdraw", json={"reason": "x"})
    assert (
        again.json()["detail"]
        == f"feedback {group['id']} was withdrawn; there is nothing to withdraw"
    )
    lines = send("GET", "/api/feedback").json()
    assert [(one["verdict"], one["withdrawnBy"]) for one in lines] == [
        ("withdraw", None), ("confirm", None), ("dismiss", back.json()["id"]),
    ]  # fmt: skip


def test_an_item_and_one_of_its_events(detect, say):
    detect(scans(1), scans(2))
    assert say("dismiss", epcCode=EPC.format(1))["events"] == 1
    assert say("dismiss", epcCode=EPC.format(2), eventId=21)["expiresAt"] is None
    assert detect(scans(1))["EventHistory"][0]["dismissed"]
    assert detect(scans(2))["EventHistory"][0]["dismissed"]
    twice = detect(scans(1, day="2025-07-03"), scans(2, day="2025-07-03"))["EventHistory"]
    assert {one["epcCode"]: one.get("dismissed", False) for one in twice} == {
        EPC.format(1): True, EPC.format(2): False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("status", "asked", "told"),
    [
        (422, {}, "name either an item"),
        (422, {"epcCode": EPC.format(1), "group": {"kind": "jump"}}, "and not both"),
        (422, {"group": {"kind": "jmp"}}, "'jmp' is no kind; there are: epcFake"),
        (422, {"group": {"kind": "jump"}, "eventId": 3}, "an event id alone names no scan"),
        (422, {"group": {"kind": "jump"}, "week": "2025-W30"}, "a week's sample is of items"),
        (422, {"group": {"kind": "jump"}, "days": 0}, "holds for 1 to 366 days, not 0"),
        (422, {"epcCode": EPC.format(1), "eventId": 11, "days": 3}, "hold for some days"),
        (404, {"epcCode": EPC.format(9)}, f"no scan of {EPC.format(9)} is stored"),
        (404, {"epcCode": EPC.format(1), "eventId": 99}, "with the event id 99 is stored"),
        (404, {"epcCode": EPC.format(1), "week": "2025-W30"}, "no sample was drawn"),
        (409, {"epcCode": EPC.format(1), "eventId": 10}, "event 10 is not suspect"),
        (409, {"epcCode": EPC.format(5)}, "nothing of 001.8804823"),
    ],
)
def test_what_is_not_clear_is_refused_with_the_reason(detect, say, status, asked, told):
    detect(scans(1), scans(5)[:1])
    assert told in str(say("dismiss", status=status, **asked)["detail"])


@pytest.mark.parametrize(
    "body",
    [b"{}", b"[]", b'{"verdict": "withdraw", "reason": "r", "epcCode": "x"}',
     b'{"verdict": "dismiss", "reason": "  ", "epcCode": "x"}',
     b'{"verdict": "dismiss", "reason": "r", "group": {"sight": 3}}'],
)  # fmt: skip
def test_bad_bodies_are_refused(send, body):
    answer = send(
        "POST", "/api/feedback", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 422
    assert send("POST", "/api/feedback/7/withdraw", json={"reason": "r"}).status_code == 404


def test_the_earlier_services_answers_know_no_dismissals(detect, say, send):
    odd = [{**scans(1)[0], "epc_code": "001.8804823.1293291.010004.29990701.000000001"}]
    assert kind_of(detect(odd)) == "epcFake"
    say("dismiss", group={"kind": "epcFake"})
    assert detect(odd)["EventHistory"][0]["dismissed"]
    answer = send("POST", f"{DETECT}?rules=source", json={"data": odd}).json()
    assert list(answer["EventHistory"][0]) == ["eventId", "epcFake", "epcFakeScore"]
    assert answer["fileAnomalyStats"]["epcFakeCount"] == 1


def test_the_command_line_says_the_same(run, monkeypatch, detect, settings):
    kind = kind_of(detect(scans(1)))
    monkeypatch.setenv("SCANTRAIL_DATABASE_URL", settings.database_url)
    assert run("feedback", "list")[1] == "nobody has said anything yet\n"
    code, out, _ = run("feedback", "dismiss", "--kind", kind, "--lane", f"{HERE},{THERE}",
                       "--days", 3, "--reason", "new road")  # fmt: skip
    assert code == 0
    assert out.startswith(
        f"feedback 1: dismiss {kind}, on the way {HERE} → {THERE}; it speaks of 1 suspect scan so "
        "far, and of what comes until "
    )
    code, out, _ = run(
        "feedback", "confirm", "--epc", EPC.format(1), "--event", 11, "--reason", "clone"
    )
    assert (
        out
        == f"feedback 2: confirm a scan of {EPC.format(1)}; it speaks of 1 suspect scan so far\n"
    )
    assert run("feedback", "withdraw", 1, "--reason", "wrong")[1] == (
        "feedback 1 is withdrawn, by feedback 3\n"
    )
    listed = run("feedback", "list")[1].splitlines()
    assert [line.split()[0] for line in listed[:2]] == ["id", "3"]
    code, _, err = run("feedback", "dismiss", "--lane", "1001", "--reason", "r")
    assert (code, err) == (
        1,
        "error: --lane: '1001' is no lane; expected FROM,TO, e.g. 1001,1031\n",
    )
    time.sleep(1.1)  # a service on the database follows within a second
    assert "dismissed" not in detect(scans(2))["EventHistory"][0]


def test_keys_that_may_only_read_can_not_say_anything(call, settings, stores):
    send = call(create_app(wiring.engine(settings), stores))
    made = stores.keys.create("reader", ["read"], time.time_ns() // 1000, None)
    headers = {"X-API-Key": made.text}
    asked = {"verdict": "confirm", "reason": "r", "epcCode": "x"}
    assert send("POST", "/api/feedback", json=asked, headers=headers).status_code == 403
    assert send("GET", "/api/feedback", headers=headers).json() == []
    reviewer = {"X-API-Key": stores.keys.create("r", ["review"], time.time_ns() // 1000, None).text}
    assert send("POST", "/api/feedback", json=asked, headers=reviewer).status_code == 404
    assert send("POST", "/api/admin/ml/recalibrate", headers=reviewer).status_code == 403
