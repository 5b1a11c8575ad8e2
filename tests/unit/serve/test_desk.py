"""The desk: batches, two lanes, and when it refuses."""

import threading
import time

import anyio
import pytest

from scantrail.history.posts import Post, Told
from scantrail.serve.desk import Busy, Desk
from scantrail.vocabulary.events import EVENTS, Events


def post(name, size=1):
    frame = EVENTS.to_frame().clear(size)
    return Post(Events(frame, source="test"), name, name.encode(), lambda *_: b"")


class Judge:
    """Answers each request by its name; those named `slow` only once the gate opens."""

    def __init__(self):
        self.batches, self.gate, self.busy = [], threading.Event(), threading.Event()

    def __call__(self, posts):
        names = [one.label for one in posts]
        self.batches.append(names)
        if "slow" in names:
            self.busy.set()
            assert self.gate.wait(30)
        if "bad" in names:
            raise ValueError("on purpose")
        return [Told(name.encode(), 1) for name in names]


@pytest.fixture
def judge():
    one = Judge()
    yield one
    one.gate.set()


@pytest.fixture
def desk(judge):
    opened = Desk(judge, at_once=10, most_waiting=30)
    yield opened
    judge.gate.set()
    opened.close()


async def until(true):
    while not true():  # noqa: ASYNC110 - threads don't tell this loop
        await anyio.sleep(0.005)


async def started(judge):
    await until(judge.busy.is_set)


def test_what_waits_is_judged_together_as_much_as_makes_a_batch(judge, desk):
    told = {}

    async def hand_in(name, size=1):
        told[name] = (await desk.hand_in(post(name, size))).answer

    async def go():
        async with anyio.create_task_group() as group:
            group.start_soon(hand_in, "slow")
            await started(judge)
            for at in range(4):
                group.start_soon(hand_in, f"{at}", 4)
            await until(lambda: desk.waiting >= 17)
            judge.gate.set()

    anyio.run(go)
    assert judge.batches == [["slow"], ["0", "1"], ["2", "3"]]
    assert told == {name: name.encode() for name in ("slow", "0", "1", "2", "3")}


def test_small_requests_don_t_wait_behind_a_large_one(judge, desk):
    async def go():
        async with anyio.create_task_group() as group:
            group.start_soon(desk.hand_in, post("slow", 11))
            await started(judge)
            for at in range(5):
                assert (await desk.hand_in(post(f"{at}"))).answer == f"{at}".encode()
            judge.gate.set()

    anyio.run(go)
    assert judge.batches == [["slow"]] + [[f"{at}"] for at in range(5)]


def test_one_that_fails_spoils_no_other(judge, desk):
    results = {}

    async def hand_in(name):
        try:
            results[name] = (await desk.hand_in(post(name))).answer
        except ValueError as error:
            results[name] = str(error)

    async def go():
        async with anyio.create_task_group() as group:
            group.start_soon(hand_in, "slow")
            await started(judge)
            for name in ("a", "bad", "b"):
                group.start_soon(hand_in, name)
            await until(lambda: desk.waiting >= 4)
            judge.gate.set()

    anyio.run(go)
    assert results == {"slow": b"slow", "a": b"a", "bad": "on purpose", "b": b"b"}
    assert judge.batches[1:] == [["a", "bad", "b"], ["a"], ["bad"], ["b"]]


def refused(desk, size=1):
    async def go():
        with pytest.raises(Busy) as refusal:
            await desk.hand_in(post("more", size))
        return refusal.value

    return anyio.run(go)


def waiting(judge, desk, size, then):
    """What `then` gives while a request of this size is at work."""

    async def go():
        async with anyio.create_task_group() as group:
            group.start_soon(desk.hand_in, post("slow", size))
            await started(judge)
            try:
                return await anyio.to_thread.run_sync(then)
            finally:
                judge.gate.set()

    return anyio.run(go)


def test_too_much_is_refused_and_told_when_to_come_again(judge, desk):
    desk._large.rate = 4.0  # events per second
    error = waiting(judge, desk, 25, lambda: refused(desk, 6))
    assert str(error) == "too much is waiting to be judged; try again in 7 s"
    assert error.seconds == 7


def test_the_wait_is_that_of_the_measured_rate():
    def take(posts):
        time.sleep(0.05)
        return [Told(b"", 1) for _ in posts]

    desk = Desk(take, at_once=10, most_waiting=30)

    async def go():
        for _ in range(20):
            await desk.hand_in(post("ten", 10))

    anyio.run(go)
    desk.close()
    assert 20 < desk._small.rate < 220  # 200 events per second, on a machine with nothing else


@pytest.mark.parametrize(("rate", "seconds"), [(1e9, 1), (0.001, 120)])
def test_the_wait_has_bounds(judge, desk, rate, seconds):
    desk._large.rate = rate
    assert waiting(judge, desk, 25, lambda: refused(desk, 6)).seconds == seconds


def test_alone_any_size_is_taken(desk):
    async def go():
        return await desk.hand_in(post("huge", 1_000))

    assert anyio.run(go).answer == b"huge"


def test_where_memory_is_short_one_is_judged_at_a_time(judge):
    short = Desk(judge, at_once=10, most_waiting=1_000, full=lambda: True)

    async def alone():
        return (await short.hand_in(post("a"))).answer

    assert anyio.run(alone) == b"a"
    error = waiting(judge, short, 3, lambda: refused(short))
    assert str(error) == "memory is short while others are being judged; try again in 1 s"
    assert anyio.run(alone) == b"a"
    short.close()


def test_closing_finishes_what_was_taken_and_takes_no_more(judge, desk):
    closed = threading.Event()

    def close():
        desk.close()
        closed.set()

    async def go():
        told = []

        async def hand_in(name, size=1):
            told.append((await desk.hand_in(post(name, size))).answer)

        async with anyio.create_task_group() as group:
            group.start_soon(hand_in, "slow")
            await started(judge)
            group.start_soon(hand_in, "next")
            group.start_soon(hand_in, "slow", 12)
            await until(lambda: desk.waiting >= 14)
            threading.Thread(target=close).start()
            await until(lambda: not desk._open)
            with pytest.raises(Busy, match="the service is stopping; try again in 1 s"):
                await desk.hand_in(post("late"))
            judge.gate.set()
        return told

    assert sorted(anyio.run(go)) == [b"next", b"slow", b"slow"]
    assert closed.wait(2)
    desk.open()

    async def again():
        return (await desk.hand_in(post("again"))).answer

    assert anyio.run(again) == b"again"
