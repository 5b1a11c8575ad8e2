import datetime as dt
import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec
import pytest

from scantrail.errors import MonitoringError
from scantrail.monitoring.webhook import (
    ID,
    SIGNATURE,
    TIMESTAMP,
    Delivery,
    Outbox,
    RefusedError,
    Webhook,
    deliver,
    post,
    sign,
    verify,
)

SECRET = "correct horse battery"
NOW = dt.datetime(2025, 9, 1, 12, tzinfo=dt.UTC)


class Receiver(BaseHTTPRequestHandler):
    """Answers as its server was told; keeps what it got."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((dict(self.headers), body))
        behaviour = self.server.plan.pop(0) if self.server.plan else 204
        if behaviour == "hang":
            time.sleep(0.6)
            return
        if behaviour == "drop":
            self.connection.close()
            return
        status, headers = behaviour if isinstance(behaviour, tuple) else (behaviour, {})
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_args):
        pass


@pytest.fixture
def server():
    receiver = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    receiver.got, receiver.plan = [], []
    thread = threading.Thread(target=receiver.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield receiver
    receiver.shutdown()
    receiver.server_close()


@pytest.fixture
def hook(server):
    return Webhook(url=f"http://127.0.0.1:{server.server_port}/in", secret=SECRET, timeout=0.3)


def outbox(*keys):
    box = Outbox()
    for key in keys:
        box = box.add(key, {"what": "start", "key": key}, NOW)
    return box


def test_a_notice_arrives_signed(server, hook):
    assert deliver(hook, outbox("a"), NOW) == Outbox()
    headers, body = server.got[0]
    assert json.loads(body) == {"key": "a", "what": "start"}
    assert verify(SECRET, headers, body, NOW) == "a"
    assert headers["Content-Type"] == "application/json"


def test_a_receiver_refuses_what_was_changed_or_replayed(server, hook):
    deliver(hook, outbox("a"), NOW)
    headers, body = server.got[0]
    wrong = "^the signature is wrong: another secret, or the body was changed$"
    for other in (
        (SECRET, headers, body + b" "),
        ("another secret of ours", headers, body),
        (SECRET, headers | {ID: "b"}, body),
        (SECRET, headers | {TIMESTAMP: str(int(headers[TIMESTAMP]) + 1)}, body),
        (SECRET, headers | {SIGNATURE: ""}, body),
    ):
        with pytest.raises(MonitoringError, match=wrong):
            verify(*other, NOW)
    with pytest.raises(MonitoringError, match="too old, or a clock is wrong"):
        verify(SECRET, headers, body, NOW + dt.timedelta(minutes=6))
    with pytest.raises(MonitoringError, match="isn't signed"):
        verify(SECRET, {}, body, NOW)


def test_the_signature_is_a_known_one():
    signed = sign(SECRET, "a", 1_700_000_000, b"{}")
    assert re.fullmatch(r"v1=[0-9a-f]{64}", signed)
    assert (
        signed
        == "v1=" + __import__("hmac").new(SECRET.encode(), b"1700000000.a.{}", "sha256").hexdigest()
    )


def test_it_is_tried_again_until_the_receiver_recovers(server, hook):
    server.plan = [500, "drop", "hang"]
    box, now, waits = outbox("a"), NOW, []
    for _ in range(3):
        box = deliver(hook, box, now)
        waits.append((box.waiting[0].due - now).total_seconds())
        assert deliver(hook, box, now) == box  # not due yet: nothing is sent
        now = box.waiting[0].due
    assert deliver(hook, box, now) == Outbox()
    assert len(server.got) == 4
    assert {headers[ID] for headers, _ in server.got} == {"a"}
    for wait, least in zip(waits, (30, 60, 120), strict=True):
        assert least <= wait <= least * 1.25


def test_errors_say_what_happened(server, hook):
    server.plan = [503, "hang", 404]
    said = []
    for _ in range(3):
        with pytest.raises(RefusedError) as refused:
            post(hook, outbox("a").waiting[0], NOW)
        said.append((str(refused.value), refused.value.again))
    assert said == [
        ("answered 503 Service Unavailable", True),
        ("no answer within 0.3 s", True),
        ("answered 404 Not Found", False),
    ]
    server.shutdown()
    server.server_close()
    with pytest.raises(RefusedError, match="^no answer: .*refused"):
        post(hook, outbox("a").waiting[0], NOW)


def test_what_is_refused_for_good_is_dead_at_once_and_blocks_nobody(server, hook):
    server.plan = [400, 204]
    box = deliver(hook, outbox("a", "b"), NOW)
    assert [one.id for one in box.dead] == ["a"]
    assert box.dead[0].error == "answered 400 Bad Request"
    assert box.waiting == ()
    revived = box.revive(NOW)
    assert deliver(hook, revived, NOW) == Outbox()


def test_redirects_are_not_followed(server, hook):
    server.plan = [(302, {"Location": f"{hook.url}/elsewhere"})]
    box = deliver(hook, outbox("a"), NOW)
    assert box.dead[0].error == "answered 302 Found"
    assert len(server.got) == 1


def test_a_receiver_may_ask_for_more_time(server, hook):
    server.plan = [(429, {"Retry-After": "900"})]
    box = deliver(hook, outbox("a"), NOW)
    assert box.waiting[0].due == NOW + dt.timedelta(seconds=900)


def test_an_absent_receiver_costs_one_try_and_order_is_kept(server, hook):
    server.plan = [500]
    box = deliver(hook, outbox("a", "b", "c"), NOW)
    assert [one.id for one in box.waiting] == ["a", "b", "c"]
    assert [one.tries for one in box.waiting] == [1, 0, 0]
    assert len(server.got) == 1
    assert deliver(hook, box, NOW + dt.timedelta(minutes=1)) == Outbox()
    assert [headers[ID] for headers, _ in server.got] == ["a", "a", "b", "c"]


def test_after_the_last_try_it_is_dead(hook):
    def never(_hook, _delivery, _now):
        raise RefusedError("answered 500 Oops", again=True)

    box, now, begun = outbox("a"), NOW, NOW
    while box.waiting:
        now = box.waiting[0].due
        box = deliver(hook, box, now, never)
    assert box.dead[0].tries == hook.tries
    assert dt.timedelta(hours=20) < now - begun < dt.timedelta(hours=26)


def test_the_same_notice_is_queued_once_and_an_outbox_survives_json():
    box = outbox("a", "b", "a")
    assert [one.id for one in box.waiting] == ["a", "b"]
    box = Outbox(box.waiting, (Delivery(id="c", body="{}", due=NOW, error="x"),))
    assert box.add("c", {}, NOW) is box
    assert msgspec.json.decode(msgspec.json.encode(box), type=Outbox) == box


def test_bad_settings_are_refused():
    with pytest.raises(MonitoringError, match="'file:///x' is no webhook: expected http"):
        Webhook(url="file:///x", secret=SECRET)
    with pytest.raises(MonitoringError, match="secret is shorter than 16"):
        Webhook(url="http://localhost", secret="short")
