"""The shadow: what it is handed, what it says, and what becomes of it under load and in death."""

import io
import time
from queue import SimpleQueue

import polars as pl
import pytest

from scantrail import wiring
from scantrail.history.posts import Post
from scantrail.history.taking import take
from scantrail.serve.shadow import Handed, ShadowLane
from scantrail.settings import read_settings
from scantrail.shadowing import (
    DONE,
    FAILED,
    Order,
    _next,
    challenger_of,
    framed,
    judged,
    message_of,
    messages,
)


@pytest.fixture(scope="module")
def events():
    settings = read_settings({})
    return wiring.read_events(wiring.DEMO / "sample.json", settings)


@pytest.fixture
def settings(tmp_path):
    return read_settings(
        {}, database_url=f"sqlite:///{tmp_path / 'scantrail.sqlite'}", trials={"waiting": 100}
    )


def kept(stores, engine, events):
    """Judge and keep events, as the service does; the message about them."""
    post = Post(events, "", b"a" * 16, lambda *_: b"")
    seen = []

    def judge(frame):
        seen.append(engine.judge_journeys(frame))
        return seen[-1]

    take(stores.trails, [post], judge, 1)
    report, journeys = seen[-1]
    return message_of(journeys.events, report.verdicts["anomaly"], [events.frame])


def test_the_shadow_says_the_same_of_the_same_by_the_same_version(settings, stores, events):
    version = wiring.registry(settings).add(wiring.DEMO_ARTIFACT)
    engine = challenger_of(Order(1, version, settings), stores)
    message = kept(stores, engine, events)
    assert judged(engine, stores, 1, [message, message]) == DONE + DONE
    items = stores.shadows.items(1)
    assert items["champion"].to_list() == items["challenger"].to_list()
    assert items["champion"].any()
    scored, stored = stores.shadows.scored(1, 0, None)
    assert scored == stored == len(events.frame)


def test_only_what_was_sent_is_kept(settings, stores, events):
    engine = wiring.engine(settings)
    first, later = events.frame.head(20), events.frame.tail(len(events.frame) - 20)
    kept(stores, engine, type(events)(first))
    message = kept(stores, engine, type(events)(later.with_columns(
        row=pl.int_range(len(later), dtype=pl.UInt32)
    )))  # fmt: skip
    judged(engine, stores, 1, [message])
    assert stores.shadows.scored(1, 0, None) == (len(later), len(events.frame))


def test_what_can_not_be_judged_is_told_and_the_rest_is_judged(settings, stores, events, caplog):
    engine = wiring.engine(settings)
    message = kept(stores, engine, events)
    assert judged(engine, stores, 1, [b"garbage", message]) == FAILED + DONE
    assert "the challenger can't judge" in caplog.text
    stores.close()
    broken = wiring.stores(read_settings({}, database_url="sqlite://"))
    with broken.database.writing() as connection:
        connection.exec_driver_sql("DROP TABLE shadows")
    assert judged(engine, broken, 1, [message]) == FAILED
    assert "verdicts in the shadow are lost" in caplog.text
    broken.close()


def test_messages_are_framed_and_a_torn_one_ends_them():
    pipe = io.BytesIO(framed(b"one") + framed(b"") + framed(b"three")[:-1])
    assert list(messages(pipe)) == [b"one", b""]


def test_what_waits_is_taken_together_until_the_end():
    waiting = SimpleQueue()
    for each in (b"1", b"2", None):
        waiting.put(each)
    assert _next(waiting) == [b"1", b"2"]
    assert _next(waiting) == []


def waited(lane, right, seconds=60):
    until = time.monotonic() + seconds
    while not right(lane.handed) and time.monotonic() < until:
        time.sleep(0.05)
    return lane.handed


def offer(lane, events):
    frame = events.frame
    lane.offer(frame, pl.repeat(False, len(frame), eager=True), [frame])


@pytest.mark.slow
def test_more_than_may_wait_is_left_out_and_counted(settings, stores, events):
    version = wiring.registry(settings).add(wiring.DEMO_ARTIFACT)
    lane = ShadowLane(Order(1, version, settings))
    size = len(events.frame)
    assert 50 < size < 100
    for _ in range(3):
        offer(lane, events)
    assert lane.handed == Handed(waiting=size, left_out=2 * size)
    told = waited(lane, lambda now: now.judged)
    assert told == Handed(judged=size, left_out=2 * size)
    offer(lane, events)
    assert waited(lane, lambda now: now.judged > size).waiting == 0
    lane.close()
    offer(lane, events)
    assert lane.handed.left_out == 3 * size


@pytest.mark.slow
def test_a_shadow_that_dies_loses_what_it_had_and_is_started_again(
    settings, stores, events, caplog
):
    version = wiring.registry(settings).add(wiring.DEMO_ARTIFACT)
    lane = ShadowLane(Order(1, version, settings))
    offer(lane, events)
    until = time.monotonic() + 30
    while lane._shade is None and time.monotonic() < until:
        time.sleep(0.01)
    lane._shade.process.kill()
    size = len(events.frame)
    assert waited(lane, lambda now: not now.waiting) == Handed(lost=size)
    offer(lane, events)
    assert waited(lane, lambda now: now.judged) == Handed(judged=size, lost=size)
    assert f"the shadow ended with code -9; {size} scans are lost to it" in caplog.text
    lane.close()


@pytest.mark.slow
def test_a_shadow_without_its_version_loses_all_and_harms_nobody(settings, stores, events, caplog):
    lane = ShadowLane(Order(1, "0" * 12, settings))
    offer(lane, events)
    until = time.monotonic() + 30
    while (lane._shade is None or lane._shade.alive) and time.monotonic() < until:
        time.sleep(0.05)
    lane.close()
    assert lane.handed == Handed(lost=len(events.frame))
