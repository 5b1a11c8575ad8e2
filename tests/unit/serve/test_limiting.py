"""How often one may call: counted here, or in Redis by all; never a reason not to answer."""

import asyncio
import os
import socket
import time
import uuid

import pytest
import redis

from scantrail.errors import SettingsError
from scantrail.serve.limiting import Limits

URL = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/0")


@pytest.fixture
def redis_url():
    try:
        redis.Redis.from_url(URL, socket_connect_timeout=1).ping()
    except redis.RedisError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"needs Redis (apt-get install redis-server): {error}")
    return URL


async def hits(limits, caller, count):
    return [await limits.hit(caller) for _ in range(count)]


@pytest.mark.parametrize("shared", [False, True])
def test_each_caller_has_a_share_of_his_own(shared, request):
    url = request.getfixturevalue("redis_url") if shared else ""
    one, other = uuid.uuid4().hex, uuid.uuid4().hex

    async def go():
        limits = Limits("3/minute", "1/minute", url)
        told = await hits(limits, one, 4)
        assert told[:3] == [None] * 3
        assert 0 < told[3] <= 60
        assert await limits.hit(other) is None
        assert await limits.fail(one) is None  # counted apart
        assert await limits.fail(one) > 0
        assert not limits.alone
        await limits.close()

    asyncio.run(go())


def test_closing_lets_go_of_redis_and_calls_after_it_are_counted_on(redis_url):
    name, caller = uuid.uuid4().hex, uuid.uuid4().hex

    def connections():
        known = redis.Redis.from_url(URL).client_list()
        return [each for each in known if each["name"] == name]

    async def go():
        limits = Limits("2/minute", "1/minute", f"{redis_url}?client_name={name}")
        assert await hits(limits, caller, 2) == [None, None]
        assert connections()
        await limits.close()
        assert not connections()
        assert await limits.hit(caller) > 0
        await limits.close()

    asyncio.run(go())


def test_processes_count_together_by_redis(redis_url):
    caller = uuid.uuid4().hex

    async def go():
        first, second = (Limits("2/minute", "1/minute", redis_url) for _ in range(2))
        assert await hits(first, caller, 2) == [None, None]
        assert await second.hit(caller) > 0
        await first.close()
        await second.close()

    asyncio.run(go())


@pytest.mark.parametrize("how", ["refuses", "hangs"])
def test_a_redis_that_is_gone_costs_no_answer(how, caplog):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if how == "hangs":
            server.listen()  # takes calls, answers none
        url = f"redis://127.0.0.1:{server.getsockname()[1]}/0"

        async def go():
            limits = Limits("2/minute", "1/minute", url)
            begun = time.perf_counter()
            told = await hits(limits, "a", 3)
            assert time.perf_counter() - begun < 2
            assert told[:2] == [None, None]
            assert told[2] > 0  # counted here meanwhile
            assert limits.alone
            await limits.close()

        asyncio.run(go())
    [line] = caplog.messages  # said once
    assert line.startswith("Redis doesn't count calls (")
    assert line.endswith("this process counts by itself, and asks again in 10 s")


def test_none_is_no_limit():
    async def go():
        assert await hits(Limits("none", "none"), "a", 50) == [None] * 50

    asyncio.run(go())


def test_a_rate_that_can_t_be_read_is_one_sentence():
    with pytest.raises(SettingsError) as caught:
        Limits("often", "none")
    assert str(caught.value) == (
        "rate_limit is 'often'; expected e.g. 600/minute, 100 per 10 seconds, or none"
    )
    with pytest.raises(SettingsError, match="^redis_url can't be used: "):
        Limits("1/minute", "none", "http://x")
