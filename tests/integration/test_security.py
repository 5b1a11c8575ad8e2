"""Nobody gets in who doesn't belong, nothing leaks, and what administrators do is written down."""

import json
import logging
import subprocess
import sys
import time

import pytest
import sqlalchemy as sa
from fastapi.routing import APIRoute

from scantrail.errors import StoreError
from scantrail.serve.auth import GuardedRoute
from scantrail.serve.gate import now
from scantrail.settings import Settings
from scantrail.stores.tables import AUDIT
from scantrail.testing import app_in_memory
from scantrail.vocabulary.access import Scope
from scantrail.wiring import DEMO, engine

OPEN = {"/", "/health", "/health/live", "/health/ready", "/docs", "/redoc", "/docs/oauth2-redirect"}
HOUR = 3_600_000_000
KEYS = "/api/admin/keys"


def built(**settings):
    return app_in_memory(engine(Settings(artifacts="none", **settings)), insecure_local=False)


@pytest.fixture(scope="module")
def rules():
    return engine(Settings(artifacts="none"))


@pytest.fixture
def app(rules):
    return app_in_memory(rules, insecure_local=False)


@pytest.fixture
def send(call, app):
    return call(app)


def stores_of(app):
    return app.state.gate._stores


def key_for(app, *scopes, **more):
    return stores_of(app).keys.create("tester", scopes, now(), **more).text


def bearer(text):
    return {"Authorization": f"Bearer {text}"}


def guarded(app):
    return [route for route in app.routes if isinstance(route, GuardedRoute)]


def test_every_endpoint_says_for_whom_it_is(app):
    free = {r.path for r in app.routes if isinstance(r, APIRoute) and r not in guarded(app)}
    assert free == OPEN
    needed = {route.path: route.needed for route in guarded(app)}
    assert all(
        (scope is Scope.ADMIN) == path.startswith("/api/admin") for path, scope in needed.items()
    )
    assert needed["/api/v1/barcode-anomaly-detect"] == needed["/api/manager/upload"] == "detect"
    assert needed["/api/reports"] == needed["/api/item"] == needed["/api/manager/kpi"] == "read"


def test_without_a_key_nothing_is_answered_but_what_is_open(call):
    app = built(failure_limit="none")
    send = call(app)
    for route in guarded(app):
        [method] = route.methods
        answer = send(method, route.path)
        assert answer.status_code == 401, route.path
        assert answer.headers["www-authenticate"] == 'Bearer realm="scantrail"'
    for path in OPEN | {"/openapi.json"}:
        assert send("GET", path).status_code == 200, path


def test_a_key_opens_what_its_scopes_say_and_nothing_else(app, send):
    for scope in Scope:
        shown = bearer(key_for(app, scope))
        for route in guarded(app):
            [method] = route.methods
            status = send(method, route.path, headers=shown).status_code
            assert (status == 403) == (route.needed is not scope), (scope, route.path)
            assert status != 401


def test_too_little_scope_is_told_with_what_is_missing(app, send):
    shown = key_for(app, Scope.DETECT)
    answer = send("GET", "/api/reports", headers={"X-API-Key": shown})
    assert answer.status_code == 403
    assert answer.json() == {"detail": f"key {shown[3:15]} lacks the scope 'read'; it has: detect"}
    assert answer.headers["www-authenticate"] == (
        'Bearer realm="scantrail", error="insufficient_scope", scope="read"'
    )


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer sk_0123456789ab_nothing"},
        {"Authorization": "bearer sk_"},
        {"Authorization": b"Bearer \xff\xfe\x00"},
        {"Authorization": "Bearer " + "x" * 20_000},
        {"Authorization": "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0."},
        {"X-API-Key": "sk_é_".encode("latin-1")},
    ],
)
def test_whatever_else_is_shown_opens_nothing(send, headers):
    answer = send("GET", "/api/reports", headers=headers)
    assert answer.status_code == 401
    assert answer.json()["detail"].startswith("the key is not known here")
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


def test_a_body_is_not_read_for_a_stranger(app):
    """Nobody without a key can have files written or memory filled."""
    import anyio

    async def go():
        read, sent = [], []

        async def receive():
            read.append(1)
            return {"type": "http.request", "body": b"x" * 1000, "more_body": True}

        async def send(message):
            sent.append(message)

        connection = {
            "type": "http", "method": "POST", "path": "/api/manager/upload", "query_string": b"",
            "headers": [(b"content-type", b"multipart/form-data; boundary=x")],
            "client": ("10.0.0.1", 1), "server": ("a", 1), "scheme": "http", "root_path": "",
            "http_version": "1.1", "raw_path": b"/api/manager/upload",
        }  # fmt: skip
        await app(connection, receive, send)
        return len(read), sent[0]["status"]

    assert anyio.run(go) == (0, 401)


def test_a_revoked_key_ends_at_once_here_and_soon_elsewhere(app, send, monkeypatch):
    admin, reader = key_for(app, Scope.ADMIN), key_for(app, Scope.READ)
    assert send("GET", "/api/reports", headers=bearer(reader)).status_code == 200
    stores_of(app).keys.revoke(reader[3:15], now())  # by another process
    assert send("GET", "/api/reports", headers=bearer(reader)).status_code == 200
    clock = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: clock() + 5.1)
    late = send("GET", "/api/reports", headers=bearer(reader))
    assert late.status_code == 401
    assert late.json()["detail"] == f"the key {reader[3:15]} (tester) was revoked"
    other = key_for(app, Scope.READ)
    assert send("GET", "/api/reports", headers=bearer(other)).status_code == 200
    done = send("POST", f"{KEYS}/{other[3:15]}/revoke", headers=bearer(admin))
    assert done.json()["state"] == "revoked"
    assert send("GET", "/api/reports", headers=bearer(other)).status_code == 401


def test_a_key_ends_on_time_though_it_is_remembered(app, send):
    shown = bearer(key_for(app, Scope.READ, expires_at=now() + 400_000))
    assert send("GET", "/api/reports", headers=shown).status_code == 200
    time.sleep(0.5)
    assert send("GET", "/api/reports", headers=shown).status_code == 401


def test_keys_are_managed_over_http(app, send):
    shown = bearer(key_for(app, Scope.ADMIN))
    asked = {"name": "gateway", "scopes": ["detect", "read"], "days": 1}
    made = send("POST", KEYS, headers=shown, json=asked)
    assert made.status_code == 201
    assert send("GET", "/api/reports", headers=bearer(made.json()["key"])).status_code == 200
    path = f"{KEYS}/{made.json()['id']}"
    new = send("POST", f"{path}/rotate", headers=shown, json={"hours": 0}).json()
    assert (new["replaces"], new["name"], new["scopes"]) == (
        made.json()["id"], "gateway", ["detect", "read"],
    )  # fmt: skip
    assert send("GET", "/api/reports", headers=bearer(made.json()["key"])).status_code == 401
    assert send("GET", "/api/reports", headers=bearer(new["key"])).status_code == 200
    app.state.gate.keep_uses()
    listed = {line["id"]: line for line in send("GET", KEYS, headers=shown).json()}
    assert listed[new["id"]]["used"] is not None
    assert listed[made.json()["id"]]["state"] == "expired"
    assert "key" not in listed[new["id"]]
    assert send("POST", f"{KEYS}/nothing/revoke", headers=shown).status_code == 404


@pytest.mark.parametrize(
    "asked",
    [
        {}, {"name": "", "scopes": ["read"]}, {"name": "a\u0000b", "scopes": ["read"]},
        {"name": "a", "scopes": []}, {"name": "a", "scopes": ["all"]},
        {"name": "a", "scopes": ["read"], "days": 0}, {"name": "a", "scopes": ["read"], "day": 3},
    ],
)  # fmt: skip
def test_a_key_that_can_t_be_is_refused(app, send, asked):
    answer = send("POST", KEYS, headers=bearer(key_for(app, Scope.ADMIN)), json=asked)
    assert answer.status_code == 422


def test_every_act_and_refusal_is_in_the_audit_log(app, send):
    admin, reader = key_for(app, Scope.ADMIN), key_for(app, Scope.READ)
    named = {"X-Request-ID": "r-1"}
    made = send("POST", KEYS, headers=bearer(admin) | named, json={"name": "g", "scopes": ["read"]})
    assert made.headers["x-request-id"] == "r-1"
    send("POST", KEYS, headers=bearer(admin), json={})
    send("GET", "/api/admin/audit", headers=bearer(reader))
    send("POST", f"{KEYS}/x/revoke")
    lines = send("GET", "/api/admin/audit", headers=bearer(admin)).json()
    told = [(x["actor"], x["action"], x["subject"], x["outcome"], x["detail"]) for x in lines]
    assert told == [
        ("unknown 127.0.0.1", f"POST {KEYS}/{{key_id}}/revoke", "x", "refused", {"status": 401}),
        (f"key {reader[3:15]}", "GET /api/admin/audit", "", "refused", {"status": 403}),
        (f"key {admin[3:15]}", f"POST {KEYS}", "", "refused", {"status": 422}),
        (f"key {admin[3:15]}", f"POST {KEYS}", f"key {made.json()['id']}", "done",
         {"status": 201, "name": "g", "scopes": ["read"]}),
    ]  # fmt: skip
    assert lines[-1]["request"] == "r-1"
    assert made.json()["key"] not in json.dumps(lines)


def test_what_can_t_be_written_down_is_not_done(app, send):
    shown = bearer(key_for(app, Scope.ADMIN))
    assert send("GET", KEYS, headers=shown).status_code == 200
    with stores_of(app).database.writing() as connection:
        connection.execute(sa.text(f"DROP TABLE {AUDIT.name}"))
    answer = send("POST", KEYS, headers=shown, json={"name": "g", "scopes": ["read"]})
    assert answer.status_code == 503
    assert len(stores_of(app).keys.all()) == 1


def test_an_act_that_breaks_is_told_as_failed_and_shows_nothing(app, send, monkeypatch):
    shown = bearer(key_for(app, Scope.ADMIN))

    def broken(*_):
        raise ZeroDivisionError("inner secrets")

    monkeypatch.setattr(stores_of(app).keys, "revoke", broken)
    answer = send("POST", f"{KEYS}/x/revoke", headers=shown)
    assert answer.status_code == 500
    name = answer.headers["x-request-id"]
    assert answer.json() == {"detail": f"the service failed; its log says more of request {name}"}
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert send("GET", "/api/admin/audit", headers=shown).json()[0]["outcome"] == "failed"


def test_who_calls_too_often_waits(call):
    app = built(rate_limit="3/minute", failure_limit="2/minute")
    send = call(app)
    shown = bearer(key_for(app, Scope.READ))
    statuses = [send("GET", "/api/reports", headers=shown).status_code for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    last = send("GET", "/api/reports", headers=shown)
    assert 1 <= int(last.headers["retry-after"]) <= 61
    assert last.json()["detail"].startswith("too many requests; try again in ")
    other = bearer(key_for(app, Scope.READ))
    assert send("GET", "/api/reports", headers=other).status_code == 200  # each for himself
    assert [send("GET", "/api/reports").status_code for _ in range(3)] == [401, 401, 429]
    assert send("GET", "/api/reports", headers=other).status_code == 200  # not locked out
    assert send("GET", "/health").status_code == 200


def test_browsers_are_told_what_not_to_do(call):
    send = call(built(hsts_seconds=60))
    data, page = send("GET", "/health").headers, send("GET", "/docs").headers
    for headers in (data, page):
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"
        assert headers["strict-transport-security"] == "max-age=60; includeSubDomains"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert data["content-security-policy"].startswith("default-src 'none'; frame")
    assert "script-src 'self'" in page["content-security-policy"]
    assert "strict-transport-security" not in call(built())("GET", "/health").headers


@pytest.mark.parametrize("name", ["a b", "é".encode("latin-1"), "x" * 65, "a\tb"])
def test_a_request_has_a_name_of_its_own_if_the_caller_s_is_odd(send, name):
    given = send("GET", "/health", headers={"X-Request-ID": name}).headers["x-request-id"]
    assert len(given) == 16


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "localhost:8000"}, 200),
        ({"Host": "127.0.0.1"}, 200),
        ({"Host": "[::1]:80"}, 200),
        ({"Host": "localhost.evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example:80"}, 403),
        ({"Host": "evil.example"}, 403),
        ({"Host": ""}, 403),
        ({"Host": "localhost:8000", "Origin": "http://localhost:8000"}, 200),
        ({"Host": "localhost:8000", "Origin": "http://localhost:3000"}, 403),
        ({"Host": "localhost", "Origin": "null"}, 403),
        ({"Host": "localhost", "Origin": "https://evil.example"}, 403),
    ],
)
def test_a_local_service_answers_no_page_from_elsewhere(call, rules, headers, status):
    """DNS rebinding shows in Host, a form of another page in Origin."""
    assert call(app_in_memory(rules))("GET", "/api/reports", headers=headers).status_code == status


def test_the_document_says_who_may_call(app, rules):
    document = app.openapi()
    assert set(document["components"]["securitySchemes"]) == {"bearer", "key"}
    for path, methods in document["paths"].items():
        for operation in methods.values():
            asks = path not in OPEN
            assert ("security" in operation) == asks, path
            assert ({"401", "403", "429"} <= set(operation["responses"])) == asks, path
    local = app_in_memory(rules).openapi()
    assert "securitySchemes" not in local["components"]


def test_no_word_of_a_request_names_a_file(app, send, tmp_path):
    """Python tells of every file that it opens."""
    mark = "scantrail-mark-7c1f"
    (tmp_path / mark).write_text("epc_code,event_time,location_id\n")
    place = str(tmp_path / mark)
    opened = []
    sys.addaudithook(
        lambda event, words: (
            opened.append(str(words[0]))
            if event in {"open", "os.listdir", "os.remove", "os.mkdir"} and mark in str(words[0])
            else None
        )
    )
    assert (tmp_path / mark).read_text()  # the hook sees
    assert opened.pop() == place
    shown = bearer(key_for(app, *Scope))
    record = {
        "event_id": 1, "epc_code": place, "location_id": 1, "business_step": place,
        "event_type": place, "event_time": place, "file_id": 1,
    }  # fmt: skip
    form = {"file": (place, b"epc_code,event_time,location_id\n")}
    xml = (
        f'<!DOCTYPE x [<!ENTITY e SYSTEM "file://{place}">]><EPCISDocument><EPCISBody><EventList>'
        "&e;</EventList></EPCISBody></EPCISDocument>"
    ).encode()
    send("POST", "/api/v1/barcode-anomaly-detect", headers=shown, json={"data": [record]})
    send("POST", "/api/manager/upload", headers=shown, files=form)
    refused = send("POST", "/api/manager/upload", headers=shown, files={"file": (place, xml)})
    assert refused.status_code == 422
    for path in (
        "/api/item?epc=",
        "/static-offline-docs/../../../",
        "/static-offline-docs/%2e%2e/",
    ):
        assert send("GET", path + place, headers=shown).status_code in {404, 422}
    send("POST", f"{KEYS}/..%2f{mark}/revoke", headers=shown)
    assert opened == []


def test_no_key_and_no_item_ever_reaches_a_log(app, send, logged, monkeypatch):
    text = key_for(app, *Scope)
    epc = "001.8804823.1293291.010004.20250701.000000001"
    elsewhere = "postgresql://me:hunter2@db/x"

    def broken(*_):
        raise StoreError(f"who sent {text} to {elsewhere}?")

    def fails():
        raise ValueError(f"{text} can't read {epc}")

    monkeypatch.setattr(stores_of(app).reports, "lines", broken)
    monkeypatch.setattr(stores_of(app).keys, "all", fails)
    lines = logged("debug")
    send("GET", "/api/reports", headers=bearer(text))
    failed = send("GET", KEYS, headers=bearer(text))
    send("GET", f"/api/item?epc={epc}", headers=bearer(text))
    logging.getLogger("any").warning("seen %s and %s", text, "redis://:hunter2@cache/0")
    logging.getLogger("any").warning("seen", extra={"key": text, "epc": epc})
    secret = text[16:]
    told = str(lines())
    assert failed.status_code == 500
    assert "ValueError: sk_" in told
    assert "seen sk_" in told
    for hidden in (secret, "hunter2", "1293291"):
        assert hidden not in told
    assert secret not in failed.text


def test_a_sample_is_judged_with_a_key(app, send):
    shown = bearer(key_for(app, Scope.DETECT))
    body = (DEMO / "sample.json").read_bytes()
    answer = send("POST", "/api/v1/barcode-anomaly-detect", headers=shown, content=body)
    assert answer.json()["EventHistory"]


def test_processes_that_start_at_once_make_one_key(database_url):
    code = (
        "import sys; from scantrail.stores.database import Database\n"
        "from scantrail.stores.keys import Keys\n"
        "made = Keys(Database(sys.argv[1])).create_first('first', 1)\n"
        "print(made.text if made else '')"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", code, database_url], stdout=subprocess.PIPE)
        for _ in range(3)
    ]
    told = [process.communicate()[0].decode().strip() for process in started]
    assert len([text for text in told if text]) == 1
