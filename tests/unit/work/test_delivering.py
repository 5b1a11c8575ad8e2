"""Deliveries from the outbox: tried again, given up, taken back, once at a time."""

import pytest

from scantrail.errors import MonitoringError, NotFoundError
from scantrail.monitoring.webhook import RefusedError
from scantrail.settings import read_settings
from scantrail.work.delivering import deliver_due

HOOK = {"url": "http://127.0.0.1:1/", "secret": "a secret of sixteen letters", "first_wait": 0.0,
        "tries": 3}  # fmt: skip


@pytest.fixture
def settings(database_url):
    return read_settings({}, database_url=database_url, webhook=HOOK)


@pytest.fixture
def put(stores):
    def add(*notices):
        with stores.database.writing() as connection:
            for notice in notices:
                stores.outbox.add(notice, "{}", connection)

    return add


class Receiver:
    """Takes or refuses what it is sent."""

    def __init__(self):
        self.got, self.fault = [], None

    def __call__(self, _hook, delivery, _now):
        self.got.append(delivery.id)
        if self.fault:
            raise self.fault


def test_what_is_due_is_delivered_once_and_in_order(settings, stores, put):
    put("a", "b", "a")
    receiver = Receiver()
    assert deliver_due(settings, stores, receiver) == 2
    assert receiver.got == ["a", "b"]
    put("a")
    assert deliver_due(settings, stores, receiver) == 0
    assert stores.outbox.counts() == {"waiting": 0, "dead": 0}


def test_a_receiver_that_is_away_is_asked_once_until_it_is_back(settings, stores, put):
    put("a", "b")
    receiver = Receiver()
    receiver.fault = RefusedError("no answer", again=True)
    assert deliver_due(settings, stores, receiver) == 0
    assert receiver.got == ["a"]
    [waits] = [one for one in stores.outbox.due() if one.notice == "a"]
    assert (waits.tries, waits.error) == (1, "no answer")
    receiver.fault = None
    assert deliver_due(settings, stores, receiver) == 2
    assert receiver.got == ["a", "a", "b"]


def test_what_is_given_up_is_listed_and_can_be_sent_again(settings, stores, put):
    put("a", "b")
    receiver = Receiver()
    receiver.fault = RefusedError("answered 410 Gone", again=False)
    assert deliver_due(settings, stores, receiver) == 0
    assert receiver.got == ["a", "b"]  # the receiver is there
    assert [(one.notice, one.error, one.tries) for one in stores.outbox.dead()] == [
        ("b", "answered 410 Gone", 1), ("a", "answered 410 Gone", 1),
    ]  # fmt: skip
    receiver.fault = None
    first = stores.outbox.dead()[1].id
    assert stores.outbox.resend(first) == 1
    with pytest.raises(
        NotFoundError, match=f"no notice {first} was given up; 'scantrail alerts dead"
    ):
        stores.outbox.resend(first)
    assert stores.outbox.resend() == 1
    assert deliver_due(settings, stores, receiver) == 2


def test_tries_end_some_day(settings, stores, put):
    put("a")
    receiver = Receiver()
    receiver.fault = RefusedError("no answer", again=True)
    for _ in range(5):
        deliver_due(settings, stores, receiver)
    assert len(receiver.got) == HOOK["tries"]
    assert stores.outbox.counts() == {"waiting": 0, "dead": 1}


def test_what_another_worker_has_is_left_alone(settings, stores, put):
    put("a")
    [parcel] = stores.outbox.due()
    assert stores.outbox.claim(parcel, 60)
    assert not stores.outbox.claim(parcel, 60)
    assert deliver_due(settings, stores, Receiver()) == 0


def test_without_a_webhook_nothing_is_sent_and_a_bad_one_is_told(stores, database_url):
    assert deliver_due(read_settings({}, database_url=database_url), stores, Receiver()) == 0
    bad = read_settings(
        {}, database_url=database_url, webhook={"url": "ftp://x", "secret": "x" * 16}
    )
    with pytest.raises(
        MonitoringError, match="'ftp://x' is no webhook: expected http:// or https://"
    ):
        deliver_due(bad, stores, Receiver())
