"""The stored book of alerts: the same as the one in memory, and every change on record."""

import datetime as dt

import pytest

from scantrail import wiring
from scantrail.errors import ConflictError, NotFoundError
from scantrail.monitoring.alerts import AlertSettings, Book, advance
from scantrail.monitoring.signals import Signal
from scantrail.settings import read_settings
from scantrail.work import alerting

START = dt.datetime.fromisoformat("2025-09-01")
DAY = dt.timedelta(days=1)
PLAIN = AlertSettings()


def far(_one, _other):
    return False


def signal(place="1", strength=2.0):
    return Signal(check="drift", view="travel", place=place, since=START.date(), p=1e-9,
                  effect={"psi": 0.4}, strength=strength, what=f"travel at {place}")  # fmt: skip


@pytest.fixture
def stores(database_url):
    opened = wiring.stores(read_settings({}, database_url=database_url))
    yield opened
    opened.close()


@pytest.fixture
def evaluate(stores):
    def on(day, *signals, hook=True):
        with stores.alerts.turn() as turn:
            notices = alerting.evaluate(turn, signals, START + day * DAY, PLAIN, far)
            alerting.send(stores, notices, turn.connection, hook=hook)
        return [one.what for one in notices]

    return on


def test_the_stored_book_goes_as_the_one_in_memory_does(stores, evaluate):
    days = [[signal()], [signal()], [signal(), signal("2")], [], [signal("2", 5.0)], [], [], [],
            [signal()], [], [], *([[]] * 20)]  # fmt: skip
    book = Book()
    for day, signals in enumerate(days):
        book, notices = advance(book, signals, START + day * DAY, PLAIN, far)
        assert evaluate(day, *signals) == [one.what for one in notices]
        with stores.alerts.turn() as turn:
            kept = {one.key: alerting.alert_of(one) for one in turn.standing()}
        assert kept == book.alerts
    assert kept == {}
    assert {one.phase for one in stores.alerts.newest(("forgotten",), 10)} == {"forgotten"}


def test_every_change_is_on_record_and_a_notice_is_sent_once(stores, evaluate, caplog):
    for day in range(3):
        evaluate(day, signal())
    [alert] = stores.alerts.newest(("open",), 10)
    changes = stores.alerts.history(alert.alert)
    assert [(one.what, one.phase, one.actor) for one in changes] == [
        ("seen", "pending", "monitoring"), ("start", "open", "monitoring"),
        ("seen", "open", "monitoring"),
    ]  # fmt: skip
    assert [one.notice for one in stores.outbox.due()] == [
        "drift/travel/1@2025-09-02T00:00:00/start"
    ]
    assert "alert start: drift at 1 since 2025-09-01: travel at 1" in caplog.text
    assert stores.alerts.counts() == {("open", "drift"): 1}


def test_without_a_webhook_notices_are_in_the_log_alone(stores, evaluate, caplog):
    evaluate(0, signal(""), hook=False)
    assert evaluate(1, signal(""), hook=False) == ["start"]
    assert "alert start: drift at the whole chain" in caplog.text
    assert stores.outbox.due() == []


def test_a_snoozed_alert_is_silent_and_an_acknowledged_one_tells_its_end_alone(stores, evaluate):
    evaluate(0, signal("1"), signal("2"))
    assert evaluate(1, signal("1"), signal("2")) == ["start", "start"]
    one, other = sorted(stores.alerts.newest(("open",), 10), key=lambda each: each.key)
    alerting.snooze(stores, one.alert, START + 30 * DAY, "kim", "road works")
    alerting.acknowledge(stores, other.alert, "lee", "ticket 4711")
    assert evaluate(3, signal("1", 9.0), signal("2", 9.0)) == []
    assert alerting.alert_of(stores.alerts.newest(("open",), 10)[0]).acknowledged == "lee"
    told = [evaluate(day) for day in range(4, 10)]
    assert [what for each in told for what in each] == ["end"]
    reasons = {each.what: each.reason for each in stores.alerts.history(one.alert)}
    assert reasons["snooze"] == "road works"


def test_an_alert_that_returns_is_another_with_the_same_key(stores, evaluate):
    evaluate(0, signal())
    evaluate(1, signal())
    for day in range(2, 6):
        evaluate(day)
    evaluate(7, signal())
    evaluate(8, signal())
    phases = {one.alert: one.phase for one in stores.alerts.newest(("open", "forgotten"), 10)}
    assert sorted(phases.values()) == ["forgotten", "open"]
    over = next(alert for alert, phase in phases.items() if phase == "forgotten")
    with pytest.raises(ConflictError, match=f"alert {over} is over; there is nothing to snooze"):
        alerting.snooze(stores, over, START, "kim", "")
    with pytest.raises(NotFoundError, match="there is no alert 'x'; GET /api/alerts lists all"):
        alerting.acknowledge(stores, "x", "kim", "")
