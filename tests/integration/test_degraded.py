"""What callers see while detectors fail or hang, and how it heals."""

import json
import threading

import pytest

from scantrail.detectors.lstm.detector import LstmDetector
from scantrail.detectors.rule_set import RuleSet
from scantrail.guard import Budgets
from scantrail.history import taking
from scantrail.settings import Settings
from scantrail.stores.database import Database
from scantrail.testing import app_in_memory
from scantrail.wiring import DEMO, Stores, engine

DETECT = "/api/v1/barcode-anomaly-detect"
SAMPLE = json.loads((DEMO / "sample.json").read_text(encoding="utf-8"))["data"]
QUICK = Budgets(rules_ms=20_000, lstm_ms=100, per_1000_ms=0, failures=1_000)


@pytest.fixture(scope="module")
def demo():
    return engine(Settings(budgets=QUICK))


@pytest.fixture
def post(call, demo):
    send = call(app_in_memory(demo))

    def detect(query="", records=SAMPLE):
        answer = send("POST", DETECT + query, content=json.dumps({"data": records}))
        assert answer.status_code == 200, answer.text
        return answer.json()

    return detect


def fail(*_):
    raise MemoryError("on purpose")


def test_a_detector_that_hangs_is_named_and_the_others_answer(post, monkeypatch):
    gate = threading.Event()
    judge = LstmDetector.judge

    def hang(detector, journeys):
        gate.wait()
        return judge(detector, journeys)

    monkeypatch.setattr(LstmDetector, "judge", hang)
    try:
        answer = post("?detail=all")
    finally:
        gate.set()
    assert answer["degraded"] == ["lstm"]
    events = answer["EventHistory"]
    assert not any("lstmSequenceScore" in one for one in events)
    assert any("svmOutlierScore" in one for one in events)


def test_where_rules_fail_the_answer_says_so_in_every_profile(post, monkeypatch):
    monkeypatch.setattr(RuleSet, "judge", fail)
    assert post()["degraded"] == ["rules"]
    assert post("?ml=false")["degraded"] == ["rules"]
    assert post("?rules=source")["degraded"] == ["rules"]
    monkeypatch.undo()
    assert "degraded" not in post("?rules=source")


def test_degraded_verdicts_are_judged_again_when_their_items_come_next(call, demo, monkeypatch):
    send = call(app_in_memory(demo))

    def post(records):
        return send("POST", DETECT, content=json.dumps({"data": records})).json()

    monkeypatch.setattr(RuleSet, "judge", fail)
    monkeypatch.setattr(LstmDetector, "judge", fail)
    degraded = post(SAMPLE)
    assert degraded["degraded"] == ["rules", "lstm"]
    monkeypatch.undo()
    whole = post(SAMPLE)
    before = {one["eventId"] for one in degraded["EventHistory"]}
    after = {one["eventId"] for one in whole["EventHistory"]}
    assert whole["degraded"] == []
    assert after - before
    amended = {one["eventId"]: one for one in whole["amended"]}
    assert after - before <= amended.keys()
    assert all(amended[one]["was"]["kind"] is None for one in after - before)
    assert all(amended[one]["now"]["kind"] for one in after - before)
    assert "amended" not in post(SAMPLE)


def test_a_degraded_judgement_takes_nothing_back(call, demo, monkeypatch):
    send = call(app_in_memory(demo))

    def post(records):
        return send("POST", DETECT, content=json.dumps({"data": records})).json()

    assert post(SAMPLE)["EventHistory"]
    monkeypatch.setattr(RuleSet, "judge", fail)
    again = post(SAMPLE)
    assert again["degraded"] == ["rules"]
    assert "amended" not in again


@pytest.fixture
def stores(tmp_path):
    opened = Stores(Database(f"sqlite:///{tmp_path / 'scans.sqlite'}"))
    yield opened
    opened.close()


class Counting:
    """Judges as the engine does, counts, and lets something happen during the first time."""

    def __init__(self, demo, meanwhile=lambda: None):
        self.demo, self.meanwhile, self.times = demo, meanwhile, 0

    def __call__(self, events):
        self.times += 1
        judged = self.demo.judge_journeys(events)
        if self.times == 1:
            self.meanwhile()
        return judged


def request(demo, records):
    from scantrail.history.posts import Post
    from scantrail.serve.records import read_records

    raw = read_records(json.dumps({"data": records}).encode(), 1_000).raw

    def word(report, amended):
        said = report.verdicts.select("anomaly", "kind", "finalConfidence").rows()
        return json.dumps([said, [one.event_time for one in amended]]).encode()

    return Post(demo.understand(raw), "test", b"0" * 16, word)


def take(stores, demo, records, judge=None):
    posts = [request(demo, records)]
    return taking.take(stores.trails, posts, judge or Counting(demo), 1)[0].answer


def test_what_takes_long_is_judged_before_the_transaction(stores, demo, monkeypatch):
    monkeypatch.setattr(taking, "AT_ONCE", 10)
    other = SAMPLE[-10:]

    def meanwhile():  # another writer is not kept waiting
        take(
            stores,
            demo,
            [
                one | {"epc_code": one["epc_code"][:-1] + "x", "event_time": "2024-01-01 00:00:00"}
                for one in other[:1]
            ],
        )

    judge = Counting(demo, meanwhile)
    told = take(stores, demo, SAMPLE, judge)
    assert judge.times == 1
    monkeypatch.undo()
    whole = Stores(Database("sqlite://"))
    assert told == take(whole, demo, SAMPLE)
    whole.close()


def test_what_changed_meanwhile_is_judged_again(stores, demo, monkeypatch):
    monkeypatch.setattr(taking, "AT_ONCE", 10)
    first, rest = SAMPLE[:5], SAMPLE[5:]
    judge = Counting(demo, lambda: take(stores, demo, first))
    late = take(stores, demo, rest, judge)
    assert judge.times == 2
    monkeypatch.undo()
    whole = Stores(Database("sqlite://"))
    take(whole, demo, first)
    assert late == take(whole, demo, rest)
    whole.close()
