"""The queue's messages are JSON, and name jobs."""

import datetime as dt
import json

import pytest
from huey.registry import Message
from hypothesis import given
from hypothesis import strategies as st

from scantrail.errors import SettingsError
from scantrail.settings import read_settings
from scantrail.work.queue import Json, Waker, place, queue, queue_file, taker

times = st.none() | st.datetimes(timezones=st.sampled_from([None, dt.UTC]))
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5,
)  # fmt: skip


@given(st.integers(1), times, times, st.integers(0, 9))
def test_messages_come_back_as_they_went(job, eta, expires, retries):
    message = Message("id", "take", eta, retries, 0, None, [job], {}, expires_resolved=expires)
    text = Json().serialize(message)
    assert json.loads(text)["message"]["args"] == [job]
    assert Json().deserialize(memoryview(text)) == message


@given(plain)
def test_values_come_back_as_they_went(value):
    assert Json().deserialize(Json().serialize(value)) == value


def test_what_is_no_plain_value_is_refused():
    with pytest.raises(TypeError):
        Json().serialize(object())


def test_a_message_of_another_process_names_the_job(tmp_path):
    settings = read_settings({}, database_url=f"sqlite:///{tmp_path / 'x.sqlite'}")
    Waker(settings)(7)
    assert queue_file(settings) == tmp_path / "x-queue.sqlite"
    assert place(settings) == str(tmp_path / "x-queue.sqlite")
    taken = []
    huey = queue(settings)
    taker(huey, taken.append)
    huey.execute(huey.dequeue())
    assert taken == [7]
    assert huey.dequeue() is None
    huey.storage.close()


def test_a_queue_that_can_not_be_used_costs_a_minute_and_no_job(tmp_path, caplog):
    settings = read_settings({}, database_url=f"sqlite:///{tmp_path / 'no' / 'x.sqlite'}")
    with pytest.raises(
        SettingsError, match="can't be used: unable to open database file; it is made"
    ):
        queue(settings)
    Waker(settings)(7)
    assert "no worker could be woken for job 7, it waits: " in caplog.text


def test_where_a_queue_is():
    on_server = read_settings({}, database_url="postgresql+psycopg://postgres@127.0.0.1/x")
    assert str(queue_file(on_server)) == "scantrail-queue.sqlite"
    assert place(read_settings({}, redis_url="redis://127.0.0.1:6379/0")) == "Redis"
